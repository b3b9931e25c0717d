"""Jobs that end in different ways, in an Airflow that sends metrics, traces and lineage."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
NOT_ISA = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;'

with DAG("watched", schedule=None, default_args={"backend": "ibm_fez", "shots": 20, "poll_interval": 1}):
    QiskitRuntimeSamplerOperator(
        task_id="on_the_worker",
        circuits=FLIP,
        result_path="{{ dag_run.conf['folder'] }}/results",
        deferrable=False,
    )
    QiskitRuntimeSamplerOperator(task_id="deferred", circuits=FLIP, deferrable=True)
    QiskitRuntimeSamplerOperator(task_id="failing", circuits=NOT_ISA, check_isa=False, deferrable=True)
    QiskitRuntimeSamplerOperator(task_id="late", circuits=FLIP, backend="ibm_boston", timeout=1, deferrable=True)
