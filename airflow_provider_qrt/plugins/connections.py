"""The connections that the pages can show, and clients for them, in Airflow's API server."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_qrt.client.errors import InvalidSettingsError
from airflow_provider_qrt.compat import connections_have_teams
from airflow_provider_qrt.config import answer_limits, pages_connections, pages_look_back
from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.hooks.connection import settings_from_connection
from airflow_provider_qrt.hooks.connection_names import CONNECTION_TYPE, DEFAULT_CONNECTION
from airflow_provider_qrt.plugins.rates import users
from airflow_provider_qrt.plugins.readings import ConnectionReader

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from airflow.models.connection import Connection
    from sqlalchemy.orm import Session

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings

log = logging.getLogger(__name__)

SETTINGS_SECONDS = 30.0
"""Seconds for which a connection is cached, so that the secrets backend is not asked for every reading."""
READ_TIMEOUT = 15.0
"""Seconds for each request of the pages."""
ENVIRONMENT = "AIRFLOW_CONN_"


_MEANT = re.compile(r"[\w#!()\-.:/\\]{1,250}")
"""Connection ids that Airflow allows."""
MOST_READERS = 200


class NoSuchConnectionError(InvalidSettingsError):
    """Airflow has no such connection, or it has another type or team; the message does not reveal which."""


def connection_ids(session: Session, user: BaseUser) -> list[str]:
    """List the connections of our type in Airflow's database, in the environment, and in the settings.

    A secrets backend cannot list its connections, so ``[qiskit_runtime] pages_connections`` names them.

    Args:
        session: Session of Airflow's database.
        user: The user; in multi-team mode, a team's connections are listed only for its members.
    """
    from airflow.models.connection import Connection
    from sqlalchemy import null, select

    team_name = Connection.team_name if connections_have_teams() else null()
    stored = session.execute(select(Connection.conn_id, team_name).where(Connection.conn_type == CONNECTION_TYPE))
    found = {conn_id for conn_id, team in stored if team is None or _is_member(user, team)}
    for name in os.environ:
        if name.startswith(ENVIRONMENT):
            conn_id = name.removeprefix(ENVIRONMENT).lower()
            if conn_id not in found and _is_ours(conn_id, hash(os.environ[name])):
                found.add(conn_id)
    found.update(pages_connections())
    # The operators' default connection comes first.
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
        # An unreadable connection that may not be ours; its error must not appear on our page.
        return False


def team_of(session: Session, conn_id: str) -> str | None:
    """Return the team that owns a connection of Airflow's database; None if it belongs to no team."""
    from airflow.models.connection import Connection
    from sqlalchemy import select

    if not connections_have_teams():
        return None
    return session.scalar(select(Connection.team_name).where(Connection.conn_id == conn_id))


def _read(conn_id: str, team: str | None = None) -> Connection:
    from airflow.models.connection import Connection
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    # Not through the hook, which is for tasks and asks the API server.
    have_teams = connections_have_teams()
    try:
        found = Connection.get_connection_from_secrets(conn_id, **({"team_name": team} if have_teams else {}))
    except AirflowNotFoundException:
        raise _no_such(conn_id) from None
    if have_teams and found.team_name not in (None, team):
        raise _no_such(conn_id)
    return found


def _no_such(conn_id: str) -> NoSuchConnectionError:
    return NoSuchConnectionError(
        f"Airflow has no connection {conn_id!r} of the type {CONNECTION_TYPE} that may be used here. Create it under "
        "Admin, Connections."
    )


def client_for(conn_id: str, team: str | None = None) -> QiskitRuntimeClient:
    """Build a client with few retries, since the pages poll repeatedly anyway.

    Args:
        conn_id: The connection.
        team: In multi-team mode, the team whose connections may be used besides those without a team.

    Raises:
        InvalidSettingsError: There is no such connection, or it is incomplete; says what to do.
    """
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.retry import RetryPolicy

    now = time.monotonic()
    settings, until = _settings.get((conn_id, team), (None, 0.0))
    if settings is None or now >= until:
        settings = _read_settings(conn_id, team)
        _settings[conn_id, team] = (settings, now + SETTINGS_SECONDS)
    return QiskitRuntimeClient(
        settings, retry=RetryPolicy(attempts=2, max_wait=5.0), read_timeout=READ_TIMEOUT, limits=answer_limits()
    )


def _read_settings(conn_id: str, team: str | None) -> ClientSettings:
    if not _MEANT.fullmatch(conn_id) or ".." in conn_id:
        raise _no_such(conn_id[:250])
    connection = _read(conn_id, team)
    if connection.conn_type != CONNECTION_TYPE:
        # The same message as for a missing connection, so that other connections are not revealed.
        raise _no_such(conn_id)
    return settings_from_connection(connection, connection.extra_dejson)


_settings: dict[tuple[str, str | None], tuple[ClientSettings, float]] = {}
_readers: OrderedDict[tuple[str, str | None], ConnectionReader] = OrderedDict()
_lock = threading.Lock()


def reader_for(conn_id: str, team: str | None = None) -> ConnectionReader:
    """Return the reader that all users of a connection share in this process.

    Args:
        conn_id: The connection.
        team: See :func:`client_for`.
    """
    key = (conn_id, team)
    with _lock:
        if key not in _readers:
            _readers[key] = ConnectionReader(lambda: client_for(conn_id, team), airflow_name(), pages_look_back())
        _readers.move_to_end(key)
        while len(_readers) > MOST_READERS:
            _settings.pop(_readers.popitem(last=False)[0], None)
        return _readers[key]


def forget_readers() -> None:
    """Reset all readers, for tests."""
    with _lock:
        readers = list(_readers.values())
        _readers.clear()
        _settings.clear()
    for reader in readers:
        reader.forget()
    for reader in readers:
        reader.wait(READ_TIMEOUT)
    users.forget()
