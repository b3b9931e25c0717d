"""``/workloads``: jobs, sessions and batches in one list, paged with cursors."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator import versions
from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.jobs import Job, State
from airflow_provider_qrt.emulator.requests_in import moment, several, whole
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.sessions import Session
from airflow_provider_qrt.emulator.settings import USER_ID
from airflow_provider_qrt.emulator.views import estimate, usage

DEFAULT_PER_PAGE = 10
MOST_PER_PAGE = 50

# IBM's REST API reference: the status words differ from the jobs' own.
_JOB_WORDS = {
    State.QUEUED: "pending",
    State.RUNNING: "in_progress",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "canceled",
}
_SESSION_WORDS = {
    "open": "pending",
    "active": "in_progress",
    "inactive": "in_progress",
    "closed": "completed",
}
_MODES = {"dedicated": "session", "batch": "batch"}


def router(service: Service) -> APIRouter:
    """Return the route ``/workloads``."""
    routes = APIRouter()

    @routes.get("/workloads")
    async def search(request: Request) -> Response:
        now = service.settle()
        limit = whole(request, "limit", DEFAULT_PER_PAGE, 1, MOST_PER_PAGE)
        sort = request.query_params.get("sort", "-createdAt")
        if sort not in ("createdAt", "-createdAt"):
            raise bad_request("sort must be createdAt or -createdAt.")
        found = _all(service, request, now)
        found = [one for one in found if _wanted(one, request)]
        found.sort(key=lambda one: str(one["created"]), reverse=sort.startswith("-"))
        start = _start(request, found, limit)
        page = found[start : start + limit]
        answer: dict[str, Any] = {"workloads": page, "total_count": len(found), "limit": limit}
        if start > 0:
            answer["previous"] = {"href": _href(request, "previous", found[start]["id"])}
        if start + limit < len(found):
            answer["next"] = {"href": _href(request, "next", page[-1]["id"])}
        return JSONResponse(answer)

    return routes


def _all(service: Service, request: Request, now: float) -> list[dict[str, Any]]:
    date = versions.effective(request.headers.get(versions.HEADER))
    after, before = moment(request, "created_after"), moment(request, "created_before")
    found = []
    for job in service.jobs:
        hidden = now < job.created + service.settings.visibility_seconds
        if not hidden and _within(job.created, after, before):
            found.append(_job(service, job, now, date))
    found += [
        _session(service, session, now)
        for session in service.sessions.values()
        if _within(session.opened, after, before)
    ]
    return found


def _within(created: float, after: float | None, before: float | None) -> bool:
    return (after is None or created >= after) and (before is None or created <= before)


def _wanted(one: dict[str, Any], request: Request) -> bool:
    query = request.query_params
    search = query.get("search")
    statuses, tags = several(request, "status"), several(request, "tags")
    return (
        query.get("backend", one["backend"]) == one["backend"]
        and query.get("mode", one["mode"]) == one["mode"]
        and (not statuses or one["status"] in statuses)
        and set(tags) <= set(one.get("tags", ()))
        and (search is None or search in one["id"] or any(search in tag for tag in one.get("tags", ())))
    )


def _start(request: Request, found: list[dict[str, Any]], limit: int) -> int:
    places = {one["id"]: place for place, one in enumerate(found)}
    for name, shift in (("next", 1), ("previous", -limit)):
        cursor = request.query_params.get(name)
        if cursor is None:
            continue
        try:
            place = places[base64.urlsafe_b64decode(cursor).decode()]
        except (ValueError, KeyError) as error:
            raise bad_request(f"{name} is not a cursor of this list.") from error
        return max(0, place + shift)
    return 0


def _href(request: Request, name: str, last: str) -> str:
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in ("next", "previous")]
    cursor = base64.urlsafe_b64encode(last.encode()).decode()
    return f"{request.url.path}?{urlencode([*kept, (name, cursor)])}"


def _job(service: Service, job: Job, now: float, date: str) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": job.id,
        "created": timestamp(job.created),
        "backend": job.submission.backend,
        "instance": service.settings.instance,
        "user_id": USER_ID,
        "mode": "job",
        "status": _JOB_WORDS[job.state],
        "tags": list(job.tags),
        "usage": usage(job, now, service.settings.usage_pending_seconds, date),
        "estimated_running_time_seconds": estimate(job),
    }
    if job.ended is not None:
        view["ended"] = timestamp(job.ended)
    if job.reason is not None:
        view["status_reason"] = job.reason
    return view


def _session(service: Service, session: Session, now: float) -> dict[str, Any]:
    jobs = service.session_jobs(session.id)
    view: dict[str, Any] = {
        "id": session.id,
        "created": timestamp(session.opened),
        "backend": session.backend,
        "instance": service.settings.instance,
        "user_id": USER_ID,
        "accepting_jobs": session.accepting_jobs,
        "mode": _MODES[session.mode],
        "status": _SESSION_WORDS[session.state(now, jobs)],
    }
    if session.closed is not None:
        view["ended"] = timestamp(session.closed)
    if session.reason is not None:
        view["status_reason"] = session.reason
    return view
