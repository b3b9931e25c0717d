"""Find the ground energy of a chain of spins from samples: the QPU names basis states, a classical step diagonalises.

Sample-based quantum diagonalization (SQD) needs no expectation values. The states that a circuit shows most often span
a small space, in which the energy is computed exactly; a slow classical step does that, once for each round. The
samples are large, so they go to files.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from airflow.sdk import Param, dag

from airflow_provider_qrt.decorators.hybrid import qiskit_hybrid_task

SPINS = 8
COUPLING, FIELD = 1.0, 0.7
ROUNDS = 4


def chain(tilts: list[float]) -> str:
    """Return a circuit that tilts each spin and entangles neighbours, in gates of IBM's machines."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"bit[{SPINS}] c;"]
    for spin, tilt in enumerate(tilts):
        lines.append(f"sx ${spin}; rz({tilt} + pi) ${spin}; sx ${spin}; rz(pi) ${spin};")
    lines += [f"cz ${spin}, ${spin + 1};" for start in (0, 1) for spin in range(start, SPINS - 1, 2)]
    for spin, tilt in enumerate(tilts):
        lines.append(f"sx ${spin}; rz({tilt / 2} + pi) ${spin}; sx ${spin}; rz(pi) ${spin};")
    return "\n".join([*lines, *(f"c[{spin}] = measure ${spin};" for spin in range(SPINS))])


def lowest_energy(states: list[str]) -> float:
    """Return the lowest energy in the space of these basis states, of a chain of spins in a field across it."""
    import numpy as np

    known = {state: index for index, state in enumerate(states)}
    energies = np.zeros((len(states), len(states)))
    for state, row in known.items():
        equal = sum(one == other for one, other in pairwise(state))
        energies[row, row] = -COUPLING * (2 * equal - (SPINS - 1))
        for spin in range(SPINS):
            turned = f"{state[:spin]}{'10'[int(state[spin])]}{state[spin + 1 :]}"
            if turned in known:
                energies[row, known[turned]] = -FIELD
    return float(np.linalg.eigvalsh(energies)[0])


def exact_energy() -> float:
    """Return the lowest energy in the space of all states."""
    return lowest_energy([f"{number:0{SPINS}b}" for number in range(2**SPINS)])


@dag(
    dag_id="qiskit_runtime_sampled_diagonalization",
    schedule=None,
    catchup=False,
    default_args={"retries": 2},
    tags=["qiskit-runtime", "example"],
    params={
        "backend": Param("least_busy", type="string", description="Where the batch is opened."),
        "journal": Param("", type="string", description="Folder for the samples, which all workers reach."),
    },
    doc_md=__doc__,
)
def sampled_diagonalization():
    @qiskit_hybrid_task(
        backend="{{ params.backend }}",
        mode="batch",
        journal_path="{{ params.journal }}",
        deferrable=True,
        max_execution_time=120,
        max_jobs=2 * ROUNDS,
    )
    def diagonalise(qpu) -> dict[str, Any]:
        """Return the energy after each round, and the exact one."""
        states: set[str] = set()
        energies = []
        for number in range(ROUNDS):
            tilts = [round(float(tilt), 6) for tilt in qpu.rng.normal(1.0, 0.3, SPINS)]
            counts = qpu.sample(chain(tilts), shots=20_000, name=f"round {number + 1}").get_counts()
            states |= {state for state, count in counts.items() if count >= 5}
            energies.append(qpu.step("diagonalise", lowest_energy, sorted(states)))
        return {"energies": energies, "exact_energy": exact_energy(), "states": len(states)}

    diagonalise()


sampled_diagonalization()
