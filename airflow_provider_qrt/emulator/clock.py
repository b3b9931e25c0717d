"""The emulator's only notion of time, so that a test may move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since the epoch: the machine's clock plus what it was advanced by."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return the present moment in seconds since the epoch."""
        # Whole microseconds, as timestamps show it: what was shown must compare equal when it comes back.
        return round(time.time() + self._ahead, 6)

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds``; it never goes back."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._ahead += seconds


def timestamp(moment: float | None) -> str | None:
    """Write a moment as the API does: RFC 3339 in UTC with microseconds, or None for none."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> float:
    """Read an RFC 3339 moment; one without a zone is taken as UTC.

    Raises:
        ValueError: The text is not a date-time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
