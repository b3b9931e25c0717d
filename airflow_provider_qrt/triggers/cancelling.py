"""Base of the triggers that cancel their task's jobs when the task is stopped."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from airflow.triggers.base import BaseTrigger

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import triggerer_calls_on_kill
from airflow_provider_qrt.task_states import AT_WORK, DEFERRED, RUNNING
from airflow_provider_qrt.triggers.connection import disconnect, read_settings
from airflow_provider_qrt.triggers.threads import asking_airflow, cancelling, in_thread

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

Answer = TypeVar("Answer")

REMOVED = "removed"
"""Stands for the state of a task instance that is gone."""

LOOK_AGAIN_SECONDS = 1.0
UNCERTAIN_SECONDS = 120.0
"""Longest time that a worker may take from its start to the deletion of the last try's XComs. In between it reads the
DAG file, for which Airflow allows 30 seconds (``[core] dagbag_import_timeout``)."""

_cancellations: set[asyncio.Task[None]] = set()
"""Cancellations in progress; the event loop only keeps weak references to its tasks."""


class CancellingTrigger(BaseTrigger):
    """Base of the triggers of tasks that may have jobs.

    Args:
        qiskit_runtime_conn_id: The connection. Credentials are read from it in the triggerer, never passed along.
        cancel_on_kill: Cancel the jobs when the task is cleared or marked while it is deferred.
    """

    session_id: str | None = None
    """The task's own session or batch, which is closed when the task is stopped."""
    also_cancel: Sequence[str] = ()
    """Other jobs of the task, which are not waited for, and are cancelled when the task is stopped."""
    submitted_to: str | None = None
    """Instance, region and host that the jobs were submitted to; None if that is not known."""

    def __init__(self, *, qiskit_runtime_conn_id: str, cancel_on_kill: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.cancel_on_kill = cancel_on_kill
        self._fired = False

    @property
    @abstractmethod
    def published_job_id(self) -> str | None:
        """The job id that the task has published in XCom; None if it has no job yet."""

    @abstractmethod
    def unfinished_job_ids(self) -> Sequence[str]:
        """Return the jobs that the task waits for and that are not known to have completed."""

    @asynccontextmanager
    async def noticing_a_stop(self) -> AsyncIterator[None]:
        """Call :meth:`on_kill` when the trigger is cancelled, on an Airflow that does not call it itself."""
        try:
            yield
        except asyncio.CancelledError:
            if not triggerer_calls_on_kill():
                await self.on_kill()
            raise

    async def on_kill(self) -> None:
        """Cancel the jobs because the task was cleared or marked, or the run was deleted.

        Airflow also calls this on a slow triggerer whose triggers another one has taken over; in that case the task
        still waits for its jobs, and they are not cancelled.
        """
        if not self.cancel_on_kill or self._fired:
            return
        if self.published_job_id is None and self.session_id is None:
            return
        # The triggerer cancels this coroutine again about every second until the trigger is gone, which would interrupt
        # the work; a separate task is not affected.
        work = asyncio.create_task(self._cancel_unless_awaited())
        _cancellations.add(work)
        work.add_done_callback(_cancellations.discard)
        await asyncio.shield(work)

    async def _cancel_unless_awaited(self) -> None:
        state, published = await self._read_task()
        was_running, until = state == RUNNING, time.monotonic() + UNCERTAIN_SECONDS
        while state == RUNNING and self._is_ours(published) and time.monotonic() < until:
            # The task has returned, or it was cleared and its worker has not deleted the XComs of the last try yet.
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            state, published = await self._read_task()
        if was_running and self._is_ours(published):
            self.log.info("%s: the task has returned from another triggerer.", self._going_on())
        elif state == DEFERRED and (published is None or self._is_ours(published)):
            self.log.info("%s: the task still waits, in another triggerer.", self._going_on())
        elif state in AT_WORK:
            # The task was cleared and begins anew, or it has returned and gone on. It decides about its other jobs and
            # its session itself.
            await self._cancel(self.unfinished_job_ids())
        else:
            await self._cancel([*self.unfinished_job_ids(), *self.also_cancel], and_close=True)

    def _is_ours(self, published: str | None) -> bool:
        """Whether the job id that the task has published is that of this trigger."""
        return published == self.published_job_id is not None

    async def _cancel(self, job_ids: Sequence[str], *, and_close: bool = False) -> str | None:
        """Cancel jobs; return the outcomes, or None if one of them failed.

        Args:
            job_ids: Which.
            and_close: Close the task's session, too.
        """
        from airflow_provider_qrt.client.client import QiskitRuntimeClient
        from airflow_provider_qrt.client.retry import RetryPolicy
        from airflow_provider_qrt.config import answer_limits
        from airflow_provider_qrt.observability.metrics import counting_cancellations

        try:
            client = QiskitRuntimeClient(
                await read_settings(self.qiskit_runtime_conn_id),
                limits=answer_limits(),
                # Retried in _repeated(), where a pause blocks no thread.
                retry=RetryPolicy(attempts=1),
                on_request=counting_cancellations(
                    self.qiskit_runtime_conn_id, self.task_instance.dag_id if self.task_instance else None
                ),
            )
        except errors.QiskitRuntimeError as error:
            for job_id in job_ids:
                self._not_cancelled(job_id, error)
            return None
        try:
            fates = await asyncio.gather(*(self._cancel_one(client, job_id) for job_id in job_ids))
            if and_close:
                await self._close_session(client)
        finally:
            await disconnect(client)
        return " ".join(fate for fate in fates if fate) if all(fates) else None

    async def _cancel_one(self, client: QiskitRuntimeClient, job_id: str) -> str | None:
        from airflow_provider_qrt.jobs.cancel import cancel_job

        try:
            fate = await _repeated(partial(cancel_job, client, job_id, submitted_to=self.submitted_to))
        except errors.QiskitRuntimeError as error:
            self._not_cancelled(job_id, error)
            return None
        self.log.info(fate)
        return fate

    async def _close_session(self, client: QiskitRuntimeClient) -> None:
        from airflow_provider_qrt.jobs.sessions.opening import close

        if self.session_id is None:
            return
        try:
            await _repeated(partial(close, client, self.session_id))
        except errors.QiskitRuntimeError as error:
            self.log.warning("Session %s could not be closed; it ends by itself: %s", self.session_id, error)

    def _not_cancelled(self, job_id: str, error: Exception) -> None:
        self.log.warning("Job %s could not be cancelled and may still run and be charged: %s", job_id, error)

    def _going_on(self) -> str:
        ids = self.unfinished_job_ids()
        if not ids:
            return f"Session {self.session_id} goes on"
        return f"Job {ids[0]} goes on" if len(ids) == 1 else f"Jobs {', '.join(ids)} go on"

    async def _read_task(self) -> tuple[str | None, str | None]:
        """Return the task's state and the job id that it has published, each None if there is none.

        If that cannot be found out, it is that of a task that still waits for these jobs: nothing is cancelled then.
        """
        if self.task_instance is None:
            return REMOVED, None
        try:
            return await in_thread(asking_airflow, self._ask_for_task)
        except errors.MISTAKES:
            self.log.exception("%s: the state of the task could not be read", self._going_on())
        except Exception as error:
            self.log.warning("%s: the state of the task could not be read: %s", self._going_on(), error)
        return DEFERRED, self.published_job_id

    def _ask_for_task(self) -> tuple[str | None, str | None]:
        """Ask Airflow for the state of the task and the job that it has published.

        A cleared task may be deferred again within a second, with another job.
        """
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from airflow.sdk.execution_time.xcom import XCom

        ti = self.task_instance
        assert ti is not None
        states = RuntimeTaskInstance.get_task_states(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        key = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
        state = states.get(ti.run_id, {}).get(key, REMOVED)
        if state == REMOVED or self.published_job_id is None:
            # A session alone tells nothing about the job that the task waits for.
            return state, None
        return state, XCom.get_one(
            key="job_id", dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index
        )


async def _repeated(request: Callable[[], Answer]) -> Answer:
    """Send a repeatable request in a thread, with the client's usual retries; the pauses block no thread.

    Raises:
        QiskitRuntimeError: All attempts failed.
    """
    from airflow_provider_qrt.client.retry import RetryPolicy

    async for attempt in RetryPolicy().for_repeatable_async():
        with attempt:
            return await in_thread(cancelling, request)
    raise AssertionError("unreachable")
