"""Content of the page *Quantum* as plain JSON: jobs, backends and QPU time. Pure functions."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.backends.select import wait_seconds
from airflow_provider_qrt.jobs.budget.spending import add_up, cost_of
from airflow_provider_qrt.links.qiskit_runtime import job_url
from airflow_provider_qrt.plugins.addresses import dag_page, run_page, task_page
from airflow_provider_qrt.plugins.claims import Claim, may_see
from airflow_provider_qrt.plugins.selection import Choices, user_tags
from airflow_provider_qrt.plugins.session_shares import SessionShares

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend, InstanceUsage, Job, JobMetrics, Session
    from airflow_provider_qrt.plugins.job_list import ListedJob
    from airflow_provider_qrt.plugins.readings import Reading

SLOW_SECONDS = 5.0
"""The page mentions a reading that takes longer."""


@dataclass(frozen=True)
class Price:
    """Price of a QPU second.

    Attributes:
        per_second: Amount in ``currency``.
        currency: Name of the currency, such as ``USD``.
    """

    per_second: float
    currency: str

    def of(self, seconds: float | None) -> float | None:
        """Return the price of QPU seconds; None if they are unknown."""
        return None if seconds is None else round(seconds * self.per_second, 2)


@dataclass(frozen=True)
class Spent:
    """QPU seconds of a DAG's jobs.

    Attributes:
        dag_id: The DAG, or several if it is not certain.
        jobs: Number of jobs.
        charged: Settled seconds.
        expected: Seconds of jobs that are not settled yet.
    """

    dag_id: str
    jobs: int
    charged: float
    expected: float


@dataclass(frozen=True)
class Visible:
    """A connection's jobs that a user may see.

    Attributes:
        jobs: The jobs, newest first.
        spent: QPU time by DAG, largest first.
        choices: What filters offer.
        shares: The dedicated sessions of all jobs.
    """

    jobs: Sequence[ListedJob]
    spent: Sequence[Spent]
    choices: Choices = field(default_factory=Choices)
    shares: SessionShares = field(default_factory=SessionShares)


class VisibleJobs:
    """Finds the visible jobs, once for each reading and all users who may read the same DAGs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: Sequence[ListedJob] = ()
        self._existing: frozenset[str] = frozenset()
        self._shares = SessionShares()
        self._known: dict[frozenset[str], Visible] = {}

    def of(
        self,
        jobs: Sequence[ListedJob],
        readable: frozenset[str],
        existing: frozenset[str],
        sessions: Mapping[str, Session] | None = None,
    ) -> Visible:
        """Return the jobs that a user may see.

        Args:
            jobs: All jobs of the reading.
            readable: Ids of the DAGs that the user may read.
            existing: Ids of all DAGs.
            sessions: The dedicated sessions of all jobs, by id.
        """
        sessions = sessions or {}
        # Concurrent requests wait for the first one: computing in parallel would only contend for the GIL.
        with self._lock:
            if jobs is not self._jobs or existing != self._existing or sessions != self._shares.sessions:
                self._jobs, self._existing, self._known = jobs, existing, {}
                self._shares = SessionShares.of(jobs, sessions)
            if readable not in self._known:
                seen = [one for one in jobs if may_see(one.claim, readable, existing)]
                self._known[readable] = Visible(seen, _spent(seen, self._shares), Choices.of(seen), self._shares)
            return self._known[readable]


