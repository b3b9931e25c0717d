"""Sessions and batches, their state derived from their jobs and the clock.

IBM's REST API reference: *open* until the first job starts, *active* while it works, *inactive* after
60 idle seconds, *closed* for good. ``accepting_jobs: false`` closes gracefully, ``DELETE .../close`` at
once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import NOT_FOUND, SESSION_CLOSED, ApiError, bad_request
from airflow_provider_qrt.emulator.jobs import Job, State
from airflow_provider_qrt.emulator.settings import (
    DEFAULT_SESSION_TTL_SECONDS,
    SESSION_IDLE_SECONDS,
    SESSION_UNUSED_SECONDS,
    USER_ID,
)

MODES = ("dedicated", "batch")
_BODY_KEYS = frozenset({"mode", "max_ttl", "backend", "instance", "interactive_ttl", "active_ttl"})


@dataclass
class Session:
    """One session or batch. Moments are seconds since the epoch, durations seconds.

    Attributes:
        id: A UUID.
        mode: ``dedicated`` or ``batch``.
        backend: Where its jobs run; fixed by the first job when it was not given.
        max_ttl: Longest life after its first job starts.
        opened: When it was created.
        accepting_jobs: Whether new jobs may join.
        refused_at: When it stopped accepting jobs.
        activated: When its first job started.
        closed: When it ended.
        reason: Why it ended.
    """

    id: str
    mode: str
    backend: str | None
    max_ttl: int
    opened: float
    accepting_jobs: bool = True
    refused_at: float | None = None
    activated: float | None = None
    closed: float | None = None
    reason: str | None = None

    def expiry(self) -> float:
        """Return the moment at which it closes by itself."""
        if self.activated is None:
            return self.opened + SESSION_UNUSED_SECONDS
        return self.activated + self.max_ttl

    def settle(self, now: float, jobs: Sequence[Job]) -> None:
        """Bring the session up to the present. Its jobs must have been settled before."""
        starts = [job.started for job in jobs if job.started is not None]
        if self.activated is None and starts:
            self.activated = min(starts)
        if self.closed is not None:
            return
        if now >= self.expiry():
            self._close(self.expiry(), jobs, State.FAILED, "The session reached its maximum time to live.")
        elif not self.accepting_jobs and all(job.final for job in jobs):
            ends = [job.ended for job in jobs if job.ended is not None]
            self.closed = max([self.refused_at or now, *ends])
            self.reason = "Closed by the user."

    def refuse_jobs(self, now: float) -> None:
        """Close gracefully: no new jobs, then closed when the last one ended."""
        self.accepting_jobs = False
        self.refused_at = self.refused_at or now

    def close(self, now: float, jobs: Sequence[Job]) -> None:
        """Close at once: queued jobs are cancelled, a running one finishes."""
        if self.closed is None:
            self._close(now, jobs, State.CANCELLED, "The session was closed.")

    def _close(self, moment: float, jobs: Sequence[Job], state: State, reason: str) -> None:
        self.closed = moment
        self.reason = reason
        self.accepting_jobs = False
        for job in jobs:
            if job.state is State.QUEUED:
                job.end(moment, state, reason, SESSION_CLOSED, "Open a new session.")

    def state(self, now: float, jobs: Sequence[Job]) -> str:
        """Return ``open``, ``active``, ``inactive`` or ``closed``."""
        if self.closed is not None:
            return "closed"
        if self.activated is None:
            return "open"
        if any(job.state is State.RUNNING for job in jobs):
            return "active"
        ends = [job.ended for job in jobs if job.ended is not None]
        return "inactive" if ends and now - max(ends) > SESSION_IDLE_SECONDS else "active"

    def view(self, now: float, jobs: Sequence[Job]) -> dict[str, Any]:
        """Return the API's session object."""
        ends = [job.ended for job in jobs if job.ended is not None and job.started is not None]
        starts = [job.started for job in jobs if job.started is not None]
        used = None
        if self.closed is not None and self.activated is not None:
            # A session is charged for its wall clock, a batch for its jobs.
            busy = sum(job.charged for job in jobs)
            used = max(0.0, self.closed - self.activated) if self.mode == "dedicated" else busy
        moments = [("open", self.opened), ("active", self.activated), ("closed", self.closed)]
        return {
            "id": self.id,
            "backend_name": self.backend,
            "mode": self.mode,
            "state": self.state(now, jobs),
            "state_reason": self.reason,
            "accepting_jobs": self.accepting_jobs,
            "max_ttl": self.max_ttl,
            "interactive_ttl": SESSION_IDLE_SECONDS,
            "active_ttl": self.max_ttl,
            "started_at": timestamp(self.opened),
            "activated_at": timestamp(self.activated),
            "closed_at": timestamp(self.closed),
            "last_job_started": timestamp(max(starts, default=None)),
            "last_job_completed": timestamp(max(ends, default=None)),
            "timestamps": [{"status": word, "timestamp": timestamp(at)} for word, at in moments if at is not None],
            "user_id": USER_ID,
            "elapsed_time": used,
        }


def open_session(body: Any, backends: Sequence[str], now: float) -> Session:
    """Read the body of ``POST /sessions``.

    Raises:
        ApiError: 400 for what is malformed, 404 for an unknown backend.
    """
    if not isinstance(body, dict):
        raise bad_request("the body must be a JSON object.")
    unknown = sorted(set(body) - _BODY_KEYS)
    if unknown:
        raise bad_request(f"Unknown in the body: {', '.join(unknown)}.")
    if body.get("mode") not in MODES:
        raise bad_request("mode must be dedicated or batch.")
    ttl = body.get("max_ttl")
    if ttl is None:
        ttl = DEFAULT_SESSION_TTL_SECONDS
    if isinstance(ttl, bool) or not isinstance(ttl, int) or ttl < 1:
        raise bad_request("max_ttl must be a whole number of seconds.")
    backend = body.get("backend")
    if backend is not None and backend not in backends:
        raise ApiError(404, NOT_FOUND, f"Backend {backend!r} was not found.", "List the backends.")
    return Session(
        id=str(uuid.uuid4()),
        mode=body["mode"],
        backend=backend,
        max_ttl=min(ttl, DEFAULT_SESSION_TTL_SECONDS),
        opened=now,
    )


def admit(session: Session | None, backend: str) -> None:
    """Let a job for ``backend`` join a session that has been settled.

    Raises:
        ApiError: 404 for an unknown session, 400 with code 4001 for one that takes no jobs, 400 for the
            wrong backend.
    """
    if session is None:
        raise ApiError(404, NOT_FOUND, "Session not found.", "Check the session id.")
    if session.closed is not None or not session.accepting_jobs:
        raise ApiError(400, SESSION_CLOSED, "The session was closed.", "Open a new session.")
    if session.backend is None:
        session.backend = backend
    elif session.backend != backend:
        raise bad_request(f"The session is on backend {session.backend}, the job on {backend}.")
