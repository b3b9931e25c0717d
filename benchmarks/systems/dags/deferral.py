"""DAGs with a deferred task and one after it: ours, and the least that a deferrable operator can do.

``BENCHMARK_QUESTION`` gives backend and shots, and ``queue_seconds``; without this number there is no DAG.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import DAG, BaseOperator, task

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

QUESTION = json.loads(os.environ["BENCHMARK_QUESTION"])


class EmptyDeferrableOperator(BaseOperator):
    """Waits in the triggerer for a number of seconds, and returns the time at which the trigger was to fire."""

    def __init__(self, *, seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seconds = seconds

    def execute(self, context: Context) -> None:  # noqa: ARG002
        """Defer."""
        moment = datetime.now(timezone.utc) + timedelta(seconds=self.seconds)  # noqa: UP017
        self.defer(trigger=DateTimeTrigger(moment), method_name="execute_complete")

    def execute_complete(self, context: Context, event: Any = None) -> str:  # noqa: ARG002
        """Return the time of the event."""
        return str(event)


@task
def after() -> None:
    """Do nothing; the benchmark reads when it started."""


if "queue_seconds" in QUESTION:
    with DAG(dag_id="ours_deferred", schedule=None, catchup=False, max_active_runs=16):
        (
            QiskitRuntimeSamplerOperator(
                task_id="measure",
                circuits="bell_pair.qasm",
                backend=QUESTION["backend"],
                shots=QUESTION["shots"],
                deferrable=True,
                defer_after=0,
            )
            >> after()
        )
    with DAG(dag_id="empty_deferred", schedule=None, catchup=False, max_active_runs=16):
        EmptyDeferrableOperator(task_id="measure", seconds=QUESTION["queue_seconds"]) >> after()
