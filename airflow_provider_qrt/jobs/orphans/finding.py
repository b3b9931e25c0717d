"""Jobs, sessions and batches that this Airflow submitted and that no task of it waits for any more.

Where there is doubt, or Airflow gives no answer, nothing is called an orphan: an orphan may be cancelled.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.jobs.orphans.ownership import Airflow, Owner, Ownership, RunState

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job, Workload

OLD_ENOUGH = timedelta(minutes=10)
"""Default age from which on a job may be an orphan: what Airflow knows of a younger one may not be written down yet."""

_UNKNOWN_OWNER = "which task it belongs to cannot be told from its tags"


@dataclass(frozen=True)
class Orphan:
    """Something that may run and be charged with nobody waiting for it.

    Attributes:
        kind: ``job``, ``session`` (a dedicated one) or ``batch``.
        id: Its id.
        reason: Why it counts as an orphan.
        certain: False if its owner could not be told; such a thing is never cancelled.
        backend: Its backend, if known.
        status: The service's word for its state.
        created: When it was created.
        dag_id: The DAG it belongs to, if known; for a session, that of its newest job. So are the next two.
        run_id: The DAG run.
        task: The task, as ``task_id`` or ``task_id[map_index]``.
    """

    kind: Literal["job", "session", "batch"]
    id: str
    reason: str
    certain: bool = True
    backend: str | None = None
    status: str | None = None
    created: datetime | None = None
    dag_id: str | None = None
    run_id: str | None = None
    task: str | None = None

    def describe(self) -> str:
        """One line for a log."""
        created = f", created {self.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.created else ""
        owner = ", ".join(
            f"{name} {value}"
            for name, value in (("DAG", self.dag_id), ("run", self.run_id), ("task", self.task))
            if value is not None
        )
        what = f"{self.kind} {self.id} on {self.backend or 'no backend yet'}, {self.status or 'state unknown'}{created}"
        return f"{what}, of {owner or 'an unknown DAG'}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return {
            "kind": self.kind,
            "id": self.id,
            "backend": self.backend,
            "status": self.status,
            "created": self.created.isoformat() if self.created else None,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task": self.task,
            "reason": self.reason,
            "certain": self.certain,
        }


class OrphanJudge:
    """Decides what is an orphan.

    Args:
        airflow: Answers for the runs and tasks.
        airflow_name: Name of this Airflow in the identity of its jobs.
        created_before: What was created later is too young to be judged.
        exclude_dags: DAGs whose jobs and sessions are never orphans.
    """

    def __init__(
        self, airflow: Airflow, airflow_name: str, *, created_before: datetime, exclude_dags: Collection[str] = ()
    ) -> None:
        self._airflow = airflow
        self._ownership = Ownership(airflow, airflow_name)
        self._created_before = created_before
        self._exclude_dags = frozenset(exclude_dags)

    def is_ours(self, job: Job) -> bool:
        """Whether this Airflow submitted the job."""
        return self._ownership.is_ours(job)

    def judge_job(self, job: Job) -> Orphan | None:
        """Say whether a job that has not ended is an orphan, and why."""
        if not self.is_ours(job) or not self._is_old_enough(job.created):
            return None
        owner = self._ownership.owner_of(job)
        orphan = Orphan(
            "job", job.id, _UNKNOWN_OWNER, False, backend=job.backend, status=job.state.word, created=job.created
        )
        if owner is None:
            return orphan
        if owner.dag_id in self._exclude_dags:
            return None
        orphan = replace(orphan, dag_id=owner.dag_id, run_id=owner.run_id, task=owner.task)
        if owner.run is RunState.GOES_ON and not owner.exists:
            return replace(orphan, reason="its DAG run goes on, and none of its tasks is the one on the job's tag")
        reason = self._why(owner, job.id)
        return None if reason is None else replace(orphan, reason=reason, certain=True)

    def judge_session(self, session: Workload, jobs: Sequence[Job]) -> Orphan | None:
        """Say whether an open session or batch is an orphan.

        Args:
            session: The session or batch.
            jobs: All jobs that ever joined it, the newest first. A session has no tags: they say whose it is.
        """
        created = [session.created, *(job.created for job in jobs)]
        if not jobs or not all(self.is_ours(job) for job in jobs) or not all(map(self._is_old_enough, created)):
            return None
        known = []
        for job in jobs:
            owner = self._ownership.owner_of(job)
            if owner is None:
                continue
            if owner.run is RunState.GOES_ON or owner.is_live or owner.dag_id in self._exclude_dags:
                return None
            known.append(owner)
        orphan = Orphan(
            "batch" if session.mode == "batch" else "session",
            session.id,
            "which tasks its jobs belong to cannot be told from all of their tags",
            False,
            backend=session.backend,
            status=session.status,
            created=session.created,
        )
        if known:
            orphan = replace(orphan, dag_id=known[0].dag_id, run_id=known[0].run_id, task=known[0].task)
        if len(known) < len(jobs):
            return orphan
        runs = len({(owner.dag_id, owner.run_id) for owner in known})
        which = "the DAG run" if runs == 1 else f"each of the {runs} DAG runs"
        return replace(orphan, reason=f"{which} whose jobs it held has ended or was deleted", certain=True)

    def _why(self, owner: Owner, job_id: str) -> str | None:
        """Why a job of this owner is an orphan; None if it is not."""
        if owner.run is RunState.GONE:
            return "its DAG run does not exist any more"
        if owner.task_id is not None and (owner.is_live or owner.state == "success"):
            task = (owner.dag_id, owner.run_id, owner.task_id, owner.map_index)
            published = self._airflow.published_job_id(*task)
            if published not in (None, job_id) and job_id not in self._airflow.published_job_ids(*task):
                return f"its task has gone on to job {published}"
            if owner.is_live:
                return None
        if owner.run is RunState.ENDED:
            return "its DAG run has ended" + (f", its task is {owner.state}" if owner.state else "")
        if owner.state == "success":
            # Submitted with wait_for_completion=False: another task of the run may wait for it.
            return None
        return f"its task is {owner.state}"

    def _is_old_enough(self, created: datetime | None) -> bool:
        return created is not None and created <= self._created_before


def find_orphans(
    client: QiskitRuntimeClient,
    airflow: Airflow,
    airflow_name: str,
    *,
    older_than: timedelta = OLD_ENOUGH,
    include_unknown: bool = False,
    exclude_dags: Collection[str] = (),
    now: datetime,
) -> list[Orphan]:
    """List the orphans of one instance, jobs before sessions.

    Each is read once more after Airflow was asked: a job that ended in between, and its task with it, is none.

    Raises:
        NotOfferedError: On a channel without tags or without a list of workloads.
        QiskitRuntimeError: If the service could not be asked.
        Exception: Whatever ``airflow`` raises.
    """
    client.channel.require(Feature.TAGS, "Finding orphans")
    client.channel.require(Feature.WORKLOADS, "Finding orphans")
    judge = OrphanJudge(airflow, airflow_name, created_before=now - older_than, exclude_dags=exclude_dags)
    found = [judge.judge_job(job) for job in list(client.jobs(pending=True)) if judge.is_ours(job)]
    found += [
        judge.judge_session(session, list(client.jobs(session_id=session.id))) for session in _open_sessions(client)
    ]
    suspects = [orphan for orphan in found if orphan is not None and (orphan.certain or include_unknown)]
    still = [_read_again(client, orphan) for orphan in suspects]
    return [orphan for orphan in still if orphan is not None]


def _open_sessions(client: QiskitRuntimeClient) -> list[Workload]:
    open_words = ("pending", "in_progress")
    return [*client.workloads(mode="session", status=open_words), *client.workloads(mode="batch", status=open_words)]


def _read_again(client: QiskitRuntimeClient, orphan: Orphan) -> Orphan | None:
    """Return the orphan with its present status, or None if it has ended."""
    try:
        if orphan.kind == "job":
            job = client.job(orphan.id)
            return None if job.status.is_final else replace(orphan, status=job.state.word)
        session = client.session(orphan.id)
        return None if session.state == "closed" else replace(orphan, status=session.state)
    except errors.NotFoundError:
        return None
