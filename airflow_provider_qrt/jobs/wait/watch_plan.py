"""A plan of what to ask the service next, for many jobs at once. Pure: ``now`` is passed in, nothing is sent here.

A few jobs are read one by one, each at the pace of its age, and one that runs when the service expects its end. Many
are read from the list of pending jobs, 200 to a request. The list is an optimisation and never the truth: a job that
has left it is read itself, and so is every job that is still on it, once in :data:`CONFIRM_AFTER` seconds. A list that
lags, lies, drops jobs, fails or never changes delays what is learnt, and loses nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import JOBS_PAGE_SIZE, LIST_LAG
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.refusals import OF_THE_CONNECTION, Refusals
from airflow_provider_qrt.jobs.wait.pacing import (
    JITTER,
    LONGEST_PAUSE,
    SHARE_OF_AGE,
    SHORTEST_DELAY,
    growing_delay,
    running_delay,
    sooner,
)

FEW = 5
"""Jobs up to this number are read one by one: a list of everything pending on the instance would tell no more."""
SECONDS_PER_PAGE = 5.0
"""The list is read at most once in so many seconds for each of its pages, however young its jobs are."""
LATENESS = 0.02
"""Part by which a reading of the list is put off at random, so that triggerers do not come together."""
PAGES_KNOWN_FOR = 3600.0
"""Seconds after which the length of the list, most of which may be other people's jobs, is found out anew."""
CONFIRM_AFTER = 3600.0
"""Seconds after which a job is read by itself though the list names it."""
MOST_CONFIRMED = 20
"""Jobs read for that between two readings of the list, so that the list does not have to wait."""
MANY_LEAVERS = 10
"""From this number on, jobs that have left the list are looked up in the list of finished ones first: with 0.3 seconds
to a request, five thousand jobs that end together are known in two minutes instead of twenty-five."""
ENDED_KNOWN_FOR = 900.0
"""Seconds for which it is remembered that a job has ended, for it stands before others on the list of finished ones."""
READS_WITHOUT_LIST = 50
"""Jobs read by themselves between two tries to read a list that fails."""
FIRST_BACK_OFF = 1.0
BACK_OFF_INTERVALS = 2
"""Times the shortest poll interval for which a failing service is left alone at most, within the two limits below."""
SHORTEST_LONGEST_BACK_OFF = 5.0
"""Seconds."""
LONGEST_BACK_OFF = 60.0
"""Seconds for which a service that fails is left alone at most, unless it asks for more itself. Even then it is asked
again after ``LONGEST_PAUSE``: a gateway may name a day and be back in a second."""
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


@dataclass(frozen=True)
class Trouble:
    """A job that could not be read.

    Attributes:
        job_id: The job.
        definite: Whether the refusal has gone on for so long that waiting makes no sense any more.
    """

    job_id: str
    definite: bool = False


@dataclass
class Watched:
    """One job that is waited for. Times are epoch seconds.

    Attributes:
        job_id: The job.
        submitted_at: When it was submitted.
        longest: Longest time between two looks, seconds.
        due: When it is to be read by itself; None while the list does for it.
        read_at: When it was last read by itself, or first heard of.
        confirm_at: When it is to be read by itself although the list names it.
        refusals: Refusals to read this very job.
        listed: Whether it was on the list when that was last read; None if it has never been there, and may be too new.
        told: The state last passed on.
        steady: Seconds between two looks, if fewer would do.
        waited_at: When it was last seen not running; None if it was not seen.
        running_since: When it was first seen running; None if it was not, or nothing is known of how long it will.
        expected: The service's estimate of its QPU time, seconds.
    """

    job_id: str
    submitted_at: float
    longest: float
    due: float | None
    read_at: float
    confirm_at: float
    refusals: Refusals
    listed: bool | None = None
    told: JobStatus | None = None
    steady: float | None = None
    waited_at: float | None = None
    running_since: float | None = None
    expected: float = 0.0

    def was_read(self, now: float) -> None:
        """Take note that it was read by itself."""
        self.read_at, self.confirm_at = now, now + CONFIRM_AFTER

    def note(self, seen: Job, now: float) -> None:
        """Take note of a look."""
        self.told = seen.status
        self.refusals.on_success()
        if seen.status is not JobStatus.RUNNING:
            self.waited_at = now
        elif seen.estimated_running_seconds is not None:
            self.expected = seen.estimated_running_seconds
            self.running_since = self.running_since or now

    def running_delay(self, now: float, chance: random.Random) -> float:
        """Return the seconds until the next look at a job that runs; infinity if it does not, as far as is known."""
        if self.running_since is None:
            return math.inf
        waited_at = self.submitted_at if self.waited_at is None else self.waited_at
        doubt = max(0.0, self.running_since - waited_at)
        return running_delay(now - self.running_since, self.expected, self.longest, chance, doubt=doubt)


