"""The routes of the page *Quantum result*: what the tasks of a DAG run have measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.models.dag import DagModel
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response

from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.hooks.connection_names import DEFAULT_CONNECTION
from airflow_provider_qrt.plugins import run_data, task_results
from airflow_provider_qrt.plugins.access import ResultsDep
from airflow_provider_qrt.plugins.addresses import run_page
from airflow_provider_qrt.plugins.answers import LARGEST, MapIndex, airflow_path, file_answer, json_answer, price
from airflow_provider_qrt.plugins.connections import reader_for
from airflow_provider_qrt.plugins.drawing import Drawings
from airflow_provider_qrt.plugins.rates import users
from airflow_provider_qrt.plugins.readings import ConnectionReader, JobDetails, JobInput
from airflow_provider_qrt.plugins.run_summary import jobs_of_run, summary_view, wanted_times
from airflow_provider_qrt.plugins.run_view import MOST_JOBS, NOT_SHOWN, belongs_to, task_view
from airflow_provider_qrt.plugins.sent import described
from airflow_provider_qrt.plugins.session_shares import SessionShares

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import JobMetrics, Session
    from airflow_provider_qrt.plugins.job_list import ListedJob

NO_RUN = "Airflow has no such DAG run. It may have been deleted."
NO_TASK = (
    "No task of this run has submitted a job to IBM Quantum so far. Jobs of this provider's operators appear here once "
    "they are submitted."
)
Index = Annotated[int, Query(ge=0, le=LARGEST)]

router = APIRouter()
drawings = Drawings()


@router.get("/api/result")
def result(
    dag_id: str,
    run_id: str,
    session: SessionDep,
    user: ResultsDep,
    task_id: str = "",
    map_index: MapIndex = -1,
    page: Annotated[int, Query(ge=1, le=LARGEST)] = 1,
) -> Response:
    """Return the results of a DAG run's tasks, or of one task instance."""
    airflow = airflow_path()
    run_url = run_page(airflow, dag_id, run_id)
    about = {"dag_id": dag_id, "run_id": run_id, "run_url": run_url, "tasks": [], "total": 0, "page": 1, "pages": 1}
    if not run_data.run_exists(session, dag_id, run_id):
        return json_answer({**about, "message": NO_RUN, "summary": None})
    ours = [(task_id, map_index)] if task_id else run_data.our_tasks(session, dag_id, run_id)
    if not ours:
        return json_answer({**about, "message": NO_TASK, "summary": None})
    size = run_data.TASKS_ON_A_PAGE
    pages = -(-len(ours) // size)
    page = min(page, pages)
    tasks = run_data.read_tasks(session, dag_id, run_id, ours[(page - 1) * size : page * size])
    cost = price()
    ask = users.may_ask(str(user.get_id()))
    views = []
    read: dict[str, float] = {}
    for task in tasks:
        reader = _reader(task, dag_id)
        details = _details(reader, task, ask)
        conn_id = task.conn_id or DEFAULT_CONNECTION
        read[conn_id] = max(read.get(conn_id, 0.0), _over_at(details))
        views.append(
            task_view(
                task,
                details,
                cost,
                dag_id=dag_id,
                run_id=run_id,
                airflow=airflow,
                airflow_name=airflow_name(),
                base_url=reader.base_url,
                problem=reader.problem,
                backends=reader.look(ask=ask).backends or (),
            )
        )
    currency = {"per_second": cost.per_second, "currency": cost.currency}
    found = {"tasks": views, "total": len(ours), "page": page, "pages": pages, "price": currency, "message": ""}
    return json_answer({**about, **found, "summary": None if task_id else _summary(read, dag_id, run_id, ask)})


@router.get("/api/result/download")
def download(
    dag_id: str,
    run_id: str,
    task_id: str,
    session: SessionDep,
    _user: ResultsDep,
    map_index: MapIndex = -1,
    as_format: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Return a task's result as a file."""
    [task] = run_data.read_tasks(session, dag_id, run_id, [(task_id, map_index)])
    if not task_results.is_result(task.result):
        raise HTTPException(404, "XCom holds no result of this task.")
    if as_format == "csv":
        content, media = task_results.csv_text(task.result).encode("utf-8", "replace"), "text/csv"
    else:
        content, media = json.dumps(task.result, indent=1).encode(), "application/json"
    return file_answer(f"{task.name}.{as_format}", content, media)


@router.get("/api/result/drawing")
def drawing(
    dag_id: str,
    run_id: str,
    task_id: str,
    session: SessionDep,
    _user: ResultsDep,
    map_index: MapIndex = -1,
    index: Index = 0,
) -> Response:
    """Return the drawing of one of a task's circuits as it was written; ``drawing``: it is in progress."""
    [task] = run_data.read_tasks(session, dag_id, run_id, [(task_id, map_index)])
    sources = task_results.circuit_sources(task.rendered)
    source = sources[index]["text"] if index < len(sources) else None
    if source is None:
        return json_answer({"state": "none", "text": "Airflow keeps no source of this circuit.", "facts": {}})
    return json_answer(drawings.get(source).to_json())


@router.get("/api/result/sent")
def sent(
    dag_id: str,
    run_id: str,
    task_id: str,
    session: SessionDep,
    user: ResultsDep,
    job_id: str,
    map_index: MapIndex = -1,
    index: Index | None = None,
) -> Response:
    """Return the circuits of a job as they were sent, or with ``index`` the drawing of one."""
    [task] = run_data.read_tasks(session, dag_id, run_id, [(task_id, map_index)])
    if job_id not in task.job_ids:
        raise HTTPException(404, "This task has no such job.")
    reader = _reader(task, dag_id)
    found = reader.input(job_id, ask=users.may_ask(str(user.get_id())))
    if found is None:
        problem = reader.problem
        return json_answer({"state": "none" if problem else "reading", "text": problem or "", "circuits": []})
    if (refusal := _refusal(found, dag_id)) is not None:
        return json_answer({"state": "none", "text": refusal, "circuits": []})
    if index is None:
        return json_answer({"state": "read", "text": "", "circuits": described(found.circuits)})
    if index >= len(found.circuits):
        raise HTTPException(404, "This job has no such circuit.")
    backend = found.job.backend if found.job is not None else None
    return json_answer({**drawings.get(found.circuits[index]).to_json(), "backend": backend})


@router.get("/api/result/map")
def machine_map(
    dag_id: str,
    run_id: str,
    task_id: str,
    session: SessionDep,
    user: ResultsDep,
    name: str,
    map_index: MapIndex = -1,
) -> Response:
    """Return the map of a backend that one of a task's jobs has run on, with its errors."""
    [task] = run_data.read_tasks(session, dag_id, run_id, [(task_id, map_index)])
    reader = _reader(task, dag_id)
    ask = users.may_ask(str(user.get_id()))
    # Another process of the API server may have read them for the page.
    known = _details(reader, task, ask)
    jobs = [details.job for details in known.values() if details is not None and details.job is not None]
    may_see = name in {job.backend for job in jobs if belongs_to(job, dag_id, airflow_name())}
    if not may_see and None not in known.values():
        raise HTTPException(404, "No job of this task has run on this backend.")
    machine = reader.backend(name, wholly=True, ask=ask) if may_see else None
    if machine is None:
        problem = reader.problem
        return json_answer({"name": name, "state": "none" if problem else "reading", "problem": problem or ""})
    return json_answer({"name": name, "state": "read", **machine.view()})


def _reader(task: run_data.TaskData, dag_id: str) -> ConnectionReader:
    return reader_for(task.conn_id or DEFAULT_CONNECTION, DagModel.get_team_name(dag_id))


def _refusal(found: JobInput, dag_id: str) -> str | None:
    """Return why the circuits of a job are not shown; None if they are."""
    if found.job is None or not found.circuits:
        return found.problem
    return None if belongs_to(found.job, dag_id, airflow_name()) else NOT_SHOWN


def _details(reader: ConnectionReader, task: run_data.TaskData, ask: bool) -> dict[str, JobDetails | None]:
    return {job_id: reader.job(job_id, ask=ask) for job_id in task.job_ids[:MOST_JOBS]}


def _over_at(details: Mapping[str, JobDetails | None]) -> float:
    """Return when the last of some jobs was found to be over, epoch seconds; 0 if none was."""
    known = (one for one in details.values() if one is not None and one.job is not None and one.job.status.is_final)
    return max((one.read_at for one in known), default=0.0)


def _summary(read: Mapping[str, float], dag_id: str, run_id: str, ask: bool) -> dict[str, Any]:
    """Describe all jobs of the run.

    Args:
        read: The connections of the tasks that are shown, and when the last of their jobs was found to be over, epoch
            seconds. A list of jobs that is older may lack this job.
        dag_id: The DAG.
        run_id: Its run.
        ask: Whether the service may be asked.
    """
    team = DagModel.get_team_name(dag_id)
    listed: dict[str, ListedJob] = {}
    times: dict[str, JobMetrics | None] = {}
    sessions: dict[str, Session] = {}
    complete = fresh = True
    for conn_id, newest in sorted(read.items()):
        reader = reader_for(conn_id, team)
        reading = reader.look(ask=ask)
        own = jobs_of_run(reading.jobs, dag_id, run_id)
        times |= reader.times(wanted_times(own), ask=ask)
        sessions |= reading.sessions
        complete = complete and reading.complete
        fresh = fresh and (reading.read_at or 0.0) >= newest
        # Two connections may lead to one instance.
        listed |= {one.job.id: one for one in reading.jobs}
    every = list(listed.values())
    shares = SessionShares.of(every, sessions)
    jobs = jobs_of_run(every, dag_id, run_id)
    return summary_view(jobs, times, shares, price(), complete=complete, fresh=fresh)
