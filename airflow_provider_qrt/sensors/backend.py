"""The sensor that waits until a backend is online and its queue short enough."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from airflow.sdk import PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout

from airflow_provider_qrt.arguments.constants import Check
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.hooks.deployment import refusal_patience
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.backend_criteria import PLACE, BackendCriteria
from airflow_provider_qrt.jobs.backend_waiting import BackendEnding, BackendOutcome, BackendPoller, BackendWish
from airflow_provider_qrt.jobs.backends import LEAST_BUSY, WAIT_TIME
from airflow_provider_qrt.jobs.pacing import KeepWaiting
from airflow_provider_qrt.jobs.rendered import whole_number
from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.sensors.base import QiskitRuntimeSensor

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import WaitArguments
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

DEFERRAL_MARGIN = 60.0
"""Seconds by which Airflow's own deferral timeout comes after ours: a safety net for a triggerer that is gone."""


class QiskitRuntimeBackendSensor(QiskitRuntimeSensor):
    """Waits until a backend is online and available, its queue is short enough, and it fits the filters.

    Returns ``{"backend", "queue_length", "wait_time_seconds", "qubits", "processor", "status"}`` of the backend, or of
    the least busy one if several are ready; ``wait_time_seconds`` is the median, null if the service does not say. A
    connection trouble while waiting is waited out until the sensor's ``timeout``. It fails at once when the service
    refuses (401, 403), when there is no backend of that name, and when no backend can ever fit.

    Args:
        backend: A name; or ``least_busy``: any that fits.
        max_queue: Jobs in its queue at most; None for any number.
        backend_filters: What it must be like besides, such as ``{"min_qubits": 100, "processor_family": "Heron"}``; the
            keys are the attributes of :class:`~airflow_provider_qrt.jobs.backend_criteria.BackendCriteria`. They hold
            for a backend with a name too.
        qiskit_runtime_conn_id: The connection.
        deferrable: Wait in the triggerer, holding no worker.
        kwargs: ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` and so on, as of any sensor. When deferred,
            ``poke_interval`` is the longest time between two looks; they are more frequent at first.
    """

    template_fields: Sequence[str] = ("backend", "max_queue", "backend_filters", "qiskit_runtime_conn_id")
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"
    checks: ClassVar[Mapping[str, Check]] = {
        "max_queue": partial(whole_number, at_least=0),
        "backend_filters": lambda _, value: BackendCriteria.from_filters(value),
    }

    def __init__(
        self,
        *,
        backend: str | XComArg = LEAST_BUSY,
        max_queue: int | str | XComArg | None = None,
        backend_filters: Mapping[str, Any] | XComArg | None = None,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Unpack[WaitArguments],
    ) -> None:
        super().__init__(qiskit_runtime_conn_id=qiskit_runtime_conn_id, deferrable=deferrable, **kwargs)
        self.backend = backend
        self.max_queue = max_queue
        self.backend_filters = backend_filters
        self.check_constants(*QiskitRuntimeBackendSensor.checks)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look at the backends once."""
        step = self._look()
        if isinstance(step, BackendOutcome):
            return PokeReturnValue(True, self._conclude(step))
        if step.note:
            self.log.info(step.note)
        return False

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        return self._conclude(BackendOutcome.from_event(event))

    @cached_property
    def _wish(self) -> BackendWish:
        """What is waited for, from the rendered arguments."""
        try:
            return read_wish(self.backend, self.max_queue, self.backend_filters)
        except InvalidInput as error:
            raise AirflowFailException(str(error)) from None

    @cached_property
    def _poller(self) -> BackendPoller:
        return BackendPoller(self._wish, time.time(), None, self.poke_interval, patience=refusal_patience())

    @cached_property
    def _client(self) -> QiskitRuntimeClient:
        """One that never retries by itself: the next look is the retry."""
        return self.hook.create_poll_client()

    def _look(self) -> KeepWaiting | BackendOutcome:
        poller = self._poller
        try:
            poller.where = self.hook.describe()
            backends = self._client.backends(fields=WAIT_TIME)
        except errors.InvalidSettings as error:
            raise AirflowFailException(f"The backends cannot be watched. {error}") from error
        except errors.QiskitRuntimeError as error:
            return poller.on_error(error, time.time())
        return poller.on_backends(backends, time.time())

    def _conclude(self, outcome: BackendOutcome) -> dict[str, Any]:
        """Turn the end of the wait into what goes to XCom, or into a failure."""
        if outcome.ending is BackendEnding.TIMED_OUT:
            raise AirflowSensorTimeout(outcome.message)
        if outcome.ending is BackendEnding.UNREAD:
            raise AirflowException(outcome.message)
        if outcome.backend is None:
            raise AirflowFailException(outcome.message)
        self.log.info(outcome.message)
        return outcome.backend.to_json()

    def defer_wait(self, seconds: float) -> NoReturn:
        """Leave the worker; the trigger goes on, for so many seconds at most."""
        from airflow_provider_qrt.triggers.backend import QiskitRuntimeBackendReadyTrigger

        now = time.time()
        self.defer(
            trigger=QiskitRuntimeBackendReadyTrigger(
                backend=self._wish.backend,
                backend_filters=self._wish.criteria.to_filters(),
                qiskit_runtime_conn_id=self.qiskit_runtime_conn_id,
                since=now,
                deadline=now + seconds,
                poll_interval=self.poke_interval,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, seconds) + self.poke_interval + DEFERRAL_MARGIN),
        )


def read_wish(backend: Any, max_queue: Any, backend_filters: Any) -> BackendWish:
    """Read a sensor's arguments after templates were rendered.

    Raises:
        InvalidInput: If something is wrong with them; says what to write instead.
    """
    name = str(backend or "").strip()
    if name in ("", "None"):
        raise InvalidInput("backend: name one, such as 'ibm_fez', or write 'least_busy' for any that fits.")
    criteria = BackendCriteria.from_filters(backend_filters)
    limit = whole_number("max_queue", max_queue, at_least=0)
    if limit is None:
        return BackendWish(name, criteria)
    if criteria.max_queue is not None:
        raise InvalidInput(f"max_queue: {PLACE} has one too; leave one of them out.")
    return BackendWish(name, replace(criteria, max_queue=limit))
