"""Converts the results of sampler PUBs to plain JSON for XCom, and back.

Counts become bit arrays again. Quasi-distributions stay as the service returned them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.inputs.sizes import counts_json_bytes, quasi_json_bytes
from airflow_provider_qrt.primitives.results import kerneled
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.primitives.results.bits import BitRegister, Counts, rows_from_strings, split_register
from airflow_provider_qrt.primitives.results.decoding import (
    DAMAGED,
    MAX_BITS,
    MAX_DECODED_BYTES,
    Budget,
    check_nesting,
    metadata_of,
    split_value,
)
from airflow_provider_qrt.primitives.results.plain_json import strict_json
from airflow_provider_qrt.primitives.results.quasi_dists import MAX_SHOTS, read_distribution
from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult

TOP = 32
"""Outcomes of a point that its manifest has."""
MOST_TOP_POINTS = 16
"""Points of counts in a result whose manifest has their most frequent outcomes."""
TOP_COUNTS, NUM_OUTCOMES = "top_counts", "num_outcomes"


def pub_json(pub: SamplerPubResult) -> dict[str, Any]:
    """Return the result of one PUB as a plain dictionary; see ``SamplerResult.to_xcom_results``."""
    return {**_entry(pub, _nested_counts), **pub.asked.to_json()}


def manifest_entry(pub: SamplerPubResult) -> dict[str, Any]:
    """Return the result of :func:`pub_json` with null for all counts, and without parameter values."""
    return _entry(pub, None)


def manifest(pubs: Sequence[SamplerPubResult]) -> list[dict[str, Any]]:
    """Return the manifest entry of each PUB, with its most frequent outcomes.

    ``top_counts`` has the :data:`TOP` most frequent outcomes of each point, and ``num_outcomes`` how many different
    outcomes there are, both nested as the counts are. A result with more than :data:`MOST_TOP_POINTS` points of
    counts has neither, so that a manifest stays small.
    """
    points = sum(prod(pub.shape) for pub in pubs if _has_counts(pub))
    if points > MOST_TOP_POINTS:
        return [manifest_entry(pub) for pub in pubs]
    return [{**manifest_entry(pub), **(_top(pub) if _has_counts(pub) else {})} for pub in pubs]


def _has_counts(pub: SamplerPubResult) -> bool:
    return pub.quasi_dists is None and not pub.kerneled


def _top(pub: SamplerPubResult) -> dict[str, Any]:
    joined = pub.join()
    return {
        TOP_COUNTS: _nested(joined, lambda counts: dict(counts.most_common(TOP))),
        NUM_OUTCOMES: _nested(joined, len),
    }


def values_json_bytes(pub: SamplerPubResult) -> int:
    """Return an upper bound of the JSON of :func:`pub_json` beyond :func:`manifest_entry`, in bytes."""
    asked = pub.asked.json_bytes()
    if pub.kerneled:
        return asked + sum(register.json_bytes() for register in pub.kerneled.values())
    if pub.quasi_dists is not None:
        return asked + sum(quasi_json_bytes(len(outcome)) for outcome in pub.quasi_dists)
    return asked + sum(
        counts_json_bytes(len(counts), counts.num_bits, counts.shots, len(pub.shape))
        for register in (pub.join(), *pub.registers.values())
        for counts in register.point_counts
    )


def _entry(pub: SamplerPubResult, count: Callable[[BitRegister], Any] | None) -> dict[str, Any]:
    """Return a PUB as plain JSON; without a counting function, with null for the measured values."""
    if pub.quasi_dists is not None:
        return {
            "shots": pub.shots,
            "counts": None,
            "quasi_dists": None if count is None else dict(pub.quasi_dists),
            "registers": {},
            "metadata": strict_json(pub.metadata),
        }
    if pub.kerneled:
        return {
            "shots": pub.shots,
            "counts": None,
            kerneled.MEAS_TYPE: next(iter(pub.kerneled.values())).meas_type,
            "registers": {
                name: {
                    "num_bits": register.num_bits,
                    "index": index,
                    kerneled.POINTS: None if count is None else register.to_json(),
                }
                for index, (name, register) in enumerate(pub.kerneled.items())
            },
            "metadata": strict_json(pub.metadata),
        }
    counts = count or (lambda _register: None)
    return {
        "shots": pub.shots,
        "counts": counts(pub.join()),
        "registers": {
            name: {"num_bits": register.num_bits, "index": index, "counts": counts(register)}
            for index, (name, register) in enumerate(pub.registers.items())
        },
        "metadata": strict_json(pub.metadata),
    }


def _nested_counts(register: BitRegister) -> Any:
    return _nested(register, lambda counts: counts.sorted().to_dict())


def _nested(register: BitRegister, describe: Callable[[Counts], Any]) -> Any:
    points = iter([describe(counts) for counts in register.point_counts])

    def nest(shape: tuple[int, ...]) -> Any:
        return [nest(shape[1:]) for _ in range(shape[0])] if shape else next(points)

    return nest(register.shape)


def read_value(
    value: Mapping[str, Any] | list[Any],
) -> tuple[tuple[SamplerPubResult, ...], dict[str, Any], dict[str, Any]]:
    """Read the return value of a sampler operator, or only its ``results``.

    Returns:
        The results of the PUBs, the metadata of the job, and the other keys of the value (``job_id``, ...).

    Raises:
        InvalidResultError: It is a manifest without counts, or not the result of a sampler operator.
    """
    if not isinstance(value, Mapping):
        return read_results(value, None), {}, {}
    results, metadata, job = split_value(value)
    return read_results(results, job.get("result_path")), metadata, job


def read_results(results: Any, result_path: Any, max_bytes: int = MAX_DECODED_BYTES) -> tuple[SamplerPubResult, ...]:
    """Read a list of dictionaries from :func:`pub_json`.

    Args:
        results: The list.
        result_path: The path where the operator stored the counts, for the message about a manifest.
        max_bytes: Maximum size of the shots in bytes.

    Raises:
        InvalidResultError: It is a manifest without counts, or not such a list.
    """
    check_nesting(results)
    if not isinstance(results, list):
        raise InvalidResultError(
            "this is not the value of a sampler operator: it has no list under 'results'. Pass the task's whole "
            "return_value (job_id, results, ...) or the list of results"
        )
    read: list[SamplerPubResult] = []
    budget = Budget(max_bytes)
    for index, entry in enumerate(results):
        where = f"results[{index}]"
        if not isinstance(entry, Mapping) or not isinstance(entry.get("registers"), Mapping) or "counts" not in entry:
            raise InvalidResultError(
                f"{where}: expected shots, counts and registers, as a sampler operator returns them"
            )
        if entry.get("quasi_dists") is not None:
            read.append(_read_quasi(entry["quasi_dists"], metadata_of(entry), where))
            continue
        if kerneled.is_kerneled(entry):
            read.append(_read_kerneled(entry, where, result_path, budget))
            continue
        if entry["counts"] is None:
            raise InvalidResultError(_manifest_message(where, result_path))
        try:
            widths = register_widths(entry["registers"])
            joined = BitRegister(_read_counts(entry["counts"], sum(widths.values()), budget), sum(widths.values()))
            registers = {next(iter(widths)): joined} if len(widths) == 1 else split_register(joined, widths)
        except DAMAGED as error:
            raise InvalidResultError(f"{where}: the counts cannot be read: {error}") from None
        read.append(SamplerPubResult(registers, metadata_of(entry), asked=Asked.read(entry)))
    return tuple(read)


def _read_quasi(values: Any, known: dict[str, Any], where: str) -> SamplerPubResult:
    try:
        return SamplerPubResult({}, known, read_distribution(values, known))
    except ValueError as error:
        raise InvalidResultError(f"{where}: {error}") from None


def _read_kerneled(entry: Mapping[str, Any], where: str, result_path: Any, budget: Budget) -> SamplerPubResult:
    try:
        points = {name: entry["registers"][name][kerneled.POINTS] for name in register_widths(entry["registers"])}
        if any(one is None for one in points.values()):
            raise InvalidResultError(_manifest_message(where, result_path))
        registers = {
            name: kerneled.KerneledRegister.from_json(one, entry[kerneled.MEAS_TYPE], budget)
            for name, one in points.items()
        }
    except InvalidResultError:
        raise
    except DAMAGED as error:
        raise InvalidResultError(f"{where}: the readout points cannot be read: {error}") from None
    return SamplerPubResult({}, metadata_of(entry), asked=Asked.read(entry), kerneled=registers)


def register_widths(registers: Mapping[str, Any]) -> dict[str, int]:
    """Return the size of each register in the order of declaration, which the database may have changed."""
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
    """Return packed shots of shape ``(*sweep, shots, bytes)`` from counts that are nested in the shape of the sweep."""
    import numpy as np

    if isinstance(counts, Mapping):
        numbers = list(counts.values())
        if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= MAX_SHOTS for one in numbers):
            raise ValueError("a count is no whole number of shots")
        # A register without bits takes no bytes, but its shots still count against the limit.
        budget.take(sum(numbers) * max(1, -(-num_bits // 8)))
        rows = rows_from_strings(list(counts), num_bits)
        return np.repeat(rows, np.array(numbers, dtype=np.int64), axis=0)
    if not isinstance(counts, list) or not counts:
        raise ValueError(f"expected counts by bitstring, or lists of them, not {type(counts).__name__}")
    return np.stack([_read_counts(part, num_bits, budget) for part in counts])
