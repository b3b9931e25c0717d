"""Run a Bell pair on the least busy backend, within a budget of QPU seconds for all runs of this DAG.

Before a job is submitted, its QPU seconds are estimated and added to what the DAG's jobs have used in the last day.
A run that would go over the budget fails without submitting anything. The last task always says what was spent.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

DAY = timedelta(days=1)


@dag(
    dag_id="qiskit_runtime_budget",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={"shots": Param(1024, type="integer", minimum=1)},
    doc_md=__doc__,
)
def budget():
    measure = QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits="circuits/bell_phi.qasm",
        backend="least_busy",
        backend_filters={"min_qubits": 2},
        shots="{{ params.shots }}",
        budget=QiskitRuntimeBudget(max_seconds=4, per="dag", window=DAY),
        deferrable=True,
        max_execution_time=60,
    )

    @task
    def agreement(result: dict) -> float:
        """Return how often the two qubits agree."""
        circuit = result["results"][0]
        return (circuit["counts"].get("00", 0) + circuit["counts"].get("11", 0)) / circuit["shots"]

    @task(trigger_rule="all_done")
    def spent(dag_run=None) -> dict[str, float]:
        """Return the QPU seconds of this run and of the DAG, also if the budget stopped the run."""
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        hook = QiskitRuntimeHook()
        of_run = hook.seconds_used(dag_id=dag_run.dag_id, run_id=dag_run.run_id)
        of_dag = hook.seconds_used(dag_id=dag_run.dag_id, window=DAY)
        print(f"This run: {of_run.total:g} s in {of_run.jobs} jobs. The DAG today: {of_dag.total:g} s.")
        return {"run": of_run.total, "dag": of_dag.total, "jobs": of_dag.jobs}

    agreement(measure.output)
    measure >> spent()


budget()
