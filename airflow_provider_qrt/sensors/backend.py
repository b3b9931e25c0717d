"""The sensor that waits until a backend is online and its queue is short enough."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSensorTimeout, conf
from airflow.sdk import PokeReturnValue

from airflow_provider_qrt.arguments.checks import check_backend_filters
from airflow_provider_qrt.arguments.constants import Check
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.sensors.base import QiskitRuntimeSensor
from airflow_provider_qrt.templated import whole_number

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import WaitArguments
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.jobs.backends.waiting import BackendOutcome, BackendPoller, BackendWish
    from airflow_provider_qrt.jobs.wait.pacing import KeepWaiting

DEFERRAL_MARGIN = 60.0
"""Seconds added to our deadline for Airflow's own deferral timeout, which only matters if the triggerer fails."""


class QiskitRuntimeBackendSensor(QiskitRuntimeSensor):
    """Waits until a backend is online and available, its queue is short enough, and it fits the filters.

    Returns ``{"backend", "queue_length", "wait_time_seconds", "qubits", "processor", "status"}`` of the backend, or of
    the least busy one if several are ready; ``wait_time_seconds`` is the median, or null if the service does not return
    it. Connection errors are retried until the sensor's ``timeout``. The sensor fails at once if the service rejects
    the credentials (401, 403), if there is no backend of that name, or if no backend can ever meet the requirements.

    Args:
        backend: A name, or ``least_busy`` for any that fits.
        max_queue: Maximum number of jobs in its queue; None for any number.
        backend_filters: Further requirements, such as ``{"min_qubits": 100, "processor_family": "Heron"}``; the keys
            are the attributes of :class:`~airflow_provider_qrt.jobs.backend_criteria.BackendCriteria`. They also apply
            to a named backend.
        qiskit_runtime_conn_id: The connection.
        deferrable: Wait in the triggerer, without a worker.
        kwargs: ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` and so on, as for any sensor. While deferred,
            ``poke_interval`` is the longest time between two polls; they are more frequent at first.
    """

    template_fields: Sequence[str] = ("backend", "max_queue", "backend_filters", "qiskit_runtime_conn_id")
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"
    checks: ClassVar[Mapping[str, Check]] = {
        "max_queue": partial(whole_number, at_least=0),
        "backend_filters": check_backend_filters,
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
        """Check the backends once."""
        from airflow_provider_qrt.jobs.backends.waiting import BackendOutcome

        step = self._look()
        if isinstance(step, BackendOutcome):
            return PokeReturnValue(True, self._conclude(step))
        if step.note:
            self.log.info(step.note)
        return False

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Resume after the trigger has fired."""
        from airflow_provider_qrt.jobs.backends.waiting import BackendOutcome

        return self._conclude(BackendOutcome.from_event(event))

    @cached_property
    def _wish(self) -> BackendWish:
        """The conditions to wait for, from the rendered arguments."""
        try:
            return read_wish(self.backend, self.max_queue, self.backend_filters)
        except InvalidInputError as error:
            raise AirflowFailException(str(error)) from None

    @cached_property
    def _poller(self) -> BackendPoller:
        from airflow_provider_qrt.config import refusal_patience
        from airflow_provider_qrt.jobs.backends.waiting import BackendPoller

        return BackendPoller(self._wish, time.time(), None, self.poke_interval, patience=refusal_patience())

    @cached_property
    def _client(self) -> QiskitRuntimeClient:
        """A client that never retries by itself, since the next poke is the retry."""
        return self.hook.create_poll_client()

    def _look(self) -> KeepWaiting | BackendOutcome:
        from airflow_provider_qrt.client import errors
        from airflow_provider_qrt.jobs.backends.select import WAIT_TIME

        poller = self._poller
        try:
            poller.where = self.hook.describe()
            backends = self._client.backends(fields=WAIT_TIME)
        except errors.InvalidSettingsError as error:
            raise AirflowFailException(f"The backends cannot be watched. {error}") from error
        except errors.QiskitRuntimeError as error:
            return poller.on_error(error, time.time())
        return poller.on_backends(backends, time.time())

    def _conclude(self, outcome: BackendOutcome) -> dict[str, Any]:
        """Return the XCom value at the end of the wait, or raise an error."""
        from airflow_provider_qrt.jobs.backends.waiting import BackendEnding

        if outcome.ending is BackendEnding.TIMED_OUT:
            raise AirflowSensorTimeout(outcome.message)
        if outcome.ending is BackendEnding.UNREAD:
            raise AirflowException(outcome.message)
        if outcome.backend is None:
            raise AirflowFailException(outcome.message)
        self.log.info(outcome.message)
        return outcome.backend.to_json()

    def defer_wait(self, seconds: float) -> NoReturn:
        """Defer the task; the trigger waits for at most ``seconds``."""
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
    """Read a sensor's rendered arguments.

    Raises:
        InvalidInputError: If they are invalid; says what to write instead.
    """
    from airflow_provider_qrt.jobs.backends.criteria import PLACE, BackendCriteria
    from airflow_provider_qrt.jobs.backends.waiting import BackendWish

    name = str(backend or "").strip()
    if name in ("", "None"):
        raise InvalidInputError("backend: name one, such as 'ibm_fez', or write 'least_busy' for any that fits.")
    criteria = BackendCriteria.from_filters(backend_filters)
    limit = whole_number("max_queue", max_queue, at_least=0)
    if limit is None:
        return BackendWish(name, criteria)
    if criteria.max_queue is not None:
        raise InvalidInputError(f"max_queue: {PLACE} has one too; leave one of them out.")
    return BackendWish(name, replace(criteria, max_queue=limit))
