"""Find the ground energy of hydrogen by VQE in nine tasks: quantum jobs alternate with classical steps, in one batch.

Each round is two tasks: an estimator job that measures the energy at nine points around the current angles, and a
TaskFlow step that fits the landscape to them and moves to its lowest point. A DAG has no loops, so the rounds are
written one after the other; h2_vqe.py does the same with scipy in one task. All energies are in hartree and include the
repulsion of the nuclei.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator
from airflow_provider_qrt.operators.sessions import qiskit_runtime_session

DISTANCE = 0.735
"""Between the two nuclei, in angstrom."""

NUCLEAR_REPULSION = 0.529177210903 / DISTANCE
"""The Bohr radius over the distance of the two protons, which is 0.72 hartree."""

H2 = {"II": NUCLEAR_REPULSION - 1.05237325, "IZ": 0.39793742, "ZI": -0.39793742, "ZZ": -0.0112801, "XX": 0.1809312}
"""STO-3G basis, parity mapping, reduced to two qubits. The coefficients of the electrons are those in the tutorial "An
Introduction to Algorithms using Qiskit" of Qiskit Algorithms:
https://qiskit-community.github.io/qiskit-algorithms/tutorials/01_algorithms_introduction.html
"""

ANSATZ = """OPENQASM 3.0;
include "stdgates.inc";
input float[64] a; input float[64] b; input float[64] c; input float[64] d;
// Each line is a rotation about y in gates that all of IBM's present machines have.
sx $0; rz(a + pi) $0; sx $0; rz(pi) $0;
sx $1; rz(b + pi) $1; sx $1; rz(pi) $1;
cz $0, $1;
sx $0; rz(c + pi) $0; sx $0; rz(pi) $0;
sx $1; rz(d + pi) $1; sx $1; rz(pi) $1;
"""

START = {"a": 1.5, "b": 0.5, "c": 1.0, "d": 0.5}
"""An arbitrary start, 0.35 hartree above the ground energy. At all zeros the landscape is flat in some directions."""

ROUNDS = (("c", "d"), ("a", "b"), ("c", "d"))
"""The two angles that each round moves."""

GRID = list(product((-2 * math.pi / 3, 0.0, 2 * math.pi / 3), repeat=2))
"""The shifts of the two angles at each of a round's nine points."""

LARGEST_ERROR = 0.05
"""Largest error in hartree before the run fails."""


def sweep(angles: dict[str, float], pair: tuple[str, str]) -> dict[str, list[float]]:
    """Return the parameter values of a round's nine points: every shift of one angle with every shift of the other."""
    points = [{**angles, **{name: angles[name] + by for name, by in zip(pair, shifts, strict=True)}} for shifts in GRID]
    return {name: [point[name] for point in points] for name in angles}


def descend(angles: dict[str, float], pair: tuple[str, str], energies: list[float]) -> tuple[dict[str, float], float]:
    """Move two angles to the lowest point of the landscape that nine measured energies define.

        As a function of one rotation angle, the energy is a constant plus a cosine and a sine; for two angles, a sum of
    their nine products. So the fit is exact except for the noise of the measurement.

    Returns:
        The angles, and the energy that the fit predicts there.
    """
    import numpy as np

    def waves(shifts: Any) -> Any:
        first, second = (np.stack([np.ones_like(x), np.cos(x), np.sin(x)]) for x in np.asarray(shifts).T)
        return np.einsum("ik,jk->kij", first, second).reshape(-1, 9)

    landscape = np.linalg.solve(waves(GRID), np.array(energies, dtype=float))
    degrees = np.radians(np.arange(-180, 180))
    candidates = np.array(list(product(degrees, repeat=2)))
    promised = waves(candidates) @ landscape
    best = int(promised.argmin())
    moved = {name: angles[name] + float(by) for name, by in zip(pair, candidates[best], strict=True)}
    return {**angles, **moved}, float(promised[best])


def ground_energy(observable: dict[str, float]) -> float:
    """Return the lowest eigenvalue of a sum of Pauli strings."""
    from functools import reduce

    import numpy as np

    pauli = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Z": np.diag([1, -1])}
    matrix = sum(weight * reduce(np.kron, [pauli[letter] for letter in term]) for term, weight in observable.items())
    return float(np.linalg.eigvalsh(matrix)[0])


@dag(
    dag_id="qiskit_runtime_h2_vqe_rounds",
    schedule=None,
    catchup=False,
    default_args={"retries": 2},
    tags=["qiskit-runtime", "example"],
    params={
        "backend": Param("least_busy", type="string", description="Where the batch is opened."),
        "precision": Param(0.02, type="number", exclusiveMinimum=0, description="Hartree, of each measured point."),
    },
    doc_md=__doc__,
)
def h2_vqe_rounds():
    @task(multiple_outputs=True)
    def improve(result: dict, angles: dict[str, float], number: int) -> dict[str, Any]:
        """Compute better angles from a round's energies, and the points of the next round."""
        better, promised = descend(angles, ROUNDS[number], result["results"][0]["evs"])
        print(f"Round {number + 1}, job {result['job_id']}: {promised:.4f} hartree expected at {better}")
        following = ROUNDS[(number + 1) % len(ROUNDS)]
        return {"angles": better, "energy": promised, "points": sweep(better, following)}

    with qiskit_runtime_session(mode="batch", backend="{{ params.backend }}") as session:
        step: Any = {"angles": START, "points": sweep(START, ROUNDS[0])}
        for number in range(len(ROUNDS)):
            measure = QiskitRuntimeEstimatorOperator(
                task_id=f"measure_{number + 1}",
                circuits=[(ANSATZ, H2, step["points"])],
                precision="{{ params.precision }}",
                session_id=session.id,
                deferrable=True,
                max_execution_time=120,
            )
            step = improve.override(task_id=f"improve_{number + 1}")(measure.output, step["angles"], number)

        check = QiskitRuntimeEstimatorOperator(
            task_id="measure_ground_energy",
            circuits=[(ANSATZ, H2, step["angles"])],
            precision="{{ params.precision / 2 }}",
            session_id=session.id,
            deferrable=True,
            max_execution_time=120,
        )

    @task
    def compare(result: dict, angles: dict[str, float]) -> dict[str, Any]:
        """Return the energy at the last angles and the exact one."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        measured = result["results"][0]
        found = {
            "energy": measured["evs"],
            "standard_error": measured["stds"],
            "exact_energy": ground_energy(H2),
            "error": measured["evs"] - ground_energy(H2),
            "angles": angles,
        }
        print(found)
        if abs(found["error"]) > LARGEST_ERROR:
            raise AirflowFailException(
                f"{found['energy']:.4f} hartree is more than {LARGEST_ERROR} from {found['exact_energy']:.4f}."
            )
        return found

    compare(check.output, step["angles"])


h2_vqe_rounds()
