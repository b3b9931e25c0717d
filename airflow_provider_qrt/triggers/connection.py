"""Build a client from a connection id without blocking the event loop."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import reads_connections_without_blocking
from airflow_provider_qrt.triggers.threads import asking_airflow, in_thread

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings

log = logging.getLogger(__name__)


async def connect(conn_id: str) -> tuple[QiskitRuntimeClient, str]:
    """Build a client that never retries by itself, and a description of connection, instance and region.

    Raises:
        InvalidSettingsError: As :func:`read_settings`.
        ConnectionFailedError: As :func:`read_settings`.
        InternalError: As :func:`read_settings`.
    """
    from airflow_provider_qrt.hooks.qiskit_runtime import describe_connection, poll_client

    settings = await read_settings(conn_id)
    return poll_client(conn_id, settings), describe_connection(conn_id, settings)


async def disconnect(client: QiskitRuntimeClient | None) -> None:
    """Close a client in a thread, because the last one to be closed may log out."""
    if client is not None:
        await asyncio.to_thread(client.close)


async def read_settings(conn_id: str) -> ClientSettings:
    """Read the connection.

    Raises:
        InvalidSettingsError: Airflow found no such connection, or it is incomplete. The former may be temporary:
            Airflow reports the same when its secrets backend or API server did not answer.
        ConnectionFailedError: Airflow could not return it now; this may be temporary.
        InternalError: The provider has a bug, or is incompatible with the installed Airflow.
    """
    from airflow_provider_qrt.hooks.connection import settings_from_connection

    try:
        connection = await ask_airflow(conn_id)
        extra = await _read_extra(connection)
    except AirflowNotFoundException as error:
        raise errors.InvalidSettingsError(str(error)) from error
    except errors.MISTAKES as error:
        log.exception("The connection could not be read")
        raise errors.InternalError.of(error, f"reading connection {conn_id!r}") from error
    except Exception as error:
        raise errors.ConnectionFailedError(f"Airflow did not hand out the connection: {error}") from error
    return settings_from_connection(connection, extra)


async def ask_airflow(conn_id: str) -> Connection:
    """Return a connection as Airflow has it."""
    from airflow.sdk import BaseHook

    if reads_connections_without_blocking():
        return await BaseHook.aget_connection(conn_id)
    return await in_thread(asking_airflow, BaseHook.get_connection, conn_id)


async def _read_extra(connection: Connection) -> Mapping[str, Any]:
    """Return the connection's extra fields; Airflow masks their values in logs if it can do so without blocking."""
    # Available since Airflow 3.3.2. The property extra_dejson blocks the event loop and can deadlock.
    read = getattr(connection, "aextra_dejson", None)
    if read is not None:
        return dict(await read())
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise errors.InvalidSettingsError(f"Connection {connection.conn_id!r}: its extra field is not a JSON object.")
    return extra
