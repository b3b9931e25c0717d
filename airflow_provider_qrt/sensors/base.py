"""What the sensors have in common: one look on the worker, then the wait there or in the triggerer."""

from __future__ import annotations

import time
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from airflow_provider_qrt.execution_timeout import earlier, execution_deadline, is_over_note
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.templating import RendersInputs

if TYPE_CHECKING:
    from airflow.sdk import Context


class QiskitRuntimeSensor(RendersInputs, BaseSensorOperator):
    """Base of the sensors.

    Args:
        qiskit_runtime_conn_id: The connection.
        deferrable: Wait in the triggerer, holding no worker.
        kwargs: Those of any sensor.
    """

    def __init__(
        self,
        *,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.deferrable = deferrable

    @abstractmethod
    def defer_wait(self, seconds: float) -> NoReturn:
        """Leave the worker; the trigger goes on, for so many seconds at most."""

    @cached_property
    def hook(self) -> QiskitRuntimeHook:
        """The hook of the connection."""
        return QiskitRuntimeHook(self.qiskit_runtime_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait on the worker, or take one look and defer."""
        with self.hook:
            if not self.deferrable:
                return super().execute(context)
            try:
                first_look = self.poke(context)
            except AirflowFailException as error:
                # As Airflow does for a look on the worker, and for the end of a deferral.
                if self.soft_fail or self.never_fail:
                    raise AirflowSkipException("Skipping because of soft_fail or never_fail.") from error
                raise
            if not isinstance(first_look, PokeReturnValue):
                now = time.time()
                self.defer_wait(earlier(now + self.timeout, execution_deadline(self, context)) - now)
            return first_look.xcom_value

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; when it was ``execution_timeout`` that ended it, a retry may follow."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except AirflowSensorTimeout as error:
            if self.execution_timeout is not None and self.execution_timeout.total_seconds() < self.timeout:
                raise AirflowException(f"{error}{is_over_note(self, context)}") from error
            raise
