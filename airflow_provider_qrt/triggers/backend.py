"""The trigger that waits for a backend on behalf of a deferred task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.hooks.connection_names import DEFAULT_CONNECTION
from airflow_provider_qrt.jobs.defaults import DEFAULT_POLL_INTERVAL, LEAST_BUSY
from airflow_provider_qrt.triggers.timing import FIRST_DELAY

if TYPE_CHECKING:
    from airflow_provider_qrt.jobs.backends.waiting import BackendOutcome

CLASS_PATH = "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeBackendReadyTrigger"
"""Path stored in Airflow's database; it must stay importable, since tasks may be deferred during an upgrade."""


class QiskitRuntimeBackendReadyTrigger(BaseTrigger):
    """Fires once, when a backend is ready or the wait has ended for another reason.

    For the event see :meth:`~airflow_provider_qrt.jobs.backend_waiting.BackendOutcome.to_event`. The client runs in a
    thread, so the event loop is never blocked.

    Args:
        backend: A name, or ``least_busy`` for any that fits.
        backend_filters: Requirements; see :class:`~airflow_provider_qrt.jobs.backend_criteria.BackendCriteria`.
        qiskit_runtime_conn_id: The connection. Credentials are read from it in the triggerer, never passed along.
        since: Start of the wait, epoch seconds; None means now. Polls are more frequent at first.
        deadline: End of the wait, epoch seconds; None means no limit.
        poll_interval: Longest time between two polls, seconds.

    Raises:
        InvalidInputError: If ``backend_filters`` is invalid.
    """

    def __init__(
        self,
        *,
        backend: str = LEAST_BUSY,
        backend_filters: Mapping[str, Any] | None = None,
        qiskit_runtime_conn_id: str = DEFAULT_CONNECTION,
        since: float | None = None,
        deadline: float | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
    ) -> None:
        from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria

        super().__init__()  # type: ignore[no-untyped-call]
        self.backend = backend
        self.backend_filters = BackendCriteria.from_filters(backend_filters).to_filters()
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.since = since
        self.deadline = deadline
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments: plain JSON, without any secret."""
        return (
            CLASS_PATH,
            {
                "backend": self.backend,
                "backend_filters": self.backend_filters,
                "qiskit_runtime_conn_id": self.qiskit_runtime_conn_id,
                "since": self.since,
                "deadline": self.deadline,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire."""
        yield TriggerEvent((await self._wait()).to_event())

    async def _wait(self) -> BackendOutcome:
        from airflow_provider_qrt.config import refusal_patience
        from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
        from airflow_provider_qrt.jobs.backends.waiting import BackendPoller, BackendWish
        from airflow_provider_qrt.jobs.wait.pacing import KeepWaiting
        from airflow_provider_qrt.triggers.readers import shared_reader

        now = time.time()
        wish = BackendWish(self.backend, BackendCriteria.from_filters(self.backend_filters))
        poller = BackendPoller(
            wish,
            self.since or now,
            self.deadline,
            self.poll_interval,
            first_delay=FIRST_DELAY,
            patience=refusal_patience(),
        )
        reader = shared_reader(self.qiskit_runtime_conn_id)
        with reader.joined():
            # Do not wait in the reader: another task might poll earlier, and this trigger must not fire yet.
            await asyncio.sleep(poller.first(now).seconds)
            step: KeepWaiting | BackendOutcome = KeepWaiting(0.0)
            while isinstance(step, KeepWaiting):
                if step.note:
                    self.log.info(step.note)
                try:
                    backends = await reader.backends(step.seconds)
                except errors.QiskitRuntimeError as error:
                    poller.where = reader.where
                    step = poller.on_error(error, time.time())
                else:
                    poller.where = reader.where
                    step = poller.on_backends(backends, time.time())
        return step
