"""The route of the page *Quantum trends*: a task's figures over the runs of its DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.models.dag import DagModel
from fastapi import APIRouter, Query
from fastapi.responses import Response

from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.hooks.connection_names import DEFAULT_CONNECTION
from airflow_provider_qrt.plugins import trend_data
from airflow_provider_qrt.plugins.access import ResultsDep
from airflow_provider_qrt.plugins.addresses import run_page
from airflow_provider_qrt.plugins.answers import LARGEST, MapIndex, airflow_path, csv_answer, json_answer, price
from airflow_provider_qrt.plugins.connections import reader_for
from airflow_provider_qrt.plugins.rates import users
from airflow_provider_qrt.plugins.run_data import connection_of
from airflow_provider_qrt.plugins.run_view import belongs_to
from airflow_provider_qrt.plugins.task_results import is_result
from airflow_provider_qrt.plugins.trends import Measure, TaskOfRun, day_of, measures_of, points

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import JobMetrics
    from airflow_provider_qrt.plugins.readings import ConnectionReader

PAGE_SIZES = (30, 90, 365)
MOST_ASKED = 90
"""Runs of one page whose queue time and calibration are read from IBM."""
NO_TASK = (
    "No task of this DAG has submitted a job to IBM Quantum so far. A curve appears here after the first run that has."
)
COLUMNS = (
    "run_id",
    "run_after",
    "state",
    "backend",
    "value",
    "error",
    "distance",
    "seconds",
    "cost",
    "queue_seconds",
    "total_seconds",
    "two_qubit_error",
    "readout_error",
)

router = APIRouter()


@router.get("/api/trends")
def trends(
    dag_id: str,
    session: SessionDep,
    user: ResultsDep,
    task_id: str = "",
    map_index: MapIndex = -1,
    measure: Annotated[str, Query(max_length=300)] = "",
    page: Annotated[int, Query(ge=1, le=LARGEST)] = 1,
    page_size: Annotated[int, Query(ge=1, le=max(PAGE_SIZES))] = PAGE_SIZES[0],
    as_format: Annotated[str, Query(alias="format", pattern="^(json|csv)$")] = "json",
) -> Response:
    """Return the figures of one task in the runs of its DAG."""
    tasks = trend_data.tasks_of_dag(session, dag_id)
    about = {"dag_id": dag_id, "tasks": [{"task_id": name, "map_index": index} for name, index in tasks]}
    if not tasks:
        return json_answer({**about, "message": NO_TASK, "points": []})
    task = (task_id, map_index) if (task_id, map_index) in tasks else tasks[0]
    total = trend_data.count_runs(session, dag_id)
    pages = max(1, -(-total // page_size))
    page = min(page, pages)
    runs = trend_data.read_runs(session, dag_id, task, offset=(page - 1) * page_size, limit=page_size)
    choices = measures_of(runs)
    chosen = Measure.read(measure) or (choices[0][0] if choices else None)
    reader = reader_for(connection_of(session, dag_id, task) or DEFAULT_CONNECTION, DagModel.get_team_name(dag_id))
    ask = users.may_ask(str(user.get_id()))
    asked = [run for run in runs if run.value is not None][:MOST_ASKED]
    job_ids = [job_id for run in asked if (job_id := _job_id(run)) is not None]
    days = [day for run in asked if (day := day_of(run)) is not None]
    times = _times(reader, job_ids, dag_id, ask=ask)
    calibrations = reader.calibrations(days, ask=ask)
    found = points(runs, chosen, price(), times=times, calibrations=calibrations)
    if as_format == "csv":
        return csv_answer(f"{dag_id}-{task[0]}.csv", COLUMNS, ([row[name] for name in COLUMNS] for row in found))
    cost, airflow = price(), airflow_path()
    for row in found:
        row["url"] = run_page(airflow, dag_id, row["run_id"])
    return json_answer(
        {
            **about,
            "message": "",
            "task_id": task[0],
            "map_index": task[1],
            "measure": chosen.key if chosen is not None else "",
            "measures": [{"key": one.key, "name": name, "kind": one.kind} for one, name in choices],
            "points": found,
            "total": total,
            "page": page,
            "pages": pages,
            "page_size": page_size,
            "price": {"per_second": cost.per_second, "currency": cost.currency},
            "to_be_read": ask
            and reader.problem is None
            and "jobs" not in reader.look(ask=False).problems
            and (any(day not in calibrations for day in days) or any(job_id not in times for job_id in job_ids)),
            "problem": reader.problem or "",
        }
    )


def _times(reader: ConnectionReader, job_ids: Sequence[str], dag_id: str, *, ask: bool) -> dict[str, JobMetrics | None]:
    """Return the known times of a DAG's jobs, and start to read those of the others.

    The value is None for a job that cannot be read, and for one that is not the DAG's.
    """
    reading = reader.look(ask=ask)
    wanted = set(job_ids)
    listed = {one.job.id: one.job for one in reading.jobs if one.job.id in wanted}
    ours = [job for job in listed.values() if belongs_to(job, dag_id, airflow_name())]
    times = {**dict.fromkeys(listed.keys() - {job.id for job in ours}), **reader.times(ours, ask=ask)}
    for job_id in job_ids:
        if job_id not in listed and reading.complete:
            # It is older than the list.
            details = reader.job(job_id, ask=False) or reader.job(job_id, ask=ask)
            if details is not None:
                is_ours = details.job is not None and belongs_to(details.job, dag_id, airflow_name())
                times[job_id] = details.metrics if is_ours else None
    return times


def _job_id(run: TaskOfRun) -> str | None:
    found = run.value.get("job_id") if is_result(run.value) else None
    return found if isinstance(found, str) else None
