"""A measurement that runs every night, and whose answer drifts; an example of what the pages show.

The angle of the circuit grows from night to night, as if the machine were losing its calibration.
"""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator

TILTED = """OPENQASM 3.0;
include "stdgates.inc";
sx $0; rz({{ 0.2 + 0.012 * dag_run.conf.get('night', 0) }} + pi) $0; sx $0; rz(pi) $0;
"""
MEASURED = TILTED.replace("include", "bit[1] c;\ninclude", 1) + "c[0] = measure $0;\n"

with DAG("nightly_check", schedule=None, start_date=datetime(2026, 1, 1), max_active_runs=6, tags=["nightly"]):
    common = {
        "backend": "{{ dag_run.conf.get('backend', 'ibm_fez') }}",
        "max_execution_time": 60,
        "tags": ["nightly"],
        "deferrable": False,
        "poll_interval": 1,
    }
    QiskitRuntimeEstimatorOperator(
        task_id="polarisation", circuits=TILTED, observables={"Z0": 1.0}, precision=0.02, **common
    )
    QiskitRuntimeSamplerOperator(task_id="readout", circuits=MEASURED, shots=1000, **common)
