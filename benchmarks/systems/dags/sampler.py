"""Our DAGs with one sampler task each and the same circuit. ``BENCHMARK_QUESTION`` gives backend and shots."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

QUESTION = json.loads(os.environ["BENCHMARK_QUESTION"])

# Short poll intervals and delays shorten a run with many faults, and do not change the number of jobs.
SOON: dict[str, Any] = {"poll_interval": 2, "retries": 2, "retry_delay": timedelta(seconds=1)}
LATE = {"timeout": 5}

TASKS: dict[str, dict[str, Any]] = {
    "one_job": {"deferrable": True},
    "one_deferred_job": {"deferrable": True, "defer_after": 0},
    "one_awaited_job": {"deferrable": True, "defer_after": 60},
    "deferred": {"deferrable": True, **SOON},
    "blocking": {"deferrable": False, **SOON},
    "late": {"deferrable": True, **SOON, **LATE},
    "late_once": {"deferrable": True, **SOON, **LATE, "retries": 0},
}

for name, arguments in TASKS.items():
    with DAG(dag_id=name, schedule=None, catchup=False):
        QiskitRuntimeSamplerOperator(
            task_id="measure",
            circuits="bell_pair.qasm",
            backend=QUESTION["backend"],
            shots=QUESTION["shots"],
            **arguments,
        )
