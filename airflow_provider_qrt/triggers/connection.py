"""How a trigger comes from a connection's id to a client, without blocking the event loop."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_qrt.client import errors

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings

log = logging.getLogger(__name__)


async def connect(conn_id: str) -> tuple[QiskitRuntimeClient, str]:
    """Build a client that leaves all retrying to whoever polls; also name connection, instance and region.

    Raises:
        InvalidSettings: As :func:`read_settings`.
        ConnectionFailed: As :func:`read_settings`.
        InternalError: As :func:`read_settings`.
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
        InvalidSettings: Airflow found no such connection, or it lacks something. The first may pass: Airflow says the
            same when its secrets backend or its API server did not answer.
        ConnectionFailed: Airflow did not hand it out now; this may pass.
        InternalError: The provider made a mistake, or does not fit the installed Airflow.
    """
    from airflow.sdk import BaseHook

    from airflow_provider_qrt.hooks.connection import settings_from_connection

    try:
        connection = await BaseHook.aget_connection(conn_id)
        extra = await _read_extra(connection)
    except AirflowNotFoundException as error:
        raise errors.InvalidSettings(str(error)) from error
    except errors.MISTAKES as error:
        log.exception("The connection could not be read")
        raise errors.InternalError.of(error, f"reading connection {conn_id!r}") from error
    except Exception as error:
        raise errors.ConnectionFailed(f"Airflow did not hand out the connection: {error}") from error
    return settings_from_connection(connection, extra)


async def _read_extra(connection: Connection) -> Mapping[str, Any]:
    """The connection's extra fields; its values are masked in logs where Airflow can do that without blocking."""
    # Since Airflow 3.3.2. The property extra_dejson blocks the event loop and can deadlock.
    read = getattr(connection, "aextra_dejson", None)
    if read is not None:
        return dict(await read())
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise errors.InvalidSettings(f"Connection {connection.conn_id!r}: its extra field is not a JSON object.")
    return extra
