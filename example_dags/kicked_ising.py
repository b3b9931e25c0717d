"""Measure the magnetisation of a chain of spins after each kick by a field, all steps as one job.

A function builds the circuits with Qiskit and returns them with their observables; the decorator turns it into a task
that transpiles the circuits for the machine and runs them. Needs the extra ``qiskit``:
``pip install 'airflow-provider-qrt[qiskit]'``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.decorators.primitives import qiskit_estimator_task

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SPINS = 4
KICK = 0.6
"""The angle by which the field turns each spin, in radians."""
MAGNETISATION = {f"Z{spin}": 1 / SPINS for spin in range(SPINS)}


def kicked_chain(steps: int) -> QuantumCircuit:
    """Return the circuit for a number of steps; in each, a kick is followed by the coupling of neighbours."""
    from qiskit import QuantumCircuit

    chain = QuantumCircuit(SPINS)
    for _ in range(steps):
        for spin in range(SPINS):
            chain.rx(KICK, spin)
        for first in (0, 1):
            for spin in range(first, SPINS - 1, 2):
                chain.rzz(-math.pi / 4, spin, spin + 1)
    return chain


@dag(
    dag_id="qiskit_runtime_kicked_ising",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={"steps": Param(4, type="integer", minimum=1, maximum=20)},
    doc_md=__doc__,
)
def kicked_ising():
    @qiskit_estimator_task(
        backend="least_busy",
        optimization_level=1,
        precision=0.02,
        deferrable=True,
        max_execution_time=120,
    )
    def measure(params: dict) -> list:
        return [(kicked_chain(steps), MAGNETISATION) for steps in range(params["steps"] + 1)]

    @task
    def decay(result: dict) -> list[float]:
        """Return the magnetisation after each step; it starts at 1."""
        values = [one["evs"] for one in result["results"]]
        for step, value in enumerate(values):
            print(f"after {step} steps: {value:+.3f}")
        return values

    decay(measure())


kicked_ising()
