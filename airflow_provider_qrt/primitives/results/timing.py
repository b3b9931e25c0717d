"""When a job's circuits ran, by the metadata of its result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

FIRST_YEAR, LAST_YEAR = 2000, 2200
"""A time outside of these years is a mistake."""


def execution_times(metadata: Any) -> tuple[datetime, datetime] | None:
    """Return start and end of the execution on the QPU, in UTC; None if the result does not tell them.

    Results of the program ``executor`` have ``chunk_timing``, those of ``sampler`` have ``execution.execution_spans``.

    Args:
        metadata: The metadata of the whole result, as plain JSON.
    """
    spans = _spans(metadata)
    if not spans:
        return None
    try:
        starts = [_moment(span["start"]) for span in spans]
        stops = [_moment(span["stop"]) for span in spans]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    start, stop = min(starts), max(stops)
    return (start, stop) if start.year >= FIRST_YEAR and start <= stop and stop.year <= LAST_YEAR else None


def _spans(metadata: Any) -> list[Any]:
    if not isinstance(metadata, Mapping):
        return []
    chunks = metadata.get("chunk_timing")
    if chunks is None and isinstance(metadata.get("execution"), Mapping):
        chunks = metadata["execution"].get("execution_spans")
        chunks = chunks.get("spans") if isinstance(chunks, Mapping) else chunks
    return chunks if isinstance(chunks, list) else []


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
