"""Analyse connection errors: whether the server can have received anything, and a short description."""

from __future__ import annotations

from typing import Any

import requests
import urllib3.exceptions

_NO_TUNNEL = "Tunnel connection failed"
"""Start of the message of ``http.client`` when a proxy refuses ``CONNECT``."""
_NOT_SENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidProxyURL,
)


def is_not_sendable(error: requests.RequestException) -> bool:
    """Return whether an address or a header is invalid. Such an error quotes it in full, including a password."""
    return isinstance(error, _NOT_SENDABLE) or isinstance(_cause(error), urllib3.exceptions.LocationParseError)


def nothing_was_sent(error: requests.RequestException) -> bool:
    """Return whether the connection was never made, so that the request cannot have reached the server."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(error, requests.exceptions.ConnectionError):
        return False
    cause = _cause(error)
    if isinstance(cause, urllib3.exceptions.ProxyError):
        # Also raised when the proxy drops a request that it may already have forwarded.
        cause = cause.original_error
    if isinstance(cause, OSError) and str(cause).startswith(_NO_TUNNEL):
        return True
    return isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _cause(error: requests.RequestException) -> object:
    """Return the error that urllib3 raised."""
    cause: object = error.args[0] if error.args else None
    return cause.reason if isinstance(cause, urllib3.exceptions.MaxRetryError) else cause


def innermost(error: BaseException) -> str:
    """Return a short description of a connection error, without URLs and their query strings."""
    cause: Any = error
    while True:
        if isinstance(cause, urllib3.exceptions.MaxRetryError) and cause.reason:
            cause = cause.reason
        elif isinstance(cause, urllib3.exceptions.ProxyError):
            return f"proxy: {innermost(cause.original_error)}"
        elif getattr(cause, "args", ()) and isinstance(cause.args[0], BaseException):
            cause = cause.args[0]
        else:
            break
    text = str(cause)
    if isinstance(cause, urllib3.exceptions.HTTPError):
        # Of an error with several arguments the last is the sentence; others are objects of urllib3.
        text = str(cause.args[-1] if cause.args else cause).rsplit(": ", 1)[-1]
    return text or type(cause).__name__
