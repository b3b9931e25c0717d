"""Find the angle of a half turn in a dedicated session, with three short jobs in a row.

Each task waits for its job on the worker (``defer_after``), because the session has the machine for itself: the result
is there within half a second of the job's end, and the session, which is charged by the clock, is not left idle while
Airflow deferred and resumed the task. If the session has to queue first, the first task defers all the same.
"""

from __future__ import annotations

import math

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import qiskit_runtime_session

TURN = """OPENQASM 3.0;
include "stdgates.inc";
input float[64] theta;
bit[1] c;
sx $0; rz(theta + pi) $0; sx $0; rz(pi) $0;
c[0] = measure $0;
"""
ROUNDS = 3
ANGLES = 9


@task
def angles(near: float, width: float) -> list[float]:
    """Return angles around the best one so far."""
    return [near + width * (step / (ANGLES - 1) - 0.5) for step in range(ANGLES)]


@task
def circuits(thetas: list[float]) -> list:
    """Return one PUB, which measures at each angle."""
    return [[TURN, {"theta": thetas}]]


@task
def best(thetas: list[float], result: dict) -> float:
    """Return the angle at which the qubit was most often found turned over."""
    counts = result["results"][0]["counts"]
    ones = [one.get("1", 0) for one in counts]
    return thetas[ones.index(max(ones))]


@dag(
    dag_id="qiskit_runtime_short_jobs",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={"backend": "ibm_fez"},
    doc_md=__doc__,
)
def short_jobs():
    with qiskit_runtime_session(mode="dedicated", backend="{{ params.backend }}") as session:
        near, width = 2.0, math.pi
        for number in range(1, ROUNDS + 1):
            thetas = angles.override(task_id=f"angles_{number}")(near, width)
            measure = QiskitRuntimeSamplerOperator(
                task_id=f"measure_{number}",
                circuits=circuits.override(task_id=f"circuits_{number}")(thetas),
                session_id=session.id,
                shots=1000,
                deferrable=True,
                defer_after="1m",
                max_execution_time=60,
            )
            near, width = best.override(task_id=f"best_{number}")(thetas, measure.output), width / 3

    @task
    def report(theta: float) -> float:
        """Return the angle in units of pi."""
        print(f"The qubit turns over at {theta / math.pi:.3f} pi.")
        return theta / math.pi

    report(near)


short_jobs()
