"""The triggers, under the paths that users import and that Airflow's database stores."""

from __future__ import annotations

from airflow_provider_qrt.triggers.backend import QiskitRuntimeBackendReadyTrigger
from airflow_provider_qrt.triggers.backend_event import QiskitRuntimeBackendTrigger
from airflow_provider_qrt.triggers.job import QiskitRuntimeJobTrigger

__all__ = ["QiskitRuntimeBackendReadyTrigger", "QiskitRuntimeBackendTrigger", "QiskitRuntimeJobTrigger"]
