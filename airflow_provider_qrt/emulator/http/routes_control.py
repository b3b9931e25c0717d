"""``/_emulator``: the controls, which no real service has. They need no credentials."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.http import control_settings
from airflow_provider_qrt.emulator.http.requests_in import json_body
from airflow_provider_qrt.emulator.jobs import Job
from airflow_provider_qrt.emulator.service import Service

PREFIX = "/_emulator"


def router(service: Service) -> APIRouter:
    """Return the control routes."""
    routes = APIRouter(prefix=PREFIX)

    _add_jobs(routes, service)
    _add_journal(routes, service)
    _add_faults(routes, service)
    _add_rules(routes, service)
    _add_circuits(routes, service)
    _add_actions(routes, service)
    routes.include_router(control_settings.router(service))
    return routes


def _add_jobs(routes: APIRouter, service: Service) -> None:
    @routes.get("/jobs")
    async def jobs() -> Response:
        service.settle()
        return JSONResponse({"jobs": [_job(job) for job in service.jobs]})

    @routes.post("/jobs/{job_id}")
    async def force(job_id: str, request: Request) -> Response:
        body = await json_body(request)
        known = {"status", "reason", "reason_code", "reason_solution"}
        if not isinstance(body, dict) or set(body) - known:
            raise bad_request(f"The body must be an object of {', '.join(sorted(known))}.")
        job = service.jobs.find(job_id) or service.jobs.get(job_id)
        await service.force(
            job,
            str(body.get("status", "Completed")),
            body.get("reason"),
            body.get("reason_code"),
            body.get("reason_solution"),
        )
        return JSONResponse(_job(job))


def _add_journal(routes: APIRouter, service: Service) -> None:
    @routes.get("/requests")
    async def requests() -> Response:
        return JSONResponse({"requests": service.journal.view()})

    @routes.delete("/requests")
    async def clear_requests() -> Response:
        service.journal.clear()
        return Response(status_code=204)


def _add_faults(routes: APIRouter, service: Service) -> None:
    @routes.get("/faults")
    async def faults() -> Response:
        return JSONResponse({"faults": service.faults.view()})

    @routes.post("/faults")
    async def add_fault(request: Request) -> Response:
        return JSONResponse(service.faults.add(await json_body(request)).view())

    @routes.delete("/faults")
    async def clear_faults() -> Response:
        service.faults.clear()
        return Response(status_code=204)


def _add_rules(routes: APIRouter, service: Service) -> None:
    @routes.get("/rules")
    async def rules() -> Response:
        return JSONResponse({"rules": service.rules.view()})

    @routes.post("/rules")
    async def add_rule(request: Request) -> Response:
        return JSONResponse(service.rules.add(await json_body(request)).view())

    @routes.delete("/rules")
    async def clear_rules() -> Response:
        service.rules.clear()
        return Response(status_code=204)


def _add_circuits(routes: APIRouter, service: Service) -> None:
    @routes.get("/circuits/{job_id}")
    async def circuits(job_id: str) -> Response:
        # The emulator does not transpile, so these are the circuits that were sent.
        params = service.jobs.get(job_id).params or {}
        return JSONResponse({"pubs": params.get("pubs")})


def _add_actions(routes: APIRouter, service: Service) -> None:
    @routes.post("/clock")
    async def advance(request: Request) -> Response:
        body = await json_body(request)
        seconds = body.get("advance_seconds") if isinstance(body, dict) else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 1e9:
            raise bad_request('The body must be {"advance_seconds": seconds}, and time only moves forward.')
        service.settle()
        service.clock.advance(seconds)
        return JSONResponse({"now": timestamp(service.settle())})

    @routes.post("/tokens/revoke")
    async def revoke() -> Response:
        return JSONResponse({"revoked": service.revoke_tokens()})

    @routes.post("/reset")
    async def reset() -> Response:
        service.reset()
        return Response(status_code=204)


def _job(job: Job) -> dict[str, Any]:
    return {
        "ordinal": job.ordinal,
        "id": job.id,
        "backend": job.submission.backend,
        "program_id": job.submission.program_id,
        "generation": job.submission.generation,
        "status": job.status,
        "final": job.final,
        "cancelled": job.state.value == "Cancelled",
        "tags": list(job.tags),
        "session_id": job.submission.session_id,
        "private": job.submission.private,
        "cost": job.submission.cost,
        "reason": job.reason,
        "reason_code": job.reason_code,
        "created": timestamp(job.created),
        "started": timestamp(job.started),
        "ended": timestamp(job.ended),
    }
