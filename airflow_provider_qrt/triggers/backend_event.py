"""The event trigger that runs DAGs when something has happened to a backend."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.hooks.connection_form import DEFAULT_CONNECTION
from airflow_provider_qrt.jobs.backend_events import (
    BackendConditions,
    BackendEvent,
    BackendMark,
    Pace,
    judge,
    read_interval,
)
from airflow_provider_qrt.jobs.backend_reader import BackendReader
from airflow_provider_qrt.jobs.backends import named
from airflow_provider_qrt.jobs.calibration import Calibration
from airflow_provider_qrt.triggers.readers import shared_reader
from airflow_provider_qrt.triggers.watermark import Watermark

CLASS_PATH = "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeBackendTrigger"
"""Under this path Airflow's database holds it."""
DEFAULT_INTERVAL = 60.0
"""Seconds between two looks at the backends."""
LOOKS_PER_CALIBRATION = 5
"""A calibration is half a megabyte and made once in hours: it is read again after so many looks only."""
KEY = "qiskit_runtime_backend"
"""What the watermark's key in an asset's state store begins with."""


async def _nothing() -> None:
    """Keep nothing."""


@dataclass
class Look:
    """How a backend stood at one moment.

    Attributes:
        backend: As it was listed.
        calibration: Its last one; None if it is not wanted.
        keep: Keeps what was seen, once all that came of it is told. Set by whoever judges the look.
    """

    backend: Backend
    calibration: Calibration | None
    keep: Callable[[], Awaitable[None]] = _nothing


