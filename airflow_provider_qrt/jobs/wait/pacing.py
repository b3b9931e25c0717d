"""When to look next, and until when: what all waits have in common. Pure; ``now`` is passed in."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.refusals import Refusals

SHORTEST_DELAY = 2.0
"""Seconds between looks at a young job; a job shorter than that is rare."""
SHARE_OF_AGE = 0.5
"""The next look comes after this share of the job's age, so that a wait is never lengthened by more than that."""
SHORTEST_IN_DOUBT = 1.0
"""Seconds between two looks at a job that may have ended, because nobody saw when it began to run."""
PASSED_OVER = 2.0
"""A delay may grow up to this factor, if the next look then comes when the job can have ended."""
LONGEST_PAUSE = 300.0
"""Seconds for which a service that asks for a pause is left alone at most, unless looks are further apart anyway."""
JITTER = 0.1
"""Part by which a delay is varied at random, so that jobs submitted together are not asked for together."""


@dataclass(frozen=True)
class KeepWaiting:
    """Look again later.

    Attributes:
        seconds: Until then.
        note: Something worth a line in the log, or empty.
    """

    seconds: float
    note: str = ""


def growing_delay(waited: float, longest: float, chance: random.Random, *, shortest: float = SHORTEST_DELAY) -> float:
    """Seconds until the next look: few at first, then a share of the time waited, ``longest`` at most, and jitter."""
    seconds = min(max(SHARE_OF_AGE * waited, min(shortest, longest)), longest)
    return seconds * chance.uniform(1 - JITTER, 1 + JITTER)


def running_delay(ran: float, expected: float, longest: float, chance: random.Random, *, doubt: float = 0.0) -> float:
    """Seconds until the next look at a job that runs: when it can end, when it should have, then a share of its time.

    Args:
        ran: Seconds since it was first seen running.
        expected: The service's estimate of its QPU time, seconds.
        longest: Longest time between two looks, seconds.
        chance: Source of jitter.
        doubt: Seconds for which it may have run before it was seen running: those since the look before.
    """
    left = expected - ran
    if left <= 0:
        seconds = max(SHARE_OF_AGE * ran, SHORTEST_DELAY)
    else:
        # Two looks at most while it is in doubt whether it should have ended.
        seconds = max(left - doubt if left > doubt else min(left, doubt / 2), SHORTEST_IN_DOUBT)
    return min(seconds, longest) * chance.uniform(1 - JITTER, 1 + JITTER)


def sooner(growing: float, running: float) -> float:
    """Return the shorter delay; but skip a look that comes just before the one at which the job can have ended."""
    return running if running <= PASSED_OVER * growing else growing


@dataclass
class Patience:
    """One wait. Times are epoch seconds.

    Attributes:
        since: When it began; looks are more frequent at first.
        deadline: Its end; None for no end.
        poll_interval: Longest time between two looks, seconds.
        random: Source of jitter.
        refusals: Judges the errors of reads.
        shortest: Seconds between two looks at least.
    """

    since: float
    deadline: float | None
    poll_interval: float
    random: random.Random
    refusals: Refusals = field(default_factory=Refusals)
    shortest: float = SHORTEST_DELAY
    _failed_reads: int = field(default=0, init=False)

    def delay(self, now: float) -> float:
        """Seconds until the next look."""
        delay = growing_delay(now - self.since, self.poll_interval, self.random, shortest=self.shortest)
        return self.until_deadline(delay, now)

    def until_deadline(self, seconds: float, now: float) -> float:
        """Shorten a delay that would pass the deadline."""
        return seconds if self.deadline is None else max(0.0, min(seconds, self.deadline - now))

    def is_over(self, now: float) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and now >= self.deadline

    def on_success(self) -> None:
        """Take note that a read was answered."""
        self._failed_reads = 0
        self.refusals.on_success()

    def is_refused(self, error: errors.QiskitRuntimeError, now: float) -> bool:
        """Say whether an error ends the wait: a refusal that has gone on for long, or a mistake of our own."""
        return self.refusals.is_definite(error, now) or isinstance(error, errors.InternalError)

    def after_error(self, error: errors.QiskitRuntimeError, delay: float, now: float) -> tuple[float, bool]:
        """Return the seconds until the next look after an error, and whether it is the first in a row.

        Args:
            error: May ask for a longer pause.
            delay: Seconds to wait at least.
            now: The present.
        """
        self._failed_reads += 1
        # A gateway may name a day and be back in a second.
        asked = min(getattr(error, "retry_after", None) or 0.0, max(LONGEST_PAUSE, self.poll_interval))
        seconds = delay if asked <= delay else self.until_deadline(asked, now)
        return seconds, self._failed_reads == 1
