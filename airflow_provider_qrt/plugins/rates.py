"""Rate limits for requests to the service on behalf of the pages: in total, and per user."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 40
"""Readings without a pause: a page of jobs."""
A_SECOND = 2.0
"""Further readings per second, for all users of a connection."""
VIEWS = 40
"""Page views of a user without a pause that may cause requests to the service."""
VIEWS_A_SECOND = 1.0
"""Further views per second; an open page reloads every few seconds."""
KNOWN_USERS = 10_000


class Allowance:
    """A token bucket.

    Args:
        burst: Number of uses without a pause.
        a_second: Further uses per second.
        clock: Returns seconds.
    """

    def __init__(self, burst: float, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._rate = a_second
        self._clock = clock
        self._left = burst
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a token; return False if there is none now."""
        with self._lock:
            self._fill()
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def wait(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Take a token, and wait for it if there is none now."""
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
    """An allowance for each user; the least recently seen users are forgotten first."""

    def __init__(self, burst: float = VIEWS, a_second: float = VIEWS_A_SECOND) -> None:
        self._of: OrderedDict[str, Allowance] = OrderedDict()
        self._burst = burst
        self._rate = a_second
        self._lock = threading.Lock()

    def may_ask(self, user: str) -> bool:
        """Return whether this user's view may cause requests to the service. Otherwise it shows cached data."""
        with self._lock:
            allowance = self._of.setdefault(user, Allowance(self._burst, self._rate))
            self._of.move_to_end(user)
            while len(self._of) > KNOWN_USERS:
                self._of.popitem(last=False)
        return allowance.take()

    def forget(self) -> None:
        """Forget all users, for tests."""
        with self._lock:
            self._of.clear()


users = UserAllowances()
"""The allowances of this process."""
