"""Run GHZ states of two to five qubits, one job each, and measure the share of the two outcomes of a perfect machine.

A function writes the circuit for a number of qubits, and the decorator turns it into a task that runs the circuit.
It is mapped over the sizes, with one task for each; all of them wait in the triggerer.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, task


@dag(
    dag_id="qiskit_runtime_ghz_states",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={
        "largest": Param(5, type="integer", minimum=2, maximum=12, description="Qubits of the largest state."),
        "shots": Param(1000, type="integer", minimum=1),
        "backend": Param("ibm_fez", type="string"),
    },
    doc_md=__doc__,
)
def ghz_states():
    @task
    def sizes(params: dict) -> list[int]:
        return list(range(2, params["largest"] + 1))

    @task.qiskit_sampler(
        backend="{{ params.backend }}",
        shots="{{ params.shots }}",
        deferrable=True,
        max_execution_time=60,
        retries=2,
        map_index_template="{{ task.op_kwargs['qubits'] }} qubits",
    )
    def measure(qubits: int) -> str:
        """Return the circuit in the machine's own gates, on the first qubits of its first row."""

        def hadamard(qubit: int) -> str:
            return f"rz(pi/2) ${qubit}; sx ${qubit}; rz(pi/2) ${qubit};"

        lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"bit[{qubits}] c;", hadamard(0)]
        for qubit in range(1, qubits):
            lines += [hadamard(qubit), f"cz ${qubit - 1}, ${qubit};", hadamard(qubit)]
        return "\n".join([*lines, *(f"c[{qubit}] = measure ${qubit};" for qubit in range(qubits))])

    @task
    def populations(results: list[dict]) -> dict[str, float]:
        """Return the share of shots in which all qubits agree, for each size."""
        shares = {}
        for result in results:
            circuit = result["results"][0]
            size = circuit["registers"]["c"]["num_bits"]
            counts = circuit["counts"]
            shares[str(size)] = (counts.get("0" * size, 0) + counts.get("1" * size, 0)) / circuit["shots"]
        print(shares)
        return shares

    populations(measure.expand(qubits=sizes()))


ghz_states()
