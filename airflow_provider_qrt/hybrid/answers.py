"""The answers of calls: result objects as bytes for the journal, and a few of their values for people."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.results.result_file import ResultFormat

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.results.estimator_pub import EstimatorPubResult
    from airflow_provider_qrt.primitives.results.sampler_pub import SamplerPubResult

MOST_SHOWN = 4
"""Outcomes, or expectation values, that the journal shows of an answer."""


@dataclass(frozen=True)
class _Bytes:
    """Bytes that can be opened as a file."""

    content: bytes

    def open(self, _mode: str) -> IO[bytes]:
        return io.BytesIO(self.content)


def pack(result: Any, job: Mapping[str, Any]) -> bytes:
    """Return a decoded result as bytes, with all that it has."""
    file = io.BytesIO()
    result.write(file, ResultFormat.NPZ, job)
    return file.getvalue()


def unpack(kind: str, content: bytes) -> Any:
    """Return the result of which :func:`pack` made bytes.

    Args:
        kind: ``sample`` or ``estimate``.
        content: The bytes.

    Raises:
        InvalidResultError: They are damaged.
    """
    if kind == "estimate":
        from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult

        return EstimatorResult.from_file(_Bytes(content))
    from airflow_provider_qrt.primitives.results.sampler_result import SamplerResult

    return SamplerResult.from_file(_Bytes(content))


def shown_estimate(pub: EstimatorPubResult) -> dict[str, Any]:
    """Return the first expectation values of a PUB, and their standard errors."""
    return {
        "evs": [_finite(one) for one in pub.evs.flat[:MOST_SHOWN]],
        "stds": [_finite(one) for one in pub.stds.flat[:MOST_SHOWN]],
        "values": int(pub.evs.size),
    }


def shown_counts(pub: SamplerPubResult) -> dict[str, Any] | None:
    """Return the most frequent outcomes of a PUB; None if it has no counts."""
    if pub.kerneled or pub.quasi_dists is not None:
        return None
    counts = pub.get_counts()
    most = sorted(counts, key=lambda outcome: (-counts[outcome], outcome))[:MOST_SHOWN]
    return {"counts": {outcome: counts[outcome] for outcome in most}, "outcomes": len(counts)}


def in_words(shown: Mapping[str, Any] | None) -> str:
    """Return what is shown of an answer for a line in the log."""
    if not shown:
        return "done"
    if "counts" in shown:
        more = "" if shown["outcomes"] <= MOST_SHOWN else f" and {shown['outcomes'] - MOST_SHOWN} more outcomes"
        return ", ".join(f"{outcome}: {count}" for outcome, count in shown["counts"].items()) + more
    more = "" if shown["values"] <= MOST_SHOWN else f" and {shown['values'] - MOST_SHOWN} more values"
    return ", ".join(_with_error(*pair) for pair in zip(shown["evs"], shown["stds"], strict=True)) + more


def _with_error(value: float | None, error: float | None) -> str:
    if value is None:
        return "no value"
    return f"{value:.5g}" if error is None else f"{value:.5g} ± {error:.2g}"


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if number - number == 0 else None
