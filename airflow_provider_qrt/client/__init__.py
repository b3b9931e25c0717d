"""Client of the Qiskit Runtime REST API, independent of Airflow. Names in ``__all__``, also of modules, are public.

Names are loaded on first use, so a DAG file that imports operators does not import ``requests``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.retry import RetryPolicy
    from airflow_provider_qrt.client.settings import ClientSettings
    from airflow_provider_qrt.client.states import JobState, JobStatus

__all__ = ["ClientSettings", "JobState", "JobStatus", "QiskitRuntimeClient", "RetryPolicy"]

_HOME = {
    "ClientSettings": "settings",
    "JobState": "states",
    "JobStatus": "states",
    "QiskitRuntimeClient": "client",
    "RetryPolicy": "retry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
