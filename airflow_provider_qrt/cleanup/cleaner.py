"""Search for jobs whose task has stopped, and sessions whose DAG run has ended; cancel those found twice in a row.

A task normally cancels its jobs itself, in its process or in the triggerer. It cannot do so if it is marked, or
``dagrun_timeout`` passes, while it waits for a retry, if the kernel kills its process, or if teardowns are skipped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_qrt.cleanup.records import AirflowDatabase, Written
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.config import answer_limits
from airflow_provider_qrt.hooks.airflow_name import name_is_given, own_name
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.jobs.orphans.abandoned import tag_of_bound_job, why_abandoned
from airflow_provider_qrt.jobs.orphans.ownership import Ownership, RunState
from airflow_provider_qrt.jobs.sessions.opening import SessionRecord, close
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
from airflow_provider_qrt.storage.records import Place

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=30)
"""Connections that tasks have used within this period are searched, since a job may queue for days."""
OVERLAP = timedelta(minutes=5)
"""Overlap of two readings of the records, since transactions do not commit in the order of their timestamps."""
TTL_MARGIN = 3600.0
"""Seconds after its lifetime when a session has certainly ended, even if the clocks differ."""
CONNECTION_SECONDS = 600.0
"""Seconds for which a connection is cached."""
EVENT = "qiskit_runtime_cleanup"
"""Name of the entries in Airflow's audit log."""


def _connect(conn_id: str) -> QiskitRuntimeClient:
    from airflow.models.connection import Connection

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.hooks.connection import settings_from_connection

    # Not through the hook, which is for tasks and asks the API server.
    connection = Connection.get_connection_from_secrets(conn_id)
    settings = settings_from_connection(connection, connection.extra_dejson)
    return QiskitRuntimeClient(settings, limits=answer_limits())


