"""Counts read back from XCom, as bit arrays again; and quasi-distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidResult
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.primitives.results.bits import BitRegister, rows_from_strings, split_register
from airflow_provider_qrt.primitives.results.quasi_dists import read_distribution

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult


def read_results(results: Any, result_path: Any) -> tuple[SamplerPubResult, ...]:
    """Read the list that ``SamplerResult.to_xcom_results`` made.

    Args:
        results: The list.
        result_path: Where the operator put the counts, for the message about a manifest.

    Raises:
        InvalidResult: It is a manifest without counts, or no such list.
    """
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult

    if not isinstance(results, list):
        raise InvalidResult(
            "this is not the value of a sampler operator: it has no list under 'results'. Pass the task's whole "
            "return_value (job_id, results, ...) or the list of results"
        )
    read: list[SamplerPubResult] = []
    for index, entry in enumerate(results):
        where = f"results[{index}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("registers"), Mapping) or "counts" not in entry:
            raise InvalidResult(f"{where}: expected shots, counts and registers, as a sampler operator returns them")
        if entry.get("quasi_dists") is not None:
            read.append(_read_quasi(entry["quasi_dists"], entry.get("metadata"), where))
            continue
        if entry["counts"] is None:
            raise InvalidResult(_manifest_message(where, result_path))
        try:
            widths = register_widths(entry["registers"])
            joined = BitRegister(_read_counts(entry["counts"], sum(widths.values())), sum(widths.values()))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidResult(f"{where}: the counts cannot be read: {error}") from None
        registers = {next(iter(widths)): joined} if len(widths) == 1 else split_register(joined, widths)
        read.append(SamplerPubResult(registers, dict(entry.get("metadata") or {}), asked=Asked.read(entry)))
    return tuple(read)


def _read_quasi(values: Any, metadata: Any, where: str) -> SamplerPubResult:
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerPubResult

    known = dict(metadata or {})
    try:
        return SamplerPubResult({}, known, read_distribution(values, known))
    except ValueError as error:
        raise InvalidResult(f"{where}: {error}") from None


def register_widths(registers: Mapping[str, Any]) -> dict[str, int]:
    """Return the size of each register, in the order of declaration whatever order the database gave back."""
    declared = sorted(registers.items(), key=lambda item: int(item[1].get("index", 0)))
    return {str(name): int(part["num_bits"]) for name, part in declared}


def _manifest_message(where: str, result_path: Any) -> str:
    return (
        f"{where}: XCom holds only the manifest of this result; its counts were too large and are in the file "
        f"result_path={result_path!r}. Read it with: "
        'SamplerResult.from_file(ObjectStoragePath(value["result_path"]))'
    )


def _read_counts(counts: Any, num_bits: int) -> Any:
    """Return packed shots of shape ``(*sweep, shots, bytes)`` from counts, nested as the sweep is."""
    import numpy as np

    if isinstance(counts, Mapping):
        rows = rows_from_strings(list(counts), num_bits)
        return np.repeat(rows, np.array(list(counts.values()), dtype=np.int64), axis=0)
    if not isinstance(counts, list) or not counts:
        raise ValueError(f"expected counts by bitstring, or lists of them, not {type(counts).__name__}")
    return np.stack([_read_counts(part, num_bits) for part in counts])
