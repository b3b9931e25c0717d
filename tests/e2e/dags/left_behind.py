"""Jobs that nobody cancels when their task is stopped."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

ONE_QUBIT = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
DEFERRED = {
    "circuits": ONE_QUBIT,
    "backend": "ibm_fez",
    "deferrable": True,
    "poll_interval": 1,
    "cancel_on_kill": False,
}

with DAG("left_behind", schedule=None):
    QiskitRuntimeSamplerOperator(task_id="measure", **DEFERRED)
    QiskitRuntimeSamplerOperator(task_id="submit", circuits=ONE_QUBIT, wait_for_completion=False)
    QiskitRuntimeSamplerOperator.partial(task_id="sweep", **DEFERRED).expand(shots=[10, 20])

with DAG("left_behind_in_a_batch", schedule=None, params={"session_id": ""}):
    QiskitRuntimeSamplerOperator(task_id="measure", session_id="{{ params.session_id }}", **DEFERRED)
