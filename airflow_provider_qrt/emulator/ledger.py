"""The charges of an instance and their times: its usage is that of the last 28 days."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

Charge = tuple[float, float]
"""A time in seconds since the epoch, and QPU seconds."""


class Ledger:
    """The charges of an instance outside of dedicated sessions, in order of time.

    Args:
        charges: The charges of an earlier process.
    """

    def __init__(self, charges: Iterable[Charge] = ()) -> None:
        self._charges: deque[Charge] = deque(sorted(charges))
        self._total = sum(seconds for _, seconds in self._charges)
        self._new: list[Charge] = []

    def charge(self, moment: float, seconds: float) -> None:
        """Write a charge down."""
        if seconds:
            self._charges.append((moment, seconds))
            self._new.append((moment, seconds))
            self._total += seconds

    def after(self, moment: float) -> float:
        """Return the seconds charged after a time, and forget those charged before; later calls name later times."""
        while self._charges and self._charges[0][0] <= moment:
            self._total -= self._charges.popleft()[1]
        if not self._charges:
            self._total = 0.0
        return self._total

    def take_new(self) -> list[Charge]:
        """Return the charges since the last call."""
        new, self._new = self._new, []
        return new

    def clear(self) -> None:
        """Forget everything."""
        self._charges.clear()
        self._new.clear()
        self._total = 0.0
