"""The hook that every operator and sensor has."""

from __future__ import annotations

from functools import cached_property

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook


class WithHook:
    """Gives a task the hook of its connection, made when it is first used.

    Attributes:
        qiskit_runtime_conn_id: The connection, rendered.
    """

    qiskit_runtime_conn_id: str

    @cached_property
    def hook(self) -> QiskitRuntimeHook:
        """The hook of the connection."""
        return QiskitRuntimeHook(self.qiskit_runtime_conn_id)
