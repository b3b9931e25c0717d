"""The instance with its usage and limit, and the search for tags."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import ApiError, bad_request
from airflow_provider_qrt.emulator.http import routes_account
from airflow_provider_qrt.emulator.http.requests_in import json_body
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.settings import ALLOCATION_SECONDS, PLAN_ID, USAGE_PERIOD_SECONDS


def router(service: Service) -> APIRouter:
    """Return the routes about the instance."""
    routes = APIRouter()
    routes.include_router(routes_account.router(service))

    @routes.get("/instance")
    async def instance() -> Response:
        limit = service.settings.limit_seconds
        return JSONResponse(
            {
                "backends": list(service.devices),
                "instance_limit": limit,
                # IBM's REST API reference: these two numbers are strings.
                "instance_limit_seconds": f"{limit:g}",
                "plan_id": PLAN_ID,
                "usage_allocation_seconds": str(ALLOCATION_SECONDS[service.settings.plan]),
            }
        )

    @routes.get("/instances/configuration")
    async def configuration() -> Response:
        return JSONResponse({"instance_limit": service.settings.limit_seconds})

    @routes.put("/instances/configuration")
    async def configure(request: Request) -> Response:
        body = await json_body(request)
        limit = body.get("instance_limit") if isinstance(body, dict) else None
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1e9:
            raise bad_request('The body must be {"instance_limit": seconds}.')
        if limit > ALLOCATION_SECONDS[service.settings.plan]:
            message = f"The plan's allocation is {ALLOCATION_SECONDS[service.settings.plan]} seconds."
            raise ApiError(409, "conflict", message, "Set a limit within the allocation.")
        service.set_limit(float(limit))
        return Response(status_code=204)

    @routes.get("/instances/usage")
    async def usage() -> Response:
        now = service.settle()
        used, limit = service.used_seconds(now), service.settings.limit_seconds
        return JSONResponse(
            {
                "instance_id": service.settings.instance,
                "plan_id": PLAN_ID,
                "usage_period": {
                    "start_time": timestamp(now - USAGE_PERIOD_SECONDS),
                    "end_time": timestamp(now),
                },
                "usage_consumed_seconds": round(used, 6),
                "usage_limit_seconds": limit,
                "usage_allocation_seconds": ALLOCATION_SECONDS[service.settings.plan],
                "usage_limit_reached": used >= limit,
            }
        )

    @routes.get("/tags")
    async def tags(request: Request) -> Response:
        kind, search = request.query_params.get("type"), request.query_params.get("search", "")
        if kind != "job":
            raise bad_request("type must be job.")
        if not 3 <= len(search) <= 100:
            raise bad_request("search must have 3 to 100 characters.")
        jobs = [job for job in service.jobs.of(Generation.PRESENT) if not job.submission.is_mock]
        found = {tag for job in jobs for tag in job.tags if search.lower() in tag.lower()}
        return JSONResponse({"tags": sorted(found)})

    return routes
