"""Two things from Airflow's context: the task's state store, and the identity that its jobs carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.context import NEVER_EXPIRE

from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.jobs.submit.identity import JobIdentity

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor


class TaskStateStore:
    """Keeps a task's record for as long as its DAG run exists; a job may queue longer than Airflow's default retention.

    Args:
        accessor: ``context["task_state_store"]``.
    """

    def __init__(self, accessor: TaskStateStoreAccessor) -> None:
        self._accessor = accessor

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was stored, or ``default``."""
        return self._accessor.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        self._accessor.set(key, value, retention=NEVER_EXPIRE)


def task_store(context: Context) -> TaskStateStore | None:
    """Return the task's state store; None if Airflow gives it none."""
    accessor = context.get("task_state_store")
    return TaskStateStore(accessor) if accessor is not None else None


def identity_of(ti: Any) -> JobIdentity:
    """Return the identity that the jobs of a task instance carry."""
    return JobIdentity(ti.dag_id, ti.run_id, ti.task_id, map_index_of(ti), airflow_name())


def map_index_of(ti: Any) -> int:
    """Return the index of a mapped task, -1 otherwise."""
    return -1 if ti.map_index is None else int(ti.map_index)
