"""The use of a session or batch: seconds for which it held the backend, and seconds for which its jobs ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.models import Job, Session
from airflow_provider_qrt.jobs.counting import counted

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

LONGEST_SESSION = timedelta(days=1)
"""A session was opened before its jobs were submitted, by no more than it may live (eight hours on IBM's plans)."""


@dataclass(frozen=True)
class SessionUse:
    """A session's balance.

    Attributes:
        session: As read last.
        jobs: How many jobs ran in it.
        active_seconds: Wall clock from its first job's start to its end; None if it never had a job.
        job_seconds: QPU seconds its jobs are charged, as far as known.
    """

    session: Session
    jobs: int
    active_seconds: float | None
    job_seconds: float

    @property
    def idle_seconds(self) -> float | None:
        """Seconds a dedicated session was charged for while none of its jobs used the QPU; None for a batch."""
        if self.session.mode == "batch" or self.active_seconds is None:
            return None
        return max(0.0, self.active_seconds - self.job_seconds)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for XCom."""
        return {
            "session_id": self.session.id,
            "mode": self.session.mode,
            "backend": self.session.backend,
            "state": self.session.state,
            "jobs": self.jobs,
            "active_seconds": self.active_seconds,
            "job_seconds": self.job_seconds,
            "idle_seconds": self.idle_seconds,
        }

    def describe(self) -> str:
        """One line for the task log."""
        kind = "Batch" if self.session.mode == "batch" else "Session"
        used = f"{counted(self.jobs, 'job')}, {self.job_seconds:.1f} s of QPU time"
        line = f"{kind} {self.session.id} is {self.session.state}: {used}"
        if self.idle_seconds is None:
            return f"{line}."
        return (
            f"{line}; it held {self.session.backend} for {self.active_seconds:.1f} s, {self.idle_seconds:.1f} s "
            "of it without QPU work. A dedicated session is charged for these as well; a batch is not."
        )


def active_seconds(session: Session, now: datetime) -> float | None:
    """Seconds from a session's first job's start to its end, or to ``now``; None if it never had a job."""
    if session.elapsed_seconds is not None or session.activated_at is None:
        return session.elapsed_seconds
    return ((session.closed_at or now) - session.activated_at).total_seconds()


def dedicated_sessions(
    client: QiskitRuntimeClient, jobs: Iterable[Job], known: Mapping[str, Session] | None = None
) -> dict[str, Session]:
    """Read the dedicated sessions that jobs ran in, by id; not batches, nor what the service does not know any more.

    Args:
        client: The API.
        jobs: The jobs.
        known: Sessions that were read before; those that are closed are not read again.

    Raises:
        QiskitRuntimeError: If the service could not be asked.
    """
    wanted = {job.session_id: job.created for job in jobs if job.session_id is not None}
    if not wanted or not client.channel.offers(Feature.SESSIONS):
        return {}
    found = {}
    if client.channel.offers(Feature.WORKLOADS):
        # One list tells sessions from batches, of which there may be many more.
        created = [moment for moment in wanted.values() if moment is not None]
        since = min(created) - LONGEST_SESSION if len(created) == len(wanted) else None
        listed = {one.id for one in client.workloads(mode="session", created_after=since)}
        wanted = {name: moment for name, moment in wanted.items() if name in listed}
    for name in wanted:
        session = (known or {}).get(name)
        if session is None or session.closed_at is None or session.elapsed_seconds is None:
            try:
                session = client.session(name)
            except errors.NotFoundError:
                continue
        if session.mode == "dedicated":
            found[name] = session
    return found


def session_use(session: Session, jobs: Iterable[Job], now: datetime) -> SessionUse:
    """Add up what a session did.

    Args:
        session: As read last.
        jobs: All of its jobs.
        now: For a session that is not over.
    """
    listed = list(jobs)
    active = active_seconds(session, now)
    used = sum(job.usage.seconds for job in listed if job.usage is not None and job.usage.seconds is not None)
    return SessionUse(session, len(listed), active, used)
