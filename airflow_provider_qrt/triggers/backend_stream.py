"""The stream of polls of a backend's event trigger, which Airflow 3.3 and newer consume."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer


class Look(Protocol):
    """One poll of the backend."""

    @property
    def keep(self) -> Callable[[], Awaitable[None]]:
        """Saves the state of the poll."""


class BackendLooks(SharedStreamProducer):
    """Feeds a trigger with polls, and saves its state once Airflow's database has the event.

    Args:
        looks: Polls the backend endlessly.
    """

    def __init__(self, looks: Callable[[], AsyncGenerator[Look]]) -> None:
        self._looks = looks

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Poll the backend; Airflow later passes each poll to :meth:`advance`."""
        async with aclosing(self._looks()) as looks:
            async for look in looks:
                yield look, look

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Save the state of the polls."""
        for item in batch:
            if item.outcome.is_clean:
                await item.broker_payload.keep()
