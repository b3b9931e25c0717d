"""``/stream/jobs/{id}``: a websocket that sends each change of a job's status.

IBM's service had it until 2024. The first message is an acknowledgement; the current status and each later status
follow as single words. The server closes with code 1000 when the job has ended.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from airflow_provider_qrt.emulator.errors import JOB_NOT_FOUND, ApiError
from airflow_provider_qrt.emulator.faults import SILENCE, Fault
from airflow_provider_qrt.emulator.http.wire import FAULT
from airflow_provider_qrt.emulator.jobs import Job, State
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.legacy.access import enter
from airflow_provider_qrt.emulator.service import Service

ACKNOWLEDGEMENT = "ACK"
LOOK_SECONDS = 0.05
"""Seconds between a stream's looks at its job, which are needed because nothing here changes by itself."""

ENDED = 1000
GOING_AWAY = 1001


def router(service: Service) -> APIRouter:
    """Return the route of the streams."""
    routes = APIRouter()

    @routes.websocket("/stream/jobs/{job_id}")
    async def follow(socket: WebSocket, job_id: str) -> None:
        try:
            job = _find(service, socket, job_id)
        except ApiError as error:
            await socket.send_denial_response(JSONResponse(error.body(), error.status, error.headers))
            return
        await socket.accept()
        listener = _Listener(socket)
        try:
            await _Stream(service, socket, listener).tell(job)
        except WebSocketDisconnect:
            pass
        finally:
            listener.stop()

    @routes.get("/stream/jobs/{job_id}", include_in_schema=False)
    async def no_websocket(job_id: str) -> Response:  # noqa: ARG001 - of the path
        message = "A stream is a websocket."
        solution = "Connect with a websocket client. The emulator needs the package websockets for it."
        raise ApiError(426, "upgrade_required", message, solution, {"Upgrade": "websocket"})

    return routes


def _find(service: Service, socket: WebSocket, job_id: str) -> Job:
    generation = enter(service, socket)
    if generation is Generation.API_TOKEN:
        raise ApiError(404, JOB_NOT_FOUND, "There are no streams in this generation of the API.", "Poll the results.")
    service.settle()
    return service.jobs.get(job_id, generation)


class _Listener:
    """Notices when the client disconnects; ignores its messages."""

    def __init__(self, socket: WebSocket) -> None:
        self._left = asyncio.ensure_future(self._listen(socket))

    async def _listen(self, socket: WebSocket) -> None:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    async def wait(self, seconds: float | None) -> bool:
        """Wait, and return whether the client has disconnected."""
        await asyncio.wait({self._left}, timeout=seconds)
        return self._left.done()

    def stop(self) -> None:
        """Stop listening."""
        self._left.cancel()


class _Stream:
    """The messages to one client, as far as a fault allows them."""

    def __init__(self, service: Service, socket: WebSocket, listener: _Listener) -> None:
        self._service = service
        self._socket = socket
        self._listener = listener
        self._fault: Fault | None = socket.scope.get(FAULT)
        self._left = self._fault.truncate if self._fault is not None else None

    async def tell(self, job: Job) -> None:
        """Send a job's statuses until it ends, the client disconnects, or a fault ends the stream."""
        if self._fault is not None and self._fault.effect == SILENCE:
            await self._listener.wait(None)
            return
        if not await self._send(ACKNOWLEDGEMENT):
            return
        told: list[str] = []
        while True:
            self._service.settle()
            if self._service.jobs.find(job.id) is not job:
                await self._socket.close(GOING_AWAY)
                return
            for status in _statuses(job, since=told):
                told.append(status)
                if not await self._send(status):
                    return
            if job.final:
                await self._socket.close(ENDED)
                return
            if await self._listener.wait(LOOK_SECONDS):
                return

    async def _send(self, text: str) -> bool:
        """Send a message and return True; end the stream and return False if the fault allows no more messages."""
        if self._left == 0:
            code = self._fault.close_code if self._fault is not None else None
            # Without a close frame, uvicorn only ends the connection.
            if code is not None:
                await self._socket.close(code)
            return False
        if self._left is not None:
            self._left -= 1
        # Save first, so that the message is still true after a crash.
        self._service.save()
        await self._socket.send_text(text)
        return True


def _statuses(job: Job, since: list[str]) -> list[str]:
    """Return the statuses to send: at first the current one, then each one since, however briefly it lasted."""
    if not since:
        return [job.status]
    passed = [State.RUNNING.value] if job.started is not None else []
    return [status for status in dict.fromkeys([*passed, job.status]) if status not in since]
