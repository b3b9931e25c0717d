"""The connections that the pages can show, and a client for one of them, in Airflow's API server."""

from __future__ import annotations

import logging
import os
import threading
import time
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.exceptions import AirflowConfigException

from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.hooks.connection import settings_from_connection
from airflow_provider_qrt.hooks.connection_form import CONNECTION_TYPE, DEFAULT_CONNECTION
from airflow_provider_qrt.hooks.deployment import SECTION, airflow_name, answer_limits
from airflow_provider_qrt.plugins.readings import ConnectionReader

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from airflow.models.connection import Connection
    from sqlalchemy.orm import Session

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings

log = logging.getLogger(__name__)

SETTINGS_SECONDS = 30.0
"""A connection that was changed is read anew after that: a secrets backend is not asked for every reading."""
READ_TIMEOUT = 15.0
"""Seconds for each request of the pages."""
DEFAULT_DAYS = 28.0
"""As the plans count: https://quantum.cloud.ibm.com/docs/guides/plans-overview"""
ENVIRONMENT = "AIRFLOW_CONN_"


class NoSuchConnection(InvalidSettings):
    """Airflow has no such connection, or it is of another type."""


def connection_ids(session: Session, user: BaseUser) -> list[str]:
    """List the connections of our type that Airflow can name: of its database, its environment, and the settings.

    A secrets backend cannot be asked for a list; ``[qiskit_runtime] pages_connections`` names those that live there.

    Args:
        session: Of Airflow's database.
        user: In multi-team mode, a team's connections are listed only for its members.
    """
    from airflow.models.connection import Connection
    from sqlalchemy import select

    stored = session.execute(
        select(Connection.conn_id, Connection.team_name).where(Connection.conn_type == CONNECTION_TYPE)
    )
    found = {conn_id for conn_id, team in stored if team is None or _is_member(user, team)}
    for name in os.environ:
        if name.startswith(ENVIRONMENT):
            conn_id = name.removeprefix(ENVIRONMENT).lower()
            if conn_id not in found and _is_ours(conn_id, hash(os.environ[name])):
                found.add(conn_id)
    found.update(conf.getlist(SECTION, "pages_connections", fallback=[]))
    # The one that operators use when nothing is said comes first.
    return sorted(found, key=lambda conn_id: (conn_id != DEFAULT_CONNECTION, conn_id))


def _is_member(user: BaseUser, team: str) -> bool:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import TeamDetails

    return bool(get_auth_manager().is_authorized_team(method="GET", details=TeamDetails(name=team), user=user))


@lru_cache
def _is_ours(conn_id: str, _version: int) -> bool:
    try:
        return _read(conn_id).conn_type == CONNECTION_TYPE
    except Exception:
        # It is somebody else's and cannot be read; nothing of that belongs on our page.
        return False


def _read(conn_id: str) -> Connection:
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    # Not the hook's way: that one is for tasks, which ask the API server.
    try:
        return Connection.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        raise NoSuchConnection(
            f"Airflow has no connection {conn_id!r}. Create it under Admin, Connections, with the type "
            f"{CONNECTION_TYPE}."
        ) from None


def client_for(conn_id: str) -> QiskitRuntimeClient:
    """Build a client that gives up soon: whoever looks at a page can look again.

    Raises:
        InvalidSettings: There is no such connection, or it lacks something; says what to do.
    """
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.retry import RetryPolicy

    now = time.monotonic()
    settings, until = _settings.get(conn_id, (None, 0.0))
    if settings is None or now >= until:
        settings = _read_settings(conn_id)
        _settings[conn_id] = (settings, now + SETTINGS_SECONDS)
    return QiskitRuntimeClient(
        settings, retry=RetryPolicy(attempts=2, max_wait=5.0), read_timeout=READ_TIMEOUT, limits=answer_limits()
    )


def _read_settings(conn_id: str) -> ClientSettings:
    connection = _read(conn_id)
    if connection.conn_type != CONNECTION_TYPE:
        raise NoSuchConnection(
            f"Connection {conn_id!r} is of the type {connection.conn_type}, not {CONNECTION_TYPE}. Choose another one."
        )
    return settings_from_connection(connection, connection.extra_dejson)


def look_back() -> timedelta:
    """How far back the pages list jobs: ``[qiskit_runtime] pages_days``; the default if that makes no sense."""
    try:
        days = conf.getfloat(SECTION, "pages_days", fallback=DEFAULT_DAYS)
        return timedelta(days=days if days > 0 else DEFAULT_DAYS)
    except (AirflowConfigException, OverflowError, ValueError):
        log.warning("[%s] pages_days is no number of days, %g are taken.", SECTION, DEFAULT_DAYS)
        return timedelta(days=DEFAULT_DAYS)


_settings: dict[str, tuple[ClientSettings, float]] = {}
_readers: dict[str, ConnectionReader] = {}
_lock = threading.Lock()


def reader_for(conn_id: str) -> ConnectionReader:
    """Return the reader that all who look at a connection share in this process."""
    with _lock:
        if conn_id not in _readers:
            _readers[conn_id] = ConnectionReader(lambda: client_for(conn_id), airflow_name(), look_back())
        return _readers[conn_id]


def forget_readers() -> None:
    """Begin anew, for tests."""
    with _lock:
        _readers.clear()
        _settings.clear()
