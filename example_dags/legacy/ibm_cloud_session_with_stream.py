"""Run a session on IBM Cloud's API of 2023: it starts with a job, another joins it, and it is closed after the last.

The deferred task learns of its job's end from the service's stream (``wss://.../stream/jobs/<id>``); without a stream
it polls. Connection ``seed_ibm_cloud``: see ibm_cloud_single_job.py.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import QiskitRuntimeCloseSessionOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor

CONNECTION = "seed_ibm_cloud"
FLIP = """
OPENQASM 3;
include "stdgates.inc";
qreg q[1];
creg c[1];
x q[0];
c[0] = measure q[0];
"""


@dag(
    dag_id="qiskit_runtime_ibm_cloud_session",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example", "older-channel"],
    params={"backend": "ibm_algiers"},
    doc_md=__doc__,
)
def ibm_cloud_session():
    @task
    def choose_backend(params: dict) -> str:
        """Return the wanted backend if it is listed; the first may be any, even a simulator, which has no sessions."""
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        with QiskitRuntimeHook(CONNECTION) as hook:
            names = [backend.name for backend in hook.client.backends()]
        if params["backend"] not in names:
            raise AirflowFailException(f"{params['backend']} is not among {', '.join(names)}.")
        return params["backend"]

    backend = choose_backend()
    session = "{{ ti.xcom_pull(task_ids='first', key='session_id') }}"

    first = QiskitRuntimeSamplerOperator(
        task_id="first",
        circuits=FLIP,
        backend=backend,
        start_session=True,
        wait_for_completion=False,
        qiskit_runtime_conn_id=CONNECTION,
    )
    first_has_ended = QiskitRuntimeJobSensor(
        task_id="first_has_ended",
        job_id="{{ ti.xcom_pull(task_ids='first', key='job_id', map_indexes=-1) }}",
        deferrable=True,
        start_from_trigger=True,
        timeout=24 * 60 * 60,
        qiskit_runtime_conn_id=CONNECTION,
    )
    follow_up = QiskitRuntimeSamplerOperator(
        task_id="follow_up",
        circuits=[FLIP] * 5,
        backend=backend,
        session_id=session,
        deferrable=True,
        qiskit_runtime_conn_id=CONNECTION,
    )
    close = QiskitRuntimeCloseSessionOperator(
        task_id="close", session_id=session, retries=2, qiskit_runtime_conn_id=CONNECTION
    )

    @task
    def quasi_dists(result: dict) -> list[dict[str, float]]:
        found = [circuit["quasi_dists"] for circuit in result["results"]]
        for quasi in found:
            print(quasi)
        return found

    # A teardown: it runs whatever the outcome of the jobs, and its failure fails the run.
    first >> [first_has_ended, follow_up] >> close.as_teardown(on_failure_fail_dagrun=True)
    quasi_dists(follow_up.output)


ibm_cloud_session()
