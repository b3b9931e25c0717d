"""Cut a graph of eight nodes by QAOA: an optimiser turns two angles, and the best cut is looked up among the samples.

The cut of a graph divides its nodes into two sets; the more edges run between them, the better. QAOA's circuit has an
angle for the edges and one for the nodes. Qiskit maps it to the machine (extra ``qiskit``).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag

from airflow_provider_qrt.decorators.hybrid import qiskit_hybrid_task

NODES = 8
EDGES = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 0), (0, 5), (2, 7))
"""A ring with two chords, whose best cut has all ten edges."""


def ansatz() -> str:
    """Return one layer of QAOA as OpenQASM 3."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', "input float[64] gamma;", "input float[64] beta;"]
    lines += [f"qubit[{NODES}] q;"]
    lines += [f"h q[{node}];" for node in range(NODES)]
    lines += [f"cx q[{one}], q[{other}]; rz(gamma) q[{other}]; cx q[{one}], q[{other}];" for one, other in EDGES]
    lines += [f"rx(2*beta) q[{node}];" for node in range(NODES)]
    return "\n".join(lines)


def measured(circuit: str) -> str:
    """Return the circuit with all its qubits measured."""
    return f"{circuit}\nbit[{NODES}] c;\nc = measure q;"


def cut_size(bits: str) -> int:
    """Count the edges between the two sets that a bit string divides the nodes into, node 0 rightmost."""
    sides = bits[::-1]
    return sum(sides[one] != sides[other] for one, other in EDGES)


def edges_observable() -> dict[str, float]:
    """Return the expected number of cut edges as an observable."""
    cut: dict[str, float] = {"I" * NODES: len(EDGES) / 2}
    for one, other in EDGES:
        letters = ["I"] * NODES
        letters[NODES - 1 - one] = letters[NODES - 1 - other] = "Z"
        cut["".join(letters)] = -0.5
    return cut


@dag(
    dag_id="qiskit_runtime_qaoa_maxcut",
    schedule=None,
    catchup=False,
    default_args={"retries": 2},
    tags=["qiskit-runtime", "example"],
    params={"backend": Param("least_busy", type="string", description="Where the batch is opened.")},
    doc_md=__doc__,
)
def qaoa_maxcut():
    @qiskit_hybrid_task(
        backend="{{ params.backend }}", mode="batch", deferrable=True, max_execution_time=120, max_jobs=60
    )
    def best_cut(qpu, start: list[float]) -> dict[str, Any]:
        """Return the largest cut among the samples at the best angles."""
        from scipy.optimize import minimize

        circuit, cut = ansatz(), edges_observable()

        def lost(angles):
            values = {"gamma": float(angles[0]), "beta": float(angles[1])}
            return -float(qpu.estimate(circuit, cut, values, precision=0.1, optimization_level=1, name="cut").evs)

        found = minimize(lost, start, method="COBYLA", options={"rhobeg": 0.3, "maxiter": 25, "tol": 0.05})
        best = {"gamma": float(found.x[0]), "beta": float(found.x[1])}
        counts = qpu.sample(measured(circuit), best, shots=2000, optimization_level=1, name="samples").get_counts()
        bits = max(counts, key=cut_size)
        return {"cut": bits, "edges": cut_size(bits), "of": len(EDGES), "expected": -found.fun, "angles": best}

    best_cut([0.6, 0.4])


qaoa_maxcut()
