"""Two Bell pairs from OpenQASM files, one job, and a task that uses the counts.

The task waits in the triggerer: it holds no worker between submission and result, however long the queue is.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator


@dag(
    dag_id="qiskit_runtime_bell_pair",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={"shots": Param(1024, type="integer", minimum=1), "backend": "least_busy"},
    doc_md=__doc__,
)
def bell_pair():
    measure = QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits=["circuits/bell_phi.qasm", "circuits/bell_psi.qasm"],
        backend="{{ params.backend }}",
        shots="{{ params.shots }}",
        deferrable=True,
        max_execution_time=60,
    )

    @task
    def correlation(result: dict) -> dict[str, float]:
        """Return how often the qubits agree minus how often they differ: 1 for the first pair, -1 for the second."""
        answer = {}
        for name, circuit in zip(("phi", "psi"), result["results"], strict=True):
            counts = circuit["counts"]
            agree = counts.get("00", 0) + counts.get("11", 0)
            answer[name] = 2 * agree / circuit["shots"] - 1
        print(f"Job {result['job_id']} on {result['backend']}: {answer}")
        return answer

    correlation(measure.output)


bell_pair()
