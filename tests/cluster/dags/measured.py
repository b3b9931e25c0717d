"""Deferred measurements of a Bell pair: one, and three hundred at once."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

MAPPED_TASKS = int(os.environ.get("CLUSTER_JOBS", "300"))
BELL_PAIR = "circuits/bell_phi.qasm"
MEASURE = {"shots": 200, "backend": "ibm_fez", "deferrable": True, "poll_interval": 5}
RETRIES = {"retries": 5, "retry_delay": timedelta(seconds=2), "max_retry_delay": timedelta(seconds=10)}

with DAG("measured_once", schedule=None):

    @task
    def agreement(result: dict) -> float:
        """Part of the shots in which both qubits agree."""
        [one] = result["results"]
        return sum(one["counts"].get(bits, 0) for bits in ("00", "11")) / one["shots"]

    agreement(QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL_PAIR, **MEASURE).output)

with DAG("measured_often", schedule=None, default_args=RETRIES, max_active_tasks=1000):
    QiskitRuntimeSamplerOperator.partial(task_id="measure", **MEASURE).expand(circuits=[BELL_PAIR] * MAPPED_TASKS)
