"""Read error answers in all their shapes, and JSON from answers that may not hold any."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import requests

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.errors import ErrorBody
from airflow_provider_qrt.client.reading import parse_json
from airflow_provider_qrt.untrusted.blotter import readable

_LONGEST_MESSAGE = 2000


def is_page(response: requests.Response) -> bool:
    """Return whether the answer is an HTML page."""
    kind = response.headers.get("Content-Type", "")
    return "html" in kind or response.text.lstrip()[:1] == "<"


def read_error(response: requests.Response, secrets: Iterable[str] = ()) -> ErrorBody:
    """Read an error in any of its shapes: from the API, older gateways, IAM, or as HTML from a proxy.

    Args:
        response: The answer.
        secrets: Texts to redact if the answer quotes them.
    """

    def said(value: Any) -> str:
        return readable(value, _LONGEST_MESSAGE, secrets) if value is not None else ""

    trace = said(response.headers.get("X-Request-Id") or response.headers.get("CF-Ray")) or None
    try:
        data = parse_json(response.content, strict=False)
    except (ValueError, errors.InvalidAnswerError):
        text = "" if is_page(response) else said(response.text).strip()
        return ErrorBody(message=text or said(response.reason), trace=trace)
    if not isinstance(data, Mapping):
        return ErrorBody(message=said(json.dumps(data)), trace=trace)
    if "errorCode" in data or "errorMessage" in data:
        context = data.get("context")
        request_id = context.get("requestId") if isinstance(context, Mapping) else None
        return ErrorBody(
            code=said(data.get("errorCode")) or None,
            message=" ".join(said(data[k]) for k in ("errorMessage", "errorDetails") if data.get(k)),
            trace=said(request_id) or trace,
        )
    trace = said(data.get("trace")) or trace
    listed = data.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else data.get("error", data)
    if not isinstance(first, Mapping):
        return ErrorBody(message=said(first), trace=trace)
    return ErrorBody(
        code=said(first.get("code")) or None,
        message=said(first.get("message")) or said(response.reason),
        solution=said(first.get("solution")) or None,
        trace=trace,
    )


def read_json(response: requests.Response, label: str, secrets: Iterable[str] = ()) -> Any:
    """Return the answer's JSON.

    Raises:
        UnexpectedAnswerError: If it is not JSON, or holds implausible values.
    """
    try:
        return parse_json(response.content)
    except errors.InvalidAnswerError as error:
        raise errors.InvalidAnswerError(f"{label}: {error}") from None
    except ValueError:
        kind = readable(response.headers.get("Content-Type", "no content type"), 100, secrets)
        raise errors.UnexpectedAnswerError(
            f"{label}: HTTP {response.status_code} with {kind} instead of JSON; something between Airflow and "
            "the service answered in its place."
        ) from None
