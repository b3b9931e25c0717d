"""``/accounts`` and ``/analytics``: the plans of an account, and its usage."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import NOT_FOUND, ApiError, bad_request
from airflow_provider_qrt.emulator.http import analytics
from airflow_provider_qrt.emulator.http.requests_in import moment, several
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.settings import (
    ALLOCATION_SECONDS,
    PLAN_ID,
    SESSION_IDLE_SECONDS,
    SESSION_TTL_SECONDS,
    USAGE_PERIOD_SECONDS,
    USER_ID,
)


def router(service: Service) -> APIRouter:
    """Return the routes about the account."""
    routes = APIRouter()

    @routes.get("/accounts/{account}")
    async def account(account: str, request: Request) -> Response:
        if account != service.settings.instance.split(":")[6].removeprefix("a/"):
            raise ApiError(404, NOT_FOUND, "Account not found.", "Take the account from the instance's CRN.")
        plans = [_plan(service)] if request.query_params.get("plan_id", PLAN_ID) == PLAN_ID else []
        return JSONResponse({"plans": plans})

    _add_usage(routes, service)
    _add_grouped_usage(routes, service)
    _add_filters(routes, service)
    return routes


def _add_usage(routes: APIRouter, service: Service) -> None:
    @routes.get("/analytics/usage")
    async def usage(request: Request) -> Response:
        return JSONResponse(analytics.totals(_entries(service, request)))


def _add_grouped_usage(routes: APIRouter, service: Service) -> None:
    @routes.get("/analytics/usage_grouped")
    async def grouped(request: Request) -> Response:
        group = request.query_params.get("group_by")
        if group not in analytics.GROUPS:
            raise bad_request(f"group_by must be one of {', '.join(analytics.GROUPS)}.")
        groups: dict[Any, list[analytics.Entry]] = {}
        for one in _entries(service, request):
            groups.setdefault(analytics.key(service, one, group), []).append(one)
        return JSONResponse({"data": [{"key": key, **analytics.totals(found)} for key, found in groups.items()]})

    @routes.get("/analytics/usage_grouped_by_date")
    async def by_date(request: Request) -> Response:
        group = request.query_params.get("group_by")
        if group is not None and group not in analytics.GROUPS:
            raise bad_request(f"group_by must be one of {', '.join(analytics.GROUPS)}.")
        groups: dict[tuple[str, str | None], list[analytics.Entry]] = {}
        for one in _entries(service, request):
            key = None if group is None else analytics.key(service, one, group)
            groups.setdefault((one.date, key), []).append(one)
        data = []
        for (date, key), found in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1] or "")):
            data.append({"date": date, **({} if group is None else {"key": key}), **analytics.totals(found)})
        return JSONResponse({"data": data})


def _add_filters(routes: APIRouter, service: Service) -> None:
    @routes.get("/analytics/filters")
    async def filters() -> Response:
        return JSONResponse(
            {
                "instance": [service.settings.instance],
                "backend": list(service.devices),
                "user_id": [USER_ID],
                "plan": [PLAN_ID],
                "subscription_id": [],
            }
        )


def _plan(service: Service) -> dict[str, Any]:
    now = service.settle()
    plan = service.settings.plan
    allocation = ALLOCATION_SECONDS[plan]
    return {
        "plan_id": PLAN_ID,
        "usage_allocation_seconds": allocation,
        "usage_limit_seconds": service.settings.limit_seconds,
        "unallocated_usage_seconds": 0,
        "backends": list(service.devices),
        "max_ttl": SESSION_TTL_SECONDS[plan],
        "active_ttl": SESSION_TTL_SECONDS[plan],
        "interactive_ttl": SESSION_IDLE_SECONDS,
        "start_time": timestamp(now - USAGE_PERIOD_SECONDS),
        "end_time": timestamp(now),
        "functions": [],
    }


def _entries(service: Service, request: Request) -> list[analytics.Entry]:
    now = service.settle()
    after, before = moment(request, "interval_start"), moment(request, "interval_end")
    wanted = {name: several(request, name) for name in ("instance", "backend", "user_id", "plan")}
    return [
        one
        for one in analytics.entries(service, now)
        if (after is None or one.created >= after)
        and (before is None or one.created <= before)
        and all(not values or analytics.key(service, one, name) in values for name, values in wanted.items())
    ]
