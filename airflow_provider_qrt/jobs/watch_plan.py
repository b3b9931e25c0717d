"""What to ask the service next, for many jobs at once. Pure: ``now`` is passed in, nothing is sent here.

A few jobs are read one by one, each at the pace of its age, and one that runs when the service expects its end. Many
are read from the list of pending jobs, 200 to a request. The list is an optimisation and never the truth: a job that
has left it is read itself, and so is, in turn, every job that is still on it. A list that lags, lies, drops jobs, fails
or never changes delays what is learnt, and loses nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import JOBS_PAGE_SIZE
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.pacing import JITTER, SHARE_OF_AGE, SHORTEST_DELAY, growing_delay, running_delay
from airflow_provider_qrt.jobs.sharing import OF_THE_CONNECTION

FEW = 5
"""Jobs up to this number are read one by one: a list of everything pending on the instance would tell no more."""
SECONDS_PER_PAGE = 5.0
"""The list is read at most once in so many seconds for each of its pages, however young its jobs are."""
LISTED_AFTER = 30.0
"""Seconds by which the list may lag. A job younger than that may be missing, one that ended so long ago may still be
there. How soon a new job is listed is not documented."""
LATENESS = 0.02
"""Part by which a reading of the list is put off at random, so that triggerers do not come together."""
PAGES_KNOWN_FOR = 3600.0
"""Seconds after which the length of the list, most of which may be other people's jobs, is found out anew."""
MANY_LEAVERS = 10
"""From this number on, jobs that have left the list are looked up in the list of finished ones first."""
CONFIRM_AFTER = 600.0
"""Seconds after which a job is read by itself though the list names it."""
DISTRUST_SECONDS = 900.0
"""For so long a list that was wrong is not relied on."""
READS_IN_DISTRUST = 50
"""Jobs read by themselves between two readings of a list that is not relied on."""
FIRST_BACK_OFF = 1.0
LONGEST_BACK_OFF = 60.0
CLOCK_MARGIN = timedelta(hours=1)
"""How far the clocks of this machine and of the service may be apart."""


@dataclass(frozen=True)
class Pause:
    """Ask nothing for some seconds, or until something changes (infinity)."""

    seconds: float


@dataclass(frozen=True)
class ReadPending:
    """Read all pages of the list of pending jobs."""

    created_after: datetime


@dataclass(frozen=True)
class ReadFinished:
    """Read the newest pages of the list of finished jobs."""

    created_after: datetime
    at_most: int


@dataclass(frozen=True)
class ReadJob:
    """Read one job."""

    job_id: str


Step = Pause | ReadPending | ReadFinished | ReadJob


@dataclass
class Watched:
    """One job that is waited for. Times are epoch seconds.

    Attributes:
        job_id: The job.
        submitted_at: When it was submitted.
        longest: Longest time between two looks, seconds.
        due: When it is to be read by itself; None while the list does for it.
        read_at: When it was last read by itself, or first heard of.
        listed: Whether it was on the list when that was last read; None if it has never been there, and may be too new.
        told: The state last passed on.
        steady: Seconds between two looks, if fewer would do.
        running_since: When it was first seen running; None if it was not, or nothing is known of how long it will.
        expected: The service's estimate of its QPU time, seconds.
    """

    job_id: str
    submitted_at: float
    longest: float
    due: float | None
    read_at: float
    listed: bool | None = None
    told: JobStatus | None = None
    steady: float | None = None
    running_since: float | None = None
    expected: float = 0.0

    def note(self, seen: Job, now: float) -> None:
        """Take note of a look."""
        self.told = seen.status
        if seen.status is JobStatus.RUNNING and seen.estimated_running_seconds is not None:
            self.expected = seen.estimated_running_seconds
            self.running_since = self.running_since or now