@dataclass
class WatchPlan:
    """Decides for the jobs of one connection.

    Whoever executes the steps reports what came of each with ``on_pending``, ``on_finished``, ``on_job`` or
    ``on_error``; these return the jobs that those who wait should hear of.

    Attributes:
        random: Source of jitter.
        may_list: Whether the service has such a list.
        patience: Seconds for which a refusal must be repeated before it ends a wait.
    """

    random: random.Random = field(default_factory=random.Random, repr=False)
    may_list: bool = True
    patience: float = DEFAULT_PATIENCE
    _jobs: dict[str, Watched] = field(default_factory=dict, init=False)
    _list_due: float = field(default=math.inf, init=False)
    _pages: int = field(default=1, init=False)
    _pages_at: float = field(default=0.0, init=False)
    _leavers: set[str] = field(default_factory=set, init=False)
    _urgent: dict[str, None] = field(default_factory=dict, init=False)
    _ended: dict[str, float] = field(default_factory=dict, init=False)
    _look_at_finished: bool = field(default=False, init=False)
    _reads_left: int = field(default=0, init=False)
    _hold_until: float = field(default=0.0, init=False)
    _failures: int = field(default=0, init=False)
    _list_fails: bool = field(default=False, init=False)
    _refusals: Refusals = field(init=False)

    def __post_init__(self) -> None:
        """Begin without jobs."""
        self._refusals = Refusals(OF_THE_CONNECTION, self.patience)

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
        refusals = Refusals((errors.ForbiddenError, errors.NotFoundError), self.patience)
        # Not all at the same time later.
        confirm_at = now + self.random.uniform(0.0, CONFIRM_AFTER)
        self._jobs[job_id] = Watched(job_id, submitted_at, longest, due, now, confirm_at, refusals)
        earliest = self._pages_at + self._pages * SECONDS_PER_PAGE
        self._list_due = min(self._list_due, max(first_look, earliest))

    def remove(self, job_id: str) -> None:
        """Wait for a job no longer."""
        self._jobs.pop(job_id, None)
        self._leavers.discard(job_id)
        self._urgent.pop(job_id, None)

    def ask(self, job_id: str, now: float, *, urgent: bool = False) -> None:
        """Read a job by itself as soon as possible: there is reason to think that it has changed.

        Args:
            job_id: The job.
            now: Epoch seconds.
            urgent: Do so even while a service that failed is left alone: this is somebody's last look.
        """
        if job_id in self._jobs:
            self._jobs[job_id].due = now
            if urgent:
                self._urgent[job_id] = None

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
        for job_id in self._urgent:
            del self._urgent[job_id]
            return ReadJob(job_id)
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
        return self._next_of_list(soonest, now) if self._uses_list(len(self._jobs), now) else self._next_alone(now)

    def _next_alone(self, now: float) -> Step:
        """Say what to ask next when each job is read by itself."""
        for job in self._jobs.values():
            if job.due is None:
                # No later than the list would have told.
                job.due = min(self._next_look(job, now), max(self._list_due, now))
        soonest = min(self._jobs.values(), key=_due)
        return Pause(_due(soonest) - now) if _due(soonest) > now else ReadJob(soonest.job_id)

    def _next_of_list(self, soonest: Watched | None, now: float) -> Step:
        """Say what to ask next when the list of pending jobs tells of most.

        Args:
            soonest: The job that is read by itself next, if there is one.
            now: Epoch seconds.
        """
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
        self._answered()
        self._list_fails = False
        listed: Mapping[str, Job] = {job.id: job for job in found}
        self._pages, self._pages_at = max(1, math.ceil(len(listed) / JOBS_PAGE_SIZE)), now
        news = []
        closely = 0
        for job in self._jobs.values():
            seen = listed.get(job.job_id)
            if seen is None:
                if job.listed or (job.listed is None and asked_at - job.submitted_at >= LIST_LAG):
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
        pace = self._pace(now)
        self._list_due = now + pace
        self._reads_left = MOST_CONFIRMED
        return news

    def on_finished(self, found: Iterable[Job], now: float) -> list[Job]:
        """Take note of jobs from the list of finished ones."""
        self._answered()
        news = [job for job in found if job.id in self._jobs and job.status.is_final]
        for job in news:
            self._leavers.discard(job.id)
            self._has_ended(job.id, now)
        return news

    def on_job(self, job: Job, now: float) -> list[Job]:
        """Take note of a job that was read by itself."""
        self._answered()
        watched = self._jobs.get(job.id)
        if watched is None:
            return []
        watched.was_read(now)
        watched.note(job, now)
        if job.status.is_final:
            self._has_ended(job.id, now)
        else:
            alone = watched.listed is False or not self._uses_list(len(self._jobs), now)
            watched.due = self._next_look(watched, now) if alone else self._soon(watched, now)
        return [job]

    def on_error(self, step: Step, error: errors.QiskitRuntimeError, now: float) -> list[Trouble]:
        """Take note that a step failed.

        Returns:
            The jobs whose waiters are told of the error. A refusal of the credentials concerns all; of a list that
            cannot be read all are told, once; everything else concerns only the job that was read.
        """
        if isinstance(error, OF_THE_CONNECTION):
            definite = self._refusals.is_definite(error, now)
            self._back_off(error, now)
            if isinstance(step, ReadJob):
                # It may have left the list, which will not say so again.
                self.ask(step.job_id, now)
            else:
                self._list_due = self._hold_until
            return [Trouble(job_id, definite) for job_id in self._jobs]
        if isinstance(step, ReadJob):
            watched = self._jobs.get(step.job_id)
            if isinstance(error, errors.NotFoundError | errors.ForbiddenError):
                self._answered()
            else:
                self._back_off(error, now)
            if watched is None:
                return []
            watched.due = self._next_look(watched, now)
            watched.was_read(now)
            definite = watched.refusals.is_definite(error, now) or isinstance(error, errors.InternalError)
            return [Trouble(step.job_id, definite)]
        is_first = not self._list_fails
        self._list_fails = True
        self._back_off(error, now)
        self._reads_left = READS_WITHOUT_LIST
        self._list_due = max(self._hold_until, now + self._pace(now))
        # Whatever is wrong with the list, each job can tell how it is itself.
        return [Trouble(job_id) for job_id in self._jobs] if is_first else []

    # How

    def _has_ended(self, job_id: str, now: float) -> None:
        # Whoever waits is about to leave; until then there is nothing more to learn.
        self._jobs[job_id].due = math.inf
        if self._ended and now - next(iter(self._ended.values())) > ENDED_KNOWN_FOR:
            self._ended = {one: moment for one, moment in self._ended.items() if now - moment < ENDED_KNOWN_FOR}
        self._ended[job_id] = now

    def _uses_list(self, number: int, now: float) -> bool:
        """Whether the list costs less than reading so many jobs one by one."""
        pages = self._pages if now - self._pages_at < PAGES_KNOWN_FOR else 1
        return self.may_list and number > FEW and number > pages

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
        return now + sooner(seconds, job.running_delay(now, self.random))

    def _soon(self, job: Watched, now: float) -> float | None:
        """When to read a job by itself that the list names too: it runs, and may end before the list is read again."""
        if job.steady:
            return None
        seconds = job.running_delay(now, self.random)
        return now + seconds if seconds < job.longest * (1 - JITTER) else None

    def _stalest(self, now: float) -> Watched | None:
        """Return the job to confirm next, if one is due and allowed before the list is read again."""
        if self._reads_left <= 0:
            return None
        if self._list_fails:
            stalest = min(self._jobs.values(), key=lambda job: job.read_at)
            return stalest if now - stalest.read_at >= stalest.longest else None
        first = min(self._jobs.values(), key=lambda job: job.confirm_at)
        return first if now >= first.confirm_at else None

    def _answered(self) -> None:
        """Take note that the service answers, and accepts the credentials."""
        self._failures = 0
        self._hold_until = 0.0
        self._refusals.on_success()

    @property
    def _longest_back_off(self) -> float:
        """Seconds; a user who wants to look every second does not want to wait a minute after a few dropped polls."""
        longest = min((job.longest for job in self._jobs.values()), default=LONGEST_BACK_OFF)
        return min(max(BACK_OFF_INTERVALS * longest, SHORTEST_LONGEST_BACK_OFF), LONGEST_BACK_OFF)

    def _back_off(self, error: errors.QiskitRuntimeError, now: float) -> None:
        """Leave the service alone for a while, as long as it asks if that is not too long."""
        seconds = min(FIRST_BACK_OFF * 2 ** min(self._failures, 10), self._longest_back_off)
        self._failures += 1
        asked = min(getattr(error, "retry_after", None) or 0.0, LONGEST_PAUSE)
        self._hold_until = now + max(seconds * self.random.uniform(0.9, 1.1), asked)


def _due(job: Watched) -> float:
    return math.inf if job.due is None else job.due
