"""The routes of the page *Quantum*: backends, QPU time and jobs of a connection."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from airflow_provider_qrt.config import pages_look_back
from airflow_provider_qrt.plugins import overview
from airflow_provider_qrt.plugins.access import Viewer, ViewerDep, may_change_tasks
from airflow_provider_qrt.plugins.answers import LARGEST, airflow_path, csv_answer, json_answer, price
from airflow_provider_qrt.plugins.connections import connection_ids, reader_for, team_of
from airflow_provider_qrt.plugins.rates import users
from airflow_provider_qrt.plugins.readings import ConnectionReader, Reading
from airflow_provider_qrt.plugins.selection import PAGE_SIZES, SORTS, Question, choose_page, select
from airflow_provider_qrt.plugins.usage_view import usage_view

NO_DAG = "There is no DAG that you may read, so there is nothing to show. Ask whoever runs this Airflow for the right."
NO_CONNECTION = (
    "Airflow has no connection of the type qiskit_runtime. Create one under Admin, Connections. One that lives in a "
    "secrets backend is named in [qiskit_runtime] pages_connections."
)
NOT_FOUND = "This connection has no such job that you may cancel."
ELSEWHERE = "A job is cancelled from Airflow's own pages only."
COLUMNS = (
    "job_id",
    "state",
    "backend",
    "program",
    "dag_id",
    "run_id",
    "task",
    "tags",
    "created",
    "qpu_seconds",
    "settled",
    "cost",
)

router = APIRouter()
seen_of: dict[str, overview.VisibleJobs] = defaultdict(overview.VisibleJobs)
"""The visible jobs of each connection."""


def asked(
    state: str = "",
    dag_id: str = "",
    backend: str = "",
    tag: str = "",
    text: Annotated[str, Query(max_length=200)] = "",
    since: date | None = None,
    until: date | None = None,
    sort: Annotated[str, Query(pattern=f"^({'|'.join(SORTS)})$")] = "created",
    reverse: bool = False,
    page: Annotated[int, Query(ge=1, le=LARGEST)] = 1,
    page_size: Annotated[int, Query(ge=1, le=max(PAGE_SIZES))] = PAGE_SIZES[0],
) -> Question:
    """Read the selection of jobs from the address."""
    return Question(state, dag_id, backend, tag, text, since, until, sort, reverse, page, page_size)


QuestionDep = Annotated[Question, Depends(asked)]


@dataclass(frozen=True)
class Look:
    """A connection as a user sees it now.

    Attributes:
        conn_id: The connection.
        connections: All that the user may choose from.
        reader: Of the connection.
        reading: Its present data.
        visible: The jobs that the user may see.
        ask: Whether the service may be asked for the user.
        now: Epoch seconds.
    """

    conn_id: str
    connections: list[str]
    reader: ConnectionReader
    reading: Reading
    visible: overview.Visible
    ask: bool
    now: float


def look(viewer: ViewerDep, session: SessionDep, conn_id: str = "") -> Look | Response:
    """Return the connection that was asked for, or the answer that says why there is none."""
    if not viewer.readable:
        return json_answer({"connections": [], "conn_id": None, "message": NO_DAG})
    connections = connection_ids(session, viewer.user)
    if not connections:
        return json_answer({"connections": [], "conn_id": None, "message": NO_CONNECTION})
    conn_id = conn_id or connections[0]
    if conn_id not in connections:
        message = f"There is no connection {conn_id!r} of the type qiskit_runtime. Choose one of the list."
        return json_answer({"connections": connections, "conn_id": None, "message": message})
    return look_at(viewer, session, conn_id, connections)


def look_at(viewer: Viewer, session: SessionDep, conn_id: str, connections: list[str]) -> Look:
    """Return a connection as a user sees it."""
    reader = reader_for(conn_id, team_of(session, conn_id))
    ask = users.may_ask(str(viewer.user.get_id()))
    reading = reader.look(ask=ask)
    visible = seen_of[conn_id].of(reading.jobs, viewer.readable, viewer.existing, reading.sessions)
    return Look(conn_id, connections, reader, reading, visible, ask, datetime.now(UTC).timestamp())


LookDep = Annotated[Look | Response, Depends(look)]


@router.get("/api/quantum")
def quantum(found: LookDep, viewer: ViewerDep, question: QuestionDep) -> Response:
    """Return jobs, backends and QPU time of a connection, as far as the user may see them."""
    if isinstance(found, Response):
        return found
    reading, now = found.reading, found.now
    chosen, about = choose_page(found.visible.jobs, question, reading.sessions)
    times = found.reader.times([one.job for one in chosen if one.job.status.value != "Queued"], ask=found.ask)
    cost, airflow, choices = price(), airflow_path(), found.visible.choices

    @cache
    def may_change(dag_id: str) -> bool:
        return may_change_tasks(dag_id, viewer.user)

    about_all: dict[str, Any] = {
        "now": now,
        "base_url": reading.base_url,
        "airflow": airflow,
        "sessions": reading.sessions,
        "may_change": may_change,
        "fates": found.reader.fates,
        "failed": found.reader.failed_cancellations,
    }
    rows = [overview.job_row(one, times, cost, **about_all) for one in chosen]
    backends = sorted(reading.backends or (), key=lambda backend: str(backend.name))
    return json_answer(
        {
            "message": "",
            "connections": found.connections,
            "conn_id": found.conn_id,
            "now": now,
            "freshness": overview.freshness(reading, now, len(found.visible.jobs)),
            "problems": {part: text for part, text in reading.problems.items() if part != "connection"},
            "cut": reading.cut,
            "price": {"per_second": cost.per_second, "currency": cost.currency},
            "jobs": {**about, "rows": rows, "backends": list(choices.backends), "tags": list(choices.tags)},
            "dags": [overview.dag_row(spent, reading.usage, cost, airflow) for spent in found.visible.spent],
            "backends": [
                overview.backend_row(one, found.reader.queue_history(one.name), _calibration(found, one.name))
                for one in backends
            ],
            "instance": overview.instance_usage(reading.usage),
        }
    )


def _calibration(found: Look, name: str) -> dict[str, Any] | None:
    """Return the medians of a backend's present calibration; None if they are still to be read."""
    details = found.reader.backend(name, ask=found.ask)
    if details is None:
        return None
    medians = details.now.medians() if details.now else {}
    return {**medians, "problem": details.problem or ""}


