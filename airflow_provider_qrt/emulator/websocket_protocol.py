"""The websocket protocol of the server, when the package for it is installed."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.emulator.wire import TRANSPORT


def websocket_protocol() -> type[Any] | None:
    """Return uvicorn's websocket protocol, its connection within the application's reach; None without the package."""
    try:
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    except ImportError:
        return None

    class DroppableWebSocket(WebSocketsSansIOProtocol):
        """A websocket over a connection that the application can get at, to drop it."""

        async def run_asgi(self) -> None:
            scope: Any = self.scope
            scope[TRANSPORT] = self.transport
            await super().run_asgi()

    return DroppableWebSocket
