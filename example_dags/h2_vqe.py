"""Find the ground energy of hydrogen by VQE: scipy's optimiser calls the QPU, in one task and one batch.

A crash costs no job twice: the retry replays what is measured and goes on. All energies are in hartree and include the
repulsion of the nuclei.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.decorators.hybrid import qiskit_hybrid_task

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
input float[64] theta;
// cos(theta/2)|10> + sin(theta/2)|01>, in gates that all of IBM's present machines have: a rotation about y, and a
// controlled NOT as a controlled Z between two Hadamard gates.
sx $0; rz(theta + pi) $0; sx $0; rz(pi) $0;
x $1;
rz(pi/2) $1; sx $1; rz(pi/2) $1;
cz $0, $1;
rz(pi/2) $1; sx $1; rz(pi/2) $1;
"""

LARGEST_ERROR = 0.05
"""Largest error in hartree before the run fails."""


def ground_energy(observable: dict[str, float]) -> float:
    """Return the lowest eigenvalue of a sum of Pauli strings."""
    from functools import reduce

    import numpy as np

    pauli = {"I": np.eye(2), "X": np.array([[0, 1], [1, 0]]), "Z": np.diag([1, -1])}
    matrix = sum(weight * reduce(np.kron, [pauli[letter] for letter in term]) for term, weight in observable.items())
    return float(np.linalg.eigvalsh(matrix)[0])


@dag(
    dag_id="qiskit_runtime_h2_vqe",
    schedule=None,
    catchup=False,
    default_args={"retries": 2},
    tags=["qiskit-runtime", "example"],
    params={
        "backend": Param("least_busy", type="string", description="Where the batch is opened."),
        "precision": Param(0.01, type="number", exclusiveMinimum=0, description="Hartree, of each measured energy."),
    },
    doc_md=__doc__,
)
def h2_vqe():
    @qiskit_hybrid_task(
        backend="{{ params.backend }}",
        mode="batch",
        deferrable=True,
        max_execution_time=120,
        max_jobs=60,
    )
    def minimise(qpu, start: float, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the lowest energy that the optimiser finds, and the angle."""
        from scipy.optimize import minimize

        precision = float(params["precision"])

        def energy(angles):
            measured = qpu.estimate(ANSATZ, H2, {"theta": float(angles[0])}, precision=precision, name="energy")
            return float(measured.evs)

        found = minimize(energy, [start], method="COBYLA", options={"rhobeg": 1.0, "maxiter": 40, "tol": 0.03})
        best = {"theta": float(found.x[0])}
        check = qpu.estimate(ANSATZ, H2, best, precision=precision / 2, name="ground energy")
        return {
            "energy": float(check.evs),
            "standard_error": float(check.stds),
            "angle": best["theta"],
            "rounds": int(found.nfev),
            "seconds": qpu.seconds_used,
        }

    @task
    def compare(found: dict[str, Any]) -> dict[str, Any]:
        """Return the energy, and how far it is from the exact one."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        exact = ground_energy(H2)
        compared = {**found, "exact_energy": exact, "error": found["energy"] - exact}
        print(compared)
        if abs(compared["error"]) > LARGEST_ERROR:
            raise AirflowFailException(f"{found['energy']:.4f} hartree is more than {LARGEST_ERROR} from {exact:.4f}.")
        return compared

    compare(minimise(0.0))


h2_vqe()
