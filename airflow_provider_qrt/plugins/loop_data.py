"""The calls of hybrid loops in Airflow's database: live in the state of their tasks, later in XCom."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.compat import has_state_store
from airflow_provider_qrt.untrusted.json_text import parse_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

KEY = "qiskit_runtime_loop"
"""Key of the loop's head in the state of its task, with which those of its pages begin, and key of its XCom."""
MOST_CALLS = 2_000
"""Calls of one loop that are read."""

TaskKey = tuple[str, int]


@dataclass(frozen=True)
class LoopCall:
    """A call of a loop that is done.

    Attributes:
        number: Its number.
        kind: ``sample``, ``estimate``, ``run``, ``step`` or ``now``.
        name: The user's name of it, or None.
        job_ids: Its jobs.
        seconds: QPU seconds that they used.
        shown: A few of its values.
    """

    number: int
    kind: str
    name: str | None = None
    job_ids: tuple[str, ...] = ()
    seconds: float = 0.0
    shown: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, value: Any) -> LoopCall | None:
        """Read a call as the manifest in XCom has it, or as the journal has it; None if it is something else."""
        if not isinstance(value, dict):
            return None
        call = value["call"] if isinstance(value.get("call"), dict) else value
        jobs = value.get("jobs")
        if isinstance(jobs, list):
            known = [job for job in jobs if isinstance(job, dict)]
            ids, seconds = [job.get("id") for job in known], sum(_number(job.get("seconds")) for job in known)
        else:
            ids, seconds = value.get("job_ids") or [], _number(value.get("seconds"))
        if not isinstance(call.get("number"), int) or not isinstance(ids, list):
            return None
        name, shown = call.get("name"), value.get("shown")
        return cls(
            call["number"],
            str(call.get("kind") or ""),
            None if name is None else str(name),
            tuple(str(one) for one in ids),
            seconds,
            shown if isinstance(shown, dict) else None,
        )


def read_loops(session: Session, dag_id: str, run_id: str, tasks: Collection[TaskKey]) -> dict[TaskKey, list[LoopCall]]:
    """Read the calls of those tasks that are loops.

    Args:
        session: Session of Airflow's database.
        dag_id: The DAG.
        run_id: The DAG run.
        tasks: Task id and map index of each.
    """
    found = _from_xcom(session, dag_id, run_id, tasks)
    if has_state_store():
        # The journal of a loop that goes on has more than what an earlier try has left in XCom.
        found |= _from_journals(session, dag_id, run_id, tasks)
    return found


def _from_xcom(session: Session, dag_id: str, run_id: str, tasks: Collection[TaskKey]) -> dict[TaskKey, list[LoopCall]]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    rows = session.execute(
        select(XComModel.task_id, XComModel.map_index, XComModel.value).where(
            XComModel.dag_id == dag_id,
            XComModel.run_id == run_id,
            XComModel.key == KEY,
            XComModel.task_id.in_({task_id for task_id, _ in tasks}),
        )
    )
    found = {}
    for task_id, map_index, value in rows:
        manifest = _parsed(value)
        if isinstance(manifest, dict) and isinstance(manifest.get("calls"), list):
            found[task_id, map_index] = _calls(manifest["calls"])
    return found


def _from_journals(
    session: Session, dag_id: str, run_id: str, tasks: Collection[TaskKey]
) -> dict[TaskKey, list[LoopCall]]:
    from airflow.models.task_state_store import TaskStateStoreModel as Row
    from sqlalchemy import select

    rows = session.execute(
        select(Row.task_id, Row.map_index, Row.key, Row.value).where(
            Row.dag_id == dag_id,
            Row.run_id == run_id,
            Row.task_id.in_({task_id for task_id, _ in tasks}),
            Row.key.startswith(KEY, autoescape=True),
            # Large answers, which no page shows.
            ~Row.key.contains(".call", autoescape=True),
        )
    )
    values: dict[TaskKey, dict[str, Any]] = {}
    for task_id, map_index, key, value in rows:
        values.setdefault((task_id, map_index), {})[key] = value
    return {task: calls for task, stored in values.items() if (calls := _in_journal(stored))}


def _in_journal(stored: Mapping[str, Any]) -> list[LoopCall]:
    """Return the calls of the present run of a loop from the values of its journal."""
    head = _parsed(stored.get(KEY))
    run = head.get("run") if isinstance(head, dict) else None
    pages: list[Any] = []
    while (page := _parsed(stored.get(f"{KEY}.{run}.{len(pages)}"))) is not None and len(pages) < MOST_CALLS:
        pages.append(page)
    return _calls(call for page in pages if isinstance(page, list) for call in page)


def _calls(values: Iterable[Any]) -> list[LoopCall]:
    known = [call for value in values if (call := LoopCall.read(value)) is not None]
    return sorted(known, key=lambda call: call.number)[:MOST_CALLS]


def _parsed(value: Any) -> Any:
    """Return a value from the database: JSON, or JSON as text, perhaps twice."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = parse_json(value, strict=False)
        except ValueError:
            return None
    return value


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
