"""Reads JSON bodies and query parameters of requests; wrong ones get an error answer in the API's shape."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from airflow_provider_qrt.emulator.clock import parse_timestamp
from airflow_provider_qrt.emulator.errors import bad_request


async def json_body(request: Request) -> Any:
    """Return the JSON body.

    Raises:
        ApiError: 400 when it is not JSON.
    """
    raw = await request.body()
    try:
        body = json.loads(raw)
        # Python accepts values that JSON does not allow (NaN, lone surrogates), which it could not send back.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body is not JSON: {type(error).__name__}.") from error
    return body


def flag(request: Request, name: str, default: bool) -> bool:
    """Return a boolean query parameter.

    Raises:
        ApiError: 400 when it is neither true nor false.
    """
    found = optional_flag(request, name)
    return default if found is None else found


def optional_flag(request: Request, name: str) -> bool | None:
    """Return a boolean query parameter, or None when it is absent.

    Raises:
        ApiError: 400 when it is neither true nor false.
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    if value.lower() not in ("true", "false"):
        raise bad_request(f"{name} must be true or false.")
    return value.lower() == "true"


def whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Return an integer query parameter; a value out of range silently becomes the default.

    Raises:
        ApiError: 400 when it is not an integer.
    """
    value = request.query_params.get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise bad_request(f"{name} must be a whole number.") from error
    return number if least <= number <= most else default


def moment(request: Request, name: str) -> float | None:
    """Return a date-time query parameter in seconds since the epoch, or None when it is absent.

    Raises:
        ApiError: 400 when it is not a date-time.
    """
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        # A "+" in the time zone that was not percent-encoded arrives as a space.
        return parse_timestamp(value.strip().replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise bad_request(f"{name} must be a date-time as in RFC 3339.") from error


def several(request: Request, name: str) -> list[str]:
    """Return a repeated query parameter, sent as ``name=`` or ``name[]=``."""
    return [*request.query_params.getlist(name), *request.query_params.getlist(f"{name}[]")]
