"""The jobs that this Airflow submitted with one connection, read once in full and then updated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.plugins.claims import Claim, read_claim

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

OVERLAP = timedelta(minutes=1)
"""Overlap of two readings, since a new job appears in the list with a delay."""
BILL_PATIENCE = timedelta(hours=6)
"""Time after the submission for which an unsettled usage is still read again."""
READ_ONE_BY_ONE = 20
"""Up to this number, changed jobs are read by their ids; above it, the list is read."""
READ_AT_MOST = 50_000
"""Maximum number of the instance's jobs to read, including those of others."""
SHOWN_EARLY = 1000
"""While the list is first read, the jobs are shown after each batch of this size."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job, and the task that it belongs to."""

    job: Job
    claim: Claim


class JobList:
    """Reads the list of jobs in one thread; others may read :attr:`jobs` at any time.

    Args:
        airflow: Name of this Airflow in the identity of its jobs.
        look_back: Maximum age of listed jobs.

    Attributes:
        jobs: The jobs, newest first.
        complete: Whether the list has been read to its end once.
        cut: Whether the instance has more jobs than are read.
    """

    def __init__(self, airflow: str, look_back: timedelta) -> None:
        self._airflow = airflow
        self._look_back = look_back
        self._known: dict[str, ListedJob] = {}
        self._newest = self._read_at = _LONG_AGO + OVERLAP
        self._last = self._quiet_since = _LONG_AGO
        self.jobs: tuple[ListedJob, ...] = ()
        self.complete = False
        self.cut = False

    def find(self, job_id: str) -> ListedJob | None:
        """Return a job if it is in the list."""
        return self._known.get(job_id)

    def refresh(self, client: QiskitRuntimeClient, now: datetime) -> None:
        """Update the list.

        Raises:
            QiskitRuntimeError: The request to the service failed. The list stays as it is.
        """
        since = now - self._look_back
        if self._newest != self._last:
            self._last, self._quiet_since = self._newest, now
        if not self.complete:
            self._take(client.jobs(created_after=since), early=True)
            self.complete = True
        else:
            self._catch_up(client, since, now)
        self._read_at = now
        self._known = {job_id: one for job_id, one in self._known.items() if (one.job.created or now) >= since}
        self._publish()

    def _catch_up(self, client: QiskitRuntimeClient, since: datetime, now: datetime) -> None:
        pending = self._take(client.jobs(pending=True, created_after=since))
        # Read from the newest job on, without rereading a finished burst each time. Times are those of the service's
        # clock, which may differ from the local one: only the length of the quiet period is measured locally.
        quiet = max(timedelta(), self._read_at - self._quiet_since)
        recent = self._take(client.jobs(created_after=max(since, self._last + quiet - OVERLAP)))
        changed = [
            one.job
            for job_id, one in self._known.items()
            if job_id not in pending and job_id not in recent and _may_change(one.job, now)
        ]
        if len(changed) > READ_ONE_BY_ONE:
            oldest = min(job.created or since for job in changed)
            self._take(client.jobs(created_after=max(since, oldest)))
            return
        for job in changed:
            try:
                self._take([client.job(job.id)])
            except errors.NotFoundError:
                self._known.pop(job.id, None)

    def _take(self, jobs: Iterable[Job], *, early: bool = False) -> set[str]:
        """Store this Airflow's jobs; return the ids of all jobs."""
        seen: set[str] = set()
        for job in jobs:
            seen.add(job.id)
            self._newest = max(self._newest, job.created or _LONG_AGO)
            known = self._known.get(job.id)
            if known is None or known.job != job:
                claim = known.claim if known and known.job.tags == job.tags else read_claim(job.tags, self._airflow)
                if claim is not None:
                    self._known[job.id] = ListedJob(job, claim)
            if early and len(seen) % SHOWN_EARLY == 0:
                self._publish()
            if len(seen) >= READ_AT_MOST:
                self.cut = True
                break
        return seen

    def _publish(self) -> None:
        jobs = tuple(sorted(self._known.values(), key=_created, reverse=True))
        # Keep the same object as long as nothing has changed, so that values derived from it stay valid.
        if jobs != self.jobs:
            self.jobs = jobs


def _created(one: ListedJob) -> datetime:
    return one.job.created or _LONG_AGO


def _may_change(job: Job, now: datetime) -> bool:
    """Return whether a job may still change: it has not ended, or its usage is not settled."""
    if not job.status.is_final:
        return True
    is_open = job.usage is not None and not job.usage.complete
    return is_open and (job.created or _LONG_AGO) > now - BILL_PATIENCE
