"""Two observables over a plane of two angles, and a loop in a dedicated session; an example of what the pages show."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_qrt.decorators.hybrid import qiskit_hybrid_task
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator

ANSATZ = """OPENQASM 3.0;
include "stdgates.inc";
input float[64] alpha; input float[64] beta;
sx $0; rz(alpha + pi) $0; sx $0; rz(pi) $0;
sx $1; rz(beta + pi) $1; sx $1; rz(pi) $1;
cz $0, $1;
"""
ANGLES = [round(0.4 * place, 2) for place in range(16)]

with DAG("energy_landscape", schedule=None):
    QiskitRuntimeEstimatorOperator(
        task_id="landscape",
        circuits=[
            (ANSATZ, [[["ZZ"]], [["XX"]]], {"alpha": [[angle] for angle in ANGLES], "beta": ANGLES}),
        ],
        precision=0.05,
        backend="ibm_fez",
        max_execution_time=120,
    )

    @qiskit_hybrid_task(backend="ibm_fez", mode="dedicated", max_ttl="10m", max_execution_time=60, max_jobs=40)
    def descent(qpu):
        """Find the lowest energy in a dedicated session."""
        from scipy.optimize import minimize

        def energy(angles):
            values = dict(zip(("alpha", "beta"), map(float, angles), strict=True))
            return float(qpu.estimate(ANSATZ, {"ZZ": 1.0, "XX": 0.5}, values, precision=0.05, name="energy").evs)

        found = minimize(energy, [0.5, 0.5], method="COBYLA", options={"maxiter": 20, "rhobeg": 0.8})
        return {"energy": float(found.fun), "alpha": float(found.x[0]), "beta": float(found.x[1])}

    descent()
