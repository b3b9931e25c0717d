"""The jobs that this Airflow submitted with one connection, read once in full and then kept up to date."""

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
"""A job shows in the list some time after it was created."""
BILL_PATIENCE = timedelta(hours=6)
"""A bill that is open for longer than that after the submission is not asked for any more."""
READ_ONE_BY_ONE = 20
"""So many jobs are read each by its id; from the next one on, the list is."""
READ_AT_MOST = 50_000
"""Jobs of the instance, whoever submitted them, that a list is drawn up from."""
SHOWN_EARLY = 1000
"""So many jobs of a list that is being read are shown before the rest is there."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job and what it belongs to."""

    job: Job
    claim: Claim


class JobList:
    """Reads the list of jobs. For one thread; others may look at :attr:`jobs` at any time.

    Args:
        airflow: Name of this Airflow in the identity of its jobs.
        look_back: Jobs that are older are left out.

    Attributes:
        jobs: The newest first.
        complete: Whether the list was read to its end once.
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
        """Return a job if the list has it."""
        return self._known.get(job_id)

    def refresh(self, client: QiskitRuntimeClient, now: datetime) -> None:
        """Bring the list up to date.

        Raises:
            QiskitRuntimeError: The service could not be asked. The list stays as it is.
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
        # From the newest job on; not all of a burst again and again when it is over. By the service's clock, from which
        # this one may differ: no more is taken from this one than how long there was none.
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
            except errors.NotFound:
                self._known.pop(job.id, None)

    def _take(self, jobs: Iterable[Job], *, early: bool = False) -> set[str]:
        """Take note of those that are this Airflow's; return the ids of all."""
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
        # The same object as long as nothing has changed: what was made of it is good then, too.
        if jobs != self.jobs:
            self.jobs = jobs


def _created(one: ListedJob) -> datetime:
    return one.job.created or _LONG_AGO


def _may_change(job: Job, now: datetime) -> bool:
    """Whether there is still something to be learned of a job: it has not ended, or its bill is open."""
    if not job.status.is_final:
        return True
    is_open = job.usage is not None and not job.usage.complete
    return is_open and (job.created or _LONG_AGO) > now - BILL_PATIENCE
