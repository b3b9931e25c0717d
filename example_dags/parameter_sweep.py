"""Measure a circuit at 200 values of its parameter: one task, one job.

The values of one circuit are one sweep, and a list of circuits is one job as well. If a list is more than IBM accepts
in one job, it is split into as few jobs as possible, in one batch, and still has one result.
"""

from __future__ import annotations

import math

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

ROTATION = """OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; bit[1] c;
sx $0; rz(theta) $0; sx $0; c[0] = measure $0;"""


@dag(
    dag_id="qiskit_runtime_parameter_sweep",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={
        "points": Param(200, type="integer", minimum=2, description="Values of theta, from 0 to 2 pi."),
        "shots": Param(500, type="integer", minimum=1),
        "backend": "ibm_fez",
    },
    doc_md=__doc__,
)
def parameter_sweep():
    @task
    def sweep(params: dict) -> list:
        """Return the circuits for the next task: one circuit, with all the values of its parameter."""
        steps = params["points"] - 1
        return [[ROTATION, {"theta": [2 * math.pi * step / steps for step in range(steps + 1)]}]]

    measure = QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits=sweep(),
        shots="{{ params.shots }}",
        backend="{{ params.backend }}",
        max_execution_time=300,
        deferrable=True,
        retries=2,
    )

    @task
    def curve(value: dict) -> list[float]:
        """Return how often 1 was measured at each point; the theory is cos²(theta / 2)."""
        [result] = value["results"]
        return [counts.get("1", 0) / result["shots"] for counts in result["counts"]]

    curve(measure.output)


parameter_sweep()
