"""Base of the sensors: one check on the worker, then the wait on the worker or in the triggerer."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    conf,
)
from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_qrt.arguments.constants import Check, CheckedArguments, InvalidConstantError, boolean
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.durations import seconds
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.hooks.with_hook import WithHook
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.templating import RendersInputs

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context

    from airflow_provider_qrt.arguments.keywords import SensorArguments


class QiskitRuntimeSensor(CheckedArguments, WithHook, RendersInputs, BaseSensorOperator):
    """Base of the sensors.

    Args:
        qiskit_runtime_conn_id: The connection.
        deferrable: Wait in the triggerer, without a worker.
        poke_interval: Time between two polls: seconds, a ``timedelta``, or text such as ``"30s"``. Default: a minute.
        timeout: How long to wait, in the same forms. Default: Airflow's ``[sensors] default_timeout``.
        kwargs: The arguments of any sensor.
    """

    checks: ClassVar[Mapping[str, Check]] = {"deferrable": boolean}

    def __init__(
        self,
        *,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: float | timedelta | str = 60.0,
        timeout: float | timedelta | str | None = None,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        check_names(type(self), kwargs)
        durations = {"poke_interval": poke_interval, "timeout": timeout}
        # Airflow accepts no text, and before 3.2 no None; it reports other invalid durations itself.
        in_seconds: dict[str, Any] = {
            name: _seconds(name, value, kwargs.get("task_id")) if isinstance(value, str) else value
            for name, value in durations.items()
            if value is not None
        }
        super().__init__(**kwargs, **in_seconds)
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.deferrable = deferrable
        self.check_constants(*QiskitRuntimeSensor.checks)

    @abstractmethod
    def defer_wait(self, seconds: float) -> NoReturn:
        """Defer the task; the trigger waits for at most ``seconds``."""

    def execute(self, context: Context) -> Any:
        """Wait on the worker, or check once and defer."""
        from airflow_provider_qrt.execution_timeout import earlier, execution_deadline

        with self.hook:
            if not self.deferrable:
                return super().execute(context)
            try:
                first_look = self.poke(context)
            except AirflowFailException as error:
                # As Airflow does for a poke on the worker, and at the end of a deferral.
                if self.soft_fail or self.never_fail:
                    raise AirflowSkipException("Skipping because of soft_fail or never_fail.") from error
                raise
            if not isinstance(first_look, PokeReturnValue):
                now = time.time()
                self.defer_wait(earlier(now + self.timeout, execution_deadline(self, context)) - now)
            return first_look.xcom_value

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; allow a retry if ``execution_timeout`` ended the wait."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout as error:
            from airflow_provider_qrt.execution_timeout import is_over_note

            if self.execution_timeout is not None and self.execution_timeout.total_seconds() < self.timeout:
                raise AirflowException(f"{error}{is_over_note(self, context)}") from error
            raise


def _seconds(name: str, value: str, task_id: str | None) -> float:
    try:
        return seconds(name, value)
    except InvalidInputError as error:
        raise InvalidConstantError(f"{error} This is task {task_id!r}.") from None
