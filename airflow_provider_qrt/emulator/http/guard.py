"""The first check of every request: where it comes from, and how large its body is.

An emulator listens on a developer's machine, where a browser runs too. Without these checks any web page could
control it, by submitting a form to it or through a host name that resolves to 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from airflow_provider_qrt.emulator.errors import error_body
from airflow_provider_qrt.emulator.http.routes_control import PREFIX
from airflow_provider_qrt.emulator.http.wire import App, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024 * 1024
"""The largest body of a request, in bytes. IBM refused submissions of 33 MB."""
MOST_CONTROL_BYTES = 1024 * 1024
MOST_TOKEN_BYTES = 64 * 1024
JSON = "application/json"


class Guard:
    """An ASGI application that passes on only the requests that were meant for the emulator.

    Args:
        app: The emulator.
        hosts: Host names that requests may use, besides IP addresses and ``localhost``.
    """

    def __init__(self, app: App, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        most = _most_bytes(scope["path"])
        refusal = self._refusal(scope, headers, most)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await _Bounded(self._app, most)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[bytes, str], most: int) -> Response | None:
        host = headers.get(b"host", "")
        if host and not self._is_known(host):
            return _refuse(
                403,
                "host_not_allowed",
                "The Host header names a machine that this emulator is not.",
                "Ask for it as localhost or by its address, or start it with --allow-host NAME.",
            )
        origin = headers.get(b"origin")
        if origin is not None and not _is_same(origin, host):
            return _refuse(
                403, "origin_not_allowed", "A web page elsewhere asks.", "Only the emulator's own pages may ask."
            )
        length = headers.get(b"content-length", "0")
        has_body = b"transfer-encoding" in headers or length != "0"
        kind = headers.get(b"content-type", "").split(";")[0].strip().lower()
        if scope["type"] == "http" and _is_control(scope["path"]) and has_body and kind != JSON:
            return _refuse(
                415, "unsupported_media_type", "A control takes JSON.", f"Send the header Content-Type: {JSON}."
            )
        if length.isdigit() and len(length) < 20 and int(length) > most:
            return _too_large(most)
        return None

    def _is_known(self, host: str) -> bool:
        name = _name(host)
        if name == "localhost" or name.endswith(".localhost") or name in self._hosts:
            return True
        try:
            # A page cannot make a browser send a Host header other than that of the address it requests.
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class _Bounded:
    """Counts the bytes of a body whose length is missing or wrong."""

    def __init__(self, app: App, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0
        answered = False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                if read > self._most:
                    raise _BodyTooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _BodyTooLarge:
            if not answered:
                await _skip_body(receive)
                await _too_large(self._most)(scope, receive, send)


async def _skip_body(receive: Receive) -> None:
    """Read the rest of a body and drop it: a client reads the answer only after it has sent everything."""
    skipped = 0
    while skipped <= MOST_BYTES:
        message = await receive()
        skipped += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return


class _BodyTooLarge(BaseException):
    """The body is too large. It is no ``Exception``, so that the application does not report it as its own failure."""


def _most_bytes(path: str) -> int:
    if _is_control(path):
        return MOST_CONTROL_BYTES
    return MOST_TOKEN_BYTES if path.startswith("/identity/") else MOST_BYTES


def _is_control(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def _name(host: str) -> str:
    """Return the host in a ``Host`` header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc.lower() == host.lower()


def _refuse(status: int, code: str, message: str, solution: str) -> Response:
    # The connection closes, because part of the body may be unread.
    return JSONResponse(error_body(code, message, solution), status, {"Connection": "close"})


def _too_large(most: int) -> Response:
    return _refuse(413, "payload_too_large", f"The body is larger than {most:,} bytes.", "Send less.")
