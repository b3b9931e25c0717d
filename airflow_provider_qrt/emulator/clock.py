"""The emulator's only notion of time, so that a test may move it and a user may let it run faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since the epoch: the machine's clock, plus what it was advanced by, times a speed.

    Args:
        speed: Seconds that pass here in a second of the machine.
        ahead: Seconds that it begins ahead of the machine's clock.
    """

    def __init__(self, speed: float = 1.0, ahead: float = 0.0) -> None:
        self._speed = speed
        self._since = time.time()
        self._base = self._since + ahead
        self._advanced = 0.0

    def now(self) -> float:
        """Return the present moment in seconds since the epoch."""
        # Whole microseconds, as timestamps show it: what was shown must compare equal when it comes back.
        return round(self._base + (time.time() - self._since) * self._speed, 6)

    def unhurried(self) -> float:
        """Return the present moment as it would be at normal speed.

        For promises to clients, who wait by clocks of their own: the life of a token, ``Retry-After``.
        """
        return round(time.time() + self._advanced, 6)

    @property
    def ahead(self) -> float:
        """Seconds that it is ahead of the machine's clock."""
        return self.now() - time.time()

    @property
    def speed(self) -> float:
        """Seconds that pass here in a second of the machine."""
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
        """Show the machine's time again, for when nothing is left that has seen another."""
        self._base = self._since = time.time()
        self._advanced = 0.0


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
