"""Measure circuits in one batch, which is closed whatever the outcome of the jobs.

The setup task opens the batch, a mapped task submits one job per circuit, the teardown task closes the batch after
success, failure, kill and clear, and reports how the batch was used.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import qiskit_runtime_session

BELL = """OPENQASM 3.0; include "stdgates.inc"; bit[2] c;
rz(pi/2) $0; sx $0; rz(pi/2) $0; rz(pi/2) $1; sx $1; rz(pi/2) $1; cz $0, $1; rz(pi/2) $1; sx $1; rz(pi/2) $1;
c[0] = measure $0; c[1] = measure $1;"""


@dag(
    dag_id="qiskit_runtime_batch_of_circuits",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={
        "circuits": Param([BELL] * 4, type="array", items={"type": "string"}, description="OpenQASM 3, one each."),
        "mode": Param("batch", enum=["batch", "dedicated"]),
        "backend": "ibm_fez",
    },
    doc_md=__doc__,
)
def batch_of_circuits():
    @task
    def circuits(params: dict) -> list[str]:
        return params["circuits"]

    with qiskit_runtime_session(mode="{{ params.mode }}", backend="{{ params.backend }}", retries=2) as session:
        measure = QiskitRuntimeSamplerOperator.partial(
            task_id="measure", session_id=session.id, shots=500, deferrable=True, max_execution_time=60
        ).expand(circuits=circuits())

    @task
    def compare(results: list[dict]) -> list[float]:
        """Return how often each circuit gave its most frequent outcome."""
        counts = [result["results"][0]["counts"] for result in results]
        return [max(one.values()) / sum(one.values()) for one in counts]

    @task(trigger_rule="all_done")
    def charge(use: dict) -> float:
        """Return the QPU seconds of the batch, also if a job failed."""
        print(f"{use['mode']} {use['session_id']}: {use['job_seconds']} s for {use['jobs']} jobs")
        return use["job_seconds"]

    compare(measure.output)
    charge(session.close.output)


batch_of_circuits()
