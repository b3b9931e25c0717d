"""The web application, which combines routes, access checks, error shapes, the journal and the faults."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator import versions
from airflow_provider_qrt.emulator.access import check_instance
from airflow_provider_qrt.emulator.errors import INTERNAL_ERROR, NOT_FOUND, ApiError, IamError, error_body
from airflow_provider_qrt.emulator.faults import API_PREFIX
from airflow_provider_qrt.emulator.http import (
    openapi,
    routes_backends,
    routes_control,
    routes_discovery,
    routes_instances,
    routes_jobs,
    routes_sessions,
    routes_workloads,
)
from airflow_provider_qrt.emulator.http.guard import Guard
from airflow_provider_qrt.emulator.http.job_page import page_for_people
from airflow_provider_qrt.emulator.http.wire import AUTHENTICATED, Wire
from airflow_provider_qrt.emulator.legacy import routes as older
from airflow_provider_qrt.emulator.service import Service

FORM = "application/x-www-form-urlencoded"


def build(service: Service) -> Guard:
    """Return the ASGI application of an emulator."""
    app = FastAPI(title="Qiskit Runtime emulator", redoc_url=None)
    app.router.redirect_slashes = False

    async def authorise(request: Request) -> None:
        service.identity.check(request.headers.get("Authorization"))
        request.scope[AUTHENTICATED]()
        several = request.url.path == f"{API_PREFIX}/workloads"
        check_instance(service.settings, request.headers.get("Service-CRN"), several)

    open_to_all = APIRouter(prefix=API_PREFIX)

    @open_to_all.get("/versions")
    async def list_versions() -> Response:
        return JSONResponse({"versions": list(versions.KNOWN)})

    guarded = APIRouter(prefix=API_PREFIX, dependencies=[Depends(authorise)])
    for module in (routes_jobs, routes_backends, routes_sessions, routes_instances, routes_workloads):
        guarded.include_router(module.router(service))

    @app.post("/identity/token")
    async def token(request: Request) -> Response:
        form: dict[str, str] = {}
        # Many published examples send the form without a Content-Type.
        if request.headers.get("Content-Type", FORM).split(";")[0].strip().lower() == FORM:
            form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        return JSONResponse(service.identity.issue(form))

    app.include_router(open_to_all)
    app.include_router(guarded)
    app.include_router(older.router(service))
    app.include_router(routes_control.router(service))
    app.include_router(routes_discovery.router(service))
    openapi.describe(app)
    _shape_errors(app, service)
    return Guard(Wire(app, service), service.settings.allowed_hosts)


def _shape_errors(app: FastAPI, service: Service) -> None:
    @app.exception_handler(ApiError)
    async def api_error(request: Request, error: ApiError) -> Response:
        if error.status == 401 and (page := page_for_people(service, request)) is not None:
            return page
        return JSONResponse(error.body(), error.status, error.headers)

    @app.exception_handler(IamError)
    async def iam_error(request: Request, error: IamError) -> Response:
        return JSONResponse(error.body(str(request.url)), 400)

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        code = NOT_FOUND if error.status_code == 404 else "method_not_allowed"
        message = "There is no such route." if error.status_code == 404 else str(error.detail)
        body = error_body(code, message, "Check the method and the path.")
        return JSONResponse(body, error.status_code, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> Response:
        message = f"The emulator failed: {type(error).__name__}: {error}"
        return JSONResponse(error_body(INTERNAL_ERROR, message, "This is a fault of the emulator."), 500)
