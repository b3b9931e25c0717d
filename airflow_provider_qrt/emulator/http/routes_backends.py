"""``/backends``: the list, and the configuration, calibration and status of one backend."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator import versions
from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import NOT_FOUND, ApiError
from airflow_provider_qrt.emulator.http.requests_in import flag, moment
from airflow_provider_qrt.emulator.jobs import State
from airflow_provider_qrt.emulator.service import Service


def router(service: Service) -> APIRouter:
    """Return the routes under ``/backends``."""
    routes = APIRouter()

    def device(name: str) -> Device:
        found = service.machines.get(name)
        if found is None:
            raise ApiError(404, NOT_FOUND, f"Backend {name!r} was not found.", "List the backends.")
        return found

    @routes.get("/backends")
    async def search(request: Request) -> Response:
        service.settle()
        found = service.machines if flag(request, "include_mocks", False) else service.devices
        if versions.effective(request.headers.get(versions.HEADER)) < versions.DEVICES_ARE_OBJECTS:
            return JSONResponse({"devices": list(found)})
        fields = request.query_params.get("fields", "").split(",")
        devices = [_listing(service, one, "wait_time_seconds" in fields) for one in found.values()]
        return JSONResponse({"devices": devices})

    @routes.get("/backends/{name}/status")
    async def status(name: str) -> Response:
        service.settle()
        one = device(name)
        return JSONResponse(
            {
                "state": one.status == "online",
                "status": "active" if one.status == "online" else one.status,
                "message": one.reason,
                "length_queue": _queue_length(service, one),
                "backend_version": one.configuration["backend_version"],
            }
        )

    @routes.get("/backends/{name}/configuration")
    async def configuration(name: str) -> Response:
        return Response(device(name).configuration_text, media_type="application/json")

    @routes.get("/backends/{name}/properties")
    async def properties(name: str, request: Request) -> Response:
        service.settle()
        before = moment(request, "updated_before")
        if before is not None:
            return JSONResponse(device(name).properties_before(before))
        return Response(device(name).properties_text, media_type="application/json")

    @routes.get("/backends/{name}/defaults")
    async def defaults(name: str) -> Response:
        device(name)
        raise ApiError(404, NOT_FOUND, "There are no pulse defaults.", "Pulse access was withdrawn.")

    return routes


def _queue_length(service: Service, device: Device) -> int:
    unfinished = service.jobs.unfinished()
    waiting = sum(job.submission.backend == device.name and job.state is State.QUEUED for job in unfinished)
    return device.base_queue_length + waiting


def _listing(service: Service, device: Device, with_wait: bool) -> dict[str, Any]:
    length = _queue_length(service, device)
    view = {
        **device.listing,
        "status": {"name": device.status, "reason": device.reason},
        "queue_length": length,
    }
    if with_wait:
        queue = service.settings.queue_seconds if device.queue_seconds is None else device.queue_seconds
        run = service.settings.run_seconds if device.run_seconds is None else device.run_seconds
        wait = queue + device.base_queue_length * run
        view["wait_time_seconds"] = {"average": wait, "p50": wait, "p95": wait}
    return view
