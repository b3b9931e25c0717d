"""Submit a costly job only after somebody has approved its expected cost.

The first task submits nothing: it checks the circuits, chooses the backend and estimates the QPU seconds. If the
estimate is above the parameter, the run waits, without a worker, until somebody answers: in Airflow under
*Required Actions*, or through its REST API. If it is rejected, or nobody answers within a day, nothing is submitted.
Needs Airflow 3.2 or newer.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

PLAN = "ti.xcom_pull(task_ids='plan')"


@dag(
    dag_id="qiskit_runtime_approve_submission",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={
        "shots": Param(50_000, type="integer", minimum=1),
        "ask_above": Param(5, type="number", minimum=0, description="Jobs up to so many QPU seconds need no approval."),
        "at_most": Param(60, type="integer", minimum=1, description="QPU seconds after which IBM stops the job."),
    },
    doc_md=__doc__,
)
def approve_submission():
    job = {
        "circuits": "circuits/bell_phi.qasm",
        "shots": "{{ params.shots }}",
        "max_execution_time": "{{ params.at_most }}",
    }
    plan = QiskitRuntimeSamplerOperator(task_id="plan", backend="least_busy", dry_run=True, **job)

    @task.branch
    def is_costly(plan: dict, params: dict) -> str:
        return "approve" if plan["estimated_seconds"] > params["ask_above"] else "measure"

    approve = ApprovalOperator(
        task_id="approve",
        subject=f"{{{{ {PLAN}['estimated_seconds'] | round(1) }}}} s of QPU time on {{{{ {PLAN}['backend'] }}}}?",
        body="\n".join(
            [
                "| | |",
                "|---|---|",
                f"| estimated | **{{{{ {PLAN}['estimated_seconds'] | round(1) }}}} s** |",
                "| at most | {{ params.at_most }} s: IBM stops the job there |",
                f"| executions | {{{{ {PLAN}['executions'] }}}} in {{{{ {PLAN}['jobs'] }}}} job(s) |",
                f"| backend | {{{{ {PLAN}['backend'] }}}} |",
            ]
        ),
        defaults=ApprovalOperator.REJECT,
        response_timeout=timedelta(days=1),
    )

    measure = QiskitRuntimeSamplerOperator(
        task_id="measure",
        backend=f"{{{{ {PLAN}['backend'] }}}}",
        deferrable=True,
        trigger_rule="none_failed_min_one_success",
        **job,
    )

    @task
    def agreement(result: dict) -> float:
        """Return how often the two qubits agree."""
        circuit = result["results"][0]
        return (circuit["counts"].get("00", 0) + circuit["counts"].get("11", 0)) / circuit["shots"]

    is_costly(plan.output) >> [approve, measure]
    approve >> measure
    agreement(measure.output)


approve_submission()
