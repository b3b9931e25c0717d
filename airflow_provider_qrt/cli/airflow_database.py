"""Airflow as its own command line sees it: through its database, as ``airflow dags list-runs`` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.jobs.ownership import RunState

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.jobs.orphans import Orphan


class AirflowDatabase:
    """Answers what :class:`~airflow_provider_qrt.jobs.ownership.Airflow` asks.

    Raises:
        InvalidSettings: There is no Airflow here, or no database behind it.
    """

    def __init__(self) -> None:
        try:
            from airflow.models import TaskInstance
            from airflow.models.dagrun import DagRun
            from airflow.utils.session import create_session
            from sqlalchemy import func, select

            with create_session() as session:
                session.scalar(select(func.count()).select_from(DagRun))
        except ImportError as error:
            raise InvalidSettings(f"Orphans can be told only where Airflow is installed: {error}.") from None
        except Exception as error:
            # SQLAlchemy's many errors; their text may name the database's user.
            raise InvalidSettings(
                "Orphans can be told only by Airflow's database, which could not be read here "
                f"({type(error).__name__}). Run this where `airflow dags list` works, or call find_orphans() in a task."
            ) from None
        self._session, self._select = create_session, select
        self._run, self._task = DagRun, TaskInstance

    def run_state(self, dag_id: str, run_id: str) -> RunState:
        """Whether the run is queued or running, has ended, or does not exist."""
        found = self._first(self._select(self._run.state).where(self._run.dag_id == dag_id, self._run.run_id == run_id))
        if found is None:
            return RunState.GONE
        return RunState.GOES_ON if str(found) in ("queued", "running") else RunState.ENDED

    def task_states(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1
    ) -> Mapping[str, str | None]:
        """States of the run's tasks by ``task_id``, or ``task_id_<map_index>``; all of them, or one task's."""
        task = self._task
        query = self._select(task.task_id, task.map_index, task.state).where(
            task.dag_id == dag_id, task.run_id == run_id
        )
        if task_id is not None:
            query = query.where(task.task_id == task_id)
        if map_index >= 0:
            query = query.where(task.map_index == map_index)
        with self._session() as session:
            return {
                one if index < 0 else f"{one}_{index}": None if state is None else str(state)
                for one, index, state in session.execute(query)
            }

    def published_job_id(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
        """The job that the task has published as its own, in XCom."""
        value = self._xcom("job_id", dag_id, run_id, task_id, map_index)
        return None if value is None else str(value)

    def published_job_ids(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> list[str]:
        """All jobs that the task has published as its own, where it has several."""
        value = self._xcom("job_ids", dag_id, run_id, task_id, map_index)
        return [str(one) for one in value] if isinstance(value, list) else []

    def _xcom(self, key: str, dag_id: str, run_id: str, task_id: str, map_index: int) -> Any:
        from airflow.models.xcom import XComModel

        query = XComModel.get_many(
            run_id=run_id, key=key, dag_ids=dag_id, task_ids=task_id, map_indexes=map_index, limit=1
        )
        with self._session() as session:
            found = session.scalars(query).first()
            return None if found is None else XComModel.deserialize_value(found)

    def _first(self, query: Any) -> Any:
        with self._session() as session:
            return session.scalar(query)


def name_of_airflow() -> str:
    """Name of this Airflow in the tags of its jobs."""
    from airflow_provider_qrt.hooks.deployment import airflow_name

    return airflow_name()


def cancel_found(client: QiskitRuntimeClient, found: Iterable[Orphan]) -> dict[str, str]:
    """Cancel orphans; return what became of each, by id.

    Raises:
        AirflowNameMissing: This Airflow has no name. Nothing was cancelled.
    """
    from airflow_provider_qrt.hooks.orphans import cancel_orphans

    return cancel_orphans(client, found, log=lambda _: None)
