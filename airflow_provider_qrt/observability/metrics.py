"""Metrics of jobs, through Airflow's stats: StatsD, Datadog, OpenTelemetry, or nowhere if Airflow sends none.

In a task's process and in the triggerer, Airflow sets these up before anything is counted here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_qrt.observability.best_effort import best_effort

if TYPE_CHECKING:
    from airflow_provider_qrt.client.transport import OnRequest

DAG_OF_THIS_PROCESS = "AIRFLOW_CTX_DAG_ID"
"""Environment variable with the DAG id, which Airflow sets in a task's process."""


class Metric(StrEnum):
    """Names of the metrics; docs/monitoring.md describes them."""

    SUBMITTED = "qiskit_runtime.submitted"
    ADOPTED = "qiskit_runtime.adopted"
    COMPLETED = "qiskit_runtime.completed"
    FAILED = "qiskit_runtime.failed"
    CANCELLED = "qiskit_runtime.cancelled"
    QUEUE_DURATION = "qiskit_runtime.queue_duration"
    QPU_SECONDS = "qiskit_runtime.qpu_seconds"
    POLL_REQUESTS = "qiskit_runtime.poll_requests"


@best_effort
def count(metric: Metric, tags: Mapping[str, str | None], by: float = 1) -> None:
    """Add to a counter.

    Args:
        metric: The counter.
        tags: Tags; None values are left out.
        by: Amount to add.
    """
    from airflow.providers.common.compat.sdk import Stats

    # Airflow's type is int, but its backends also accept fractions of a second.
    Stats.incr(metric.value, by, tags=_known(tags))  # type: ignore[arg-type]


@best_effort
def time_taken(metric: Metric, duration: timedelta, tags: Mapping[str, str | None]) -> None:
    """Record a duration.

    Args:
        metric: The timer.
        duration: The duration, sent in milliseconds like Airflow's own.
        tags: Tags; None values are left out.
    """
    from airflow.providers.common.compat.sdk import Stats

    Stats.timing(metric.value, duration, tags=_known(tags))


def counting_polls(conn_id: str) -> OnRequest:
    """Return a callback that counts the requests of a polling client."""
    return lambda _method, _path, _status: count(Metric.POLL_REQUESTS, {"conn_id": conn_id})


def counting_cancellations(conn_id: str, dag_id: str | None = None) -> OnRequest:
    """Return a callback that counts job cancellations that the service has accepted.

    Args:
        conn_id: The connection.
        dag_id: The DAG; None means that of the task that runs in this process.
    """

    def on_request(method: str, path: str, status: int | None) -> None:
        if method == "POST" and path.endswith("/cancel") and status is not None and status < 300:
            dag = dag_id or os.environ.get(DAG_OF_THIS_PROCESS)
            count(Metric.CANCELLED, {"conn_id": conn_id, "dag_id": dag})

    return on_request


def _known(tags: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if value is not None}
