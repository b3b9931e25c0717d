"""Dedicated sessions that several DAGs or runs use: whose they are. Pure functions.

A session is charged for the time for which it holds the backend, to the DAG and run of its first job. Others see
nothing of it but that their own jobs ran in a session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Session
    from airflow_provider_qrt.plugins.job_list import ListedJob


@dataclass(frozen=True)
class SessionShares:
    """The dedicated sessions of a connection.

    Attributes:
        sessions: All of them, by id.
        first_jobs: The id of the first job of each.
        job_counts: How many jobs of this Airflow each has.
    """

    sessions: Mapping[str, Session] = field(default_factory=dict)
    first_jobs: Mapping[str, str] = field(default_factory=dict)
    job_counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, jobs: Sequence[ListedJob], sessions: Mapping[str, Session]) -> SessionShares:
        """Read them of all jobs of this Airflow, the newest first, whoever may see them."""
        firsts = {one.job.session_id: one.job.id for one in jobs if one.job.session_id in sessions}
        counts = Counter(one.job.session_id for one in jobs if one.job.session_id in sessions)
        return cls(
            sessions,
            {str(session_id): job_id for session_id, job_id in firsts.items()},
            {str(session_id): count for session_id, count in counts.items()},
        )

    def owned_by(self, jobs: Sequence[ListedJob]) -> dict[str, Session]:
        """Return the sessions whose first job is among these jobs."""
        ids = {one.job.id for one in jobs}
        return {name: self.sessions[name] for name, first in self.first_jobs.items() if first in ids}

    def charged(self, jobs: Sequence[ListedJob]) -> list[ListedJob]:
        """Return the jobs for which something is charged to them: not those in a session that is not theirs."""
        elsewhere = self.sessions.keys() - self.owned_by(jobs).keys()
        return [one for one in jobs if one.job.session_id not in elsewhere]

    def is_whole(self, session_id: str, jobs: Sequence[ListedJob]) -> bool:
        """Return whether these are all jobs of a session, so that the time without a job is theirs too."""
        return len(jobs) == self.job_counts.get(session_id, 0)
