"""What the deployment says: which Airflow this is, and settings that more than one part of the provider reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow.sdk import conf

from airflow_provider_qrt.jobs.refusals import DEFAULT_PATIENCE

if TYPE_CHECKING:
    from airflow_provider_qrt.client.bounds import AnswerLimits

SECTION = "qiskit_runtime"
NAME_VARIABLE = "qiskit_runtime_airflow_name"
"""Airflow variable with the name that the provider has given to this Airflow's database."""
_stored: dict[int, str] = {}
"""The name as this process has read it."""


def airflow_name() -> str:
    """Name of this Airflow in the tags of its jobs; two of them may use the same instance.

    That is :func:`own_name`, else ``[api] base_url``, which another Airflow may have as well.
    """
    return own_name() or conf.get("api", "base_url", fallback="") or ""


def own_name() -> str:
    """Name that no other Airflow has; empty if there is none.

    That is ``[qiskit_runtime] airflow_name``, else the name that was given to the metadata database when a scheduler or
    triggerer with this provider first ran on it.
    """
    return conf.get(SECTION, "airflow_name", fallback="") or _stored_name()


def name_is_given() -> bool:
    """Whether the name is one that somebody has chosen, and may have chosen for another Airflow too."""
    return bool(conf.get(SECTION, "airflow_name", fallback=""))


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
        from airflow_provider_qrt.hooks.stored_name import read_name

        return read_name()
    return ""


def refusal_patience() -> float:
    """Seconds for which a refusal must be repeated before it ends a wait: ``[qiskit_runtime] refusal_patience``."""
    return max(0.0, conf.getfloat(SECTION, "refusal_patience", fallback=DEFAULT_PATIENCE))


def answer_limits() -> AnswerLimits:
    """How much an answer may bring: ``[qiskit_runtime] max_answer_bytes`` and ``max_result_bytes``."""
    from airflow_provider_qrt.client.bounds import AnswerLimits

    return AnswerLimits(
        max_bytes=conf.getint(SECTION, "max_answer_bytes", fallback=AnswerLimits.max_bytes),
        max_result_bytes=conf.getint(SECTION, "max_result_bytes", fallback=AnswerLimits.max_result_bytes),
    )


def max_decoded_bytes() -> int:
    """How many bytes the arrays of one result may take in a task: ``[qiskit_runtime] max_decoded_bytes``."""
    from airflow_provider_qrt.primitives.results.decoding import MAX_DECODED_BYTES

    return conf.getint(SECTION, "max_decoded_bytes", fallback=MAX_DECODED_BYTES)