def job_row(
    one: ListedJob,
    times: Mapping[str, JobMetrics | None],
    price: Price,
    *,
    now: float,
    base_url: str,
    airflow: str,
    sessions: Mapping[str, Session] | None = None,
    may_change: Callable[[str], bool] = lambda _: False,
    fates: Mapping[str, str] | None = None,
    failed: Collection[str] = (),
) -> dict[str, Any]:
    """Build a row of the table of jobs.

    Args:
        one: The job.
        times: Times of the jobs that were read; None for a job whose times cannot be read.
        price: Price of a QPU second.
        now: Epoch seconds.
        base_url: Base URL of the API.
        airflow: Path of Airflow's own pages, without a trailing slash.
        sessions: The dedicated sessions, by id.
        may_change: Tells whether the user may change the tasks of a DAG.
        fates: What became of cancellations that users have asked for, by the ids of jobs.
        failed: The jobs whose cancellation failed, so that it can be asked for again.
    """
    job, claim = one.job, one.claim
    seconds, settled = cost_of(job)
    # The cost of a dedicated session depends on how long it holds the backend.
    in_session = job.session_id in (sessions or {})
    return {
        "id": job.id,
        "url": job_url(base_url, job.id) if base_url else None,
        "state": job.status.value,
        "reason": job.state.reason,
        "backend": job.backend,
        "program": job.program_id,
        "tags": user_tags(one),
        "dag_id": claim.dag_id,
        "run_id": claim.run_id,
        "task": claim.task,
        "dag_url": _dag_url(airflow, claim.dag_id),
        "task_url": task_url(airflow, claim),
        "result": _result_query(claim),
        "created": job.created.isoformat() if job.created else None,
        "queue": queue_time(job, times, now),
        "run": run_time(job, times, now),
        "may_cancel": not job.status.is_final
        and claim.certain
        and (job.id not in (fates or {}) or job.id in failed)
        and may_change(str(claim.dag_id)),
        "fate": (fates or {}).get(job.id, ""),
        "seconds": round(seconds, 3) if settled or seconds else None,
        "settled": settled,
        "cost": price.of(seconds) if (settled or seconds) and not in_session else None,
        "in_session": in_session,
    }


def queue_time(job: Job, times: Mapping[str, JobMetrics | None], now: float) -> dict[str, Any]:
    """Return how long a job waited: ``seconds``, and ``how``: ``waited``, ``waits``, ``to be read`` or ``unknown``."""
    if job.status is JobStatus.QUEUED:
        waits = None if job.created is None else max(0.0, now - job.created.timestamp())
        return {"seconds": waits, "how": "waits" if waits is not None else "unknown"}
    if job.id not in times:
        return {"seconds": None, "how": "to be read"}
    metrics = times[job.id]
    created = (metrics.created if metrics else None) or job.created
    if metrics is None or created is None:
        return {"seconds": None, "how": "unknown"}
    # A job that was cancelled in the queue waited until its end.
    left = metrics.running or (metrics.finished if job.status is JobStatus.CANCELLED else None)
    if left is None:
        return {"seconds": None, "how": "unknown"}
    return {"seconds": max(0.0, (left - created).total_seconds()), "how": "waited"}


def run_time(job: Job, times: Mapping[str, JobMetrics | None], now: float) -> dict[str, Any]:
    """Return for how long a job runs, or ran.

    ``seconds`` of wall clock; ``how``: ``runs``, ``ran``, ``to be read`` or ``unknown``; and ``ends``: when a running
    job is expected to end, ISO 8601, or None.
    """
    unknown = {"seconds": None, "how": "unknown", "ends": None}
    if job.status is JobStatus.QUEUED:
        return unknown
    if job.id not in times:
        return {**unknown, "how": "to be read"}
    metrics = times[job.id]
    if metrics is None or metrics.running is None:
        return unknown
    if job.status is not JobStatus.RUNNING:
        if metrics.finished is None:
            return unknown
        return {**unknown, "seconds": max(0.0, (metrics.finished - metrics.running).total_seconds()), "how": "ran"}
    expected = job.estimated_running_seconds
    ends = None if expected is None else metrics.running + timedelta(seconds=expected)
    return {
        "seconds": max(0.0, now - metrics.running.timestamp()),
        "how": "runs",
        "ends": ends.isoformat() if ends is not None else None,
    }


def dag_row(spent: Spent, usage: InstanceUsage | None, price: Price, airflow: str) -> dict[str, Any]:
    """Build a row of the table of QPU time by DAG."""
    limit = _limit(usage)
    return {
        "dag_id": spent.dag_id,
        "url": _dag_url(airflow, spent.dag_id),
        "jobs": spent.jobs,
        "charged": round(spent.charged, 3),
        "expected": round(spent.expected, 3),
        "cost": price.of(spent.charged),
        "share": spent.charged / limit if limit else None,
    }


def instance_usage(usage: InstanceUsage | None) -> dict[str, Any] | None:
    """Return the instance's QPU seconds in its current period, without the account."""
    if usage is None:
        return None
    limit = _limit(usage)
    return {
        "consumed": round(usage.consumed_seconds, 3),
        "limit": limit,
        "share": usage.consumed_seconds / limit if limit else None,
        "reached": usage.limit_reached,
        "period_end": usage.period_end.isoformat() if usage.period_end else None,
    }


