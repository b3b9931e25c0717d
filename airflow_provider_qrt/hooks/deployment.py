"""Which Airflow this is: two of them may use the same instance, and must not take each other's jobs for their own."""

from __future__ import annotations

from airflow.sdk import conf

SECTION = "qiskit_runtime"


def airflow_name() -> str:
    """Name of this Airflow in the tags of its jobs: ``[qiskit_runtime] airflow_name``, else ``[api] base_url``."""
    return conf.get(SECTION, "airflow_name", fallback="") or conf.get("api", "base_url", fallback="")
