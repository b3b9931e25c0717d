"""Run a job on the classic platform, retired in July 2025: programs, login, hub, group and project, logout.

For a service that still offers that API, and for the emulator. Each task that logs in logs out when it is done, which
invalidates its token. Connection ``seed_ibm_quantum``; ``iam_url`` is the login server::

    {"conn_type": "qiskit_runtime", "host": "http://127.0.0.1:8765", "password": "<API token>",
     "extra": {"channel": "ibm_quantum", "iam_url": "http://127.0.0.1:8765",
               "hub": "ibm-q-internal", "group": "dev-sys-software", "project": "internal-test"}}
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor

CONNECTION = "seed_ibm_quantum"
FLIP = """
OPENQASM 3;
include "stdgates.inc";
qreg q[1];
creg c[1];
x q[0];
c[0] = measure q[0];
"""


@dag(
    dag_id="qiskit_runtime_classic_programs_and_logout",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example", "older-channel"],
    doc_md=__doc__,
)
def classic_programs_and_logout():
    @task
    def programs() -> list[str]:
        """List the programs, which are public and need no login."""
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        with QiskitRuntimeHook(CONNECTION) as hook:
            return [program.id for program in hook.list_programs()]

    @task
    def backends() -> list[str]:
        """List the backends; leaving ``with`` logs out, unless another hook of the process still uses the login."""
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

        with QiskitRuntimeHook(CONNECTION) as hook:
            return [backend.name for backend in hook.client.backends()]

    submit = QiskitRuntimeSamplerOperator(
        task_id="submit",
        circuits=FLIP,
        backend="ibm_wellington",
        wait_for_completion=False,
        qiskit_runtime_conn_id=CONNECTION,
    )
    wait = QiskitRuntimeJobSensor(
        task_id="wait",
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

    @task
    def quasi_probabilities(result: dict) -> dict[str, float]:
        [circuit] = result["results"]
        print(f"{circuit['quasi_dists']} from {circuit['shots']} shots")
        return circuit["quasi_dists"]

    [programs(), backends()] >> submit >> wait >> results
    quasi_probabilities(results.output)


classic_programs_and_logout()
