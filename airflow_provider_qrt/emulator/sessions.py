"""Sessions and batches, with their states, their usage and how they end.

IBM's REST API reference: a session is *open* until its first job starts, *active* while jobs run and for 60 idle
seconds after that, then *inactive*, and finally *closed*. ``accepting_jobs: false`` closes it gracefully,
``DELETE .../close`` immediately. :mod:`~airflow_provider_qrt.emulator.timeline` reports events to a session in order
of time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import NOT_AUTHORISED, NOT_FOUND, SESSION_CLOSED, ApiError, bad_request
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.mocks import is_mock, mock_name
from airflow_provider_qrt.emulator.settings import (
    OPEN_PLAN,
    SESSION_IDLE_SECONDS,
    SESSION_TTL_SECONDS,
    SESSION_UNUSED_SECONDS,
    USER_ID,
)

MODES = ("dedicated", "batch")
_BODY_KEYS = frozenset({"mode", "max_ttl", "backend", "instance", "interactive_ttl", "active_ttl"})


@dataclass
class Session:
    """One session or batch. Times are in seconds since the epoch, durations in seconds.

    Attributes:
        id: A UUID; in older generations the id of its first job.
        mode: ``dedicated`` or ``batch``.
        backend: The backend of its jobs; set by the first job when it was not given.
        max_ttl: Maximum lifetime after its first job starts.
        opened: Time of creation.
        accepting_jobs: Whether new jobs may join.
        joined: Number of jobs that ever joined.
        waiting: Number of its jobs that are Queued.
        running: Number of its jobs that are Running.
        activated: Time at which its first job started.
        active_since: Time at which it last became active, or None while it is not active.
        active_seconds: Total active time before ``active_since``.
        busy_seconds: QPU seconds of its jobs.
        closed: Time at which it ended.
        reason: The reason why it ended.
        last_started: Time at which a job last started.
        last_ended: Time at which a job that had started last ended.
        last_left: Time at which a job that had not started last ended.
        moments: Its states and the times at which it entered them.
        generation: The generation of the API in which it was opened.
    """

    id: str
    mode: str
    backend: str | None
    max_ttl: int
    opened: float
    accepting_jobs: bool = True
    joined: int = 0
    waiting: int = 0
    running: int = 0
    activated: float | None = None
    active_since: float | None = None
    active_seconds: float = 0.0
    busy_seconds: float = 0.0
    closed: float | None = None
    reason: str | None = None
    last_started: float | None = None
    last_ended: float | None = None
    last_left: float = 0.0
    moments: list[tuple[str, float]] = field(default_factory=list)
    generation: str = Generation.PRESENT.value

    @property
    def dedicated(self) -> bool:
        """Whether it is charged for wall-clock time."""
        return self.mode == "dedicated"

    @property
    def is_mock(self) -> bool:
        """Whether it is on a machine for dry runs, which charges nothing."""
        return is_mock(self.backend)

    def takes_part(self, backend: str) -> bool:
        """Return whether a job on this backend is a job of the session, and not a dry run of one."""
        return self.backend == backend or not is_mock(backend)

    @property
    def state(self) -> str:
        """``open``, ``active``, ``inactive`` or ``closed``."""
        return self.moments[-1][0] if self.moments else "open"

    def due(self) -> float | None:
        """Return the time of its next scheduled change, or None."""
        if self.closed is not None:
            return None
        if self.activated is None:
            return self._unused_until() if not self.waiting else None
        expiry = self.activated + self.max_ttl
        idle = self.idle_from()
        return expiry if idle is None else min(expiry, idle)

    def idle_from(self) -> float | None:
        """Return the time at which it becomes inactive unless another job starts, or None."""
        if self.active_since is None or self.running or self.last_ended is None:
            return None
        return self.last_ended + SESSION_IDLE_SECONDS

    def expired(self, moment: float) -> bool:
        """Return whether its maximum lifetime is over, or it was not used in time."""
        if self.closed is not None:
            return False
        if self.activated is None:
            return not self.waiting and moment >= self._unused_until()
        return moment >= self.activated + self.max_ttl

    def expect_no_more(self) -> bool:
        """Return whether it refuses new jobs and its last job has ended."""
        return self.closed is None and not self.accepting_jobs and not self.waiting and not self.running

    def job_started(self, moment: float) -> None:
        """Record that one of its jobs has left the queue and runs."""
        self.waiting -= 1
        self.running += 1
        self.last_started = moment
        if self.activated is None:
            self.activated = moment
        if self.active_since is None and self.closed is None:
            self.active_since = moment
            self.moments.append(("active", moment))

    def job_ended(self, moment: float, started: bool, charged: float) -> None:
        """Record that one of its jobs has ended."""
        self.busy_seconds += charged
        if not started:
            self.waiting -= 1
            self.last_left = moment
            return
        self.running -= 1
        self.last_ended = max(moment, self.last_ended or 0.0)
        if self.closed is not None and not self.running:
            self._rest(self.last_ended)

    def go_idle(self, moment: float) -> None:
        """Become inactive."""
        self._rest(moment)
        self.moments.append(("inactive", moment))

    def refuse_jobs(self) -> None:
        """Stop accepting jobs."""
        self.accepting_jobs = False

    def close(self, moment: float, reason: str) -> None:
        """End the session. Running jobs continue and are charged."""
        self.closed, self.reason = moment, reason
        self.accepting_jobs = False
        self.moments.append(("closed", moment))
        if not self.running:
            self._rest(moment)

    def used(self, now: float) -> float:
        """Return the seconds charged so far: wall-clock time while active for a session, QPU time for a batch."""
        if self.is_mock:
            return 0.0
        if not self.dedicated:
            return self.busy_seconds
        return self.active_seconds + (now - self.active_since if self.active_since is not None else 0.0)

    def _unused_until(self) -> float:
        return max(self.opened + SESSION_UNUSED_SECONDS, self.last_left)

    def _rest(self, moment: float) -> None:
        if self.active_since is not None:
            self.active_seconds += max(0.0, moment - self.active_since)
            self.active_since = None

    def view(self, now: float) -> dict[str, Any]:
        """Return the API's session object."""
        over = self.closed is not None and not self.running
        return {
            "id": self.id,
            "backend_name": self.backend,
            "mode": self.mode,
            "state": self.state,
            "state_reason": self.reason,
            "accepting_jobs": self.accepting_jobs,
            "max_ttl": self.max_ttl,
            "interactive_ttl": SESSION_IDLE_SECONDS,
            "active_ttl": self.max_ttl,
            "started_at": timestamp(self.opened),
            "activated_at": timestamp(self.activated),
            "closed_at": timestamp(self.closed),
            "last_job_started": timestamp(self.last_started),
            "last_job_completed": timestamp(self.last_ended),
            "timestamps": [
                {"status": word, "timestamp": timestamp(at)} for word, at in [("open", self.opened), *self.moments]
            ],
            "user_id": USER_ID,
            "elapsed_time": round(self.used(now), 6) if over and self.activated is not None else None,
        }


