"""Run one job on IBM Quantum Platform, then one in a dedicated session, which the Open plan does not have.

Connection ``seed_platform``, with an API version that IBM may stop serving on any day after 2027-01-01: the task log
warns about it. Without ``api_version`` it is the current one; without host and ``iam_url`` the service is IBM's::

    {"conn_type": "qiskit_runtime", "host": "http://127.0.0.1:8765/api/v1", "password": "<API key>",
     "extra": {"instance": "<CRN>", "iam_url": "http://127.0.0.1:8765", "api_version": "2025-05-01"}}
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import dag, task

from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import qiskit_runtime_session
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor

CONNECTION = "seed_platform"
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@dag(
    dag_id="qiskit_runtime_platform_job_and_session",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example"],
    doc_md=__doc__,
)
def platform_job_and_session():
    @task
    def choose_backend() -> str:
        """Return the backend with the shortest queue among those that accept jobs."""
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        with QiskitRuntimeHook(CONNECTION) as hook:
            found = list(hook.client.backends())
        for backend in found:
            print(f"{backend.name}: {backend.num_qubits} qubits, {backend.status}, {backend.queue_length} jobs wait")
        available = [backend for backend in found if backend.is_available]
        if not available:
            raise AirflowException("No backend takes jobs now.")
        return min(available, key=lambda backend: backend.queue_length).name

    backend = choose_backend()

    submit = QiskitRuntimeSamplerOperator(
        task_id="submit",
        circuits=FLIP,
        backend=backend,
        max_execution_time=60,
        wait_for_completion=False,
        qiskit_runtime_conn_id=CONNECTION,
    )
    status = QiskitRuntimeJobSensor(
        task_id="status",
        job_id="{{ ti.xcom_pull(task_ids='submit', key='job_id', map_indexes=-1) }}",
        deferrable=True,
        start_from_trigger=True,
        timeout=24 * 60 * 60,
        qiskit_runtime_conn_id=CONNECTION,
    )
    results = QiskitRuntimeGetResultOperator(
        task_id="results",
        job_id="{{ ti.xcom_pull(task_ids='submit', key='job_id') }}",
        qiskit_runtime_conn_id=CONNECTION,
    )
    submit >> status >> results

    with qiskit_runtime_session(
        mode="dedicated", backend=backend, max_ttl=28_800, retries=2, qiskit_runtime_conn_id=CONNECTION
    ) as session:
        in_session = QiskitRuntimeSamplerOperator(
            task_id="in_session",
            circuits=FLIP,
            backend=backend,
            session_id=session.id,
            max_execution_time=60,
            deferrable=True,
            qiskit_runtime_conn_id=CONNECTION,
        )
    results >> session.open

    @task
    def counts(alone: dict, together: dict) -> list[dict[str, int]]:
        found = [job["results"][0]["counts"] for job in (alone, together)]
        print(f"By itself: {found[0]}. In the session: {found[1]}.")
        return found

    counts(results.output, in_session.output)


platform_job_and_session()
