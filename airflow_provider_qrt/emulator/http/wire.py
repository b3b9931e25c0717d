"""The layer between the socket and the application, which writes the journal and injects faults.

A connection is dropped at the transport, so the client sees a reset and no HTTP answer.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import error_body
from airflow_provider_qrt.emulator.faults import REVOKE_TOKENS, Fault
from airflow_provider_qrt.emulator.http.routes_control import PREFIX
from airflow_provider_qrt.emulator.journal import Entry
from airflow_provider_qrt.emulator.service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TRANSPORT = "qrt.transport"
"""The key in the scope under which the protocol stores the connection's transport."""

FAULT = "qrt.fault"
"""The key in the scope of the fault that applies to a stream, or of None."""

AUTHENTICATED = "qrt.authenticated"
"""The key in the scope of the function to call once a token was accepted; it updates the journal."""

SWITCHING_PROTOCOLS = 101
_ANSWERS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})

HARMLESS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
"""Headers that stop a browser from running an answer as a page or a script, whatever its content type."""

REDACTED = "***"
SHORTEST_SECRET = 8
"""Keys of at most this many characters are not redacted: they come from tests and may be part of ordinary words."""

_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


class Wire:
    """An ASGI application around another one."""

    def __init__(self, app: App, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] not in ("http", "websocket") or path.startswith(PREFIX):
            await self._app(scope, receive, self._saving(send))
            return
        entry = self._write_down(scope)
        began = time.perf_counter()

        def authenticated() -> None:
            entry.authenticated = True

        async def watched(message: Message) -> None:
            if message["type"] in _ANSWERS:
                entry.status = message.get("status", SWITCHING_PROTOCOLS)
                entry.seconds = round(time.perf_counter() - began, 6)
            await send(message)

        scope[AUTHENTICATED] = authenticated
        fault = self._service.faults.take(entry.method, path)
        scope[FAULT] = fault
        if fault is None:
            await self._app(scope, receive, self._saving(watched))
        else:
            entry.fault = fault.id
            serve = self._serve_with_fault if scope["type"] == "http" else self._stream_with_fault
            await serve(fault, entry, scope, receive, watched)
        entry.seconds = round(time.perf_counter() - began, 6)

    def _saving(self, send: Send) -> Send:
        async def saved(message: Message) -> None:
            # Save first, so that the answer is still true after a crash.
            if message["type"] == "http.response.start":
                self._service.save()
            await send(message)

        return saved

    async def _serve_with_fault(self, fault: Fault, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _answer(fault, scope["path"])
        if await self._ends_before(fault, answer, entry, scope, receive, send):
            return
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, self._saving(keep))
        if fault.phase == "after" and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop == "after":
            entry.dropped = "after"
            await _drop(scope)
        elif answer is not None:
            await answer(scope, receive, send)
        elif fault.truncate is not None:
            entry.dropped = "truncated"
            await _send_part(kept, fault.truncate, scope, send)
        else:
            for message in kept:
                await send(message)

    async def _ends_before(
        self, fault: Fault, answer: Response | None, entry: Entry, scope: Scope, receive: Receive, send: Send
    ) -> bool:
        """Apply the fault before the server acts; return whether the request ends here and the server must not act."""
        if fault.effect == REVOKE_TOKENS:
            self._service.revoke_tokens()
        if fault.phase == "before" and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop == "before":
            entry.dropped = "before"
            await _drop(scope)
            return True
        if answer is not None and fault.phase == "before" and fault.drop is None:
            await answer(scope, receive, send)
            return True
        return False

    async def _stream_with_fault(self, fault: Fault, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.effect == REVOKE_TOKENS:
            self._service.revoke_tokens()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop is not None:
            entry.dropped = fault.drop
            await _drop(scope)
            return
        answer = _answer(fault, scope["path"])
        if answer is not None:
            await answer(scope, receive, send)
            return
        entry.dropped = "truncated" if fault.truncate is not None else None
        await self._app(scope, receive, send)

    def _write_down(self, scope: Scope) -> Entry:
        settings = self._service.settings
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        secrets = [settings.api_key, settings.instance, settings.instance.split(":")[6].removeprefix("a/")]

        def clean(text: str) -> str:
            for secret in secrets:
                text = text.replace(secret, REDACTED) if len(secret) > SHORTEST_SECRET else text
            return _TOKEN.sub(REDACTED, text)

        return self._service.journal.open(
            scope.get("method", "GET"),
            clean(scope["path"]),
            clean(scope["query_string"].decode("latin-1")),
            timestamp(self._service.clock.now()),
            {name: clean(value) for name, value in headers.items()},
        )


def _answer(fault: Fault, path: str) -> Response | None:
    if fault.status is None:
        return None
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = fault.retry_after
    if fault.html is not None:
        # Sent as plain text, so that a fault's HTML does not run in the browser of anybody who opens the address.
        return PlainTextResponse(fault.html, fault.status, headers | HARMLESS)
    if fault.status in (204, 304):
        return Response(status_code=fault.status, headers=headers)
    body = fault.body
    if body is None and path.startswith("/identity/"):
        body = {
            "errorCode": "BXNIM0500E",
            "errorMessage": "An injected fault.",
            "context": {"requestId": uuid.uuid4().hex},
        }
    elif body is None:
        body = error_body(9999, "An injected fault.", "Lift the fault rule.")
    return JSONResponse(body, fault.status, headers | HARMLESS)


async def _send_part(messages: list[Message], length: int, scope: Scope, send: Send) -> None:
    body = b"".join(message.get("body", b"") for message in messages if message["type"] == "http.response.body")
    await send(messages[0])
    await send({"type": "http.response.body", "body": body[:length], "more_body": True})
    transport: asyncio.Transport = scope[TRANSPORT]
    transport.close()
    # Let the protocol learn of the end before this request ends, or it would complete the answer.
    for _ in range(5):
        await asyncio.sleep(0)


async def _drop(scope: Scope) -> None:
    transport: asyncio.Transport = scope[TRANSPORT]
    connection = transport.get_extra_info("socket")
    # With a linger time of 0 the kernel sends a reset instead of an orderly end of stream.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    # Let the protocol learn of the loss before this request ends, or it would answer 500.
    while not transport.is_closing():  # pragma: no cover
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
