"""The totals over jobs and sessions that ``/analytics`` returns: counts, and times in milliseconds.

IBM's REST API reference names the groups of fields but not each field. Here the fields of every group are:
``<group>``, ``<group>_usage``, ``avg_<group>_usage``, ``max_<group>_usage``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.service import Service
from airflow_provider_qrt.emulator.settings import PLAN_ID, USER_ID

GROUPS = ("instance", "backend", "user_id", "plan", "subscription_id")
INDIVIDUAL = "individual_jobs"
SESSIONS = {"dedicated": "dedicated_sessions", "batch": "batch_sessions"}


@dataclass(frozen=True)
class Entry:
    """A job or a session.

    Attributes:
        kind: ``job`` for a job in a session, ``individual_jobs``, ``dedicated_sessions`` or ``batch_sessions``.
        created: Creation time in seconds since the epoch.
        backend: The backend it ran on, or None.
        used: Seconds charged; 0 for a job in a session, because the session is charged.
        queued: Seconds spent in the queue, or None if it is still queued.
    """

    kind: str
    created: float
    backend: str | None
    used: float
    queued: float | None = None

    @property
    def date(self) -> str:
        """The day of creation, in UTC."""
        return datetime.fromtimestamp(self.created, UTC).date().isoformat()


def entries(service: Service, now: float) -> list[Entry]:
    """Return the jobs and sessions of a service that is up to date at ``now``."""
    found = [
        Entry(
            kind=INDIVIDUAL if job.submission.session_id is None else "job",
            created=job.created,
            backend=job.submission.backend,
            used=job.charged if job.submission.session_id is None else 0.0,
            queued=None if job.started is None else job.started - job.created,
        )
        for job in service.jobs.of(Generation.PRESENT)
        if not job.submission.is_mock
    ]
    found += [
        Entry(SESSIONS[session.mode], session.opened, session.backend, session.used(now))
        for session in service.sessions_of(Generation.PRESENT)
        if not session.is_mock
    ]
    return found


def key(service: Service, entry: Entry, group: str) -> str | None:
    """Return the group that an entry belongs to."""
    keys = {
        "instance": service.settings.instance,
        "backend": entry.backend,
        "user_id": USER_ID,
        "plan": PLAN_ID,
        "subscription_id": None,
    }
    return keys[group]


def totals(found: Iterable[Entry]) -> dict[str, Any]:
    """Return the totals over some entries."""
    found = list(found)
    sessions = [one for one in found if one.kind in SESSIONS.values()]
    jobs = [one for one in found if one.kind in (INDIVIDUAL, "job")]
    queued = [one.queued for one in jobs if one.queued is not None]
    return {
        "usage": _milliseconds(sum(one.used for one in found)),
        "jobs": len(jobs),
        **_group("sessions", sessions),
        **_group(SESSIONS["batch"], [one for one in sessions if one.kind == SESSIONS["batch"]]),
        **_group(SESSIONS["dedicated"], [one for one in sessions if one.kind == SESSIONS["dedicated"]]),
        **_group(INDIVIDUAL, [one for one in jobs if one.kind == INDIVIDUAL]),
        "queue_time": _milliseconds(sum(queued)),
        "avg_queue_time": _milliseconds(sum(queued) / len(queued) if queued else 0.0),
        "max_queue_time": _milliseconds(max(queued, default=0.0)),
    }


def _group(name: str, found: list[Entry]) -> dict[str, Any]:
    used = [one.used for one in found]
    return {
        name: len(found),
        f"{name}_usage": _milliseconds(sum(used)),
        f"avg_{name}_usage": _milliseconds(sum(used) / len(used) if used else 0.0),
        f"max_{name}_usage": _milliseconds(max(used, default=0.0)),
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
