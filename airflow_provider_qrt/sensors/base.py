"""What the sensors have in common: one look on the worker, then the wait there or in the triggerer."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

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
    def defer_wait(self) -> NoReturn:
        """Leave the worker; the trigger goes on."""

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
                self.defer_wait()
            return first_look.xcom_value