class QiskitRuntimeBackendTrigger(BaseEventTrigger):
    """Fires whenever a backend has come to be online and as good as is asked for.

    For an ``AssetWatcher``. It fires on a change, each time once: a backend that is as wished when the watch begins is
    no event. What it has seen it keeps in the state store of the asset, and only when Airflow's database has the event;
    so what happened while no triggerer ran is told when one runs again, and nothing is told twice. A triggerer that is
    killed in the second after an event may tell that one again, under the same ``event_id``.

    The event's payload is ``{"backend", "happened", "status", "queue_length", "calibrated", "two_qubit_error", "seen",
    "event_id"}``; ``happened`` lists what it had lacked: ``online``, ``queue``, ``two_qubit_error``,
    ``recalibrated``.

    Nothing ends the watch: what the service refuses is asked for again in growing pauses, with the connection as it is
    by then.

    Args:
        backend: The backend's name.
        max_queue: Jobs in its queue at most; None for any number.
        max_two_qubit_error: The median error of its two-qubit gates must be below this, such as ``0.004``.
        recalibrated: Fire for each new calibration, as soon as the rest is fulfilled.
        qiskit_runtime_conn_id: The connection. All watchers and deferred sensors with it share one reading.
        poll_interval: Seconds between two looks. The calibration is read at every fifth one.

    Raises:
        InvalidInput: If an argument is wrong; says what to write instead.
    """

    def __init__(
        self,
        *,
        backend: str,
        max_queue: int | None = None,
        max_two_qubit_error: float | None = None,
        recalibrated: bool = False,
        qiskit_runtime_conn_id: str = DEFAULT_CONNECTION,
        poll_interval: float = DEFAULT_INTERVAL,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conditions = BackendConditions.from_arguments(
            backend=backend,
            max_queue=max_queue,
            max_two_qubit_error=max_two_qubit_error,
            recalibrated=recalibrated,
        )
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.poll_interval = read_interval(poll_interval)
        self._watermark: Watermark | None = None
        self._mark: BackendMark | None = None
        self._kept: BackendMark | None = None
        self._is_store_failing = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments: plain JSON, without any secret."""
        wanted = self.conditions
        return (
            CLASS_PATH,
            {
                "backend": wanted.backend,
                "max_queue": wanted.max_queue,
                "max_two_qubit_error": wanted.max_two_qubit_error,
                "recalibrated": wanted.recalibrated,
                "qiskit_runtime_conn_id": self.qiskit_runtime_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    # What the triggerer calls

    def shared_stream_key(self) -> Hashable:
        """Ask for a stream, of which Airflow says when it has stored an event. Nobody else is on this one.

        What is shared is the reading, with deferred sensors too: see :mod:`airflow_provider_qrt.jobs.backend_reader`.
        """
        path, arguments = self.serialize()
        return (path, *arguments.values())

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return what looks at the backend."""
        return _Looks(cls(**kwargs))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Tell which looks are events."""
        async for look in shared_stream:
            event = await self._judge(look)
            if event is not None:
                yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look and tell, where no triggerer says when an event is stored."""
        async with aclosing(self.looks()) as looks:
            async for look in looks:
                event = await self._judge(look)
                if event is not None:
                    yield event
                await look.keep()

    # How it is done

    async def looks(self) -> AsyncGenerator[Look]:
        """Look at the backend again and again. What goes wrong is waited out."""
        pace, pause = Pace(self.poll_interval), 0.0
        reader = self._reader()
        with reader.joined():
            while True:
                try:
                    backends = await reader.backends(pause)
                    backend = named(backends, self.conditions.backend, where=reader.where)
                    calibration = await self._read_calibration(reader) if self.conditions.want_calibration else None
                except errors.QiskitRuntimeError as error:
                    pause = pace.on_error(error)
                    if pace.is_news(error):
                        self.log.warning("The watch of %s goes on, later: %s", self.conditions.backend, error)
                else:
                    pause = pace.on_success()
                    yield Look(backend, calibration)

    async def _judge(self, look: Look) -> TriggerEvent | None:
        """Say whether a look is an event, and how what was seen is kept."""
        if self._watermark is None and not await self._load():
            return None
        before = self._mark
        mark, event = judge(self.conditions, before, look.backend, look.calibration, time.time())
        self._mark = mark
        if mark != self._kept:
            look.keep = partial(self._keep, mark)
        if event is None:
            if before is None or mark.lacked != before.lacked:
                state = f"is waited for: {', '.join(mark.lacked)}" if mark.lacked else "is as wished"
                self.log.info("%s %s.", self.conditions.backend, state)
            return None
        if event.calibrated is None:
            event = await self._with_calibration(event)
        return TriggerEvent(event.to_payload())

    async def _with_calibration(self, event: BackendEvent) -> BackendEvent:
        reader = self._reader()
        with reader.joined():
            try:
                return event.with_calibration(await self._read_calibration(reader))
            except errors.QiskitRuntimeError as error:
                self.log.info("The calibration of %s is not known: %s", event.backend, error)
                return event

    async def _read_calibration(self, reader: BackendReader) -> Calibration:
        return await reader.calibration(self.conditions.backend, LOOKS_PER_CALIBRATION * self.poll_interval)

    def _reader(self) -> BackendReader:
        return shared_reader(self.qiskit_runtime_conn_id)

    async def _load(self) -> bool:
        """Read what an earlier triggerer has seen. Until that is known nothing can be told."""
        key = f"{KEY}.{self.conditions.digest(self.qiskit_runtime_conn_id)}"
        try:
            watermark = Watermark(self.asset_state_store, key)
            self._mark = self._kept = BackendMark.latest(await watermark.load())
        except Exception as error:
            self._store_fails(error)
            return False
        self._watermark = watermark
        return True

    async def _keep(self, mark: BackendMark) -> None:
        assert self._watermark is not None
        try:
            await self._watermark.save(mark.to_json())
        except Exception as error:
            # The next look tries again.
            self._store_fails(error)
        else:
            self._kept = mark
            self._is_store_failing = False

    def _store_fails(self, error: Exception) -> None:
        if not self._is_store_failing:
            self.log.warning("Airflow's asset state store cannot be used at the moment, waiting on: %s", error)
        self._is_store_failing = True


class _Looks(SharedStreamProducer):
    """Hands a trigger its looks, and has it keep what it saw once Airflow's database has the event.

    Args:
        trigger: Whose backend to look at.
    """

    def __init__(self, trigger: QiskitRuntimeBackendTrigger) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncIterator[tuple[Any, Any]]:
        """Look at the backend; each look goes back to :meth:`advance` in the end."""
        async with aclosing(self._trigger.looks()) as looks:
            async for look in looks:
                yield look, look

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Keep what was seen."""
        for item in batch:
            if item.outcome.is_clean:
                await item.broker_payload.keep()
