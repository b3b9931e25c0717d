"""Run the smallest possible circuit: one gate on one qubit, as in IBM's own introduction to the REST API.

The circuit is in the DAG file. The worker waits (``deferrable`` is off), which is fine for a job that runs at once.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

CIRCUIT = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@dag(dag_id="qiskit_runtime_first_circuit", schedule=None, catchup=False, tags=["qiskit-runtime", "example"])
def first_circuit():
    flip = QiskitRuntimeSamplerOperator(task_id="flip", circuits=CIRCUIT, shots=256, deferrable=False)

    @task
    def share_of_ones(result: dict) -> float:
        circuit = result["results"][0]
        return circuit["counts"].get("1", 0) / circuit["shots"]

    share_of_ones(flip.output)


first_circuit()
