"""A task with more shots than IBM allows in two jobs."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
IDLE = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; rz(0.5) $0; c[0] = measure $0;'

with DAG("packed", schedule=None):
    QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits=[
            (FLIP, None, 10),
            (FLIP, None, 6_000_000),
            (IDLE, None, 5_500_000),
            (FLIP, None, 5_100_000),
            (IDLE, None, 20),
        ],
        backend="ibm_fez",
        poll_interval=2,
        deferrable=True,
    )
