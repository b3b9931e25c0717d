"""Two tasks that wait in the triggerer, in a pool that counts deferred tasks."""

from __future__ import annotations

from airflow.sdk import dag

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@dag(schedule=None, catchup=False)
def pooled() -> None:
    QiskitRuntimeSamplerOperator.partial(
        task_id="measure", backend="ibm_fez", pool="one_in_flight", deferrable=True
    ).expand(circuits=[FLIP, FLIP])


pooled()
