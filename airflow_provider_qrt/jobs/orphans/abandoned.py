"""Which jobs have been left behind for certain, so that they may be cancelled without asking anybody. Pure.

That is less than what :mod:`airflow_provider_qrt.jobs.orphans` lists for people: a job whose owner is in doubt, or
that is meant to outlive its task, is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.orphans.ownership import Owner, RunState
from airflow_provider_qrt.jobs.submit.identity import PREFIX, may_outlive_its_task
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord


def tag_of_bound_job(job: Job) -> str | None:
    """Return the identity tag of a job that is to be cancelled when its task has stopped; None for any other job."""
    identities = [tag for tag in job.tags if tag.startswith(PREFIX)]
    return identities[0] if len(identities) == 1 and not may_outlive_its_task(identities[0]) else None


def why_abandoned(job: Job, owner: Owner | None, records: Sequence[SubmissionRecord]) -> str | None:
    """Say why nobody waits for a job any more; None if somebody may.

    Args:
        job: It has not ended, and is bound to its task.
        owner: The task it belongs to; None if that cannot be told.
        records: What the task has written down about its jobs.
    """
    if owner is None:
        return None
    if owner.run is RunState.GONE:
        return "its DAG run was deleted"
    if owner.task_id is None or not owner.exists:
        return None
    of_this_job = [record for record in records if record.job_id == job.id]
    if any(record.unread or not record.cancel for record in of_this_job):
        return None
    if owner.is_live:
        # An intent without an id may be this very job's.
        replaced = records and not of_this_job and all(record.job_id is not None for record in records)
        return f"its task has gone on to job {records[0].job_id}" if replaced else None
    return f"its task is {owner.state or 'not going to run again'}"
