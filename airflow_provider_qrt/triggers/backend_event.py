"""The event trigger that runs DAGs when a backend's state changes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import has_asset_state_store
from airflow_provider_qrt.hooks.connection_names import DEFAULT_CONNECTION

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import SharedStreamProducer

    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.jobs.backends.calibration import Calibration
    from airflow_provider_qrt.jobs.backends.events import BackendEvent, BackendMark
    from airflow_provider_qrt.jobs.backends.reader import BackendReader
    from airflow_provider_qrt.triggers.watermark import Watermark

CLASS_PATH = "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeBackendTrigger"
"""Path stored in Airflow's database."""
DEFAULT_INTERVAL = 60.0
"""Seconds between two polls of the backends."""
LOOKS_PER_CALIBRATION = 5
"""Polls between two readings of a calibration, which is half a megabyte and changes every few hours."""
KEY = "qiskit_runtime_backend"
"""Prefix of the watermark's key in an asset's state store."""


async def _nothing() -> None:
    """Save nothing."""


class Look:
    """State of a backend at one poll.

    Args:
        backend: The backend as listed.
        calibration: Its last calibration; None if it is not needed.

    Attributes:
        keep: Saves the state once its event has been sent. Set when the poll is evaluated.
    """

    def __init__(self, backend: Backend, calibration: Calibration | None) -> None:
        self.backend = backend
        self.calibration = calibration
        self.keep: Callable[[], Awaitable[None]] = _nothing


class QiskitRuntimeBackendTrigger(BaseEventTrigger):
    """Fires whenever a backend starts to meet the conditions: it is online and as good as required.

    For an ``AssetWatcher``. It fires once for each change: a backend that already meets the conditions when the watch
    begins causes no event. The last state is kept in the asset's state store, and saved only after Airflow's database
    has the event. So changes while no triggerer ran are reported later, and none is reported twice. Only a triggerer
    that is killed within a second after an event may repeat it, with the same ``event_id``.

    The event's payload is ``{"backend", "happened", "status", "queue_length", "calibrated", "two_qubit_error", "seen",
    "event_id"}``; ``happened`` lists the conditions that were not met before: ``online``, ``queue``,
    ``two_qubit_error``, ``recalibrated``.

    Errors never end the watch: rejected requests are repeated with growing pauses, and the connection is read again.

    Args:
        backend: The backend's name.
        max_queue: Maximum number of jobs in its queue; None for any number.
        max_two_qubit_error: The median error of its two-qubit gates must be below this, such as ``0.004``.
        recalibrated: Fire for each new calibration, as soon as the other conditions are met.
        qiskit_runtime_conn_id: The connection. All watchers and deferred sensors with it share one poller.
        poll_interval: Seconds between two polls. Every fifth one reads the calibration.

    Raises:
        InvalidInputError: If an argument is wrong; says what to write instead.
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
        from airflow_provider_qrt.jobs.backends.events import BackendConditions, read_interval

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

    # Called by the triggerer

    def shared_stream_key(self) -> Hashable:
        """Request a stream, so that Airflow reports when it has stored an event. The stream is not shared.

        The polling is shared, even with deferred sensors: see :mod:`airflow_provider_qrt.jobs.backends.reader`.
        """
        path, arguments = self.serialize()
        return (path, *arguments.values())

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return the producer that polls the backend."""
        from airflow_provider_qrt.triggers.backend_stream import BackendLooks

        return BackendLooks(cls(**kwargs).looks)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Yield the events among the polls."""
        async for look in shared_stream:
            event = await self._judge(look)
            if event is not None:
                yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll and yield events, if the triggerer does not report when an event is stored."""
        async with aclosing(self.looks()) as looks:
            async for look in looks:
                event = await self._judge(look)
                if event is not None:
                    yield event
                await look.keep()

    # Implementation

    async def looks(self) -> AsyncGenerator[Look]:
        """Poll the backend endlessly. Errors are logged, and polling continues."""
        from airflow_provider_qrt.jobs.backends.events import Pace
        from airflow_provider_qrt.jobs.backends.select import named

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
                        self.log.warning("%s is polled again later: %s", self.conditions.backend, error)
                else:
                    pause = pace.on_success()
                    yield Look(backend, calibration)

    async def _judge(self, look: Look) -> TriggerEvent | None:
        """Return the event of a poll, if any, and set how to save its state."""
        from airflow_provider_qrt.jobs.backends.events import judge

        if self._watermark is None and not await self._load():
            return None
        before = self._mark
        mark, event = judge(self.conditions, before, look.backend, look.calibration, time.time())
        self._mark = mark
        if mark != self._kept:
            look.keep = partial(self._keep, mark)
        if event is None:
            if before is None or mark.lacked != before.lacked:
                state = f"does not meet yet: {', '.join(mark.lacked)}" if mark.lacked else "meets the conditions"
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
        from airflow_provider_qrt.triggers.readers import shared_reader

        return shared_reader(self.qiskit_runtime_conn_id)

    async def _load(self) -> bool:
        """Load the state that an earlier triggerer saved. Without it, no event can be determined."""
        from airflow_provider_qrt.jobs.backends.events import BackendMark
        from airflow_provider_qrt.triggers.watermark import Watermark

        key = f"{KEY}.{self.conditions.digest(self.qiskit_runtime_conn_id)}"
        try:
            accessors = getattr(self, "asset_state_store", None)
            watermark = Watermark(accessors, key, has_store=has_asset_state_store())
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
            # The next poll tries again.
            self._store_fails(error)
        else:
            self._kept = mark
            self._is_store_failing = False

    def _store_fails(self, error: Exception) -> None:
        if not self._is_store_failing:
            self.log.warning("Airflow's asset state store cannot be used at the moment, still waiting: %s", error)
        self._is_store_failing = True