@dataclass
class WatchPlan:
    """Decides for the jobs of one connection.

    Whoever executes the steps reports what came of each with ``on_pending``, ``on_finished``, ``on_job`` or
    ``on_error``; these return the jobs that those who wait should hear of.

    Attributes:
        random: Source of jitter.
        may_list: Whether the service has such lists.
        distrusted_until: Until when the list is not relied on, epoch seconds.
    """

    random: random.Random = field(default_factory=random.Random, repr=False)
    may_list: bool = True
    distrusted_until: float = 0.0
    _jobs: dict[str, Watched] = field(default_factory=dict, init=False)
    _list_due: float = field(default=math.inf, init=False)
    _pages: int = field(default=1, init=False)
    _pages_at: float = field(default=0.0, init=False)
    _ended: dict[str, float] = field(default_factory=dict, init=False)
    _leavers: set[str] = field(default_factory=set, init=False)
    _look_at_finished: bool = field(default=False, init=False)
    _reads_left: int = field(default=0, init=False)
    _hold_until: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)
    _list_fails: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return len(self._jobs)

    # Who is waited for

    def add(self, job_id: str, *, submitted_at: float, longest: float, now: float, first_look: float) -> None:
        """Wait for a job.

        Args:
            job_id: The job.
            submitted_at: When it was submitted, epoch seconds.
            longest: Longest time between two looks, seconds.
            now: Epoch seconds.
            first_look: When it is to be looked at for the first time.
        """
        known = self._jobs.get(job_id)
        if known is not None:
            longest = min(longest, known.longest)
        due = None if self._uses_list(len(self._jobs) + 1, now) else first_look
        self._jobs[job_id] = Watched(job_id, submitted_at, longest, due, read_at=now)
        earliest = self._pages_at + self._pages * SECONDS_PER_PAGE
        self._list_due = min(self._list_due, max(first_look, earliest))

    def remove(self, job_id: str) -> None:
        """Wait for a job no longer."""
        self._jobs.pop(job_id, None)
        self._leavers.discard(job_id)

    def ask(self, job_id: str, now: float) -> None:
        """Read a job by itself as soon as possible: there is reason to think that it has changed."""
        if job_id in self._jobs:
            self._jobs[job_id].due = now

    def steady(self, job_id: str, seconds: float | None, now: float) -> None:
        """Read a job in so many seconds at the earliest, for somebody else tells when it changes; None: as usual."""
        job = self._jobs.get(job_id)
        if job is not None and job.steady != seconds:
            job.steady = seconds
            if job.due is not None:
                job.due = self._next_look(job, now)

    # What to do

    def next(self, now: float) -> Step:
        """Say what to ask next."""
        if not self._jobs:
            return Pause(math.inf)
        if now < self._hold_until:
            return Pause(self._hold_until - now)
        if self._look_at_finished:
            self._look_at_finished = False
            # Those that were known to have ended before are on that list too.
            pages = math.ceil((len(self._leavers) + len(self._ended)) / JOBS_PAGE_SIZE)
            return ReadFinished(self._since(), at_most=pages * JOBS_PAGE_SIZE)
        if self._leavers:
            return ReadJob(self._leavers.pop())
        alone = [job for job in self._jobs.values() if job.due is not None]
        soonest = min(alone, key=_due, default=None)
        if soonest is not None and _due(soonest) <= now:
            return ReadJob(soonest.job_id)
        if not self._uses_list(len(self._jobs), now):
            for job in self._jobs.values():
                if job.due is None:
                    # No later than the list would have told.
                    job.due = min(self._next_look(job, now), max(self._list_due, now))
            soonest = min(self._jobs.values(), key=_due)
            return Pause(_due(soonest) - now) if _due(soonest) > now else ReadJob(soonest.job_id)
        if now >= self._list_due:
            return ReadPending(self._since())
        stale = self._stalest(now)
        if stale is not None:
            self._reads_left -= 1
            return ReadJob(stale.job_id)
        until = self._list_due if soonest is None else min(self._list_due, _due(soonest))
        return Pause(until - now)

    # What came of it

    def on_pending(self, found: Iterable[Job], now: float, *, asked_at: float) -> list[Job]:
        """Take note of the whole list of pending jobs.

        Args:
            found: All its jobs; of these most may be nobody's here.
            now: Epoch seconds.
            asked_at: When the first page was asked for.
        """
        self._recovered()
        self._list_fails = False
        listed: Mapping[str, Job] = {job.id: job for job in found}
        self._pages, self._pages_at = max(1, math.ceil(len(listed) / JOBS_PAGE_SIZE)), now
        if any(asked_at - self._ended.get(job_id, asked_at) > LISTED_AFTER for job_id in listed):
            self.distrusted_until = now + DISTRUST_SECONDS
        news = []
        closely = 0
        for job in self._jobs.values():
            seen = listed.get(job.job_id)
            if seen is None:
                if job.listed or (job.listed is None and asked_at - job.submitted_at >= LISTED_AFTER):
                    job.listed = False
                    self._leavers.add(job.job_id)
                continue
            job.listed = True
            if seen.status in (JobStatus.QUEUED, JobStatus.RUNNING):
                if seen.status is not job.told:
                    news.append(seen)
                job.note(seen, now)
                if job.due is None or not asked_at <= job.due <= now:
                    # Not of one that somebody asked for while the list was on its way.
                    job.due = self._soon(job, now) if closely < FEW else None
                closely += job.due is not None
            else:
                # Ended, on a list of what has not; or in a state that nobody knows.
                self._leavers.add(job.job_id)
        self._look_at_finished = len(self._leavers) >= MANY_LEAVERS
        self._list_due = now + self._pace(now)
        self._reads_left = READS_IN_DISTRUST if now < self.distrusted_until else 1
        return news

    def on_finished(self, found: Iterable[Job], now: float) -> list[Job]:
        """Take note of jobs from the list of finished ones."""
        self._recovered()
        news = [job for job in found if job.id in self._jobs and job.status.is_final]
        for job in news:
            self._leavers.discard(job.id)
            self._has_ended(job.id, now)
        return news

    def on_job(self, job: Job, now: float) -> list[Job]:
        """Take note of a job that was read by itself."""
        self._recovered()
        watched = self._jobs.get(job.id)
        if watched is None:
            return []
        watched.read_at = now
        watched.note(job, now)
        if job.status.is_final:
            self._has_ended(job.id, now)
        else:
            alone = watched.listed is False or not self._uses_list(len(self._jobs), now)
            watched.due = self._next_look(watched, now) if alone else self._soon(watched, now)
        return [job]

    def on_error(self, step: Step, error: errors.QiskitRuntimeError, now: float) -> list[str]:
        """Take note that a step failed.

        Returns:
            The jobs whose waiters are told of the error. Of a list that cannot be read all are, once.
        """
        if isinstance(error, OF_THE_CONNECTION):
            self._back_off(error, now)
            if isinstance(step, ReadJob):
                # It may have left the list, which will not say so again.
                self.ask(step.job_id, now)
            return list(self._jobs)
        if isinstance(step, ReadJob):
            watched = self._jobs.get(step.job_id)
            if isinstance(error, errors.NotFound):
                self._recovered()
            else:
                self._back_off(error, now)
            if watched is None:
                return []
            watched.due = self._next_look(watched, now)
            return [step.job_id]
        is_first = not self._list_fails
        self._list_fails = True
        self._back_off(error, now)
        self.distrusted_until = max(self.distrusted_until, now + DISTRUST_SECONDS)
        self._reads_left = READS_IN_DISTRUST
        self._list_due = max(self._hold_until, now + self._pace(now))
        return list(self._jobs) if is_first else []

    # How

    def _uses_list(self, number: int, now: float) -> bool:
        """Whether the list costs less than reading so many jobs one by one."""
        pages = self._pages if now - self._pages_at < PAGES_KNOWN_FOR else 1
        return self.may_list and number > FEW and number > pages

    def _has_ended(self, job_id: str, now: float) -> None:
        """Remember it for a while: a list that goes on naming it is wrong."""
        # Whoever waits is about to leave; until then there is nothing more to learn.
        self._jobs[job_id].due = math.inf
        self._ended = {one: moment for one, moment in self._ended.items() if now - moment < DISTRUST_SECONDS}
        self._ended[job_id] = now

    def _since(self) -> datetime:
        first = min(job.submitted_at for job in self._jobs.values())
        return datetime.fromtimestamp(first, UTC) - CLOCK_MARGIN

    def _pace(self, now: float) -> float:
        """Seconds until the list is read again: soon while there are young jobs, but never for many pages."""
        longest = min(job.longest for job in self._jobs.values()) if self._jobs else LONGEST_BACK_OFF
        youngest = max((job.submitted_at for job in self._jobs.values()), default=now)
        seconds = max(SHARE_OF_AGE * (now - youngest), SHORTEST_DELAY, self._pages * SECONDS_PER_PAGE)
        return min(seconds, longest) * self.random.uniform(1.0, 1 + LATENESS)

    def _next_look(self, job: Watched, now: float) -> float:
        if job.steady:
            return now + job.steady
        seconds = growing_delay(now - job.submitted_at, job.longest, self.random)
        if job.running_since is not None:
            seconds = min(seconds, running_delay(now - job.running_since, job.expected, job.longest, self.random))
        return now + seconds

    def _soon(self, job: Watched, now: float) -> float | None:
        """When to read a job by itself that the list names too: it runs, and may end before the list is read again."""
        if job.running_since is None or job.steady:
            return None
        seconds = running_delay(now - job.running_since, job.expected, job.longest, self.random)
        return now + seconds if seconds < job.longest * (1 - JITTER) else None

    def _stalest(self, now: float) -> Watched | None:
        """The job to confirm next, if one is due and allowed before the list is read again."""
        if self._reads_left <= 0:
            return None
        stalest = min(self._jobs.values(), key=lambda job: job.read_at)
        patience = stalest.longest if now < self.distrusted_until else CONFIRM_AFTER
        return stalest if now - stalest.read_at >= patience else None

    def _recovered(self) -> None:
        self._failures = 0
        self._hold_until = 0.0

    def _back_off(self, error: errors.QiskitRuntimeError, now: float) -> None:
        """Leave the service alone for a while, for as long as it asks."""
        seconds = min(FIRST_BACK_OFF * 2**self._failures, LONGEST_BACK_OFF)
        self._failures += 1
        asked = getattr(error, "retry_after", None) or 0.0
        self._hold_until = now + max(seconds * self.random.uniform(0.9, 1.1), asked)


def _due(job: Watched) -> float:
    return math.inf if job.due is None else job.due
