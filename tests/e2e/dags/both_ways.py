"""The same task, waiting on a worker and waiting without one."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor

for name, deferrable in (("blocking", False), ("deferred", True)):
    with DAG(f"both_ways_{name}", schedule=None):
        QiskitRuntimeSamplerOperator(
            task_id="measure",
            circuits="circuits/bell_phi.qasm",
            shots=200,
            backend="ibm_fez",
            tags=["mine"],
            deferrable=deferrable,
        )

with DAG("sensors", schedule=None):
    submit = QiskitRuntimeSamplerOperator(
        task_id="submit", circuits="circuits/bell_phi.qasm", shots=10, wait_for_completion=False
    )
    for name, arguments in (
        ("poke", {"mode": "poke"}),
        ("reschedule", {"mode": "reschedule", "poke_interval": 10}),
        ("deferred", {"deferrable": True}),
        ("from_trigger", {"deferrable": True, "start_from_trigger": True}),
        ("not_from_trigger", {"deferrable": True, "start_from_trigger": True}),
    ):
        # Without map_indexes the triggerer could not render it, and a worker takes the first look.
        where = "" if name == "not_from_trigger" else ", map_indexes=-1"
        submit >> QiskitRuntimeJobSensor(
            task_id=name,
            job_id="{{ ti.xcom_pull(task_ids='submit', key='job_id'" + where + ") }}",
            **{"poke_interval": 1, "timeout": 120, **arguments},
        )

with DAG("mapped", schedule=None):
    QiskitRuntimeSamplerOperator.partial(task_id="measure", shots=50, deferrable=True).expand(
        circuits=["circuits/bell_phi.qasm", "circuits/bell_psi.qasm"]
    )
