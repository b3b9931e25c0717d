"""Measure the energy of a chain of spins in a transverse field, for many states of a circuit, as one estimator job.

The circuit turns every spin by the same angle. The job measures two observables, the energy and the magnetisation, at
21 angles each. The next task picks the angle of least energy, which is the mean-field state of the chain.
"""

from __future__ import annotations

import math

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator

SPINS = 4
ENERGY = {
    **{f"Z{spin} Z{spin + 1}": -1.0 for spin in range(SPINS - 1)},  # neighbours want to point the same way
    **{f"X{spin}": -1.0 for spin in range(SPINS)},  # the field wants them along x
}
MAGNETISATION = {f"Z{spin}": 1 / SPINS for spin in range(SPINS)}
ANGLES = [math.pi / 2 * step / 20 for step in range(21)]


@dag(dag_id="qiskit_runtime_ising_energy", schedule=None, catchup=False, tags=["qiskit-runtime", "example"])
def ising_energy():
    estimate = QiskitRuntimeEstimatorOperator(
        task_id="estimate",
        # Each observable in a list of its own: all angles are measured for each.
        circuits=[("circuits/tilted_spins.qasm", [[ENERGY], [MAGNETISATION]], {"theta": ANGLES})],
        backend="least_busy",
        precision=0.02,
        resilience_level=1,
        deferrable=True,
        max_execution_time=120,
    )

    @task
    def least(result: dict) -> dict[str, float]:
        """Return the angle of least energy; null marks a value that the service could not give, and is skipped."""
        energies, magnetisations = result["results"][0]["evs"]
        errors, _ = result["results"][0]["stds"]
        given = [index for index, energy in enumerate(energies) if energy is not None]
        best = min(given, key=energies.__getitem__)
        found = {"angle": ANGLES[best], "energy": energies[best], "magnetisation": magnetisations[best]}
        print(f"Job {result['job_id']}: {found}, the energy with a standard error of {errors[best]}")
        return found

    least(estimate.output)


ising_energy()
