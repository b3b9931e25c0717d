"""The emulator's only source of time, so that a test can move it forward and a user can speed it up."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """A clock in seconds since the epoch that can be advanced and can run faster than the machine's clock.

    Args:
        speed: Seconds that pass on this clock per second of the machine's clock.
        ahead: Seconds by which it starts ahead of the machine's clock.
    """

    def __init__(self, speed: float = 1.0, ahead: float = 0.0) -> None:
        self._speed = speed
        self._since = time.time()
        self._base = self._since + ahead
        self._advanced = 0.0

    def now(self) -> float:
        """Return the present time in seconds since the epoch."""
        # Rounded to microseconds like the timestamps, so that a timestamp that a client sends back compares equal.
        return round(self._base + (time.time() - self._since) * self._speed, 6)

    def unhurried(self) -> float:
        """Return the present time as it would be at normal speed.

        Use it for durations that clients wait for by their own clocks: the life of a token, ``Retry-After``.
        """
        return round(time.time() + self._advanced, 6)

    @property
    def ahead(self) -> float:
        """Seconds by which this clock is ahead of the machine's clock."""
        return self.now() - time.time()

    @property
    def speed(self) -> float:
        """Seconds that pass on this clock per second of the machine's clock."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._base, self._since = self.now(), time.time()
        self._speed = speed

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds``."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._base += seconds
        self._advanced += seconds

    def set_right(self) -> None:
        """Go back to the machine's time. Call it only when nothing is left that has a later timestamp."""
        self._base = self._since = time.time()
        self._advanced = 0.0


def timestamp(moment: float | None) -> str | None:
    """Format a time as the API does, as RFC 3339 in UTC with microseconds; return None for None."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_timestamp(text: str) -> float:
    """Parse an RFC 3339 time; one without a time zone is taken as UTC.

    Raises:
        ValueError: The text is not a date-time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
