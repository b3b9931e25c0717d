"""Counts read back from XCom, as bit arrays again; and quasi-distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.primitives.results.bits import BitRegister, rows_from_strings, split_register
from airflow_provider_qrt.primitives.results.decoding import (
    DAMAGED,
    MAX_BITS,
    MAX_DECODED_BYTES,
    Budget,
    check_nesting,
    metadata_of,
)
from airflow_provider_qrt.primitives.results.quasi_dists import MAX_SHOTS, read_distribution

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult


def read_results(results: Any, result_path: Any, max_bytes: int = MAX_DECODED_BYTES) -> tuple[SamplerPubResult, ...]:
    """Read the list that ``SamplerResult.to_xcom_results`` made.

    Args:
        results: The list.
        result_path: Where the operator put the counts, for the message about a manifest.
        max_bytes: The most bytes that the shots may take.

    Raises:
        InvalidResult: It is a manifest without counts, or no such list.
    """
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult

    check_nesting(results)
    if not isinstance(results, list):
        raise InvalidResult(
            "this is not the value of a sampler operator: it has no list under 'results'. Pass the task's whole "
            "return_value (job_id, results, ...) or the list of results"
        )
    read: list[SamplerPubResult] = []
    budget = Budget(max_bytes)
    for index, entry in enumerate(results):
        where = f"results[{index}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("registers"), Mapping) or "counts" not in entry:
            raise InvalidResult(f"{where}: expected shots, counts and registers, as a sampler operator returns them")
        if entry.get("quasi_dists") is not None:
            read.append(_read_quasi(entry["quasi_dists"], metadata_of(entry), where))
            continue
        if entry["counts"] is None:
            raise InvalidResult(_manifest_message(where, result_path))
        try:
            widths = register_widths(entry["registers"])
            joined = BitRegister(_read_counts(entry["counts"], sum(widths.values()), budget), sum(widths.values()))
            registers = {next(iter(widths)): joined} if len(widths) == 1 else split_register(joined, widths)
        except DAMAGED as error:
            raise InvalidResult(f"{where}: the counts cannot be read: {error}") from None
        read.append(SamplerPubResult(registers, metadata_of(entry), asked=Asked.read(entry)))
    return tuple(read)


def _read_quasi(values: Any, known: dict[str, Any], where: str) -> SamplerPubResult:
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult

    try:
        return SamplerPubResult({}, known, read_distribution(values, known))
    except ValueError as error:
        raise InvalidResult(f"{where}: {error}") from None


def register_widths(registers: Mapping[str, Any]) -> dict[str, int]:
    """Return the size of each register, in the order of declaration whatever order the database gave back."""
    declared = sorted(registers.items(), key=lambda item: int(item[1].get("index", 0)))
    widths = {str(name): int(part["num_bits"]) for name, part in declared}
    if not widths:
        raise ValueError("there is no classical register")
    if min(widths.values()) < 0 or sum(widths.values()) > MAX_BITS:
        raise ValueError(f"the registers have no number of bits from 0 to {MAX_BITS:,}")
    return widths


def _manifest_message(where: str, result_path: Any) -> str:
    return (
        f"{where}: XCom holds only the manifest of this result; its counts were too large and are in the file "
        f"result_path={result_path!r}. Read it with: "
        'SamplerResult.from_file(ObjectStoragePath(value["result_path"]))'
    )


def _read_counts(counts: Any, num_bits: int, budget: Budget) -> Any:
    """Return packed shots of shape ``(*sweep, shots, bytes)`` from counts, nested as the sweep is."""
    import numpy as np

    if isinstance(counts, Mapping):
        numbers = list(counts.values())
        if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= MAX_SHOTS for one in numbers):
            raise ValueError("a count is no whole number of shots")
        # A register without bits takes no bytes, but its shots are counted all the same.
        budget.take(sum(numbers) * max(1, -(-num_bits // 8)))
        rows = rows_from_strings(list(counts), num_bits)
        return np.repeat(rows, np.array(numbers, dtype=np.int64), axis=0)
    if not isinstance(counts, list) or not counts:
        raise ValueError(f"expected counts by bitstring, or lists of them, not {type(counts).__name__}")
    return np.stack([_read_counts(part, num_bits, budget) for part in counts])