def open_session(body: Any, backends: Sequence[str], now: float, plan: str) -> Session:
    """Read the body of ``POST /sessions``.

    Raises:
        ApiError: 400 for a malformed body, 403 for a dedicated session on the Open plan, 404 for an unknown
            backend.
    """
    body = checks.mapping(body, "the body")
    checks.refuse_unknown(body, _BODY_KEYS, "the body")
    if body.get("mode") not in MODES:
        raise bad_request("mode must be dedicated or batch.")
    if plan == OPEN_PLAN and body["mode"] == "dedicated":
        message = "The Open plan has no dedicated sessions."
        raise ApiError(403, NOT_AUTHORISED, message, "Open a batch, or use an instance of another plan.")
    longest = SESSION_TTL_SECONDS[plan]
    ttl = longest if body.get("max_ttl") is None else body["max_ttl"]
    if isinstance(ttl, bool) or not isinstance(ttl, int) or ttl < 1:
        raise bad_request("max_ttl must be a whole number of seconds.")
    backend = body.get("backend")
    if backend is not None and backend not in backends:
        raise ApiError(404, NOT_FOUND, f"Backend {backend!r} was not found.", "List the backends.")
    return Session(id=str(uuid.uuid4()), mode=body["mode"], backend=backend, max_ttl=min(ttl, longest), opened=now)


def admit(session: Session | None, backend: str) -> Session:
    """Check that a job for ``backend`` may join a session.

    Raises:
        ApiError: 404 for an unknown session, 400 with code 4001 for one that accepts no jobs, 400 for the wrong
            backend.
    """
    if session is None:
        raise ApiError(404, NOT_FOUND, "Session not found.", "Check the session id.")
    if not session.accepting_jobs:
        raise ApiError(400, SESSION_CLOSED, "The session was closed.", "Open a new session.")
    # The official client sends a dry run with the id of the session on the real machine.
    if session.backend is not None and backend not in (session.backend, mock_name(session.backend)):
        raise bad_request(f"The session is on backend {session.backend}, the job on {backend}.")
    return session
