"""A DAG file that a worker takes long to read. Meanwhile Airflow calls the task running, which has not begun yet."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

if "dag-processor" not in sys.argv:
    time.sleep(12)

with DAG("slow_to_read", schedule=None, default_args={"retries": 3, "retry_delay": timedelta(seconds=1)}):
    QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits="circuits/bell_phi.qasm",
        shots=200,
        backend="ibm_fez",
        deferrable=True,
        poll_interval=1,
        qiskit_runtime_conn_id="{{ dag_run.conf['service'] }}",
    )