@router.get("/api/usage")
def usage(found: LookDep) -> Response:
    """Return the QPU time of each day, by DAG, and the sessions."""
    if isinstance(found, Response):
        return found
    visible, days = found.visible, max(1, pages_look_back().days)
    view = usage_view(visible.jobs, visible.shares, price(), now=found.now, days=days)
    return json_answer({"message": "", "conn_id": found.conn_id, "complete": found.reading.complete, **view})


@router.get("/api/backend")
def backend(found: LookDep, name: str) -> Response:
    """Return a backend's map with the errors of its qubits and couplings, and its last calibrations."""
    if isinstance(found, Response):
        return found
    if name not in {one.name for one in found.reading.backends or ()}:
        return json_answer({"name": name, "state": "unknown", "problem": "The instance has no such backend."})
    details = found.reader.backend(name, wholly=True, ask=found.ask)
    if details is None:
        problem = found.reader.problem
        return json_answer({"name": name, "state": "none" if problem else "reading", "problem": problem or ""})
    return json_answer({"name": name, "state": "read", **details.view()})


@router.get("/api/jobs.csv")
def export(found: LookDep, question: QuestionDep) -> Response:
    """Return all jobs of the selection as a file for spreadsheets."""
    if isinstance(found, Response):
        return found
    cost = price()

    def row(one: Any) -> list[Any]:
        about = overview.job_row(one, {}, cost, now=found.now, base_url="", airflow="", sessions=found.reading.sessions)
        names = ("id", "state", "backend", "program", "dag_id", "run_id", "task")
        ends = ("created", "seconds", "settled", "cost")
        tags = " ".join(about["tags"])
        return [*(about[name] for name in names), tags, *(about[name] for name in ends)]

    return csv_answer(
        "quantum-jobs.csv", COLUMNS, map(row, select(found.visible.jobs, question, found.reading.sessions))
    )


class Cancellation(BaseModel):
    """A job that somebody wants to cancel."""

    conn_id: str
    job_id: str


@router.post("/api/cancel")
def cancel(what: Cancellation, request: Request, viewer: ViewerDep, session: SessionDep) -> Response:
    """Cancel a job of a DAG whose tasks the user may change; what becomes of it shows in the list.

    Raises:
        HTTPException: 403: it came from another site; 404: there is no such job that the user may cancel.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, ELSEWHERE)
    if not viewer.readable or what.conn_id not in connection_ids(session, viewer.user):
        raise HTTPException(404, NOT_FOUND)
    found = look_at(viewer, session, what.conn_id, [])
    one = next((one for one in found.visible.jobs if one.job.id == what.job_id), None)
    # Tags that prove nothing may name any DAG.
    mine = one is not None and one.claim.certain and may_change_tasks(str(one.claim.dag_id), viewer.user)
    if one is None or not mine or one.job.status.is_final:
        raise HTTPException(404, NOT_FOUND)
    found.reader.cancel(one.job.id)
    return json_answer({"job_id": one.job.id, "fate": found.reader.fates.get(one.job.id, "")}, 202)
