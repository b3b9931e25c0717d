"""The trigger of a task that was told 429: waits in the triggerer, holding no worker, until it may submit."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_qrt.jobs.window import SubmissionQueue
from airflow_provider_qrt.triggers.timing import FIRST_DELAY

_queues: defaultdict[str, SubmissionQueue] = defaultdict(SubmissionQueue)
"""One per connection, for all triggers of this process."""


class QiskitRuntimeSubmissionTrigger(BaseTrigger):
    """Fires when the task may try its submission again.

    All tasks that wait on one connection in one triggerer are let through twelve seconds apart, which is IBM's rate;
    one that is refused again takes its place at the end. Nothing is submitted here: that is the worker's business, and
    it has the task's state store.

    Args:
        qiskit_runtime_conn_id: The connection. It is not read, only told from others.
        not_before: Epoch seconds; the moment the service named, or a guess.
    """

    def __init__(self, *, qiskit_runtime_conn_id: str, not_before: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.not_before = not_before

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"qiskit_runtime_conn_id": self.qiskit_runtime_conn_id, "not_before": self.not_before},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for this task's turn, then fire."""
        now = time.time()
        moment = _queues[self.qiskit_runtime_conn_id].reserve(max(self.not_before, now + FIRST_DELAY))
        self.log.info("The submission is tried again in %.0f s.", moment - now)
        await asyncio.sleep(moment - now)
        yield TriggerEvent({"waited_until": moment})
