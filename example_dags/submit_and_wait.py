"""Submit in one task, wait in another, fetch in a third.

This is for a job whose result is needed later, or elsewhere: the submitting task returns at once, and any task that
knows the job's id can wait for it. The scheduler starts the sensor in the triggerer, so it holds no worker while it
waits.
"""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor


@dag(dag_id="qiskit_runtime_submit_and_wait", schedule=None, catchup=False, tags=["qiskit-runtime", "example"])
def submit_and_wait():
    submit = QiskitRuntimeSamplerOperator(
        task_id="submit",
        circuits="circuits/bell_phi.qasm",
        shots=512,
        wait_for_completion=False,
    )

    wait = QiskitRuntimeJobSensor(
        task_id="wait",
        job_id="{{ ti.xcom_pull(task_ids='submit', key='job_id', map_indexes=-1) }}",
        deferrable=True,
        start_from_trigger=True,
        poke_interval=30,
        timeout=24 * 60 * 60,
    )

    @task
    def fetch(job: dict) -> dict[str, int]:
        from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
        from airflow_provider_qrt.primitives import decode_sampler_result

        text = QiskitRuntimeHook().client.job_result(job["job_id"])
        return decode_sampler_result(text).get_counts()

    submit >> wait
    fetch(wait.output)


submit_and_wait()
