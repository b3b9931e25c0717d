"""One poller for all who wait for jobs with one connection, in one process and event loop.

It holds one client, so one bearer token and one HTTP session, and has one request in flight. What it asks is decided in
:mod:`airflow_provider_qrt.jobs.watch_plan`. The client runs in a thread, so the event loop is never blocked.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.watch_plan import Pause, ReadFinished, ReadJob, ReadPending, Step, WatchPlan

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

log = logging.getLogger(__name__)

Connect = Callable[[], Awaitable[tuple["QiskitRuntimeClient", str]]]
"""Builds a client; also names connection, instance and region. Raises ``QiskitRuntimeError``."""
News = Job | errors.QiskitRuntimeError


@dataclass
class JobWatch:
    """One job, as it looks to somebody who waits for it.

    Attributes:
        job_id: The job.
        where: Connection, instance and region; empty until the first request.
    """

    job_id: str
    _watcher: JobWatcher = field(repr=False)
    _news: asyncio.Queue[News] = field(default_factory=asyncio.Queue, repr=False)

    @property
    def where(self) -> str:
        """Connection, instance and region, for messages."""
        return self._watcher.where

    async def news(self, seconds: float) -> News | None:
        """Wait for the job's state to be read anew, or for an error that concerns it; None if nothing came.

        Args:
            seconds: How long; infinity for as long as it takes.
        """
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._news.get(), None if math.isinf(seconds) else max(0.0, seconds))
        return None

    def ask(self) -> None:
        """Have the job read by itself as soon as possible."""
        self._watcher.ask(self.job_id)


class JobWatcher:
    """Reads jobs for everybody who waits for them; see the module.

    Args:
        connect: Called before the first request.
        plan: Decides.
        clock: Epoch seconds.
        on_end: Called when the last one has left.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        plan: WatchPlan | None = None,
        clock: Callable[[], float] = time.time,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        self.where = ""
        self._connect = connect
        self._plan = plan or WatchPlan()
        self._clock = clock
        self._on_end = on_end
        self._client: QiskitRuntimeClient | None = None
        self._watches: dict[str, list[JobWatch]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False

    @asynccontextmanager
    async def watch(
        self, job_id: str, *, submitted_at: float, longest: float, first_look: float
    ) -> AsyncIterator[JobWatch]:
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
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="qiskit-runtime-watcher")
        try:
            yield watch
        finally:
            self._leave(watch)

    def ask(self, job_id: str) -> None:
        """Have a job read by itself as soon as possible."""
        self._plan.ask(job_id, self._clock())
        self._changed.set()

    def _leave(self, watch: JobWatch) -> None:
        watches = self._watches[watch.job_id]
        watches.remove(watch)
        if watches:
            return
        del self._watches[watch.job_id]
        self._plan.remove(watch.job_id)
        if not self._watches and self._task is not None:
            self._end(self._task)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Nobody waits any more."""
        task.cancel()
        client, self._client, self._task = self._client, None, None
        if client is not None:
            # In a thread, for it may log out; and not awaited, for whoever leaves may have been cancelled.
            _ = asyncio.get_running_loop().run_in_executor(None, client.close)
        self._on_end()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            step = self._plan.next(self._clock())
            if isinstance(step, Pause):
                await self._pause(step.seconds)
            else:
                await self._take(step)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until somebody comes or asks."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), None if math.isinf(seconds) else seconds)

    async def _take(self, step: Step) -> None:
        asked_at = self._clock()
        try:
            if self._client is None:
                self._client, self.where = await self._connect()
            jobs = await asyncio.to_thread(_read, self._client, step)
        except errors.QiskitRuntimeError as error:
            self._tell_error(step, error)
            return
        except Exception as error:
            # Whatever it is, it must not leave those who wait without news for ever.
            log.exception("Reading jobs failed")
            self._tell_error(step, errors.UnexpectedAnswer(f"{type(error).__name__} while jobs were read."))
            return
        now = self._clock()
        if isinstance(step, ReadPending):
            news = self._plan.on_pending(jobs, now, asked_at=asked_at)
        elif isinstance(step, ReadFinished):
            news = self._plan.on_finished(jobs, now)
        else:
            news = self._plan.on_job(jobs[0], now)
        self._is_failing = False
        for job in news:
            self._tell(job.id, job)

    def _tell_error(self, step: Step, error: errors.QiskitRuntimeError) -> None:
        if not self._is_failing:
            log.warning("Jobs cannot be read at the moment, their tasks wait on. %s", error)
        self._is_failing = True
        for job_id in self._plan.on_error(step, error, self._clock()):
            self._tell(job_id, error)

    def _tell(self, job_id: str, news: News) -> None:
        for watch in self._watches.get(job_id, ()):
            watch._news.put_nowait(news)


def _read(client: QiskitRuntimeClient, step: Step) -> Sequence[Job]:
    if isinstance(step, ReadJob):
        return [client.job(step.job_id)]
    if isinstance(step, ReadFinished):
        return list(islice(client.jobs(pending=False, created_after=step.created_after), step.at_most))
    if isinstance(step, ReadPending):
        # Oldest first: a job that is submitted between two pages shifts none of the others.
        return list(client.jobs(pending=True, created_after=step.created_after, newest_first=False))
    raise TypeError(f"nothing is read in {step!r}")


_watchers: dict[Hashable, JobWatcher] = {}
"""Of this process, by event loop and connection."""


def shared_watcher(name: str, connect: Connect) -> JobWatcher:
    """The watcher of a connection in the running event loop; a new one if there is none."""
    key = (id(asyncio.get_running_loop()), name)
    watcher = _watchers.get(key)
    if watcher is None:
        watcher = _watchers[key] = JobWatcher(connect, on_end=lambda: _watchers.pop(key, None))
    return watcher
