"""Run one job on IBM Cloud's API of 2023: submit, poll its status, fetch quasi-probabilities.

For a service that still offers that API, and for the emulator. Connection ``seed_ibm_cloud``::

    {"conn_type": "qiskit_runtime", "host": "http://127.0.0.1:8765", "password": "<API key>",
     "extra": {"channel": "ibm_cloud", "instance": "<CRN>", "iam_url": "http://127.0.0.1:8765",
               "application": "your_application"}}
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
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
    dag_id="qiskit_runtime_ibm_cloud_single_job",
    schedule=None,
    catchup=False,
    tags=["qiskit-runtime", "example", "older-channel"],
    doc_md=__doc__,
)
def ibm_cloud_single_job():
    submit = QiskitRuntimeSamplerOperator(
        task_id="submit",
        circuits=FLIP,
        backend="ibmq_qasm_simulator",
        wait_for_completion=False,
        qiskit_runtime_conn_id=CONNECTION,
    )

    status = QiskitRuntimeJobSensor(
        task_id="status",
        job_id="{{ ti.xcom_pull(task_ids='submit', key='job_id', map_indexes=-1) }}",
        deferrable=True,
        start_from_trigger=True,
        poke_interval=30,
        timeout=24 * 60 * 60,
        qiskit_runtime_conn_id=CONNECTION,
    )

    @task
    def results(job: dict) -> dict[str, float]:
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
        from airflow_provider_qrt.primitives import decode_sampler_result

        with QiskitRuntimeHook(CONNECTION) as hook:
            text = hook.client.job_result(job["job_id"])
        [quasi] = decode_sampler_result(text).quasi_dists
        print(f"Job {job['job_id']} on {job['backend']}: {quasi}")
        return dict(quasi)

    submit >> status
    results(status.output)


ibm_cloud_single_job()
