"""The pages' routes in Airflow's API server. They need Airflow's login and answer from cached data.

No route waits for IBM: :mod:`~airflow_provider_qrt.plugins.readings` asks the service in the background.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from airflow_provider_qrt import config
from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.hooks.connection_form import DEFAULT_CONNECTION
from airflow_provider_qrt.plugins import overview, run_data, task_results
from airflow_provider_qrt.plugins.access import ResultsDep, ViewerDep
from airflow_provider_qrt.plugins.connections import connection_ids, reader_for, team_of
from airflow_provider_qrt.plugins.drawing import Drawings
from airflow_provider_qrt.plugins.rates import users
from airflow_provider_qrt.plugins.readings import ConnectionReader, JobDetails
from airflow_provider_qrt.plugins.run_view import MOST_JOBS, task_view
from airflow_provider_qrt.primitives.results.plain_json import strict_json

STATIC = Path(__file__).parent / "static"
PAGES = {"/": "quantum.html", "/result": "result.html"}
MEDIA = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
NO_DAG = "There is no DAG that you may read, so there is nothing to show. Ask whoever runs this Airflow for the right."
NO_CONNECTION = (
    "Airflow has no connection of the type qiskit_runtime. Create one under Admin, Connections. One that lives in a "
    "secrets backend is named in [qiskit_runtime] pages_connections."
)
NO_PRICE = "[qiskit_runtime] price_per_second is not a number. Correct it and restart Airflow's API server."
NO_RUN = "Airflow has no such DAG run. It may have been deleted."
NO_TASK = (
    "No task of this run has submitted a job to IBM Quantum so far. What the operators of the IBM Quantum provider run "
    "shows here as soon as they have submitted it."
)

LARGEST = 2**31 - 1
"""Largest integer in a URL: the largest that Airflow's database can compare with."""
MapIndex = Annotated[int, Query(ge=-1, le=LARGEST)]

router = APIRouter()
drawings = Drawings()
seen_of: dict[str, overview.VisibleJobs] = defaultdict(overview.VisibleJobs)
"""The visible jobs of each connection."""


