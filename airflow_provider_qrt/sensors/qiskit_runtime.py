"""The sensors, under the path by which users import them."""

from __future__ import annotations

from airflow_provider_qrt.sensors.backend import QiskitRuntimeBackendSensor
from airflow_provider_qrt.sensors.job import QiskitRuntimeJobSensor

__all__ = ["QiskitRuntimeBackendSensor", "QiskitRuntimeJobSensor"]
