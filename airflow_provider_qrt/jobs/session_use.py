"""What a session or batch was used for: seconds it held the backend, and seconds its jobs worked there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_qrt.client.models import Job, Session


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
        line = (
            f"{kind} {self.session.id} is {self.session.state}: {self.jobs} jobs, {self.job_seconds:.1f} s of QPU time"
        )
        if self.idle_seconds is None:
            return f"{line}."
        return (
            f"{line}; it held {self.session.backend} for {self.active_seconds:.1f} s, {self.idle_seconds:.1f} s "
            "of it without QPU work. A dedicated session is charged for these as well; a batch is not."
        )


def session_use(session: Session, jobs: Iterable[Job], now: datetime) -> SessionUse:
    """Add up what a session did.

    Args:
        session: As read last.
        jobs: All of its jobs.
        now: For a session that is not over.
    """
    listed = list(jobs)
    active = session.elapsed_seconds
    if active is None and session.activated_at is not None:
        active = ((session.closed_at or now) - session.activated_at).total_seconds()
    used = sum(job.usage.seconds for job in listed if job.usage is not None and job.usage.seconds is not None)
    return SessionUse(session, len(listed), active, used)
