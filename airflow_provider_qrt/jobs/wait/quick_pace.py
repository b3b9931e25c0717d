"""When to look at a job that is waited for on a worker and may end within seconds. Pure; ``now`` is passed in.

The first look comes after a fraction of a second. Once the service has told how long the job will run, the next one
comes when the job can end at the earliest, which saves requests; then the pauses grow.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus

FIRST_LOOK = 0.5
"""Seconds after the submission."""
SHORTEST = 0.3
"""Seconds between two looks at least."""
GROWTH = 1.5
"""Factor from one pause to the next, while the job is overdue or still queued."""
YOUNG_FOR = 30.0
"""Seconds of a wait after which looks come after a share of the job's age, as in the triggerer."""
LONGEST_LEAP = 3.0
"""Longest pause as a share of the job's age, unless the service's waiting time is a good guide."""
MARGIN = 0.15
"""Seconds after the expected end, because the service rounds its estimate."""
JITTER = 0.1
"""Seconds by which a look is put off at random, so that mapped tasks do not come together."""


@dataclass
class QuickPace:
    """The pauses between looks at one job. Times are epoch seconds.

    Attributes:
        submitted_at: When it was submitted.
        began: When the wait began; that of a job of an earlier try begins late.
        queue_seconds: Expected time until it runs, in seconds; 0 if nothing is known.
        is_predictable: Whether jobs hardly differ from ``queue_seconds``.
        leave_at: When to leave the worker at the latest, unless the job should end by ``latest`` and runs or is in a
            queue of predictable length; None: never.
        latest: When to leave it although the job should have ended; infinity: never.
        random: Source of jitter.
    """

    submitted_at: float
    began: float
    queue_seconds: float = 0.0
    is_predictable: bool = False
    leave_at: float | None = None
    latest: float = math.inf
    random: random.Random = field(default_factory=random.Random, repr=False)
    _seen: Job | None = field(default=None, init=False)
    _waited_at: float = field(init=False)
    _pause: float = field(default=SHORTEST, init=False)
    _failures: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Begin."""
        self._waited_at = self.submitted_at

    def is_young(self, now: float) -> bool:
        """Whether the wait has just begun."""
        return now - self.began < YOUNG_FOR

    def seen(self, job: Job, now: float) -> None:
        """Take note of the job as it was read."""
        if job.status is not JobStatus.RUNNING:
            self._waited_at = now
        self._seen = job
        self._failures = 0

    def failed(self) -> None:
        """Take note that the job could not be read."""
        self._failures += 1

    @property
    def expected_end(self) -> float | None:
        """The earliest time at which the job should end; None as long as the service has not told its run time.

        It runs since the last look at which it did not, at the earliest.
        """
        runs = None if self._seen is None else self._seen.estimated_running_seconds
        if runs is None or self._seen is None:
            return None
        began = self._waited_at
        if not self._is_running:
            began = max(began, self.submitted_at + self.queue_seconds)
        return began + runs

    def is_over(self, now: float) -> bool:
        """Whether the task should leave the worker, because the job has not ended, or will not end in time."""
        end, limit = self.expected_end, self._limit
        return now >= limit or (end is not None and end > limit)

    def delay(self, now: float) -> float:
        """Return the seconds until the next look."""
        return self.within(self._delay(now) + self.random.uniform(0.0, JITTER), now)

    def within(self, seconds: float, now: float) -> float:
        """Shorten a pause that would keep the task on its worker for too long."""
        return max(0.0, min(seconds, self._limit - now))

    @property
    def _limit(self) -> float:
        if self.leave_at is None:
            return math.inf
        knows_begin = self._is_running or (self.is_predictable and self.queue_seconds > 0)
        is_timed = self.expected_end is not None and knows_begin
        return self.latest if is_timed else self.leave_at

    @property
    def _is_running(self) -> bool:
        return self._seen is not None and self._seen.status is JobStatus.RUNNING

    def _delay(self, now: float) -> float:
        age = max(0.0, now - self.submitted_at)
        if self._failures:
            return float(FIRST_LOOK * 2 ** min(self._failures, 6))
        if self._seen is None:
            return max(0.0, FIRST_LOOK - age)
        end = self.expected_end
        left = 0.0 if end is None else end + MARGIN - now
        if left <= 0:
            return self._growing_pause()
        if self._is_running:
            return max(left, SHORTEST)
        is_told = self.queue_seconds == 0 or self.is_predictable
        return max(left if is_told else min(left, LONGEST_LEAP * age), self._growing_pause())

    def _growing_pause(self) -> float:
        pause, self._pause = self._pause, self._pause * GROWTH
        return pause
