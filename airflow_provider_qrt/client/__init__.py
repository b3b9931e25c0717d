"""The Qiskit Runtime REST API. Knows HTTP and IBM; does not know Airflow."""

from __future__ import annotations

from airflow_provider_qrt.client.client import QiskitRuntimeClient
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.states import JobState, JobStatus

__all__ = ["ClientSettings", "JobState", "JobStatus", "QiskitRuntimeClient", "RetryPolicy"]