def backend_row(
    backend: Backend, queues: Sequence[tuple[float, int]] = (), calibration: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe a backend.

    Args:
        backend: As it was read last.
        queues: Epoch seconds and length of its queue at earlier readings, the oldest first.
        calibration: The medians of its calibrations; None if they are still to be read.
    """
    return {
        "name": backend.name,
        "status": backend.status,
        "reason": backend.status_reason,
        "available": backend.is_available,
        "queue": backend.queue_length,
        "qubits": backend.num_qubits,
        "two_qubit_error": _figure(backend, "two_q_error_median"),
        "readout_error": _figure(backend, "readout_error_median"),
        "wait_seconds": wait_seconds(backend),
        "processor": _processor(backend.processor_type),
        "queues": [[round(when, 1), length] for when, length in queues],
        "calibration": calibration,
    }


def freshness(reading: Reading, now: float, shown: int) -> dict[str, Any]:
    """Describe a reading: ``state`` is ``reading``, ``fresh``, ``slow`` or ``failed``, ``message`` a sentence.

    Args:
        reading: The reading.
        now: Epoch seconds.
        shown: Number of its jobs that the user may see.
    """
    busy = now - reading.busy_since if reading.busy_since is not None else 0.0
    problem = reading.problems.get("connection")
    state, message = "fresh", ""
    if problem is not None:
        state = "failed"
        message = problem + (" What is shown was read before." if reading.read_at is not None else "")
    elif reading.read_at is None or (not reading.complete and "jobs" not in reading.problems):
        state = "reading"
        count = f" {shown:,} jobs were read so far." if shown else ""
        message = f"The service is being asked.{count}"
        if busy > SLOW_SECONDS:
            message = f"IBM answers slowly: reading has taken {busy:.0f} s so far.{count}"
    elif busy > SLOW_SECONDS:
        state = "slow"
        message = f"IBM answers slowly: reading has taken {busy:.0f} s so far. What is shown was read before."
    return {"state": state, "message": message, "read_at": reading.read_at, "complete": reading.complete}


def _spent(jobs: Sequence[ListedJob], shares: SessionShares) -> list[Spent]:
    """Add up QPU time by DAG; a dedicated session that several DAGs share counts for the DAG of its first job."""
    by_dag: dict[str, list[ListedJob]] = defaultdict(list)
    for one in jobs:
        by_dag[one.claim.dag_id or " or ".join(one.claim.dag_ids)].append(one)
    found = []
    for dag_id, own in by_dag.items():
        total = add_up([one.job for one in shares.charged(own)], shares.owned_by(own))
        found.append(Spent(dag_id, len(own), total.charged_seconds, total.expected_seconds))
    return sorted(found, key=lambda spent: (-spent.charged, -spent.expected, spent.dag_id))


def task_url(airflow: str, claim: Claim) -> str | None:
    """Return the path of the task instance's page in Airflow's UI, or of its run's page if only that is known."""
    if claim.dag_id is None or claim.run_id is None:
        return None
    if claim.task_id is None:
        return run_page(airflow, claim.dag_id, claim.run_id)
    return task_page(airflow, claim.dag_id, claim.run_id, claim.task_id, claim.map_index)


def _dag_url(airflow: str, dag_id: str | None) -> str | None:
    return dag_page(airflow, dag_id) if dag_id else None


def _result_query(claim: Claim) -> dict[str, Any] | None:
    """Return the query of the page *Result* for a job's task."""
    if claim.dag_id is None or claim.run_id is None:
        return None
    query: dict[str, Any] = {"dag_id": claim.dag_id, "run_id": claim.run_id}
    if claim.task_id is not None:
        query |= {"task_id": claim.task_id, "map_index": claim.map_index}
    return query


def _limit(usage: InstanceUsage | None) -> float | None:
    """Return the lower one of the instance's limits, in QPU seconds."""
    given = (usage.limit_seconds, usage.allocation_seconds) if usage else ()
    return min((seconds for seconds in given if seconds), default=None)


def _processor(told: Mapping[str, Any]) -> str | None:
    """Return family and revision of a processor, such as ``Heron r2``."""
    family, revision = told.get("family"), told.get("revision")
    if not isinstance(family, str):
        return None
    return f"{family} r{revision}" if isinstance(revision, str | int | float) else family


def _figure(backend: Backend, name: str) -> float | None:
    told = backend.performance_metrics.get(name)
    value = told.get("value") if isinstance(told, Mapping) else told
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if usable and value is not None else None
