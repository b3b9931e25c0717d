"""DAGs whose tasks wait in the triggerer during an upgrade of the package."""

from __future__ import annotations

from airflow.sdk import dag, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; input angle a; bit[1] c; rz(a) $0; x $0; c[0] = measure $0;'
COMMON = {"backend": "ibm_fez", "deferrable": True, "poll_interval": 2}


@dag(schedule=None)
def waits_for_a_job():
    QiskitRuntimeSamplerOperator(task_id="waits", circuits=[(FLIP, {"a": [0.1, 0.2]})], shots=20, **COMMON)


@dag(schedule=None)
def waits_for_several_jobs():
    # Larger together than the [qiskit_runtime] max_body_bytes of this Airflow.
    pubs = [(FLIP, {"a": 0.1}), (FLIP, {"a": 0.2})]
    QiskitRuntimeSamplerOperator(task_id="waits", circuits=pubs, shots=20, **COMMON)


@dag(schedule=None)
def waits_for_a_functions_job():
    @task.qiskit_sampler(task_id="waits", shots=20, **COMMON)
    def circuits():
        return [(FLIP, {"a": 0.5})]

    circuits()


@dag(schedule=None)
def waits_to_submit():
    QiskitRuntimeSamplerOperator(task_id="waits", circuits=[(FLIP, {"a": 0.1})], shots=20, **COMMON)


@dag(schedule=None)
def waits_for_a_backend():
    QiskitRuntimeBackendSensor(task_id="waits", backend="ibm_boston", deferrable=True, poke_interval=2)


waits_for_a_job()
waits_for_several_jobs()
waits_for_a_functions_job()
waits_to_submit()
waits_for_a_backend()
