"""Run a program on the API of 2021, the first Qiskit Runtime: JSON in, text out, the API token itself on each request.

For a service that still offers that API, and for the emulator. Only the result shows the state of a job, so waiting
means requesting the result: 204 until it is ready. Connection ``seed_api_token``::

    {"conn_type": "qiskit_runtime", "host": "http://127.0.0.1:8765", "password": "<API token>",
     "extra": {"channel": "api_token", "hub": "ibm-q-internal", "group": "near-time", "project": "qiskit-runtime"}}
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator, QiskitRuntimeSubmitJobOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor

CONNECTION = "seed_api_token"
PROGRAM = "runtime-simple"


@dag(
    dag_id="qiskit_runtime_api_token_program",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example", "older-channel"],
    doc_md=__doc__,
)
def api_token_program():
    @task
    def programs() -> dict[str, str]:
        """Return ids and descriptions, and all details of the program that is run."""
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        with QiskitRuntimeHook(CONNECTION) as hook:
            print(hook.get_program(PROGRAM))
            return {program.id: program.description for program in hook.list_programs()}

    run = QiskitRuntimeSubmitJobOperator(
        task_id="run",
        program_id=PROGRAM,
        program_params={"iterations": 2},
        backend="ibmq_montreal",
        wait_for_completion=False,
        qiskit_runtime_conn_id=CONNECTION,
    )
    wait = QiskitRuntimeJobSensor(
        task_id="wait",
        job_id="{{ ti.xcom_pull(task_ids='run', key='job_id', map_indexes=-1) }}",
        deferrable=True,
        start_from_trigger=True,
        timeout=24 * 60 * 60,
        qiskit_runtime_conn_id=CONNECTION,
    )
    results = QiskitRuntimeGetResultOperator(
        task_id="results",
        job_id="{{ ti.xcom_pull(task_ids='run', key='job_id') }}",
        qiskit_runtime_conn_id=CONNECTION,
    )

    @task
    def final_result(result: dict) -> str:
        print(result["results"])
        return result["results"]

    programs() >> run >> wait >> results
    final_result(results.output)


api_token_program()
