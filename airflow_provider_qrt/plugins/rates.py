"""How often the service is asked on behalf of those who look at the pages: all together, and each of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 40
"""Readings that may follow each other at once: a page of jobs."""
A_SECOND = 2.0
"""Readings a second after that, for all who look at a connection."""
VIEWS = 40
"""Views that a user may have at once for which something is read."""
VIEWS_A_SECOND = 1.0
"""Views a second after that; an open page asks every few seconds."""
KNOWN_USERS = 10_000


class Allowance:
    """So many things at once, and so many a second after that (a token bucket).

    Args:
        burst: At once.
        a_second: After that.
        clock: Seconds.
    """

    def __init__(self, burst: float, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._rate = a_second
        self._clock = clock
        self._left = burst
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one; False if there is none now."""
        with self._lock:
            self._fill()
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def wait(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Take one, and wait for it if there is none now."""
        with self._lock:
            self._fill()
            self._left -= 1
            missing = -self._left / self._rate
        if missing > 0:
            sleep(missing)

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._burst, self._left + max(0.0, now - self._seen) * self._rate)
        self._seen = now


class UserAllowances:
    """An allowance for each user; those who were not seen for the longest time are forgotten first."""

    def __init__(self, burst: float = VIEWS, a_second: float = VIEWS_A_SECOND) -> None:
        self._of: OrderedDict[str, Allowance] = OrderedDict()
        self._burst = burst
        self._rate = a_second
        self._lock = threading.Lock()

    def may_ask(self, user: str) -> bool:
        """Whether the service may be asked for what this user looks at now. They see what is known in any case."""
        with self._lock:
            allowance = self._of.setdefault(user, Allowance(self._burst, self._rate))
            self._of.move_to_end(user)
            while len(self._of) > KNOWN_USERS:
                self._of.popitem(last=False)
        return allowance.take()

    def forget(self) -> None:
        """Begin anew, for tests."""
        with self._lock:
            self._of.clear()


users = UserAllowances()
"""Those of this process."""
