"""The state of jobs without waiting: jobs of an earlier try, and jobs whose timeout has passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome


def known_end(jobs: Sequence[ObtainedJob]) -> WaitOutcome | None:
    """Return how jobs of an earlier try have ended, if there is nothing to wait for."""
    ends = [WaitOutcome(Ending.FINAL, job.job_id, job.job) for job in jobs if job.job and job.job.status.is_final]
    bad = next((end for end in ends if not end.is_completion), None)
    if bad is not None:
        return bad
    return ends[-1] if len(ends) == len(jobs) else None


def last_look(read: Callable[[str], Job], job_ids: Sequence[str | None]) -> WaitOutcome:
    """Read a task's jobs once more after its timeout: a job that has ended is not too late.

    Args:
        read: Reads a job.
        job_ids: The jobs in their order, at least one of them known; None for one that was never submitted.

    Returns:
        The end of the first job that has not completed, or of the last.
    """
    first_known = next(job_id for job_id in job_ids if job_id is not None)
    outcome: WaitOutcome | None = None
    for job_id in job_ids:
        if job_id is None:
            missing = "IBM accepted no further submission within the task's timeout."
            return WaitOutcome(Ending.TIMED_OUT, first_known, None, missing)
        try:
            job = read(job_id)
        except errors.QiskitRuntimeError as error:
            said = f"Job {job_id} timed out and could not be read. {error}"
            return WaitOutcome(Ending.TIMED_OUT, job_id, None, said)
        if not job.status.is_final:
            said = f"Job {job_id} had not ended when its timeout passed."
            return WaitOutcome(Ending.TIMED_OUT, job_id, job, said)
        outcome = WaitOutcome(Ending.FINAL, job_id, job)
        if not outcome.is_completion:
            break
    assert outcome is not None
    return outcome
