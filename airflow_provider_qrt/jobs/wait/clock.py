"""The time, for those who wait: it goes on when the machine's clock is put back."""

from __future__ import annotations

import math
import time


class SteadyClock:
    """Epoch seconds that never go back.

    What is due in a minute is due in a minute though the clock was put back by an hour in between. A clock that was put
    forward is followed.
    """

    def __init__(self) -> None:
        self._began = -math.inf

    def __call__(self) -> float:
        """Tell the time."""
        passed = time.monotonic()
        self._began = max(self._began, time.time() - passed)
        return self._began + passed
