"""``/jobs``: submit, list, read, results, cancel, delete, metrics, logs, tags."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_provider_qrt.emulator import versions
from airflow_provider_qrt.emulator.errors import NOT_FOUND, NOT_READY, ApiError, bad_request
from airflow_provider_qrt.emulator.http.requests_in import flag, json_body, moment, optional_flag, several, whole
from airflow_provider_qrt.emulator.http.views import caller, failure_text, job_view, metrics_view
from airflow_provider_qrt.emulator.jobs import Job, State
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.submission import read_tags

MOST_PER_PAGE = 200
CIRCUITS_PREFIX = "/_emulator/circuits"
"""The path of the circuits that IBM would serve from object storage."""


def router(service: Service) -> APIRouter:
    """Return the routes under ``/jobs``."""
    routes = APIRouter()
    _add_submission(routes, service)
    _add_reading(routes, service)
    _add_results(routes, service)
    _add_ending(routes, service)
    _add_metrics_and_logs(routes, service)
    _add_circuits(routes, service)
    _add_tags(routes, service)
    return routes


def _add_submission(routes: APIRouter, service: Service) -> None:
    @routes.post("/jobs")
    async def submit(request: Request) -> Response:
        service.limit.admit()
        body = await json_body(request)
        job = service.submit(body, caller(request.headers.get("X-Qx-Client-Application")))
        answer: dict[str, Any] = {"id": job.id, "backend": job.submission.backend}
        for name in ("session_id", "calibration_id"):
            if getattr(job.submission, name) is not None:
                answer[name] = getattr(job.submission, name)
        if job.submission.private:
            answer["private"] = True
        return JSONResponse(answer)


def _add_reading(routes: APIRouter, service: Service) -> None:
    def view(job: Job, request: Request, now: float, with_params: bool) -> dict[str, Any]:
        date = versions.effective(request.headers.get(versions.HEADER))
        return job_view(job, now, service.settings.usage_pending_seconds, date, with_params)

    @routes.get("/jobs")
    async def list_jobs(request: Request) -> Response:
        now = service.settle()
        limit = whole(request, "limit", MOST_PER_PAGE, 1, MOST_PER_PAGE)
        offset = whole(request, "offset", 0, 0, 10**9)
        with_params = not flag(request, "exclude_params", True)
        found = search(service, request, now, Generation.PRESENT)
        return JSONResponse(
            {
                "jobs": [view(job, request, now, with_params) for job in found[offset : offset + limit]],
                "count": len(found),
                "offset": offset,
                "limit": limit,
            }
        )

    @routes.get("/jobs/{job_id}")
    async def read(job_id: str, request: Request) -> Response:
        now = service.settle()
        job = service.jobs.get(job_id)
        return JSONResponse(view(job, request, now, not flag(request, "exclude_params", False)))


def _add_results(routes: APIRouter, service: Service) -> None:
    @routes.get("/jobs/{job_id}/results")
    async def results(job_id: str) -> Response:
        service.settle()
        job = service.jobs.get(job_id)
        if not job.final:
            message = f"The job is {job.state}; its results are not ready."
            raise ApiError(400, NOT_READY, message, "Wait until the job has ended.")
        if job.state is State.FAILED:
            return PlainTextResponse(failure_text(job))
        if job.result is None:
            raise ApiError(404, NOT_FOUND, "There are no results of this job.", "Read its state.")
        text = job.result_text
        if job.submission.private:
            job.result = None
            service.changed(job)
        return Response(text, media_type="application/json")


def _add_ending(routes: APIRouter, service: Service) -> None:
    @routes.post("/jobs/{job_id}/cancel")
    async def cancel(job_id: str) -> Response:
        service.cancel(service.jobs.get(job_id))
        return Response(status_code=204)

    @routes.delete("/jobs/{job_id}")
    async def delete(job_id: str) -> Response:
        service.settle()
        service.delete(service.jobs.get(job_id))
        return Response(status_code=204)


def _add_metrics_and_logs(routes: APIRouter, service: Service) -> None:
    @routes.get("/jobs/{job_id}/metrics")
    async def metrics(job_id: str, request: Request) -> Response:
        now = service.settle()
        job = service.jobs.get(job_id)
        date = versions.effective(request.headers.get(versions.HEADER))
        return JSONResponse(metrics_view(job, now, service.settings.usage_pending_seconds, date))

    @routes.get("/jobs/{job_id}/logs")
    async def logs(job_id: str) -> Response:
        service.settle()
        job = service.jobs.get(job_id)
        if job.state is not State.FAILED:
            raise ApiError(404, NOT_FOUND, "There are no logs of this job.", "Jobs that failed have logs.")
        return PlainTextResponse(failure_text(job))


def _add_circuits(routes: APIRouter, service: Service) -> None:
    @routes.get("/jobs/{job_id}/transpiled_circuits")
    async def transpiled(job_id: str, request: Request) -> Response:
        job = service.jobs.get(job_id)
        if versions.effective(request.headers.get(versions.HEADER)) >= versions.NO_TRANSPILED_CIRCUITS:
            raise ApiError(404, NOT_FOUND, "There is no such route.", "It was withdrawn from 2026-02-01 on.")
        if job.body is None or job.submission.private:
            raise ApiError(404, NOT_FOUND, "There are no circuits of this job.", "Private jobs do not keep theirs.")
        return JSONResponse({"url": f"{str(request.base_url).rstrip('/')}{CIRCUITS_PREFIX}/{job_id}"})


def _add_tags(routes: APIRouter, service: Service) -> None:
    @routes.put("/jobs/{job_id}/tags")
    async def tags(job_id: str, request: Request) -> Response:
        job = service.jobs.get(job_id)
        body = await json_body(request)
        if not isinstance(body, dict) or set(body) != {"tags"} or body["tags"] is None:
            raise bad_request('The body must be {"tags": [...]}.')
        job.tags = read_tags(body["tags"])
        service.changed(job)
        return Response(status_code=204)


def search(service: Service, request: Request, now: float, generation: Generation) -> list[Job]:
    """Return the jobs of a generation that match a request's query, sorted as the query asks.

    Raises:
        ApiError: 400 for a malformed query.
    """
    query = request.query_params
    sort = query.get("sort", "DESC")
    if sort not in ("ASC", "DESC"):
        raise bad_request("sort must be ASC or DESC.")
    pending = optional_flag(request, "pending")
    after, before = moment(request, "created_after"), moment(request, "created_before")
    tags = set(several(request, "tags"))
    program, backend, session_id = query.get("program"), query.get("backend"), query.get("session_id")
    with_mocks = flag(request, "include_mocks", False)
    shown_until = now - service.settings.visibility_seconds
    found = []
    for job in reversed(service.jobs.of(generation)):
        asked = job.submission
        wanted = (
            job.created <= shown_until
            and (with_mocks or not asked.is_mock)
            and program in (None, asked.program_id)
            and backend in (None, asked.backend)
            and session_id in (None, asked.session_id)
            and (pending is None or pending is not job.final)
            and (after is None or job.created >= after)
            and (before is None or job.created <= before)
            and tags <= set(job.tags)
        )
        if wanted:
            found.append(job)
    return found[::-1] if sort == "ASC" else found
