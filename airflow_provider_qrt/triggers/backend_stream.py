"""The stream of polls of a backend's event trigger, which Airflow 3.3 and newer consume."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

if TYPE_CHECKING:
    from airflow_provider_qrt.triggers.backend_event import QiskitRuntimeBackendTrigger


class BackendLooks(SharedStreamProducer):
    """Feeds a trigger with polls, and saves its state once Airflow's database has the event.

    Args:
        trigger: The trigger, which defines the backend.
    """

    def __init__(self, trigger: QiskitRuntimeBackendTrigger) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Poll the backend; Airflow later passes each poll to :meth:`advance`."""
        async with aclosing(self._trigger.looks()) as looks:
            async for look in looks:
                yield look, look

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Save the state of the polls."""
        for item in batch:
            if item.outcome.is_clean:
                await item.broker_payload.keep()
