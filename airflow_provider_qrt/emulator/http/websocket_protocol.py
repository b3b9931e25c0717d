"""The server's websocket protocol, if the package for it is installed."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.emulator.http.wire import TRANSPORT


def websocket_protocol() -> type[Any] | None:
    """Return uvicorn's websocket protocol, changed to give the application its connection; None without the package."""
    try:
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
    except ImportError:
        return None

    class DroppableWebSocket(WebSocketsSansIOProtocol):
        """A websocket whose connection the application can drop."""

        async def run_asgi(self) -> None:
            scope: Any = self.scope
            scope[TRANSPORT] = self.transport
            await super().run_asgi()

    return DroppableWebSocket
