"""Data from Airflow's database about a DAG run's tasks that ran jobs on IBM Quantum."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.compat import select_rendered_fields
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink
from airflow_provider_qrt.plugins.loop_data import LoopCall, read_loops
from airflow_provider_qrt.untrusted.json_text import parse_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


LINK = QiskitRuntimeJobLink().xcom_key
"""Tasks with this XCom key are ours: Airflow stores the link each time the task leaves the worker."""
JOB, JOBS, RESULT = "job_id", "job_ids", "return_value"
TASKS_ON_A_PAGE = 20


@dataclass(frozen=True)
class TaskData:
    """A task instance and its data.

    Attributes:
        task_id: The task.
        map_index: Index of a mapped task, -1 otherwise.
        state: Its state in Airflow.
        operator: Name of its operator.
        job_ids: Its jobs.
        result: Its return value.
        rendered: Its rendered fields.
        loop: The calls of a hybrid loop that are done.
    """

    task_id: str
    map_index: int
    state: str | None = None
    operator: str | None = None
    job_ids: Sequence[str] = ()
    result: Any = None
    rendered: dict[str, Any] = field(default_factory=dict)
    loop: Sequence[LoopCall] = ()

    @property
    def name(self) -> str:
        """The task for display."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"

    @property
    def conn_id(self) -> str | None:
        """The connection that it used."""
        conn_id = self.rendered.get("qiskit_runtime_conn_id")
        return str(conn_id) if conn_id else None


def run_exists(session: Session, dag_id: str, run_id: str) -> bool:
    """Return whether Airflow knows the DAG run."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    found = session.scalar(select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    return found is not None


def connection_of(session: Session, dag_id: str, task: tuple[str, int]) -> str | None:
    """Return the connection that a task used last; None if that is not known.

    Airflow keeps the fields of the newest runs only, so that those of older ones may have used another.

    Args:
        session: Session of Airflow's database.
        dag_id: The DAG.
        task: Task id and map index.
    """
    from airflow.models.dagrun import DagRun

    asked, owner = select_rendered_fields()
    fields = session.execute(
        asked.join(DagRun, (DagRun.dag_id == owner.dag_id) & (DagRun.run_id == owner.run_id))
        .where(owner.dag_id == dag_id, owner.task_id == task[0], owner.map_index == task[1])
        .order_by(DagRun.run_after.desc())
        .limit(1)
    ).first()
    return None if fields is None else TaskData(*task, rendered=_mapping(fields[-1])).conn_id


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def our_tasks(session: Session, dag_id: str, run_id: str) -> list[tuple[str, int]]:
    """List the run's task instances that ran jobs on IBM Quantum: task id and map index, sorted."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    rows = session.execute(
        select(XComModel.task_id, XComModel.map_index)
        .where(XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == LINK)
        .distinct()
    )
    return sorted((task_id, map_index) for task_id, map_index in rows)


def read_tasks(session: Session, dag_id: str, run_id: str, tasks: Collection[tuple[str, int]]) -> list[TaskData]:
    """Read the data of these task instances.

    Args:
        session: Session of Airflow's database.
        dag_id: The DAG.
        run_id: The DAG run.
        tasks: Task id and map index of each.
    """
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    names = {task_id for task_id, _ in tasks}
    indexes = {map_index for _, map_index in tasks}

    def of_run(model: Any) -> tuple[Any, ...]:
        return (
            model.dag_id == dag_id,
            model.run_id == run_id,
            model.task_id.in_(names),
            model.map_index.in_(indexes),
        )

    values = {
        (task_id, map_index, key): plain(value)
        for task_id, map_index, key, value in session.execute(
            select(XComModel.task_id, XComModel.map_index, XComModel.key, XComModel.value).where(
                *of_run(XComModel), XComModel.key.in_((JOB, JOBS, RESULT))
            )
        )
    }
    instances = {
        (task_id, map_index): (state, operator)
        for task_id, map_index, state, operator in session.execute(
            select(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state, TaskInstance.operator).where(
                *of_run(TaskInstance)
            )
        )
    }
    asked, owner = select_rendered_fields()
    rendered = {
        (task_id, map_index): fields for task_id, map_index, fields in session.execute(asked.where(*of_run(owner)))
    }
    found, loops = [], read_loops(session, dag_id, run_id, tasks)
    for task_id, map_index in tasks:
        state, operator = instances.get((task_id, map_index), (None, None))
        one, several, result = (values.get((task_id, map_index, key)) for key in (JOB, JOBS, RESULT))
        if not one and isinstance(result, dict):
            one = result.get(JOB)
        job_ids = [str(job_id) for job_id in several] if isinstance(several, list) else [str(one)] if one else []
        fields = rendered.get((task_id, map_index))
        found.append(
            TaskData(
                task_id,
                map_index,
                str(state) if state is not None else None,
                operator,
                job_ids,
                result,
                fields if isinstance(fields, dict) else {},
                loops.get((task_id, map_index), ()),
            )
        )
    return found


def plain(value: Any) -> Any:
    """Read an XCom value from the database: JSON, or JSON as text."""
    if isinstance(value, str):
        try:
            return parse_json(value, strict=False)
        except ValueError:
            return value
    return value
