"""Find jobs, sessions and batches that this Airflow submitted and that no task waits for any more, once a day.

It lists them in the task's log and in XCom. To cancel them, trigger it with the parameter ``cancel`` set.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

DESCRIPTIONS = {
    "cancel": "Cancel the jobs and close the sessions and batches that are found.",
    "older_than_minutes": "Leave younger ones out.",
    "include_unknown": "List also those whose task cannot be told. They are not cancelled.",
    "exclude_dags": "DAGs to leave out, such as one whose jobs are meant to outlive its runs.",
}


@dag(
    dag_id="qiskit_runtime_find_orphans",
    schedule="@daily",
    catchup=False,
    max_active_runs=1,
    tags=["qiskit-runtime", "example"],
    params={
        "cancel": Param(False, type="boolean", description=DESCRIPTIONS["cancel"]),
        "older_than_minutes": Param(10, type="number", minimum=0, description=DESCRIPTIONS["older_than_minutes"]),
        "include_unknown": Param(False, type="boolean", description=DESCRIPTIONS["include_unknown"]),
        "exclude_dags": Param([], type="array", items={"type": "string"}, description=DESCRIPTIONS["exclude_dags"]),
        "qiskit_runtime_conn_id": Param("qiskit_runtime_default", type="string"),
    },
    doc_md=__doc__,
)
def find_orphans():
    @task(task_id="find_orphans", retries=2)
    def find(params: dict[str, Any]) -> list[dict[str, Any]]:
        from airflow_provider_qrt.hooks.orphans import cancel_orphans
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        hook = QiskitRuntimeHook(params["qiskit_runtime_conn_id"])
        orphans = hook.find_orphans(
            older_than=params["older_than_minutes"] * 60,
            include_unknown=params["include_unknown"],
            exclude_dags=params["exclude_dags"],
        )
        print(f"{len(orphans)} found on {hook.describe()}")
        for orphan in orphans:
            print(orphan.describe())
        outcomes = cancel_orphans(hook.client, orphans, log=print) if params["cancel"] else {}
        return [{**orphan.to_json(), "outcome": outcomes.get(orphan.id)} for orphan in orphans]

    find()


find_orphans()
