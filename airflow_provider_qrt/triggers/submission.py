"""The trigger of a task whose submission got a 429: waits in the triggerer until the task may submit again."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_qrt.triggers.cancelling import CancellingTrigger
from airflow_provider_qrt.triggers.timing import FIRST_DELAY

if TYPE_CHECKING:
    from airflow_provider_qrt.jobs.submit.rate import SubmissionQueue


def _new_queue() -> SubmissionQueue:
    from airflow_provider_qrt.jobs.submit.rate import SubmissionQueue

    return SubmissionQueue()


_queues: defaultdict[str, SubmissionQueue] = defaultdict(_new_queue)
"""One queue per connection, for all triggers of this process."""


class QiskitRuntimeSubmissionTrigger(CancellingTrigger):
    """Fires when the task may try its submission again.

    Tasks that wait on the same connection in a triggerer fire twelve seconds apart, which is IBM's rate limit; a task
    that gets another 429 goes to the end of the queue. The worker submits, not the trigger, because only the worker has
    the task's state store.

    Args:
        qiskit_runtime_conn_id: The connection.
        not_before: Epoch seconds; the time that the service named, or an estimate.
        job_ids: Jobs that the task has already submitted, if it has several.
        session_id: The session or batch that it has opened for its jobs.
        cancel_on_kill: Cancel those jobs, and close the session, when the task is cleared or marked while it is
            deferred.
    """

    def __init__(
        self,
        *,
        qiskit_runtime_conn_id: str,
        not_before: float,
        job_ids: Sequence[str] = (),
        session_id: str | None = None,
        cancel_on_kill: bool = False,
    ) -> None:
        super().__init__(qiskit_runtime_conn_id=qiskit_runtime_conn_id, cancel_on_kill=cancel_on_kill)
        self.not_before = not_before
        self.job_ids = tuple(job_ids)
        self.session_id = session_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        arguments: dict[str, Any] = {
            "qiskit_runtime_conn_id": self.qiskit_runtime_conn_id,
            "not_before": self.not_before,
        }
        if self.job_ids or self.session_id is not None:
            arguments |= {
                "job_ids": list(self.job_ids),
                "session_id": self.session_id,
                "cancel_on_kill": self.cancel_on_kill,
            }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    @property
    def published_job_id(self) -> str | None:
        """The first of the jobs that were already submitted."""
        return self.job_ids[0] if self.job_ids else None

    def unfinished_job_ids(self) -> Sequence[str]:
        """Return the jobs that were already submitted."""
        return self.job_ids

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the rate limit allows a submission, then fire."""
        now = time.time()
        due = max(self.not_before, now + FIRST_DELAY)
        self.log.info("The submission is tried again in %.0f s at the earliest.", due - now)
        # Enter the queue only then, so that a task that waits a day for its budget does not delay others.
        async with self.noticing_a_stop():
            await asyncio.sleep(due - now)
            moment = await self._wait_in_queue(due)
        self._fired = True
        yield TriggerEvent({"waited_until": moment})

    async def _wait_in_queue(self, due: float) -> float:
        """Wait until it is this task's turn; return when that is, in epoch seconds."""
        now = time.time()
        queue = _queues[self.qiskit_runtime_conn_id]
        moment = queue.reserve(max(due, now))
        if moment - now > 1:
            self.log.info("Other tasks are ahead in the queue; this one tries again in %.0f s.", moment - now)
        try:
            await asyncio.sleep(moment - now)
        except asyncio.CancelledError:
            queue.give_back(moment)
            raise
        return moment
