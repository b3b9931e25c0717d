"""All jobs of a DAG run together: how many, what they cost, and when they ran. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.budget.spending import add_up, cost_of
from airflow_provider_qrt.jobs.submit.identity import IDENTITY_PARTS, PREFIX

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job, JobMetrics, Session
    from airflow_provider_qrt.plugins.job_list import ListedJob
    from airflow_provider_qrt.plugins.overview import Price
    from airflow_provider_qrt.plugins.session_shares import SessionShares

MOST_BARS = 200
"""Jobs that have a bar of their own in the timeline."""
SUBMISSION_PART = 3
"""The part of an identity tag that counts the submissions of a task."""


def jobs_of_run(jobs: Sequence[ListedJob], dag_id: str, run_id: str) -> list[ListedJob]:
    """Return the jobs whose tags prove that they belong to a DAG run, the oldest first."""
    return [
        one for one in reversed(jobs) if one.claim.certain and (one.claim.dag_id, one.claim.run_id) == (dag_id, run_id)
    ]


def summary_view(
    jobs: Sequence[ListedJob],
    times: Mapping[str, JobMetrics | None],
    shares: SessionShares,
    price: Price,
    *,
    complete: bool,
    fresh: bool,
) -> dict[str, Any]:
    """Describe the jobs of a run, those of all tries.

    Args:
        jobs: The jobs, the oldest first.
        times: Times of the jobs that were read; None for a job whose times cannot be read.
        shares: The dedicated sessions. One is charged to the run of its first job.
        price: Price of a QPU second.
        complete: Whether all jobs of the connection are known.
        fresh: Whether they were read after the jobs that the tasks name.
    """
    mine = {one.job.session_id for one in jobs if one.job.session_id is not None}
    dedicated = {name: session for name, session in shares.sessions.items() if name in mine}
    spent = add_up([one.job for one in shares.charged(jobs)], shares.owned_by(jobs))
    return {
        "jobs": len(jobs),
        "states": dict(Counter(one.job.status.value for one in jobs)),
        "charged": round(spent.charged_seconds, 3),
        "expected": round(spent.expected_seconds, 3),
        "cost": price.of(spent.charged_seconds),
        "sessions": sorted(mine),
        "bars": [_bar(one, times, dedicated, price) for one in jobs[:MOST_BARS]],
        "more": max(0, len(jobs) - MOST_BARS),
        "complete": complete,
        "fresh": fresh,
    }


def wanted_times(jobs: Sequence[ListedJob]) -> list[Job]:
    """Return the jobs whose times are to be read."""
    return [one.job for one in jobs[:MOST_BARS] if one.job.status is not JobStatus.QUEUED]


def _bar(
    one: ListedJob, times: Mapping[str, JobMetrics | None], sessions: Mapping[str, Session], price: Price
) -> dict[str, Any]:
    job, metrics = one.job, times.get(one.job.id)
    seconds, settled = cost_of(job)
    in_session = job.session_id in sessions
    moments = {
        "created": (metrics.created if metrics else None) or job.created,
        "running": metrics.running if metrics else None,
        "finished": metrics.finished if metrics and job.status.is_final else None,
    }
    return {
        "id": job.id,
        "task": one.claim.task or "",
        "submission": _submission(job.tags),
        "state": job.status.value,
        "backend": job.backend,
        "session_id": job.session_id,
        "in_session": in_session,
        "seconds": round(seconds, 3) if settled or seconds else None,
        "settled": settled,
        "cost": price.of(seconds) if settled and not in_session else None,
        "to_be_read": job.status is not JobStatus.QUEUED and job.id not in times,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }


def _submission(tags: Sequence[str]) -> str:
    """Return which submission of its task a job is, as its identity tag says."""
    for tag in tags:
        parts = tag.split(":")
        if tag.startswith(PREFIX) and len(parts) in IDENTITY_PARTS:
            return parts[SUBMISSION_PART]
    return ""
