"""What went wrong on the way: whether anything can have been received, and the plainest words for it."""

from __future__ import annotations

from typing import Any

import requests
import urllib3.exceptions

_NO_TUNNEL = "Tunnel connection failed"
"""How ``http.client`` begins when a proxy refuses ``CONNECT``."""
_NOT_SENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidProxyURL,
)


def is_not_sendable(error: requests.RequestException) -> bool:
    """Whether an address or a header is none. Such an error quotes all of it, a password in it included."""
    return isinstance(error, _NOT_SENDABLE) or isinstance(_cause(error), urllib3.exceptions.LocationParseError)


def nothing_was_sent(error: requests.RequestException) -> bool:
    """Whether the connection was never made, so that the request cannot have reached the server."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    if not isinstance(error, requests.exceptions.ConnectionError):
        return False
    cause = _cause(error)
    if isinstance(cause, urllib3.exceptions.ProxyError):
        # Raised as well when the proxy drops a request that it may have passed on already.
        cause = cause.original_error
    if isinstance(cause, OSError) and str(cause).startswith(_NO_TUNNEL):
        return True
    return isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _cause(error: requests.RequestException) -> object:
    """What urllib3 met."""
    cause: object = error.args[0] if error.args else None
    return cause.reason if isinstance(cause, urllib3.exceptions.MaxRetryError) else cause


def innermost(error: BaseException) -> str:
    """The plainest words for a connection trouble, without URLs and their query strings."""
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
    text = str(cause).rsplit(": ", 1)[-1] if isinstance(cause, urllib3.exceptions.HTTPError) else str(cause)
    return text or type(cause).__name__
