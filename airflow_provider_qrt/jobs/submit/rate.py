"""When a submission that was answered 429 is tried again. Pure; times are epoch seconds and passed in.

IBM accepts five submissions a minute of a user. Tasks that wait for that must not all come back together.
"""

from __future__ import annotations

import random
from bisect import insort
from dataclasses import dataclass, field

SPACING = 12.0
"""Seconds between two submissions at IBM's rate."""
MOST_SPREAD = 10
"""Most spacings over which one task's next try is spread."""


def pause_before_submission(retry_after: float | None, refusals: int, source: random.Random) -> float:
    """Seconds until a task that waits by itself tries again.

    Never before the moment the service named, or twelve seconds; then some time at random, longer with each refusal,
    for other tasks wait as well.

    Args:
        retry_after: Seconds the service asked for, or None.
        refusals: How often it said 429 so far, from 1.
        source: Of chance.
    """
    least = SPACING if retry_after is None else retry_after
    return least + source.uniform(0.0, SPACING * min(2 ** (refusals - 1), MOST_SPREAD))


@dataclass
class SubmissionQueue:
    """Lets submissions that wait in one place through one after the other, in the order of their coming.

    Attributes:
        spacing: Seconds between two.
    """

    spacing: float = SPACING
    _turns: list[float] = field(default_factory=list)

    def reserve(self, not_before: float) -> float:
        """Return the moment at which the caller may submit: not before the one given, and a spacing from all others.

        Args:
            not_before: The present, or later than in the call before: turns that are over by then are forgotten.
        """
        moment = not_before
        self._turns = [turn for turn in self._turns if turn > not_before - self.spacing]
        for turn in self._turns:
            if turn >= moment + self.spacing:
                break
            moment = turn + self.spacing
        insort(self._turns, moment)
        return moment

    def give_back(self, moment: float) -> None:
        """Leave a turn to others, for its task was stopped."""
        if moment in self._turns:
            self._turns.remove(moment)
