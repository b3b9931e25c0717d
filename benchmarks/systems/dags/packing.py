"""Our DAGs: many circuits as one task, some of them as a task each, and a task that does nothing.

``BENCHMARK_QUESTION`` gives backend and shots, and the numbers ``circuits`` and ``mapped``; without these numbers there
is no DAG.
"""

from __future__ import annotations

import json
import math
import os

from airflow.sdk import DAG, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

QUESTION = json.loads(os.environ["BENCHMARK_QUESTION"])

H = "rz(pi/2) ${0}; sx ${0}; rz(pi/2) ${0}; ".format


def circuit(angle: float) -> str:
    """Return a circuit that gives 11 with probability cos²(angle / 2), otherwise 00."""
    return (
        'OPENQASM 3.0; include "stdgates.inc"; bit[2] meas; '
        f"sx $0; rz({angle}) $0; sx $0; " + H(1) + "cz $0, $1; " + H(1)
        + "meas[0] = measure $0; meas[1] = measure $1;"
    )  # fmt: skip


@task
def nothing() -> None:
    """Take the time that Airflow needs for any task."""


if "circuits" in QUESTION:
    number = QUESTION["circuits"]
    circuits = [circuit(math.pi * one / (number - 1)) for one in range(number)]
    measure = {
        "task_id": "measure",
        "backend": QUESTION["backend"],
        "shots": QUESTION["shots"],
        "deferrable": True,
    }
    with DAG(dag_id="packed", schedule=None, catchup=False):
        QiskitRuntimeSamplerOperator(circuits=circuits, **measure)
    with DAG(dag_id="empty", schedule=None, catchup=False):
        nothing()
    with DAG(dag_id="mapped", schedule=None, catchup=False):
        QiskitRuntimeSamplerOperator.partial(**measure).expand(circuits=circuits[:: number // QUESTION["mapped"]])
