"""Opening a session or batch once, as far as that can be known.

The service gives sessions neither tags nor names, so one whose answer was lost cannot be told from others; another is
opened. A session that was opened and never used costs nothing and closes by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Literal

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.models import Session
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.jobs.errors import SessionUnusableError
from airflow_provider_qrt.jobs.submit.record import StateStore

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

log = logging.getLogger(__name__)

STORE_KEY = "qiskit_runtime_session"
DEFAULT_MAX_TTL = 28_800
"""Seconds a session may live when nothing is said; the plan may cut it."""
READ_PAUSES = (0.0, 1.0, 3.0)
"""Seconds before each read of a session that the service does not know: it may be wrong for a moment."""
MOST_OPENED = 3
"""Sessions asked for in one go while the answers are lost."""

Mode = Literal["batch", "dedicated"]


@dataclass(frozen=True)
class SessionRequest:
    """A session that is asked for.

    Attributes:
        mode: ``batch`` or ``dedicated``.
        backend: Its backend, or ``least_busy`` for any.
        max_ttl: Seconds it may live; None for the default.
    """

    mode: Mode
    backend: str
    max_ttl: int | None = None


@dataclass(frozen=True)
class SessionRecord:
    """The entry in the state store about a task's session.

    Attributes:
        mode: ``batch`` or ``dedicated``.
        backend: Its backend.
        asked_ttl: As asked for, None for the default.
        max_ttl: As sent.
        opened_at: Epoch seconds of the intent.
        max_tries: Airflow's ``ti.max_tries`` at the time: a clear raises it, a retry does not.
        session_id: None until the service has answered.
        connection: The connection, rendered; None in records of earlier versions.
        keep_open: Whether the session is left open when its DAG run has ended.
    """

    mode: Mode
    backend: str
    asked_ttl: int | None
    max_ttl: int
    opened_at: float
    max_tries: int
    session_id: str | None = None
    connection: str | None = None
    keep_open: bool = False

    @classmethod
    def read(cls, store: StateStore | None) -> SessionRecord | None:
        """Read the record; None if there is none, or no store."""
        stored = store.get(STORE_KEY) if store is not None else None
        if not isinstance(stored, dict):
            return None
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def write(self, store: StateStore | None) -> None:
        """Store the record, if there is where to."""
        if store is not None:
            store.set(STORE_KEY, asdict(self))


class SessionOpener:
    """Obtains the one session of a task.

    Args:
        client: The API.
        max_tries: Airflow's ``ti.max_tries``.
        store: The task's state store; None opens anew each time.
        connection: Id of the connection, for whoever closes the session when the task is gone.
        keep_open: Whether the session is left open when its DAG run has ended.
        sleep: Called with seconds.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        client: QiskitRuntimeClient,
        *,
        max_tries: int,
        store: StateStore | None,
        connection: str | None = None,
        keep_open: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._max_tries = max_tries
        self._store = store
        self._connection = connection
        self._keep_open = keep_open
        self._sleep = sleep
        self._clock = clock

    def obtain(self, request: SessionRequest, choose: Callable[[], str]) -> Session:
        """Return this task's session: the one it has, as long as it takes jobs, or a new one.

        Args:
            request: What is asked for.
            choose: Returns the backend's name; called when one is opened, and only then.

        Raises:
            NotOfferedError: The channel opens no such sessions; says what to do instead.
            SubmissionUnknownError: The answers were lost, again and again.
            QiskitRuntimeError: The service refused; nothing was opened.
        """
        self._client.channel.require(
            Feature.BATCHES if request.mode == "batch" else Feature.SESSIONS, f"Opening a {_kind(request.mode)}"
        )
        record = SessionRecord.read(self._store)
        if record is not None:
            former = self._former(record)
            fits = request.backend in (LEAST_BUSY, record.backend)
            same = fits and (record.mode, record.asked_ttl) == (request.mode, request.max_ttl)
            if former is not None and former.accepting_jobs:
                if same and record.max_tries == self._max_tries:
                    log.info(f"The {_kind(record.mode)} {former.id} of an earlier try is open; it is used.")
                    return former
                log.info(f"The {_kind(record.mode)} {former.id} of before the clear, or of another input, is closed.")
                close(self._client, former.id)
        return self._open(request, choose())

    def _open(self, request: SessionRequest, backend: str) -> Session:
        record = SessionRecord(
            mode=request.mode,
            backend=backend,
            asked_ttl=request.max_ttl,
            max_ttl=request.max_ttl or DEFAULT_MAX_TTL,
            opened_at=self._clock(),
            max_tries=self._max_tries,
            connection=self._connection,
            keep_open=self._keep_open,
        )
        session = self._create(record)
        log.info(f"Opened {_kind(record.mode)} {session.id} on {backend}.")
        replace(record, session_id=session.id).write(self._store)
        return session

    def _create(self, record: SessionRecord) -> Session:
        for left in reversed(range(MOST_OPENED)):
            try:
                return self._client.create_session(mode=record.mode, backend=record.backend, max_ttl=record.max_ttl)
            except errors.SubmissionUnknownError as error:
                if not left:
                    raise
                log.info(f"{error} Another is asked for: one that is never used costs nothing and closes by itself.")
        raise AssertionError("unreachable")

    def _former(self, record: SessionRecord) -> Session | None:
        if record.session_id is None:
            return None
        for pause in READ_PAUSES:
            self._sleep(pause)
            try:
                return self._client.session(record.session_id)
            except errors.NotFoundError:
                continue
        return None


def check_session(session: Session, *, backend: str | None, max_execution_seconds: int | None) -> None:
    """See whether a job may join a session.

    Args:
        session: As read just now.
        backend: The job's; None if the session's is taken.
        max_execution_seconds: The job's QPU seconds at most, or None.

    Raises:
        SessionUnusableError: Says why, and what to do.
    """
    kind = _kind(session.mode)
    if not session.accepting_jobs:
        why = f"is {session.state}" if session.state == "closed" else "is being closed and takes no more jobs"
        reason = f" ({session.state_reason})" if session.state_reason else ""
        raise SessionUnusableError(
            f"session_id: {kind} {session.id} {why}{reason}. Open a new one: clear the task that opened it, or leave "
            "session_id out. Nothing was submitted."
        )
    if backend is not None and session.backend not in (None, backend):
        raise SessionUnusableError(
            f"session_id: {kind} {session.id} is on {session.backend}, the task asks for {backend}. Name the same "
            "backend, or leave the task's at 'least_busy': it takes the session's. Nothing was submitted."
        )
    if max_execution_seconds is not None and session.max_ttl is not None and max_execution_seconds > session.max_ttl:
        raise SessionUnusableError(
            f"max_execution_time: {max_execution_seconds} s is longer than {kind} {session.id} may live "
            f"({session.max_ttl} s). Lower it, or open the {kind} with a longer max_ttl. Nothing was submitted."
        )


def close(client: QiskitRuntimeClient, session_id: str, *, cancel_queued_jobs: bool = False) -> bool:
    """Close a session or batch; one that is closed or gone is fine.

    Args:
        client: The API.
        session_id: Which.
        cancel_queued_jobs: Do not run its queued jobs; else they still run, and only new ones are refused.

    Returns:
        Whether there was anything to close.

    Raises:
        QiskitRuntimeError: If the service could not be asked.
    """
    try:
        if cancel_queued_jobs:
            client.cancel_session(session_id)
        else:
            client.close_session(session_id)
    except (errors.NotFoundError, errors.ConflictError):
        return False
    return True


def _kind(mode: str | None) -> str:
    return "batch" if mode == "batch" else "session"
