"""Wait until a suitable backend is free, then run there.

Machines are calibrated and serviced, and sometimes have a day of jobs queued. The sensor waits, without holding a
worker, for one that is online, fits and has a short queue, and passes its name to the sampler.
"""

from __future__ import annotations

from airflow.sdk import Param, dag

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor


@dag(
    dag_id="qiskit_runtime_wait_for_backend",
    schedule=None,
    catchup=False,
    params={
        "backend": Param("least_busy", type="string", description="A name, or least_busy: any that fits"),
        "max_queue": Param(20, type="integer", minimum=0, description="Jobs in its queue at most"),
    },
    tags=["qiskit-runtime", "example"],
)
def wait_for_backend():
    ready = QiskitRuntimeBackendSensor(
        task_id="ready",
        backend="{{ params.backend }}",
        max_queue="{{ params.max_queue }}",
        backend_filters={"min_qubits": 100, "processor_family": "Heron"},
        deferrable=True,
        poke_interval=60,
        timeout=24 * 60 * 60,
    )

    measure = QiskitRuntimeSamplerOperator(
        task_id="measure",
        circuits="circuits/bell_phi.qasm",
        backend="{{ ti.xcom_pull('ready')['backend'] }}",
        shots=512,
        deferrable=True,
    )

    ready >> measure


wait_for_backend()
