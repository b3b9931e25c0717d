"""How long the wait for a job promises to be, by what the service says of the queue and the session. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_qrt.jobs.counting import counted

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend, Session

SECONDS_PER_JOB = 5.0
"""Seconds that each job ahead takes at least, its preparation included, where the service tells no waiting time."""
PREDICTABLE = 1.5
"""From this ratio of p95 to p50 on, the waiting time that the service tells is no guide to a single job's."""


@dataclass(frozen=True)
class Outlook:
    """A job's expected time in the queue, as it is known at the submission.

    Attributes:
        queue_seconds: Expected time until the job runs, in seconds; infinity while the backend runs no jobs; None if
            nothing is known.
        reason: Where that comes from, for the log.
        is_empty: Whether no other job waits, so that a longer waiting time of the past does not count.
        is_predictable: Whether single jobs hardly differ from ``queue_seconds``.
    """

    queue_seconds: float | None = None
    reason: str = "the length of the queue is not known"
    is_empty: bool = False
    is_predictable: bool = False

    @classmethod
    def of(cls, backend: Backend | None, session: Session | None = None, *, seconds_ago: float = 0.0) -> Outlook:
        """Read it from the backend as the service lists it, and the session or batch that the job joins.

        Args:
            backend: The job's; None if it is not known.
            session: The job's; None if it joins none.
            seconds_ago: When the backend was listed.
        """
        if session is not None and session.state == "active":
            kind = "batch" if session.mode == "batch" else "session"
            return cls(0.0, f"its {kind} is active", is_empty=True)
        if backend is None or backend.status == "unknown":
            return cls()
        if not backend.is_available:
            return cls(math.inf, f"{backend.name} is {backend.status}")
        told = backend.wait_time_seconds or {}
        median, late = told.get("p50"), told.get("p95")
        is_predictable = median is not None and late is not None and late <= PREDICTABLE * median
        if backend.queue_length == 0:
            state = f"was empty {seconds_ago:.0f} s ago" if seconds_ago >= 1 else "is empty"
            return cls(median or 0.0, f"the queue of {backend.name} {state}", True, is_predictable)
        there = "there is" if backend.queue_length == 1 else "there are"
        ahead = f"{there} {counted(backend.queue_length, 'job')} in the queue of {backend.name}"
        if median is None:
            return cls(SECONDS_PER_JOB * backend.queue_length, ahead)
        reason = f"{ahead}, where jobs wait {median:.0f} s by the median"
        return cls(median, reason, False, is_predictable)

    def expected_queue_seconds(self, short: float) -> float | None:
        """Return the expected seconds until the job runs; None if nothing is known.

        Args:
            short: Seconds up to which a waiting time of the past is believed although the queue is empty now.
        """
        if self.is_empty and self.queue_seconds is not None and self.queue_seconds > short:
            return 0.0
        return self.queue_seconds
