"""The tasks' records of their jobs and sessions, and the states of runs and tasks: in Airflow's database, or in files.

Only for processes with access to the database, such as the main process of a triggerer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import has_state_store, mapped_index_of
from airflow_provider_qrt.config import record_path
from airflow_provider_qrt.jobs.orphans.ownership import RunState
from airflow_provider_qrt.jobs.sessions import opening as sessions
from airflow_provider_qrt.jobs.sessions.opening import SessionRecord
from airflow_provider_qrt.jobs.submit import record as job_record
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
from airflow_provider_qrt.storage.records import Place, RecordFolder

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from airflow_provider_qrt.storage.records import StoredValue

OpenSession = Callable[[], AbstractContextManager["Session"]]

GOES_ON = ("queued", "running")


class RecordsUnreadableError(Exception):
    """The files with the records of tasks cannot be read at the moment."""


@dataclass(frozen=True)
class Written:
    """A record, and the task that wrote it."""

    place: Place
    record: SubmissionRecord | SessionRecord


class AirflowDatabase:
    """Implements :class:`~airflow_provider_qrt.jobs.orphans.ownership.Airflow` with the database.

    Each query has its own database session, because slow requests to the service happen in between.

    Args:
        open_session: Opens a session of Airflow's database.

    Raises:
        SQLAlchemyError: From each method, if the database does not answer.
        RecordsUnreadableError: From those that read records, if the files cannot be read.
    """

    def __init__(self, open_session: OpenSession | None = None) -> None:
        if open_session is None:
            from airflow.utils.session import create_session

            open_session = create_session
        self._open = open_session

    def run_state(self, dag_id: str, run_id: str) -> RunState:
        """Return whether the run is queued or running, has ended, or does not exist."""
        from airflow.models.dagrun import DagRun
        from sqlalchemy import select

        with self._open() as session:
            state = session.scalar(select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if state is None:
            return RunState.GONE
        return RunState.GOES_ON if str(state) in GOES_ON else RunState.ENDED

    def task_states(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1
    ) -> Mapping[str, str | None]:
        """Return the states of all tasks of the run, or of one, by ``task_id`` or ``task_id_<map_index>``."""
        from airflow.models.taskinstance import TaskInstance
        from sqlalchemy import select

        asked = select(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state).where(
            TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id
        )
        if task_id is not None:
            asked = asked.where(TaskInstance.task_id == task_id, TaskInstance.map_index == map_index)
        with self._open() as session:
            return {
                one if index < 0 else f"{one}_{index}": None if state is None else str(state)
                for one, index, state in session.execute(asked)
            }

    def published_job_id(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
        """Return a job that the task has recorded, or None."""
        return next(iter(self.published_job_ids(dag_id, run_id, task_id, map_index)), None)

    def published_job_ids(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> list[str]:
        """Return the jobs that the task has recorded."""
        records = self.job_records(Place(dag_id, run_id, task_id, map_index))
        return [record.job_id for record in records if record.job_id is not None]

    def job_records(self, place: Place) -> list[SubmissionRecord]:
        """Return a task's records of its jobs."""
        with _reading_files():
            found = [_read(value.key, value.text) for value in self._files_of_task(place)]
        if has_state_store():
            found += self._rows_of_task(place)
        return [record for record in found if isinstance(record, SubmissionRecord)]

    def _files_of_task(self, place: Place) -> Iterator[StoredValue]:
        root = record_path()
        if root is not None:
            yield from (one for one in RecordFolder(root).values_of_task(place) if _is_ours(one.key))

    def _rows_of_task(self, place: Place) -> list[SubmissionRecord | SessionRecord | None]:
        from airflow.models.task_state_store import TaskStateStoreModel as Row
        from sqlalchemy import select

        asked = select(Row.key, Row.value).where(
            Row.dag_id == place.dag_id,
            Row.run_id == place.run_id,
            Row.task_id == place.task_id,
            mapped_index_of(Row) == place.map_index,
            Row.key.startswith(job_record.STORE_KEY, autoescape=True),
        )
        with self._open() as session:
            return [_read(key, value) for key, value in session.execute(asked)]

    def written_since(self, moment: datetime) -> list[tuple[Written, datetime]]:
        """Return the records of jobs and sessions that were written since ``moment``, with their times."""
        with _reading_files():
            found = list(self._files_since(moment))
        if has_state_store():
            found += self._rows_since(moment)
        return found

    def _files_since(self, moment: datetime) -> Iterator[tuple[Written, datetime]]:
        """Read the files of the DAG runs that are at work or have ended since ``moment``."""
        from airflow.models.dagrun import DagRun
        from sqlalchemy import or_, select

        root = record_path()
        if root is None:
            return
        folder = RecordFolder(root)
        asked = select(DagRun.dag_id, DagRun.run_id).where(
            DagRun.dag_id.in_(folder.dag_ids()), or_(DagRun.end_date.is_(None), DagRun.end_date >= moment)
        )
        with self._open() as session:
            runs = [(dag_id, run_id) for dag_id, run_id in session.execute(asked)]
        for dag_id, run_id in runs:
            for value in folder.values_of_run(dag_id, run_id):
                if value.written >= moment and _is_ours(value.key) and (record := _read(value.key, value.text)):
                    yield Written(value.place, record), value.written

    def _rows_since(self, moment: datetime) -> list[tuple[Written, datetime]]:
        from airflow.models.task_state_store import TaskStateStoreModel as Row
        from sqlalchemy import or_, select

        asked = select(Row).where(
            Row.updated_at >= moment,
            or_(Row.key.startswith(job_record.STORE_KEY, autoescape=True), Row.key == sessions.STORE_KEY),
        )
        with self._open() as session:
            return [
                (Written(Place(row.dag_id, row.run_id, row.task_id, mapped_index_of(row)), record), row.updated_at)
                for row in session.scalars(asked)
                if (record := _read(row.key, row.value)) is not None
            ]

    def tell(self, event: str, text: str, place: Place | None) -> None:
        """Write an entry to the audit log, with the task that it concerns."""
        from airflow.models.log import Log

        of_task = vars(place) if place is not None else {}
        with self._open() as session:
            session.add(Log(event=event, owner="airflow-provider-qrt", extra=text, **of_task))


@contextmanager
def _reading_files() -> Iterator[None]:
    """Turn errors of an object store, which are those of its library, into one that can be waited out."""
    try:
        yield
    except (*errors.MISTAKES, SQLAlchemyError):
        raise
    except Exception as error:
        raise RecordsUnreadableError(f"record_path cannot be read: {type(error).__name__}: {error}") from error


def _is_ours(key: str) -> bool:
    return key == sessions.STORE_KEY or key.startswith(job_record.STORE_KEY)


def _read(key: str, value: str) -> SubmissionRecord | SessionRecord | None:
    """Read a stored record; None if the value is not one."""
    try:
        stored: Any = json.loads(value)
    except ValueError:
        return None
    kind = SessionRecord if key == sessions.STORE_KEY else SubmissionRecord
    if not isinstance(stored, dict):
        return None
    known = {field.name for field in fields(kind)}
    try:
        return kind(**{name: one for name, one in stored.items() if name in known})
    except TypeError:
        # Fields are missing, so it is not one of our records.
        return None
