"""Direct an execution yourself: twirl a Bell pair with samplomatic, and compute with every bit of every shot.

A function builds a quantum program of twirled boxes; the decorator turns it into a task that runs it as it is. The next
task undoes the flips of the twirled measurement, and takes the error from how the randomizations differ. Needs the
extra ``qiskit``, which brings samplomatic: ``pip install 'airflow-provider-qrt[qiskit]'``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.decorators.primitives import qiskit_executor_task

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from samplomatic.quantum_program import QuantumProgram


def bell_pair() -> QuantumCircuit:
    """Return a Bell pair in boxes whose gates and measurements are to be twirled, in the gates of the machine."""
    from qiskit import QuantumCircuit
    from samplomatic import Twirl

    def hadamard(qubit: int) -> None:
        circuit.rz(math.pi / 2, qubit)
        circuit.sx(qubit)
        circuit.rz(math.pi / 2, qubit)

    circuit = QuantumCircuit(2, 2)
    with circuit.box([Twirl(dressing="left")]):
        hadamard(0)
        hadamard(1)
        circuit.cz(0, 1)
    with circuit.box([Twirl(dressing="left")]):
        hadamard(1)
        circuit.measure([0, 1], [0, 1])
    return circuit


@dag(
    dag_id="qiskit_runtime_directed_execution",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={"backend": "ibm_fez", "randomizations": Param(20, type="integer", minimum=2, maximum=1000)},
    doc_md=__doc__,
)
def directed_execution():
    @qiskit_executor_task(backend="{{ params.backend }}", deferrable=True, max_execution_time="1m")
    def measure(params: dict) -> QuantumProgram:
        from samplomatic import build
        from samplomatic.quantum_program import QuantumProgram

        template, samplex = build(bell_pair())
        program = QuantumProgram(shots=50, passthrough_data={"twirled": "gates and measurements"})
        program.append_samplex_item(template, samplex, shape=(params["randomizations"],))
        return program

    @task
    def correlation(value: dict) -> dict[str, float]:
        """Return the expectation value of ZZ, which is 1 without errors, and its standard error."""
        from airflow_provider_qrt.primitives import ExecutorResult

        item = ExecutorResult.from_xcom(value)[0]
        bits = item["c"] ^ item["measurement_flips.c"]  # (randomizations, shots, 2)
        parity = 1 - 2 * (bits.sum(axis=-1) % 2)
        each = parity.mean(axis=-1)  # a value for each randomization
        error = each.std(ddof=1) / math.sqrt(len(each))
        print(f"ZZ = {each.mean():.3f} ± {error:.3f}")
        return {"zz": float(each.mean()), "error": float(error)}

    correlation(measure())


directed_execution()
