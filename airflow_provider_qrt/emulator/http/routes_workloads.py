"""``/workloads``: jobs, sessions and batches in one list, paged with cursors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator import versions
from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import bad_request
from airflow_provider_qrt.emulator.http.requests_in import flag, moment, several, whole
from airflow_provider_qrt.emulator.http.views import estimate, usage
from airflow_provider_qrt.emulator.jobs import Job, State
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.mocks import is_mock
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.sessions import Session
from airflow_provider_qrt.emulator.settings import USER_ID

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
        found = _wanted(service, request, now)
        found.sort(key=lambda one: (one.created, one.id), reverse=sort.startswith("-"))
        start = _start(request, found, limit)
        date = versions.effective(request.headers.get(versions.HEADER))
        page = [one.view(service, now, date) for one in found[start : start + limit]]
        answer: dict[str, Any] = {"workloads": page, "total_count": len(found), "limit": limit}
        if start > 0:
            answer["previous"] = {"href": _href(request, "previous", found[start].id)}
        if start + limit < len(found):
            answer["next"] = {"href": _href(request, "next", page[-1]["id"])}
        return JSONResponse(answer)

    return routes


@dataclass(frozen=True, slots=True)
class _Workload:
    """A job or a session, before it is written out."""

    id: str
    created: float
    backend: str | None
    mode: str
    status: str
    tags: tuple[str, ...]
    of: Job | Session

    def view(self, service: Service, now: float, date: str) -> dict[str, Any]:
        """Return the API's workload object."""
        view: dict[str, Any] = {
            "id": self.id,
            "created": timestamp(self.created),
            "backend": self.backend,
            "instance": service.settings.instance,
            "user_id": USER_ID,
            "mode": self.mode,
            "status": self.status,
        }
        of = self.of
        if isinstance(of, Job):
            view["tags"] = list(of.tags)
            view["usage"] = usage(of, now, service.settings.usage_pending_seconds, date)
            view["estimated_running_time_seconds"] = estimate(of)
        else:
            view["accepting_jobs"] = of.accepting_jobs
        ended = of.ended if isinstance(of, Job) else of.closed
        if ended is not None:
            view["ended"] = timestamp(ended)
        if of.reason is not None:
            view["status_reason"] = of.reason
        return view


def _wanted(service: Service, request: Request, now: float) -> list[_Workload]:
    query = request.query_params
    after, before = moment(request, "created_after"), moment(request, "created_before")
    statuses, tags = several(request, "status"), set(several(request, "tags"))
    with_mocks = flag(request, "include_mocks", False)
    search, backend, mode = query.get("search"), query.get("backend"), query.get("mode")
    return [
        one
        for one in _all(service, now)
        if (with_mocks or not is_mock(one.backend))
        and backend in (None, one.backend)
        and mode in (None, one.mode)
        and (not statuses or one.status in statuses)
        and tags <= set(one.tags)
        and (search is None or search in one.id or any(search in tag for tag in one.tags))
        and _within(one.created, after, before)
    ]


def _all(service: Service, now: float) -> Iterator[_Workload]:
    hidden_after = now - service.settings.visibility_seconds
    for job in service.jobs.of(Generation.PRESENT):
        if job.created <= hidden_after:
            word = _JOB_WORDS[job.state]
            yield _Workload(job.id, job.created, job.submission.backend, "job", word, job.tags, job)
    for session in service.sessions_of(Generation.PRESENT):
        mode, word = _MODES[session.mode], _SESSION_WORDS[session.state]
        yield _Workload(session.id, session.opened, session.backend, mode, word, (), session)


def _within(created: float, after: float | None, before: float | None) -> bool:
    return (after is None or created >= after) and (before is None or created <= before)


def _start(request: Request, found: list[_Workload], limit: int) -> int:
    places: dict[str, int] = {}
    if {"next", "previous"} & set(request.query_params):
        places = {one.id: place for place, one in enumerate(found)}
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
