"""The name of this Airflow in the tags of its jobs, since several Airflows may use the same instance."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import conf

from airflow_provider_qrt import config
from airflow_provider_qrt.hooks.stored_name import NAME_VARIABLE, read_name

_stored: dict[int, str] = {}
"""The stored name, by process id."""


def airflow_name() -> str:
    """Return the name of this Airflow in the tags of its jobs.

    This is :func:`own_name`, or else ``[api] base_url``, which another Airflow may use too.
    """
    return own_name() or conf.get("api", "base_url", fallback="") or ""


def own_name() -> str:
    """Return the name that is unique to this Airflow; empty if there is none.

    This is ``[qiskit_runtime] airflow_name``, or else the name that was stored in the metadata database when a
    scheduler or triggerer with this provider first ran on it.
    """
    return config.airflow_name() or _stored_name()


def name_is_given() -> bool:
    """Return whether the name was set in the configuration, so that another Airflow may have the same."""
    return bool(config.airflow_name())


def _stored_name() -> str:
    process = os.getpid()
    if process not in _stored:
        name = _read_name()
        if not name:
            return ""
        _stored[process] = name
    return _stored[process]


def _read_name() -> str:
    from airflow.sdk.execution_time import task_runner

    if hasattr(task_runner, "SUPERVISOR_COMMS"):
        from airflow.sdk import Variable

        return str(Variable.get(NAME_VARIABLE, default="") or "")
    if os.environ.get("_AIRFLOW_PROCESS_CONTEXT") == "server":
        return read_name()
    return ""