def create_app() -> FastAPI:
    """Build the application that Airflow's API server mounts. All its routes need a login."""
    app = FastAPI(
        title="IBM Quantum pages", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)]
    )
    app.include_router(router)

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        """Redirect a page request without a login to Airflow's login page; return the error to all others."""
        path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
        if error.status_code == 401 and path in PAGES:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{airflow_path()}/api/v2/auth/login?next={quote(here, safe='')}", 307)
        return JSONResponse({"detail": error.detail}, error.status_code)

    @app.middleware("http")
    async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def airflow_path() -> str:
    """Return the path of Airflow's own pages, without a trailing slash."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


def price() -> overview.Price:
    """Return the price of a QPU second: ``[qiskit_runtime] price_per_second`` in ``price_currency``."""
    try:
        return overview.Price(*config.price())
    except ValueError:
        raise HTTPException(500, NO_PRICE) from None


@router.get("/")
def quantum_page() -> FileResponse:
    """Return the page *Quantum*."""
    return FileResponse(STATIC / PAGES["/"], media_type="text/html")


@router.get("/result")
def result_page() -> FileResponse:
    """Return the page *Result*."""
    return FileResponse(STATIC / PAGES["/result"], media_type="text/html")


@router.get("/static/{name}")
def static_file(name: str) -> FileResponse:
    """Return a style sheet, script or image of the pages."""
    known = {path.name: path for path in STATIC.iterdir() if path.suffix in MEDIA}
    if name not in known:
        raise HTTPException(404, "There is no such file.")
    path = known[name]
    return FileResponse(path, media_type=MEDIA[path.suffix], headers={"Cache-Control": "no-cache"})


@router.get("/api/quantum")
def quantum(
    viewer: ViewerDep,
    session: SessionDep,
    conn_id: str = "",
    state: str = "",
    dag_id: str = "",
    page: Annotated[int, Query(ge=1, le=LARGEST)] = 1,
    page_size: Annotated[int, Query(ge=1, le=max(overview.PAGE_SIZES))] = overview.PAGE_SIZES[0],
) -> Response:
    """Return jobs, backends and QPU time of a connection, as far as the user may see them."""
    if not viewer.readable:
        return _json({"connections": [], "conn_id": None, "message": NO_DAG})
    connections = connection_ids(session, viewer.user)
    if not connections:
        return _json({"connections": [], "conn_id": None, "message": NO_CONNECTION})
    conn_id = conn_id or connections[0]
    if conn_id not in connections:
        message = f"There is no connection {conn_id!r} of the type qiskit_runtime. Choose one of the list."
        return _json({"connections": connections, "conn_id": None, "message": message})
    reader = reader_for(conn_id, team_of(session, conn_id))
    ask = users.may_ask(str(viewer.user.get_id()))
    reading = reader.look(ask=ask)
    now = datetime.now(UTC).timestamp()
    question = overview.Question(state, dag_id, page, page_size)
    visible = seen_of[conn_id].of(reading.jobs, viewer.readable, viewer.existing, reading.sessions)
    chosen, about = overview.choose_page(visible.jobs, question)
    times = reader.times([one.job for one in chosen if one.job.status.value != "Queued"], ask=ask)
    cost, airflow = price(), airflow_path()
    about_all: dict[str, Any] = {
        "now": now,
        "base_url": reading.base_url,
        "airflow": airflow,
        "sessions": reading.sessions,
    }
    rows = [overview.job_row(one, times, cost, **about_all) for one in chosen]
    return _json(
        {
            "message": "",
            "connections": connections,
            "conn_id": conn_id,
            "now": now,
            "freshness": overview.freshness(reading, now, len(visible.jobs)),
            "problems": {part: text for part, text in reading.problems.items() if part != "connection"},
            "cut": reading.cut,
            "price": {"per_second": cost.per_second, "currency": cost.currency},
            "jobs": {**about, "rows": rows},
            "dags": [overview.dag_row(spent, reading.usage, cost, airflow) for spent in visible.spent],
            "backends": [overview.backend_row(one) for one in sorted(reading.backends or (), key=_name)],
            "instance": overview.instance_usage(reading.usage),
        }
    )


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
    run_url = f"{airflow}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    about = {"dag_id": dag_id, "run_id": run_id, "run_url": run_url, "tasks": [], "total": 0, "page": 1, "pages": 1}
    if not run_data.run_exists(session, dag_id, run_id):
        return _json({**about, "message": NO_RUN})
    ours = [(task_id, map_index)] if task_id else run_data.our_tasks(session, dag_id, run_id)
    if not ours:
        return _json({**about, "message": NO_TASK})
    size = run_data.TASKS_ON_A_PAGE
    pages = -(-len(ours) // size)
    page = min(page, pages)
    tasks = run_data.read_tasks(session, dag_id, run_id, ours[(page - 1) * size : page * size])
    cost = price()
    team = DagModel.get_team_name(dag_id)
    ask = users.may_ask(str(user.get_id()))
    views = []
    for task in tasks:
        reader = reader_for(task.conn_id or DEFAULT_CONNECTION, team)
        views.append(
            task_view(
                task,
                _details(reader, task, ask),
                cost,
                dag_id=dag_id,
                run_id=run_id,
                airflow=airflow,
                airflow_name=airflow_name(),
                base_url=reader.base_url,
                problem=reader.problem,
            )
        )
    currency = {"per_second": cost.per_second, "currency": cost.currency}
    found = {"tasks": views, "total": len(ours), "page": page, "pages": pages, "price": currency, "message": ""}
    return _json({**about, **found})


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
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in task.name) + f".{as_format}"
    said = f'filename="{name}"' if name.isascii() else f"filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=media, headers={"Content-Disposition": f"attachment; {said}"})


@router.get("/api/result/drawing")
def drawing(
    dag_id: str,
    run_id: str,
    task_id: str,
    session: SessionDep,
    _user: ResultsDep,
    map_index: MapIndex = -1,
    index: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
) -> Response:
    """Return the drawing of one of a task's circuits; the state ``drawing`` means that it is in progress."""
    [task] = run_data.read_tasks(session, dag_id, run_id, [(task_id, map_index)])
    sources = task_results.circuit_sources(task.rendered)
    source = sources[index]["text"] if index < len(sources) else None
    if source is None:
        return _json({"state": "none", "text": "Airflow keeps no source of this circuit."})
    made = drawings.get(source)
    return _json({"state": made.state, "text": made.text})


def _details(reader: ConnectionReader, task: run_data.TaskData, ask: bool) -> dict[str, JobDetails | None]:
    return {job_id: reader.job(job_id, ask=ask) for job_id in task.job_ids[:MOST_JOBS]}


def _name(backend: Any) -> str:
    return str(backend.name)


def _json(content: dict[str, Any]) -> Response:
    """Write untrusted content as strict JSON: without NaN, and with lone surrogates escaped."""
    return Response(json.dumps(strict_json(content), allow_nan=False), media_type="application/json")
