"""Airflow's tables in a separate database file, with the rows that a test needs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from sqlalchemy.orm import Session


class Database:
    """Tables of Airflow's database, with as much in them as is looked at."""

    def __init__(self, path) -> None:
        from airflow.models import import_all_models
        from airflow.models.base import Base

        import_all_models()
        self.engine = sqlalchemy.create_engine(f"sqlite:///{path}")
        Base.metadata.create_all(self.engine)
        self.runs: dict[tuple[str, str], int] = {}

    @contextmanager
    def session(self):
        with Session(self.engine) as session:
            yield session
            session.commit()

    def insert(self, model: Any, **values: Any) -> None:
        """Insert a row. Required columns that are not given get a made-up value."""
        columns = model.__table__.columns
        if "map_index" in values and "map_index" not in columns:
            # Since Airflow 3.4.
            values["region_index"] = values.pop("map_index")
            if columns["region_id"].server_default is None:
                values["region_id"] = "0" * 32
        for column in columns:
            if column.name in values or column.nullable or column.server_default is not None:
                continue
            if not (column.primary_key and column.name == "id"):
                values[column.name] = datetime.now(UTC) if "Date" in type(column.type).__name__ else 1
        # Not through the model: its defaults need more than a test gives.
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _ in values)
        row = tuple(f"{one:%Y-%m-%d %H:%M:%S.%f}" if isinstance(one, datetime) else one for one in values.values())
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO {model.__table__.name} ({names}) VALUES ({marks})", row)

    def run(self, state: str, dag_id: str = "dag", run_id: str = "run") -> None:
        from airflow.models.dagrun import DagRun

        key = (dag_id, run_id)
        self.runs[key] = len(self.runs) + 1
        self.insert(DagRun, id=self.runs[key], dag_id=dag_id, run_id=run_id, state=state, run_type="manual")

    def task(self, state: str | None, task_id: str = "task", map_index: int = -1) -> None:
        from uuid import uuid4

        from airflow.models.taskinstance import TaskInstance

        self.insert(
            TaskInstance,
            id=uuid4().hex,
            dag_id="dag",
            run_id="run",
            task_id=task_id,
            map_index=map_index,
            state=state,
            pool="p",
        )

    def store(self, key: str, value: Any, task_id: str = "task", map_index: int = -1) -> None:
        from airflow.models.task_state_store import TaskStateStoreModel

        self.insert(
            TaskStateStoreModel,
            dag_run_id=1,
            dag_id="dag",
            run_id="run",
            task_id=task_id,
            map_index=map_index,
            key=key,
            value=json.dumps(value),
            updated_at=datetime.now(UTC),
        )

    def set(self, model: Any, **values: Any) -> None:
        with self.session() as session:
            session.execute(sqlalchemy.update(model.__table__).values(**values))

    def delete(self, model: Any) -> None:
        with self.session() as session:
            session.execute(sqlalchemy.delete(model.__table__))

    def told(self, event: str) -> list[str]:
        """Return the rows of an event in the audit log."""
        from airflow.models.log import Log

        with self.session() as session:
            return list(session.scalars(sqlalchemy.select(Log.extra).where(Log.event == event)))
