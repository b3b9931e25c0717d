"""The trigger of one deferred job: waits for it in the triggerer, and cancels it when its task is stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.hooks.connection_form import DEFAULT_CONNECTION
from airflow_provider_qrt.jobs.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.polling import DEFAULT_POLL_INTERVAL, JobPoller, KeepWaiting
from airflow_provider_qrt.triggers.connection import connect, read_settings
from airflow_provider_qrt.triggers.timing import FIRST_DELAY

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

CLASS_PATH = "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeJobTrigger"
"""Under this path Airflow's database holds it; a task that waits now must find it in the next version too."""

_last_wishes: set[asyncio.Task[None]] = set()
"""Cancellations under way; the event loop itself keeps only weak references to its tasks."""


class QiskitRuntimeJobTrigger(BaseTrigger):
    """Fires once, when there is nothing more to wait for.

    The event is what :meth:`~airflow_provider_qrt.jobs.outcome.WaitOutcome.to_event` describes. Results are not
    fetched here; that is the worker's business. The client runs in a thread, so the event loop is never blocked.

    Args:
        job_id: The job.
        qiskit_runtime_conn_id: The connection. Credentials are read from it in the triggerer, never passed along.
        submitted_at: Epoch seconds; None means now. Young jobs are looked at more often.
        deadline: Epoch seconds until when to wait; None for as long as it takes.
        poll_interval: Longest time between two looks, seconds.
        cancel_on_kill: Cancel the job when the task is cleared or marked while it is deferred.
        cancel_on_timeout: Cancel the job when the deadline passes.
    """

    def __init__(
        self,
        *,
        job_id: str,
        qiskit_runtime_conn_id: str = DEFAULT_CONNECTION,
        submitted_at: float | None = None,
        deadline: float | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        cancel_on_kill: bool = False,
        cancel_on_timeout: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.submitted_at = submitted_at
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self._fired = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments: plain JSON, without any secret."""
        return (
            CLASS_PATH,
            {
                "job_id": self.job_id,
                "qiskit_runtime_conn_id": self.qiskit_runtime_conn_id,
                "submitted_at": self.submitted_at,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
                "cancel_on_kill": self.cancel_on_kill,
                "cancel_on_timeout": self.cancel_on_timeout,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire."""
        outcome = await self._wait()
        if outcome.ending is Ending.TIMED_OUT and self.cancel_on_timeout:
            fate = await self._cancel()
            if fate is not None:
                outcome = replace(outcome, message=f"{outcome.message} {fate}", cancelled=True)
        self._fired = True
        yield TriggerEvent(outcome.to_event())

    async def on_kill(self) -> None:
        """Cancel the job, because somebody cleared or marked the task, or deleted the run.

        Airflow also calls this on a triggerer that was slow while another one took its triggers over; then the task
        still waits for this job, and the job goes on.
        """
        if not self.cancel_on_kill or self._fired:
            return
        # The triggerer repeats its cancellation every second or so until the trigger is gone, which would end this
        # half-way; a task of its own is out of reach.
        work = asyncio.create_task(self._cancel_unless_awaited())
        _last_wishes.add(work)
        work.add_done_callback(_last_wishes.discard)
        await asyncio.shield(work)

    async def _cancel_unless_awaited(self) -> None:
        if await self._is_awaited():
            self.log.info("Job %s goes on: its task still waits for it, in another triggerer.", self.job_id)
        else:
            await self._cancel()

    async def _wait(self) -> WaitOutcome:
        if str(self.job_id or "").strip() in ("", "None"):
            # A template of a sensor that is started here, rendered to nothing. GET /jobs/ would list jobs instead.
            return WaitOutcome(Ending.REFUSED, "", None, "job_id is empty: there is no job to wait for.")
        client: QiskitRuntimeClient | None = None
        now = time.time()
        poller = JobPoller(
            self.job_id, self.submitted_at or now, self.deadline, self.poll_interval, first_delay=FIRST_DELAY
        )
        step: KeepWaiting | WaitOutcome = poller.first(now)
        while isinstance(step, KeepWaiting):
            if step.note:
                self.log.info(step.note)
            await asyncio.sleep(step.seconds)
            try:
                if client is None:
                    client, poller.where = await connect(self.qiskit_runtime_conn_id)
                job = await asyncio.to_thread(client.job, self.job_id)
            except errors.QiskitRuntimeError as error:
                step = poller.on_error(error, time.time())
            else:
                step = poller.on_job(job, time.time())
        return step

    async def _cancel(self) -> str | None:
        """Cancel the job, with the client's own retries; return what became of it, or None if it cannot be said."""
        from airflow_provider_qrt.client.client import QiskitRuntimeClient
        from airflow_provider_qrt.hooks.qiskit_runtime import cancel_job

        try:
            client = QiskitRuntimeClient(await read_settings(self.qiskit_runtime_conn_id))
            fate = await asyncio.to_thread(cancel_job, client, self.job_id)
        except errors.QiskitRuntimeError as error:
            self.log.warning("Job %s could not be cancelled and may still run and be charged: %s", self.job_id, error)
            return None
        self.log.info(fate)
        return fate

    async def _is_awaited(self) -> bool:
        """Whether the task still waits for this job. When that cannot be found out: yes, so as not to cancel."""
        if self.task_instance is None:
            return False
        try:
            return await asyncio.to_thread(self._read_is_awaited)
        except Exception as error:
            self.log.warning("The state of the task could not be read, so job %s goes on: %s", self.job_id, error)
            return True

    def _read_is_awaited(self) -> bool:
        """Ask Airflow: is the task deferred, and is this job the one it has published?

        A task that was cleared may be deferred again within a second, with another job.
        """
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from airflow.sdk.execution_time.xcom import XCom

        ti = self.task_instance
        assert ti is not None
        states = RuntimeTaskInstance.get_task_states(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        key = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
        if states.get(ti.run_id, {}).get(key) != "deferred":
            return False
        published = XCom.get_one(
            key="job_id", dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index
        )
        return published in (None, self.job_id)
