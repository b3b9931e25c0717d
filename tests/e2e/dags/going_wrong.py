"""Tasks that fail, each in a different way."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=1), "max_retry_delay": timedelta(seconds=1)}
ONE_QUBIT = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'

with DAG("not_isa", schedule=None, default_args=RETRIES):
    QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits='OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;',
        backend="ibm_fez",
        check_isa=False,
        deferrable=True,
    )

with DAG("missing_file", schedule=None, default_args=RETRIES):
    QiskitRuntimeSamplerOperator(task_id="measure", circuits="circuits/not_there.qasm", deferrable=True)

with DAG("too_late", schedule=None):
    QiskitRuntimeSamplerOperator(task_id="measure", circuits=ONE_QUBIT, timeout=8, poll_interval=1, deferrable=True)

with DAG("stopped", schedule=None):
    QiskitRuntimeSamplerOperator(task_id="measure", circuits=ONE_QUBIT, poll_interval=1, deferrable=True)

with DAG("stopped_on_the_worker", schedule=None):
    QiskitRuntimeSamplerOperator(task_id="measure", circuits=ONE_QUBIT, poll_interval=1, deferrable=False)

with DAG("result_unreadable_once", schedule=None, default_args=RETRIES):
    QiskitRuntimeSamplerOperator(task_id="measure", circuits=ONE_QUBIT, poll_interval=1, deferrable=True)
