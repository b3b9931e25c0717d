"""Build a client from a command's arguments and the environment; Airflow is only used if these are not enough."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.hooks.connection import settings_from_connection
from airflow_provider_qrt.hooks.connection_names import CONNECTION_TYPE, DEFAULT_CONNECTION

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings

TOKEN, INSTANCE, URL = "QISKIT_IBM_TOKEN", "QISKIT_IBM_INSTANCE", "QISKIT_IBM_URL"
"""Environment variables of the official client."""
IAM_URL = "QISKIT_IBM_IAM_URL"


@dataclass
class GivenConnection:
    """A connection read without Airflow."""

    conn_id: str
    host: str | None = None
    schema: str | None = None
    port: int | None = None
    password: str | None = None


def find_settings(args: Namespace) -> ClientSettings:
    """Find the connection for a command.

    Raises:
        InvalidSettingsError: There is none, or it is incomplete; says what to do.
    """
    conn_id = args.conn_id or DEFAULT_CONNECTION
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    given = _from_json(conn_id, variable, os.environ.get(variable, ""))
    if given is not None:
        return settings_from_connection(*given)
    if args.conn_id is None and os.environ.get(TOKEN):
        connection = GivenConnection(f"of {TOKEN}", host=os.environ.get(URL) or None, password=os.environ[TOKEN])
        extra = {"instance": os.environ.get(INSTANCE, ""), "iam_url": os.environ.get(IAM_URL, "")}
        return settings_from_connection(connection, extra)
    return _from_airflow(conn_id)


def make_client(args: Namespace) -> QiskitRuntimeClient:
    """Build the client of a command.

    Raises:
        InvalidSettingsError: See :func:`find_settings`.
    """
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

    return QiskitRuntimeClient(find_settings(args))


def _from_json(conn_id: str, variable: str, text: str) -> tuple[GivenConnection, Mapping[str, Any]] | None:
    """Read an environment variable as Airflow does; None if it is missing, or a URI, which Airflow parses."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
        extra = found.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
        port = int(found["port"]) if found.get("port") else None
    except (ValueError, TypeError):
        # Not quoted, since it contains the key.
        raise InvalidSettingsError(f"The environment variable {variable} is not the JSON of a connection.") from None
    if found.get("conn_type") not in (None, CONNECTION_TYPE):
        raise InvalidSettingsError(
            f"The connection in {variable} has the type {found['conn_type']}, not {CONNECTION_TYPE}."
        )
    return GivenConnection(conn_id, found.get("host"), found.get("schema"), port, found.get("password")), extra


def _from_airflow(conn_id: str) -> ClientSettings:
    try:
        from airflow.models.connection import Connection
        from airflow.providers.common.compat.sdk import AirflowNotFoundException
    except ImportError:
        raise InvalidSettingsError(_no_connection(conn_id)) from None
    try:
        connection = Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise InvalidSettingsError(_no_connection(conn_id)) from None
    except Exception as error:
        # Airflow's database is missing or not set up, which raises many types of errors. A type reveals no secret.
        raise InvalidSettingsError(f"{_no_connection(conn_id)} Airflow says: {type(error).__name__}.") from None
    if connection.conn_type != CONNECTION_TYPE:
        raise InvalidSettingsError(
            f"Connection {conn_id!r} is of the type {connection.conn_type}, not {CONNECTION_TYPE}."
        )
    return settings_from_connection(connection, connection.extra_dejson)


def _no_connection(conn_id: str) -> str:
    return (
        f"There is no connection {conn_id!r}. Create it in Airflow (Admin, Connections, type IBM Quantum), set "
        f"AIRFLOW_CONN_{conn_id.upper()} to its JSON, or set {TOKEN} to your API key and {INSTANCE} to the CRN."
    )
