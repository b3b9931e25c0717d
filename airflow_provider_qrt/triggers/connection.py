"""How a trigger comes from a connection's id to a client, without blocking the event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_qrt.client import errors

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings


async def connect(conn_id: str) -> tuple[QiskitRuntimeClient, str]:
    """Build a client that leaves all retrying to whoever polls; also name connection, instance and region.

    Raises:
        InvalidSettings: As :func:`read_settings`.
        ConnectionFailed: As :func:`read_settings`.
    """
    from airflow_provider_qrt.hooks.qiskit_runtime import describe_connection, poll_client

    settings = await read_settings(conn_id)
    return poll_client(conn_id, settings), describe_connection(conn_id, settings)


async def disconnect(client: QiskitRuntimeClient | None) -> None:
    """Close a client, in a thread: where that can be done, the last one to be closed logs out."""
    if client is not None:
        await asyncio.to_thread(client.close)


async def read_settings(conn_id: str) -> ClientSettings:
    """Read the connection.

    Raises:
        InvalidSettings: There is no such connection, or it lacks something.
        ConnectionFailed: Airflow did not hand it out now; this may pass.
    """
    from airflow.sdk import BaseHook

    from airflow_provider_qrt.hooks.connection import settings_from_connection

    try:
        connection = await BaseHook.aget_connection(conn_id)
        extra = await connection.aextra_dejson()
    except AirflowNotFoundException as error:
        raise errors.InvalidSettings(str(error)) from error
    except Exception as error:
        raise errors.ConnectionFailed(f"Airflow did not hand out the connection: {error}") from error
    return settings_from_connection(connection, extra)
