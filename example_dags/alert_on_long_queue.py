"""Send a mail when a job queues for more than four hours, and when a run is late for any reason; the job keeps waiting.

The first mail is about the job: a sensor checks at intervals whether it has left IBM's queue, and holds no worker in
between. The second is about the run: it comes from Airflow's deadline, which needs no task. Both use the connection
``smtp_default``. Needs Airflow 3.2 or newer.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, Param, dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

PATIENCE = timedelta(hours=4)
POKE_INTERVAL = 300
"""Seconds between two polls."""
RECIPIENT = "quantum@example.com"
JOB = "{{ ti.xcom_pull(task_ids='measure', key='job_id') or 'no job yet' }}"


@dag(
    dag_id="qiskit_runtime_alert_on_long_queue",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    params={"shots": Param(1024, type="integer", minimum=1)},
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=2 * PATIENCE,
        callback=AsyncCallback(
            SmtpNotifier,
            {
                "to": RECIPIENT,
                "subject": "{{ dag_run.dag_id }} has not ended",
                "html_content": "Run {{ dag_run.dag_run_id }} began at {{ dag_run.start_date }}.",
            },
        ),
    ),
    doc_md=__doc__,
)
def alert_on_long_queue():
    measure = QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits="circuits/bell_phi.qasm",
        backend="least_busy",
        shots="{{ params.shots }}",
        deferrable=True,
        max_execution_time=60,
    )

    @task.sensor(
        mode="reschedule",
        poke_interval=POKE_INTERVAL,
        timeout=PATIENCE.total_seconds(),
        soft_fail=True,
        on_skipped_callback=SmtpNotifier(
            to=RECIPIENT,
            subject="{{ ti.dag_id }} is still in the queue",
            html_content=f"Job: {JOB}<br>Run: {{{{ ti.run_id }}}}",
        ),
    )
    def leaves_the_queue(ti) -> bool:
        from airflow_provider_qrt.client.states import JobStatus
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        states = ti.get_task_states(ti.dag_id, task_ids=["measure"], run_ids=[ti.run_id])
        if states.get(ti.run_id, {}).get("measure") in ("success", "failed", "upstream_failed", "skipped"):
            return True
        job_id = ti.xcom_pull(task_ids="measure", key="job_id")
        if job_id is None:
            return False
        with QiskitRuntimeHook() as hook:
            return hook.client.job(job_id).status is not JobStatus.QUEUED

    @task
    def agreement(result: dict) -> float:
        """Return how often the two qubits agree."""
        circuit = result["results"][0]
        return (circuit["counts"].get("00", 0) + circuit["counts"].get("11", 0)) / circuit["shots"]

    leaves_the_queue()
    agreement(measure.output)


alert_on_long_queue()
