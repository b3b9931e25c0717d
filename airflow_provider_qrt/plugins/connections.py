"""The connections that the pages can show, and a client for one of them, in Airflow's API server."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import OrderedDict
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow.configuration import conf
from airflow.exceptions import AirflowConfigException

from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.hooks.connection import settings_from_connection
from airflow_provider_qrt.hooks.connection_form import CONNECTION_TYPE, DEFAULT_CONNECTION
from airflow_provider_qrt.hooks.deployment import SECTION, airflow_name, answer_limits
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
"""A connection that was changed is read anew after that: a secrets backend is not asked for every reading."""
READ_TIMEOUT = 15.0
"""Seconds for each request of the pages."""
DEFAULT_DAYS = 28.0
"""As the plans count: https://quantum.cloud.ibm.com/docs/guides/plans-overview"""
ENVIRONMENT = "AIRFLOW_CONN_"


_MEANT = re.compile(r"[\w#!()\-.:/\\]{1,250}")
"""What Airflow allows as a connection's id."""
MOST_READERS = 200


class NoSuchConnection(InvalidSettings):
    """Airflow has no such connection, it is of another type, or of another team: nobody is told which."""


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


def team_of(session: Session, conn_id: str) -> str | None:
    """Return the team that a connection of Airflow's database belongs to; None if it is everybody's."""
    from airflow.models.connection import Connection
    from sqlalchemy import select

    return session.scalar(select(Connection.team_name).where(Connection.conn_id == conn_id))


def _read(conn_id: str, team: str | None = None) -> Connection:
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    # Not the hook's way: that one is for tasks, which ask the API server.
    try:
        found = Connection.get_connection_from_secrets(conn_id, team_name=team)
    except AirflowNotFoundException:
        raise _no_such(conn_id) from None
    if found.team_name not in (None, team):
        raise _no_such(conn_id)
    return found


def _no_such(conn_id: str) -> NoSuchConnection:
    return NoSuchConnection(
        f"Airflow has no connection {conn_id!r} of the type {CONNECTION_TYPE} that may be used here. Create it under "
        "Admin, Connections."
    )


def client_for(conn_id: str, team: str | None = None) -> QiskitRuntimeClient:
    """Build a client that gives up soon: whoever looks at a page can look again.

    Args:
        conn_id: The connection.
        team: In multi-team mode, whose connections may be used beside those of everybody.

    Raises:
        InvalidSettings: There is no such connection, or it lacks something; says what to do.
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
        # The words of a connection that does not exist: who may look at a task need not know what else there is.
        raise _no_such(conn_id)
    return settings_from_connection(connection, connection.extra_dejson)


def look_back() -> timedelta:
    """How far back the pages list jobs: ``[qiskit_runtime] pages_days``; the default if that makes no sense."""
    try:
        days = conf.getfloat(SECTION, "pages_days", fallback=DEFAULT_DAYS)
        return timedelta(days=days if days > 0 else DEFAULT_DAYS)
    except (AirflowConfigException, OverflowError, ValueError):
        log.warning("[%s] pages_days is no number of days, %g are taken.", SECTION, DEFAULT_DAYS)
        return timedelta(days=DEFAULT_DAYS)


_settings: dict[tuple[str, str | None], tuple[ClientSettings, float]] = {}
_readers: OrderedDict[tuple[str, str | None], ConnectionReader] = OrderedDict()
_lock = threading.Lock()


def reader_for(conn_id: str, team: str | None = None) -> ConnectionReader:
    """Return the reader that all who look at a connection share in this process.

    Args:
        conn_id: The connection.
        team: See :func:`client_for`.
    """
    key = (conn_id, team)
    with _lock:
        if key not in _readers:
            _readers[key] = ConnectionReader(lambda: client_for(conn_id, team), airflow_name(), look_back())
        _readers.move_to_end(key)
        while len(_readers) > MOST_READERS:
            _settings.pop(_readers.popitem(last=False)[0], None)
        return _readers[key]


def forget_readers() -> None:
    """Begin anew, for tests."""
    with _lock:
        _readers.clear()
        _settings.clear()
    users.forget()
