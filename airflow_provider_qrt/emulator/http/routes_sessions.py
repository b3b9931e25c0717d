"""``/sessions``: open, read, close gracefully, close immediately."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.http.requests_in import json_body
from airflow_provider_qrt.emulator.jobs import State
from airflow_provider_qrt.emulator.service import Service


def router(service: Service) -> APIRouter:
    """Return the routes under ``/sessions``."""
    routes = APIRouter()

    @routes.post("/sessions")
    async def create(request: Request) -> Response:
        body = await json_body(request)
        session = service.open_session(body)
        return JSONResponse(session.view(service.clock.now()))

    @routes.get("/sessions/{session_id}")
    async def read(session_id: str) -> Response:
        now = service.settle()
        session = service.session(session_id)
        return JSONResponse(session.view(now))

    @routes.patch("/sessions/{session_id}")
    async def update(session_id: str, request: Request) -> Response:
        session = service.session(session_id)
        body = await json_body(request)
        now = service.settle()
        if not isinstance(body, dict) or set(body) != {"accepting_jobs"}:
            raise bad_request('The body must be {"accepting_jobs": false}.')
        if body["accepting_jobs"] is False:
            service.timeline.refuse_jobs(session, now)
        elif body["accepting_jobs"] is not True or not session.accepting_jobs:
            raise bad_request("accepting_jobs must be false: a closed session does not open again.")
        return Response(status_code=204)

    @routes.delete("/sessions/{session_id}/close")
    async def close(session_id: str) -> Response:
        now = service.settle()
        service.timeline.close(service.session(session_id), now, State.CANCELLED, "The session was closed.")
        return Response(status_code=204)

    return routes
