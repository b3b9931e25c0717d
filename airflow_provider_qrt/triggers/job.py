"""The trigger of a deferred task: waits for the task's jobs, and cancels them when the task is stopped."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_qrt.hooks.connection_names import DEFAULT_CONNECTION
from airflow_provider_qrt.jobs.defaults import DEFAULT_POLL_INTERVAL
from airflow_provider_qrt.triggers.cancelling import CancellingTrigger
from airflow_provider_qrt.triggers.timing import FIRST_DELAY

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
    from airflow_provider_qrt.jobs.wait.watcher import Failure, JobWatch, JobWatcher

LAST_LOOK_SECONDS = 2.0
"""Seconds to wait for the answer to the last poll, at the deadline."""
CLASS_PATH = "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeJobTrigger"
"""Path stored in Airflow's database; it must stay importable, since tasks may be deferred during an upgrade."""


class QiskitRuntimeJobTrigger(CancellingTrigger):
    """Fires once, when the wait for the task's jobs has ended.

    With several jobs, it ends when all have completed, or when one has ended otherwise; the event describes that one,
    or the last. All jobs are watched at the same time.

    For the event see :meth:`~airflow_provider_qrt.jobs.outcome.WaitOutcome.to_event`. Results are not fetched here, but
    on the worker. All triggers of a connection in a triggerer share one poller, see
    ``airflow_provider_qrt.jobs.wait.watcher``.

    If the connection's channel has a live status, the trigger follows it after the first poll. The live status only
    tells when to poll; the poll decides.

    Args:
        job_id: The job, or the first of several.
        more_job_ids: The task's other jobs, in order.
        qiskit_runtime_conn_id: The connection. Credentials are read from it in the triggerer, never passed along.
        submitted_at: Epoch seconds; None means now. Recent jobs are polled more often.
        deadline: End of the wait, epoch seconds; None means no limit.
        poll_interval: Longest time between two polls, seconds.
        cancel_on_kill: Cancel all uncompleted jobs when the task is cleared or marked while it is deferred.
        cancel_on_timeout: Cancel them when the deadline passes.
        submitted_to: Instance, region and host that the jobs were submitted to; None if that is not known.
        session_id: A session or batch of the task's own, which is closed when the task is stopped.
        also_cancel: Other jobs of the task, which are not waited for, and are cancelled when the task is stopped.
    """

    def __init__(
        self,
        *,
        job_id: str,
        more_job_ids: Sequence[str] = (),
        qiskit_runtime_conn_id: str = DEFAULT_CONNECTION,
        submitted_at: float | None = None,
        deadline: float | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        cancel_on_kill: bool = False,
        cancel_on_timeout: bool = False,
        submitted_to: str | None = None,
        session_id: str | None = None,
        also_cancel: Sequence[str] = (),
    ) -> None:
        super().__init__(qiskit_runtime_conn_id=qiskit_runtime_conn_id, cancel_on_kill=cancel_on_kill)
        self.job_id = job_id
        self.more_job_ids = tuple(more_job_ids)
        self.submitted_at = submitted_at
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.cancel_on_timeout = cancel_on_timeout
        self.submitted_to = submitted_to
        self.session_id = session_id
        self.also_cancel = tuple(also_cancel)
        self._completed: list[str] = []

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments: plain JSON, without any secret."""
        return (
            CLASS_PATH,
            {
                "job_id": self.job_id,
                # Left out if empty: a triggerer that has not been updated yet does not know the argument.
                **({"more_job_ids": list(self.more_job_ids)} if self.more_job_ids else {}),
                "qiskit_runtime_conn_id": self.qiskit_runtime_conn_id,
                "submitted_at": self.submitted_at,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
                "cancel_on_kill": self.cancel_on_kill,
                "cancel_on_timeout": self.cancel_on_timeout,
                **({"submitted_to": self.submitted_to} if self.submitted_to is not None else {}),
                **({"session_id": self.session_id} if self.session_id is not None else {}),
                **({"also_cancel": list(self.also_cancel)} if self.also_cancel else {}),
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire."""
        from airflow_provider_qrt.jobs.wait.outcome import Ending
        from airflow_provider_qrt.observability import traces

        traces.annotate(job_id=self.job_id)
        async with self.noticing_a_stop():
            outcome = await self._wait()
        if outcome.ending is Ending.TIMED_OUT and self.cancel_on_timeout:
            fate = await self._cancel(self.unfinished_job_ids())
            if fate is not None:
                outcome = replace(outcome, message=f"{outcome.message} {fate}", cancelled=True)
        self._fired = True
        yield TriggerEvent(outcome.to_event())

    @property
    def published_job_id(self) -> str:
        """The first of the jobs."""
        return self.job_id

    def unfinished_job_ids(self) -> Sequence[str]:
        """Return the jobs that are not known to have completed."""
        return [job_id for job_id in (self.job_id, *self.more_job_ids) if job_id not in self._completed]

    async def _wait(self) -> WaitOutcome:
        """Wait until all jobs have completed, or one has ended otherwise."""
        from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome

        self.job_id = str(self.job_id or "").strip()
        if self.job_id in ("", "None"):
            # The template of a sensor that starts in the triggerer was empty. GET /jobs/ would list jobs instead.
            return WaitOutcome(Ending.REFUSED, "", None, "job_id is empty: there is no job to wait for.")
        watcher = shared_watcher(self.qiskit_runtime_conn_id)
        with watcher.joined():
            if not self.more_job_ids:
                return await self._wait_for(self.job_id, watcher)
            outcome = await self._wait_for_all(watcher)
        return replace(outcome, completed=tuple(self._completed))

    async def _wait_for_all(self, watcher: JobWatcher) -> WaitOutcome:
        waits = [asyncio.create_task(self._wait_for(one, watcher)) for one in (self.job_id, *self.more_job_ids)]
        waiting = set(waits)
        try:
            while waiting:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                # In the order of the jobs, so that the outcome does not depend on timing.
                outcomes = [wait.result() for wait in waits if wait not in waiting]
                self._completed = [outcome.job_id for outcome in outcomes if outcome.is_completion]
                bad = next((outcome for outcome in outcomes if not outcome.is_completion), None)
                if bad is not None:
                    return bad
            return outcomes[-1]
        finally:
            for wait in waits:
                wait.cancel()

    async def _wait_for(self, job_id: str, watcher: JobWatcher) -> WaitOutcome:
        from airflow_provider_qrt.client.models import Job
        from airflow_provider_qrt.config import refusal_patience
        from airflow_provider_qrt.jobs.wait.pacing import KeepWaiting
        from airflow_provider_qrt.jobs.wait.poller import JobPoller
        from airflow_provider_qrt.triggers.status_stream import Follower
        from airflow_provider_qrt.triggers.telling import Teller

        now = time.time()
        submitted_at = self.submitted_at or now
        poller = JobPoller(
            job_id,
            submitted_at,
            self.deadline,
            self.poll_interval,
            first_delay=FIRST_DELAY,
            submitted_to=self.submitted_to,
            patience=refusal_patience(),
        )
        first_delay = poller.first(now).seconds
        earliest, first_look = time.monotonic() + first_delay, now + first_delay
        step: KeepWaiting | WaitOutcome = KeepWaiting(0.0)
        watched = watcher.watch(job_id, submitted_at=submitted_at, longest=self.poll_interval, first_look=first_look)
        with watched as watch:
            async with (
                Follower(watch, self.poll_interval, self.log) as follower,
                Teller(watch, submitted_at, self.log) as teller,
            ):
                while isinstance(step, KeepWaiting):
                    if step.note:
                        self.log.info(step.note)
                    seen = await self._next_news(watch)
                    poller.where = watch.where
                    if seen is None:
                        step = poller.on_deadline()
                    elif isinstance(seen, Job):
                        follower.seen(seen.status)
                        teller.seen(seen)
                        step = poller.on_job(seen, time.time())
                        if isinstance(step, KeepWaiting) and watch.client is not None:
                            follower.start(watch.client)
                    else:
                        follower.failed(seen.error)
                        step = poller.on_error(seen.error, time.time(), asked=watch.place, definite=seen.definite)
        # Another task's poll may have brought the news before this trigger may fire.
        await asyncio.sleep(earliest - time.monotonic())
        return step

    async def _next_news(self, watch: JobWatch) -> Job | Failure | None:
        """Wait for news of a job; at the deadline poll once more, and return None if that takes too long."""
        if self.deadline is None:
            return await watch.news(math.inf)
        news = await watch.news(self.deadline - time.time())
        if news is None:
            watch.ask(urgent=True)
            news = await watch.news(LAST_LOOK_SECONDS)
        return news


def shared_watcher(conn_id: str) -> JobWatcher:
    """Return the watcher that all triggers of a connection in this triggerer share."""
    from airflow_provider_qrt.config import refusal_patience
    from airflow_provider_qrt.jobs.wait.shared_poller import shared
    from airflow_provider_qrt.jobs.wait.watch_plan import WatchPlan
    from airflow_provider_qrt.jobs.wait.watcher import JobWatcher
    from airflow_provider_qrt.triggers.connection import connect

    return shared(
        JobWatcher,
        conn_id,
        lambda: JobWatcher(partial(connect, conn_id), plan=WatchPlan(patience=refusal_patience())),
    )
