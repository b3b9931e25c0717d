"""Values that a task has returned in the runs of its DAG, from Airflow's database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.plugins.loop_data import KEY as LOOP
from airflow_provider_qrt.plugins.run_data import LINK, RESULT, plain
from airflow_provider_qrt.plugins.trends import TaskOfRun

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MOST_TASKS = 200
"""Tasks that can be chosen."""


def tasks_of_dag(session: Session, dag_id: str) -> list[tuple[str, int]]:
    """List the task instances of a DAG that ran jobs in any run: task id and map index, sorted."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    rows = session.execute(
        select(XComModel.task_id, XComModel.map_index)
        .where(XComModel.dag_id == dag_id, XComModel.key == LINK)
        .distinct()
        .order_by(XComModel.task_id, XComModel.map_index)
        .limit(MOST_TASKS)
    )
    return [(task_id, map_index) for task_id, map_index in rows]


def count_runs(session: Session, dag_id: str) -> int:
    """Count the runs of a DAG."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import func, select

    return session.scalar(select(func.count()).select_from(DagRun).where(DagRun.dag_id == dag_id)) or 0


def read_runs(session: Session, dag_id: str, task: tuple[str, int], *, offset: int, limit: int) -> Sequence[TaskOfRun]:
    """Read what a task returned in runs of its DAG, the newest first.

    Args:
        session: Session of Airflow's database.
        dag_id: The DAG.
        task: Task id and map index.
        offset: How many of the newest runs to leave out.
        limit: How many runs to read at most.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    runs = session.execute(
        select(DagRun.run_id, DagRun.run_after)
        .where(DagRun.dag_id == dag_id)
        .order_by(DagRun.run_after.desc(), DagRun.id.desc())
        .offset(offset)
        .limit(limit)
    ).all()
    ids = [run_id for run_id, _ in runs]

    def of_task(model: Any) -> tuple[Any, ...]:
        task_id, map_index = task
        return (model.dag_id == dag_id, model.task_id == task_id, model.map_index == map_index, model.run_id.in_(ids))

    values = {
        (run_id, key): plain(value)
        for run_id, key, value in session.execute(
            select(XComModel.run_id, XComModel.key, XComModel.value).where(
                *of_task(XComModel), XComModel.key.in_((RESULT, LOOP))
            )
        )
    }
    asked = select(TaskInstance.run_id, TaskInstance.state).where(*of_task(TaskInstance))
    states = {row.run_id: row.state for row in session.execute(asked)}
    found = []
    for run_id, run_after in runs:
        loop, state = values.get((run_id, LOOP)), states.get(run_id)
        backend = loop.get("backend") if isinstance(loop, dict) else None
        found.append(
            TaskOfRun(
                run_id,
                run_after,
                str(state) if state is not None else None,
                values.get((run_id, RESULT)),
                backend if isinstance(backend, str) else None,
            )
        )
    return found
