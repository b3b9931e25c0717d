"""The sensors, under the path that users import."""

from __future__ import annotations

from airflow_provider_qrt.sensors.backend import QiskitRuntimeBackendSensor
from airflow_provider_qrt.sensors.job import QiskitRuntimeJobSensor

__all__ = ["QiskitRuntimeBackendSensor", "QiskitRuntimeJobSensor"]
