"""Airflow's task state store, as the room below wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.context import NEVER_EXPIRE

if TYPE_CHECKING:
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
