"""A DAG that only some users may read."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

COIN = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; sx $0; c[0] = measure $0;'

with DAG("secret_coin", schedule=None):
    QiskitRuntimeSamplerOperator(task_id="toss", circuits=COIN, backend="ibm_fez", shots=100)
