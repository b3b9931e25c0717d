"""``/_emulator``: the controls, which no real service has. They ask for no credentials."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.devices import STATUSES
from airflow_provider_qrt.emulator.errors import NOT_FOUND, ApiError, bad_request
from airflow_provider_qrt.emulator.jobs import Job
from airflow_provider_qrt.emulator.requests_in import json_body
from airflow_provider_qrt.emulator.service import Service

PREFIX = "/_emulator"

_SECONDS = ("queue_seconds", "run_seconds", "usage_pending_seconds", "visibility_seconds", "token_lifetime")


def router(service: Service) -> APIRouter:
    """Return the control routes."""
    routes = APIRouter(prefix=PREFIX)

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
        job = service.jobs.get(job_id)
        await service.force(
            job,
            str(body.get("status", "Completed")),
            body.get("reason"),
            body.get("reason_code"),
            body.get("reason_solution"),
        )
        return JSONResponse(_job(job))

    @routes.get("/requests")
    async def requests() -> Response:
        return JSONResponse({"requests": service.journal.view()})

    @routes.delete("/requests")
    async def clear_requests() -> Response:
        service.journal.clear()
        return Response(status_code=204)

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

    @routes.get("/settings")
    async def settings() -> Response:
        return JSONResponse(_settings(service))

    @routes.post("/settings")
    async def configure(request: Request) -> Response:
        _configure(service, await json_body(request))
        return JSONResponse(_settings(service))

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
        return JSONResponse({"revoked": service.identity.revoke()})

    @routes.post("/reset")
    async def reset() -> Response:
        service.reset()
        return Response(status_code=204)

    return routes


def _job(job: Job) -> dict[str, Any]:
    return {
        "ordinal": job.ordinal,
        "id": job.id,
        "backend": job.submission.backend,
        "program_id": job.submission.program_id,
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


def _settings(service: Service) -> dict[str, Any]:
    settings = service.settings
    return {
        **{name: getattr(settings, name) for name in _SECONDS},
        "rate_limit": settings.rate_limit,
        "usage_limit_seconds": settings.usage_limit_seconds,
        "max_active_qubits": settings.max_active_qubits,
        "backends": {
            device.name: {
                "status": device.status,
                "reason": device.reason,
                "queue_length": device.base_queue_length,
            }
            for device in service.devices.values()
        },
    }


def _configure(service: Service, body: Any) -> None:
    known = {*_SECONDS, "rate_limit", "usage_limit_seconds", "max_active_qubits", "backends"}
    if not isinstance(body, dict) or set(body) - known:
        raise bad_request(f"The body must be an object of {', '.join(sorted(known))}.")
    # Everything is checked before anything changes.
    for name in (*_SECONDS, "usage_limit_seconds", "max_active_qubits"):
        value = body.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9
        ):
            raise bad_request(f"{name} must be a number from 0 to 1e9.")
    if not isinstance(body.get("rate_limit", True), bool):
        raise bad_request("rate_limit must be true or false.")
    backends = body.get("backends") or {}
    if not isinstance(backends, dict) or not all(isinstance(change, dict) for change in backends.values()):
        raise bad_request("backends must map names to objects.")
    for name, change in backends.items():
        if name not in service.devices:
            raise ApiError(404, NOT_FOUND, f"Backend {name!r} was not found.", "List the backends.")
        if set(change) - {"status", "reason", "queue_length"}:
            raise bad_request("A backend has status, reason and queue_length.")
        if change.get("status", "online") not in STATUSES:
            raise bad_request(f"status must be one of {', '.join(STATUSES)}.")
        length = change.get("queue_length", 0)
        if isinstance(length, bool) or not isinstance(length, int) or length < 0:
            raise bad_request("queue_length must be a whole number from 0 on.")
    now = service.settle()
    for name, value in body.items():
        if name != "backends" and (value is not None or name == "usage_limit_seconds"):
            setattr(service.settings, name, value)
    for name, change in backends.items():
        device = service.devices[name]
        if "status" in change or "reason" in change:
            device.set_status(change.get("status", device.status), change.get("reason"), now)
        if "queue_length" in change:
            device.base_queue_length = change["queue_length"]
