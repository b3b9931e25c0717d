"""Sensors that wait for a backend in every mode, and a job that then runs on it."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor

MODES = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule", "poke_interval": 10},
    "deferred": {"deferrable": True},
}

with DAG("backend_modes", schedule=None):
    for name, arguments in MODES.items():
        QiskitRuntimeBackendSensor(
            task_id=name,
            backend="ibm_boston",
            max_queue=3,
            **{"poke_interval": 1, "timeout": 150, **arguments},
        )

with DAG("backend_comes_back", schedule=None):
    ready = QiskitRuntimeBackendSensor(
        task_id="ready", backend="ibm_boston", max_queue=3, deferrable=True, poke_interval=2, timeout=150
    )
    ready >> QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits="circuits/bell_phi.qasm",
        backend="{{ ti.xcom_pull('ready')['backend'] }}",
        shots=50,
        deferrable=True,
    )
