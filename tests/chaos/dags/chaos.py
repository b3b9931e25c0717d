"""Tasks that measure the same Bell pair and differ in how they wait and in their limits.

The configuration of a run selects its service.
"""

from __future__ import annotations

import time
from datetime import timedelta

from airflow.sdk import DAG, BaseOperatorLink

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import qiskit_runtime_session

RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=1), "max_retry_delay": timedelta(seconds=5)}
LATER = {"retries": 3, "retry_delay": timedelta(hours=1)}
MAPPED_TASKS = 50
MEASURE = {
    "shots": 200,
    "backend": "ibm_fez",
    "poll_interval": 1,
    "qiskit_runtime_conn_id": "{{ dag_run.conf['service'] }}",
}
BELL_PAIR = "circuits/bell_phi.qasm"

for name, deferrable in (("blocking", False), ("deferred", True)):
    with DAG(f"chaos_{name}", schedule=None, default_args=RETRIES):
        QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL_PAIR, deferrable=deferrable, **MEASURE)

    with DAG(f"chaos_{name}_to_delete", schedule=None):
        QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL_PAIR, deferrable=deferrable, **MEASURE)

    with DAG(f"chaos_{name}_without_retries", schedule=None):
        QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL_PAIR, deferrable=deferrable, **MEASURE)

    with DAG(f"chaos_{name}_with_timeout", schedule=None):
        QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL_PAIR, deferrable=deferrable, timeout=8, **MEASURE)

    # The tests let it pass when the task waits for its job.
    with DAG(f"chaos_{name}_in_a_short_run", schedule=None, dagrun_timeout=timedelta(hours=6)):
        QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL_PAIR, deferrable=deferrable, **MEASURE)

# The service expects a little more than two seconds of QPU time: a job that is queued when it is looked at is too late.
for name, seconds in (("waiting_first", 60), ("about_to_defer", 2)):
    with DAG(f"chaos_{name}", schedule=None, default_args=RETRIES):
        QiskitRuntimeSamplerOperator(
            task_id="measure", circuits=BELL_PAIR, deferrable=True, defer_after=seconds, **MEASURE
        )

with DAG("chaos_blocking_with_a_late_retry", schedule=None, default_args=LATER):
    QiskitRuntimeSamplerOperator(task_id="measure", circuits=BELL_PAIR, deferrable=False, **MEASURE)

# The same, when the task has been killed while it waited for its job.
with DAG("chaos_session_in_a_short_run", schedule=None, dagrun_timeout=timedelta(hours=6), default_args=LATER):
    conn_id = MEASURE["qiskit_runtime_conn_id"]
    with qiskit_runtime_session(mode="dedicated", backend="ibm_fez", qiskit_runtime_conn_id=conn_id) as session:
        QiskitRuntimeSamplerOperator(
            task_id="measure", circuits=BELL_PAIR, deferrable=False, session_id=session.id, **MEASURE
        )


class SlowLink(BaseOperatorLink):
    """A link that takes its time, so that the process of a task which has deferred itself does not end yet."""

    name = "Slow"

    def get_link(self, operator: object, *, ti_key: object) -> str:
        """Airflow asks for it as the last thing that a task's process does."""
        time.sleep(60)
        return ""


class LingeringSamplerOperator(QiskitRuntimeSamplerOperator):
    """Its processes end late."""

    operator_extra_links = (*QiskitRuntimeSamplerOperator.operator_extra_links, SlowLink())


with DAG("chaos_lingering", schedule=None):
    LingeringSamplerOperator(task_id="measure", circuits=BELL_PAIR, deferrable=True, **MEASURE)

with DAG("chaos_mapped", schedule=None, default_args=RETRIES):
    QiskitRuntimeSamplerOperator.partial(task_id="measure", deferrable=True, **MEASURE).expand(
        circuits=[BELL_PAIR] * MAPPED_TASKS
    )
