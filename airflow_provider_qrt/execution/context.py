"""Read from Airflow's context where a task keeps its state, and the identity that its jobs carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import never_expire
from airflow_provider_qrt.config import record_path
from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.jobs.submit.identity import JobIdentity
from airflow_provider_qrt.storage.records import Place, TaskFiles

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

    from airflow_provider_qrt.jobs.submit.record import StateStore


class TaskStateStore:
    """Airflow's own store.

    It keeps a record for as long as the DAG run exists; a job may queue longer than Airflow's default retention.

    Args:
        accessor: ``context["task_state_store"]``.
    """

    def __init__(self, accessor: TaskStateStoreAccessor) -> None:
        self._accessor = accessor

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was stored, or ``default``."""
        value = self._accessor.get(key, None)
        return default if value is None else value

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        self._accessor.set(key, value, retention=never_expire())


class StoreAfterFiles:
    """A store that has taken the place of files.

    Args:
        store: The store.
        files: The files in which the task stored before; they are only read.
    """

    def __init__(self, store: StateStore, files: TaskFiles) -> None:
        self._store = store
        self._files = files

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was stored, or ``default``."""
        value = self._store.get(key)
        return self._files.get(key, default) if value is None else value

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""
        self._store.set(key, value)


def task_store(context: Context) -> StateStore | None:
    """Return where the task keeps its state.

    That is Airflow's task state store (since 3.3), else ``[qiskit_runtime] record_path``; None if there is neither.

    Raises:
        AirflowException: The files cannot be read or written; a retry may help.
    """
    accessor, root = context.get("task_state_store"), record_path()
    if root is None:
        return None if accessor is None else TaskStateStore(accessor)
    ti: Any = context["ti"]
    files = TaskFiles(root, Place(ti.dag_id, ti.run_id, ti.task_id, map_index_of(ti)), str(ti.id))
    try:
        if accessor is not None and not files.is_there():
            return TaskStateStore(accessor)
        files.begin()
    except errors.MISTAKES:
        raise
    except Exception as error:
        # Object stores raise errors of their own libraries.
        raise AirflowException(
            f"The records of this task below [qiskit_runtime] record_path ({root}) cannot be used: "
            f"{type(error).__name__}: {error} Check the folder, its rights, and the connection in its address."
        ) from error
    return files if accessor is None else StoreAfterFiles(TaskStateStore(accessor), files)


def run_number(task: Any, context: Context) -> int:
    """Return in which run of a task this try is: the number of its first try since it was last cleared.

    A clear sets ``max_tries`` to the number of the last try plus the task's retries. If the retries were changed in the
    DAG file since the task began, the answer may be wrong; Airflow tells a task nothing better.
    """
    ti: Any = context["ti"]
    return int(min(ti.try_number, max(1, ti.max_tries - task.retries + 1)))


def clear_number_of(context: Any) -> int | None:
    """Return how often something in the DAG run was cleared; None if that is not known."""
    number = getattr(context.get("dag_run"), "clear_number", None)
    return number if isinstance(number, int) else None


def identity_of(ti: Any) -> JobIdentity:
    """Return the identity that the jobs of a task instance carry."""
    return JobIdentity(ti.dag_id, ti.run_id, ti.task_id, map_index_of(ti), airflow_name())


def map_index_of(ti: Any) -> int:
    """Return the index of a mapped task, -1 otherwise."""
    return -1 if ti.map_index is None else int(ti.map_index)
