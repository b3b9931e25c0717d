"""The job that a task has obtained, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord


class JobOrigin(StrEnum):
    """How a task came by its job."""

    SUBMITTED = "submitted"
    REATTACHED = "re-attached to"
    ADOPTED = "adopted"


@dataclass(frozen=True)
class ObtainedJob:
    """A job that is this task's.

    Attributes:
        job_id: Its id.
        how: Submitted now, re-attached or adopted.
        submitted_at: Epoch seconds.
        backend: Its backend, if known.
        session_id: Its session or batch, if any.
        job: The job as read, when it existed before and could be read.
        record: What the task remembers of it, if it remembers anything.
    """

    job_id: str
    how: JobOrigin
    submitted_at: float
    backend: str | None = None
    session_id: str | None = None
    job: Job | None = None
    record: SubmissionRecord | None = None
