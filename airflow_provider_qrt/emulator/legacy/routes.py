"""The routes of the older generations, at the root of the server.

Three generations share most paths; the credentials of a request determine its generation. A route that this generation
did not have answers 404.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_provider_qrt.emulator import versions
from airflow_provider_qrt.emulator.errors import NOT_FOUND, ApiError, bad_request
from airflow_provider_qrt.emulator.http.requests_in import flag, json_body, whole
from airflow_provider_qrt.emulator.http.routes_jobs import MOST_PER_PAGE, search
from airflow_provider_qrt.emulator.http.views import caller, failure_text, metrics_view
from airflow_provider_qrt.emulator.jobs import State
from airflow_provider_qrt.emulator.legacy import Generation, catalogue, machines, stream, views
from airflow_provider_qrt.emulator.legacy.access import enter, look_in
from airflow_provider_qrt.emulator.legacy.logins import HEADER
from airflow_provider_qrt.emulator.service import Service

APPLICATION_HEADER = "x-qx-client-application"
APPLICATION_PREFIX = "qiskit-version-2/0.39.2/"
"""The prefix that the header needed on IBM Cloud."""

_NAMED = (Generation.IBM_CLOUD, Generation.IBM_QUANTUM)


def router(service: Service) -> APIRouter:
    """Return the routes of the older generations."""
    routes = APIRouter()
    routes.include_router(_jobs(service))
    routes.include_router(stream.router(service))

    @routes.get("/programs")
    async def programs(request: Request) -> Response:
        if look_in(service, request) is Generation.API_TOKEN:
            return JSONResponse(catalogue.list_details())
        return JSONResponse(catalogue.list_ids())

    @routes.get("/backends")
    async def backends(request: Request) -> Response:
        generation = _among(service, request, *_NAMED)
        return JSONResponse({"devices": list(machines.LISTED[generation])})

    @routes.delete("/sessions/{session_id}/close")
    async def close(session_id: str, request: Request) -> Response:
        generation = _among(service, request, Generation.IBM_CLOUD)
        now = service.settle()
        session = service.session(session_id, generation)
        service.timeline.close(session, now, State.CANCELLED, "The session was closed.")
        return Response(status_code=204)

    @routes.post("/api/users/loginWithToken")
    async def log_in(request: Request) -> Response:
        return JSONResponse({"id": service.logins.issue(await json_body(request))})

    @routes.post("/api/users/logout")
    async def log_out(request: Request) -> Response:
        service.logins.give_back(request.headers.get(HEADER))
        return Response(status_code=200)

    return routes


def _jobs(service: Service) -> APIRouter:
    routes = APIRouter()

    @routes.post("/jobs")
    async def submit(request: Request) -> Response:
        generation = enter(service, request)
        application = request.headers.get(APPLICATION_HEADER)
        if generation is Generation.IBM_CLOUD and not (application or "").startswith(APPLICATION_PREFIX):
            raise bad_request(
                f"The header {APPLICATION_HEADER} must begin with {APPLICATION_PREFIX}.",
                "Put the name of your application after it.",
            )
        job = service.submit_older(await json_body(request), caller(application), generation)
        return JSONResponse(views.accepted(job))

    @routes.get("/jobs")
    async def list_jobs(request: Request) -> Response:
        generation = _among(service, request, *_NAMED)
        now = service.settle()
        limit = whole(request, "limit", MOST_PER_PAGE, 1, MOST_PER_PAGE)
        offset = whole(request, "offset", 0, 0, 10**9)
        with_params = not flag(request, "exclude_params", True)
        return views.list_view(search(service, request, now, generation), offset, limit, with_params)

    @routes.get("/jobs/{job_id}")
    async def read(job_id: str, request: Request) -> Response:
        generation = _among(service, request, *_NAMED)
        service.settle()
        with_params = not flag(request, "exclude_params", False)
        return JSONResponse(views.job_view(service.jobs.get(job_id, generation), with_params))

    @routes.get("/jobs/{job_id}/results")
    async def results(job_id: str, request: Request) -> Response:
        generation = enter(service, request)
        service.settle()
        return views.results(service.jobs.get(job_id, generation))

    @routes.get("/jobs/{job_id}/metrics")
    async def metrics(job_id: str, request: Request) -> Response:
        generation = _among(service, request, *_NAMED)
        now = service.settle()
        job = service.jobs.get(job_id, generation)
        return JSONResponse(metrics_view(job, now, service.settings.usage_pending_seconds, versions.KNOWN[0]))

    @routes.get("/jobs/{job_id}/logs")
    async def logs(job_id: str, request: Request) -> Response:
        generation = _among(service, request, *_NAMED)
        service.settle()
        job = service.jobs.get(job_id, generation)
        if job.state is not State.FAILED:
            raise ApiError(404, NOT_FOUND, "There are no logs of this job.", "Jobs that failed have logs.")
        return PlainTextResponse(failure_text(job))

    @routes.post("/jobs/{job_id}/cancel")
    async def cancel(job_id: str, request: Request) -> Response:
        service.cancel(service.jobs.get(job_id, enter(service, request)))
        return Response(status_code=204)

    return routes


def _among(service: Service, request: Request, *generations: Generation) -> Generation:
    """Return the generation of a request, which must be one of those given.

    Raises:
        ApiError: 404 for another generation, and the errors of :func:`enter`.
    """
    generation = enter(service, request)
    if generation not in generations:
        raise ApiError(404, NOT_FOUND, "This generation of the API has no such route.", "See docs/emulator.md.")
    return generation
