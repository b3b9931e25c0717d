"""The parts of IBM's Global Search and Global Catalog that the official client needs to find a key's instances."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.errors import NOT_FOUND, ApiError
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.settings import DISCOVERY_PREFIX, PLAN_ID

INSTANCE_NAME = "emulator"


def router(service: Service) -> APIRouter:
    """Return the routes of the two services."""
    routes = APIRouter(prefix=DISCOVERY_PREFIX)

    @routes.post("/v3/resources/search", summary="List the instances of an API key (IBM Cloud Global Search)")
    async def search(request: Request) -> Response:
        service.identity.check(request.headers.get("Authorization"))
        instance: dict[str, Any] = {
            "crn": service.settings.instance,
            "name": INSTANCE_NAME,
            "service_plan_unique_id": PLAN_ID,
            "tags": [],
            # The client leaves out instances without backends.
            "doc": {"extensions": {"backends": list(service.devices)}},
        }
        return JSONResponse({"items": [instance], "limit": 100})

    @routes.get("/{plan_id}", summary="Describe the plan of an instance (IBM Cloud Global Catalog)")
    async def plan(plan_id: str, request: Request) -> Response:
        service.identity.check(request.headers.get("Authorization"))
        if plan_id != PLAN_ID:
            raise ApiError(404, NOT_FOUND, "There is no such catalog entry.", "Take the id from the search.")
        return JSONResponse(
            {
                "id": PLAN_ID,
                "name": INSTANCE_NAME,
                "kind": "plan",
                "overview_ui": {"en": {"display_name": "Emulator"}},
                "metadata": {"pricing": {"type": "paid"}},
            }
        )

    return routes
