"""``/_emulator/settings``: read and change settings while an emulator runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.devices import STATUSES, Device
from airflow_provider_qrt.emulator.errors import NOT_FOUND, ApiError, bad_request
from airflow_provider_qrt.emulator.http.requests_in import json_body
from airflow_provider_qrt.emulator.rules import seconds
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.settings import MOST_SPEED, USAGE_LIMIT_MODES

_NUMBERS = (
    "queue_seconds",
    "run_seconds",
    "usage_pending_seconds",
    "visibility_seconds",
    "token_lifetime",
    "max_active_qubits",
)
_FLAGS = ("rate_limit", "retry_after")
_OPTIONAL_NUMBERS = ("calibration_seconds", "lanes", "max_result_bytes", "usage_limit_seconds")
_KNOWN = (*_NUMBERS, *_FLAGS, *_OPTIONAL_NUMBERS, "usage_limit_mode", "speed", "withdrawn_programs", "backends")
_OF_A_BACKEND = ("status", "reason", "queue_length", "queue_seconds", "run_seconds", "faulty_qubits", "faulty_gates")


def router(service: Service) -> APIRouter:
    """Return the routes of the settings."""
    routes = APIRouter()

    @routes.get("/settings")
    async def settings() -> Response:
        return JSONResponse(_view(service))

    @routes.post("/settings")
    async def configure(request: Request) -> Response:
        body = await json_body(request)
        # Check the whole change before applying any of it.
        _check(service, body)
        _apply(service, body)
        return JSONResponse(_view(service))

    return routes


def _view(service: Service) -> dict[str, Any]:
    return {
        **{name: getattr(service.settings, name) for name in _KNOWN if name not in ("backends", "withdrawn_programs")},
        "withdrawn_programs": list(service.settings.withdrawn_programs),
        "plan": service.settings.plan,
        "backends": {
            device.name: {
                "status": device.status,
                "reason": device.reason,
                "queue_length": device.base_queue_length,
                "queue_seconds": device.queue_seconds,
                "run_seconds": device.run_seconds,
                "faulty_qubits": sorted(device.faulty_qubits),
                "faulty_gates": [[name, list(qubits)] for name, qubits in sorted(device.faulty_gates)],
            }
            for device in service.devices.values()
        },
    }


def _check(service: Service, body: Any) -> None:
    """Refuse a change with unknown settings, wrong values or unknown backends."""
    if not isinstance(body, dict) or set(body) - set(_KNOWN):
        raise bad_request(f"The body must be an object of {', '.join(sorted(_KNOWN))}.")
    _check_values(body)
    backends = body.get("backends") or {}
    if not isinstance(backends, dict) or not all(isinstance(change, dict) for change in backends.values()):
        raise bad_request("backends must map names to objects.")
    for name, change in backends.items():
        if name not in service.all_devices:
            raise ApiError(404, NOT_FOUND, f"Backend {name!r} was not found.", "List the backends.")
        _check_backend(change)
        _check_faults(service.all_devices[name], change)


def _check_values(body: dict[str, Any]) -> None:
    for name in (*_NUMBERS, *_OPTIONAL_NUMBERS):
        if body.get(name) is not None and not seconds(body[name]):
            raise bad_request(f"{name} must be a number from 0 to 1e9.")
    for name in _FLAGS:
        if not isinstance(body.get(name, True), bool):
            raise bad_request(f"{name} must be true or false.")
    if body.get("usage_limit_mode", USAGE_LIMIT_MODES[0]) not in USAGE_LIMIT_MODES:
        raise bad_request(f"usage_limit_mode must be one of {', '.join(USAGE_LIMIT_MODES)}.")
    lanes = body.get("lanes")
    if lanes is not None and (isinstance(lanes, bool) or not isinstance(lanes, int) or lanes < 1):
        raise bad_request("lanes must be a whole number from 1 on, or null.")
    withdrawn = body.get("withdrawn_programs", [])
    if not isinstance(withdrawn, list) or not all(isinstance(one, str) for one in withdrawn):
        raise bad_request('withdrawn_programs must be a list of names, such as ["sampler"].')
    speed = body.get("speed", 1)
    if not seconds(speed) or not 0 < speed <= MOST_SPEED:
        raise bad_request(f"speed must be a number above 0 and at most {MOST_SPEED:g}.")


def _check_backend(change: dict[str, Any]) -> None:
    if set(change) - set(_OF_A_BACKEND):
        raise bad_request(f"A backend has {', '.join(_OF_A_BACKEND)}.")
    if change.get("status", "online") not in STATUSES:
        raise bad_request(f"status must be one of {', '.join(STATUSES)}.")
    if not isinstance(change.get("reason"), str | None):
        raise bad_request("reason must be text.")
    length = change.get("queue_length", 0)
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise bad_request("queue_length must be a whole number from 0 on.")
    for name in ("queue_seconds", "run_seconds"):
        if change.get(name) is not None and not seconds(change[name]):
            raise bad_request(f"{name} must be a number of seconds, or null for the emulator's own.")


def _check_faults(device: Device, change: dict[str, Any]) -> None:
    qubits, gates = change.get("faulty_qubits", []), change.get("faulty_gates", [])
    if not isinstance(qubits, list) or not all(_is_qubit(qubit, device) for qubit in qubits):
        raise bad_request("faulty_qubits must be a list of the backend's qubits, such as [0, 17].")
    for gate in gates if isinstance(gates, list) else [None]:
        match gate:
            case [str(), [*places]] if places and all(_is_qubit(place, device) for place in places):
                continue
        raise bad_request('faulty_gates must be a list of names and qubits, such as [["cz", [0, 1]]].')


def _is_qubit(value: Any, device: Device) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < device.qubits


def _apply(service: Service, body: dict[str, Any]) -> None:
    """Apply a change that has been checked, then reschedule the jobs that could not start."""
    now = service.settle()
    apart = ("backends", *_OPTIONAL_NUMBERS, "speed", "withdrawn_programs")
    for name, value in body.items():
        if name not in apart and value is not None:
            setattr(service.settings, name, value)
    for name in ("calibration_seconds", "lanes", "max_result_bytes"):
        if name in body:
            setattr(service.settings, name, body[name])
    service.timeline.fill_lanes(now)
    if "withdrawn_programs" in body:
        service.settings.withdrawn_programs = tuple(body["withdrawn_programs"])
    if "speed" in body:
        service.settings.speed = service.clock.speed = body["speed"]
    for name, change in (body.get("backends") or {}).items():
        _change_backend(service.all_devices[name], change, now)
    if body.get("backends"):
        service.timeline.wake(service.jobs.unfinished())
    if "usage_limit_seconds" in body:
        service.set_limit(body["usage_limit_seconds"])


def _change_backend(device: Device, change: dict[str, Any], now: float) -> None:
    if "status" in change or "reason" in change:
        device.set_status(change.get("status", device.status), change.get("reason"), now)
    if "queue_length" in change:
        device.base_queue_length = change["queue_length"]
    if "faulty_qubits" in change:
        device.faulty_qubits = frozenset(change["faulty_qubits"])
    if "faulty_gates" in change:
        device.faulty_gates = frozenset((name, tuple(qubits)) for name, qubits in change["faulty_gates"])
    for own in ("queue_seconds", "run_seconds"):
        if own in change:
            setattr(device, own, change[own])
