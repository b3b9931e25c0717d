"""One poller for all who wait for jobs with one connection; what it asks is decided by its plan."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.place import place_of
from airflow_provider_qrt.jobs.wait.clock import SteadyClock
from airflow_provider_qrt.jobs.wait.shared_poller import Connect, SharedPoller
from airflow_provider_qrt.jobs.wait.watch_plan import Pause, ReadFinished, ReadJob, ReadPending, WatchPlan

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient


@dataclass(frozen=True)
class Failure:
    """A read that failed.

    Attributes:
        error: Why.
        definite: Whether the refusal has gone on for so long that it ends a wait.
    """

    error: errors.QiskitRuntimeError
    definite: bool = False


News = Job | Failure
TOLD_AT_ONCE = 50
"""Waiters woken in one pass of the event loop; each writes to a log, and thousands would hold it up."""


@dataclass
class JobWatch:
    """One job, as it looks to somebody who waits for it.

    Attributes:
        job_id: The job.
    """

    job_id: str
    _watcher: JobWatcher = field(repr=False)
    _news: asyncio.Queue[News] = field(default_factory=asyncio.Queue, repr=False)

    @property
    def where(self) -> str:
        """Connection, instance and region, for messages; empty until the first request."""
        return self._watcher.where

    @property
    def client(self) -> QiskitRuntimeClient | None:
        """The client of all who wait; None until the first request."""
        return self._watcher.client

    @property
    def place(self) -> str | None:
        """Instance, region and host that are asked; None before the first request."""
        return None if self.client is None else place_of(self.client.settings)

    async def news(self, seconds: float) -> News | None:
        """Wait for the job's state to be read anew, or for an error that concerns it; None if nothing came.

        Args:
            seconds: How long; infinity for as long as it takes.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else max(0.0, seconds)):
                return await self._news.get()
        return None

    def tell(self, news: News) -> None:
        """Hand on what has been read."""
        self._news.put_nowait(news)

    def ask(self, *, urgent: bool = False) -> None:
        """Have the job read by itself as soon as possible; ``urgent``: even while a failing service is left alone."""
        self._watcher.ask(self.job_id, urgent=urgent)

    def steady(self, seconds: float | None) -> None:
        """Have it read seldom, for something else tells when it changes; None: as usual."""
        self._watcher.steady(self.job_id, seconds)


class JobWatcher(SharedPoller):
    """Reads jobs for everybody who waits for them.

    Args:
        connect: See :class:`~airflow_provider_qrt.jobs.wait.shared_poller.SharedPoller`.
        plan: Decides what to ask.
        clock: Epoch seconds.
    """

    def __init__(
        self, connect: Connect, *, plan: WatchPlan | None = None, clock: Callable[[], float] | None = None
    ) -> None:
        super().__init__(connect)
        self._plan = WatchPlan() if plan is None else plan
        self._clock = clock or SteadyClock()
        self._watches: dict[str, list[JobWatch]] = {}

    @property
    def client(self) -> QiskitRuntimeClient | None:
        """The client; None until the first request."""
        return self._client

    @contextmanager
    def watch(self, job_id: str, *, submitted_at: float, longest: float, first_look: float) -> Iterator[JobWatch]:
        """Wait for a job.

        Args:
            job_id: The job.
            submitted_at: When it was submitted, epoch seconds.
            longest: Longest time between two looks, seconds.
            first_look: When to look for the first time, epoch seconds.
        """
        watch = JobWatch(job_id, self)
        self._watches.setdefault(job_id, []).append(watch)
        self._plan.add(job_id, submitted_at=submitted_at, longest=longest, now=self._clock(), first_look=first_look)
        with self.joined():
            try:
                yield watch
            finally:
                self._watches[job_id].remove(watch)
                if not self._watches[job_id]:
                    del self._watches[job_id]
                    self._plan.remove(job_id)

    def ask(self, job_id: str, *, urgent: bool = False) -> None:
        """See :meth:`JobWatch.ask`."""
        self._plan.ask(job_id, self._clock(), urgent=urgent)
        self._changed.set()

    def steady(self, job_id: str, seconds: float | None) -> None:
        """Have a job read in so many seconds at the earliest; None: as usual."""
        self._plan.steady(job_id, seconds, self._clock())
        self._changed.set()

    async def _turn(self) -> None:
        asked_at = self._clock()
        step = self._plan.next(asked_at)
        if isinstance(step, Pause):
            await self._pause(step.seconds)
            return
        try:
            jobs = await self._ask(partial(_read, step=step))
        except errors.QiskitRuntimeError as error:
            troubles = self._plan.on_error(step, error, self._clock())
            await self._tell((trouble.job_id, Failure(error, trouble.definite)) for trouble in troubles)
            return
        if jobs is None:
            self._plan.may_list = False
            return
        now = self._clock()
        if isinstance(step, ReadPending):
            news = self._plan.on_pending(jobs, now, asked_at=asked_at)
        elif isinstance(step, ReadFinished):
            news = self._plan.on_finished(jobs, now)
        else:
            news = self._plan.on_job(jobs[0], now)
        await self._tell((job.id, job) for job in news)

    async def _tell(self, all_news: Iterable[tuple[str, News]]) -> None:
        for told, (job_id, news) in enumerate(all_news, start=1):
            for watch in self._watches.get(job_id, ()):
                watch.tell(news)
            if told % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)


def _read(client: QiskitRuntimeClient, step: ReadJob | ReadFinished | ReadPending) -> Sequence[Job] | None:
    """Read what a step asks for; None where the channel does not list jobs."""
    if not isinstance(step, ReadJob) and not client.channel.offers(Feature.TAGS):
        return None
    match step:
        case ReadJob(job_id):
            # Whatever the answer calls it: it is this one that was asked for.
            return [replace(client.job(job_id), id=job_id)]
        case ReadFinished(created_after, at_most):
            return list(islice(client.jobs(pending=False, created_after=created_after), at_most))
        case ReadPending(created_after):
            # Oldest first: a job that is submitted between two pages shifts none of the others.
            return list(client.jobs(pending=True, created_after=created_after, newest_first=False))