@dataclass
class Cleaner:
    """Searches repeatedly, and remembers what it has found.

    Attributes:
        airflow: Provides runs, tasks and their records.
        connect: Builds the client of a connection.
        airflow_name: Returns this Airflow's unique name in the tags of its jobs; empty if there is none.
        name_is_given: Returns whether that name was configured, so that another Airflow may have it too.
        clock: Returns epoch seconds.
    """

    airflow: AirflowDatabase = field(default_factory=AirflowDatabase)
    connect: Callable[[str], QiskitRuntimeClient] = _connect
    airflow_name: Callable[[], str] = own_name
    name_is_given: Callable[[], bool] = name_is_given
    clock: Callable[[], float] = time.time
    _read_until: datetime | None = field(default=None, init=False)
    _used: dict[str, datetime] = field(default_factory=dict, init=False)
    _tags: dict[str, datetime] = field(default_factory=dict, init=False)
    _sessions: dict[str, Written] = field(default_factory=dict, init=False)
    _clients: dict[str, tuple[QiskitRuntimeClient, float]] = field(default_factory=dict, init=False, repr=False)
    _suspects: set[str] = field(default_factory=set, init=False)
    _said: set[tuple[str, str]] = field(default_factory=set, init=False)

    def look(self) -> list[str]:
        """Search once; return the ids of cancelled jobs and closed sessions.

        Raises:
            SQLAlchemyError: Airflow's database did not answer.
        """
        now = datetime.fromtimestamp(self.clock(), UTC)
        self._read_records(now)
        self._used = {conn_id: used for conn_id, used in self._used.items() if now - used < LOOK_BACK}
        self._tags = {tag: seen for tag, seen in self._tags.items() if now - seen < LOOK_BACK}
        name = self.airflow_name()
        if not name:
            # Its jobs could not be distinguished from those of another Airflow without a name.
            return []
        suspects: set[str] = set()
        done: list[str] = []
        for conn_id in sorted(self._used):
            for found in self._look_at(conn_id, name):
                suspects.add(found.id)
                if found.id in self._suspects and found.cancel():
                    done.append(found.id)
                    log.warning(found.fate)
                    self.airflow.tell(EVENT, found.fate, found.place)
        self._suspects = suspects - set(done)
        return done

    def _read_records(self, now: datetime) -> None:
        since = now - LOOK_BACK if self._read_until is None else self._read_until - OVERLAP
        self._read_until = now
        for written, moment in self.airflow.written_since(since):
            record = written.record
            if record.connection is None:
                continue
            self._used[record.connection] = max(moment, self._used.get(record.connection, moment))
            if isinstance(record, SubmissionRecord):
                self._tags[record.tag] = moment
            elif record.session_id is not None and not record.keep_open:
                self._sessions[record.session_id] = written

    def _look_at(self, conn_id: str, name: str) -> Iterator[_Found]:
        """Find abandoned jobs and sessions of one connection; log an error once, and try again at the next search."""
        try:
            client = self._client(conn_id)
        except (*errors.MISTAKES, SQLAlchemyError):
            raise
        except Exception as error:
            # A secrets backend may raise anything.
            self._say(conn_id, error)
            return
        try:
            with client:
                if not client.channel.offers(Feature.TAGS):
                    return
                ownership = Ownership(self.airflow, name)
                yield from self._abandoned_jobs(client, ownership)
                yield from self._abandoned_sessions(client, conn_id, ownership)
        except errors.QiskitRuntimeError as error:
            # The connection may be corrected before the next search.
            self._clients.pop(conn_id, None)
            self._say(conn_id, error)
        else:
            self._said = {one for one in self._said if one[0] != conn_id}

    def _client(self, conn_id: str) -> QiskitRuntimeClient:
        """Return the cached client of a connection, so that a secrets backend is not asked at each search."""
        client, until = self._clients.get(conn_id, (None, 0.0))
        if client is None or self.clock() >= until:
            client = self.connect(conn_id)
            self._clients[conn_id] = client, self.clock() + CONNECTION_SECONDS
        return client

    def _say(self, conn_id: str, error: Exception) -> None:
        if (conn_id, type(error).__name__) not in self._said:
            self._said.add((conn_id, type(error).__name__))
            log.warning("Jobs left behind with connection %r cannot be looked for at the moment: %s", conn_id, error)

    def _abandoned_jobs(self, client: QiskitRuntimeClient, ownership: Ownership) -> Iterator[_Found]:
        for job in list(client.jobs(pending=True)):
            tag = tag_of_bound_job(job)
            if tag is None or not ownership.is_ours(job):
                continue
            owner = ownership.owner_of(job)
            if tag not in self._tags and (self.name_is_given() or owner is None or owner.run is RunState.GONE):
                # No task of this Airflow has recorded it, so it may belong to another Airflow.
                continue
            place = None
            if owner is not None and owner.task_id is not None:
                place = Place(owner.dag_id, owner.run_id, owner.task_id, owner.map_index)
            why = why_abandoned(job, owner, self.airflow.job_records(place) if place is not None else [])
            if why is not None:
                yield _Found(job.id, place, f"Nobody waits for it: {why}.", partial(cancel_job, client, job.id))

    def _abandoned_sessions(self, client: QiskitRuntimeClient, conn_id: str, ownership: Ownership) -> Iterator[_Found]:
        for session_id, written in list(self._sessions.items()):
            record, place = written.record, written.place
            assert isinstance(record, SessionRecord)
            if record.opened_at + record.max_ttl + TTL_MARGIN < self.clock():
                del self._sessions[session_id]
            elif record.connection == conn_id and self._run_is_over(place):
                if not _is_open(client, session_id):
                    del self._sessions[session_id]
                elif all(self._is_dead(job, ownership) for job in client.jobs(session_id=session_id, pending=True)):
                    why = "Its DAG run has ended, and no active task uses it."
                    yield _Found(session_id, place, why, partial(_close, client, session_id))

    def _run_is_over(self, place: Place) -> bool:
        return self.airflow.run_state(place.dag_id, place.run_id) is not RunState.GOES_ON

    @staticmethod
    def _is_dead(job: Job, ownership: Ownership) -> bool:
        """Return whether a job in a session is one of ours whose task has stopped."""
        owner = ownership.owner_of(job) if ownership.is_ours(job) else None
        return owner is not None and not owner.is_live and owner.run is not RunState.GOES_ON


@dataclass
class _Found:
    """An abandoned job or session."""

    id: str
    place: Place | None
    why: str
    act: Callable[[], str]
    fate: str = ""

    def cancel(self) -> bool:
        """Cancel or close it; return whether that succeeded. If not, the next search finds it again."""
        try:
            self.fate = f"{self.act()} {self.why}"
        except errors.QiskitRuntimeError as error:
            log.warning(
                "%s could not be cancelled and may still run and be charged; tried again later: %s", self.id, error
            )
            return False
        return True


def _is_open(client: QiskitRuntimeClient, session_id: str) -> bool:
    try:
        return client.session(session_id).accepting_jobs
    except errors.NotFoundError:
        return False


def _close(client: QiskitRuntimeClient, session_id: str) -> str:
    close(client, session_id, cancel_queued_jobs=True)
    return f"Session {session_id} was closed."
