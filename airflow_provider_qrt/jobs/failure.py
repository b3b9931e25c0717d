"""Explaining a failed job: whether a retry can help, and what to tell the person on call.

Reason codes: https://quantum.cloud.ibm.com/docs/errors. Most are opaque; those of whole bands that speak of the input
are known not to go away by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import SESSION_CLOSED
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import RAN_TOO_LONG, JobState, JobStatus

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

_WORTH_ANOTHER_TRY = {1006, 1008, 1010, 1011}
"""Codes of the validation band that IBM documents as "try again"."""
_PERMANENT_CODES = {1204, 1205, RAN_TOO_LONG, 4001, 5204, 5302}
"""Tag count and length, ran too long, session closed, simulator failure, result too large."""
_PERMANENT_BANDS = (range(1000, 1100), range(6000, 7000), range(7000, 8000), range(8000, 9000))
"""Input validation, shots limits, not ISA, pulse and timing."""

LOG_LINES = 30
"""How much of a job's log goes into the task log."""


def retry_can_help(state: JobState, *, own_session: bool = False) -> bool:
    """Whether the same job, submitted again, may do better. A code nobody knows gets the benefit of the doubt.

    Args:
        state: Of the job.
        own_session: Whether the task had opened the job's session or batch itself, and opens another for a retry.
    """
    code = state.reason_code
    if own_session and str(code) == SESSION_CLOSED:
        return True
    if state.ran_too_long:
        return False
    if code is None or code in _WORTH_ANOTHER_TRY:
        return True
    return code not in _PERMANENT_CODES and not any(code in band for band in _PERMANENT_BANDS)


def explain_failure(client: QiskitRuntimeClient, job: Job, *, is_ours: bool = True, own_session: bool = False) -> str:
    """Read the log of a job that did not complete, and say what happened; see :func:`describe_failure`."""
    try:
        job_log = client.job_logs(job.id)
    except errors.QiskitRuntimeError as error:
        job_log = f"(its log could not be read: {error})"
    return describe_failure(job, job_log, is_ours=is_ours, own_session=own_session)


def describe_failure(job: Job, job_log: str = "", *, is_ours: bool = True, own_session: bool = False) -> str:
    """Say what happened to a job that did not complete: IBM's reason, code and solution, its log, what a retry does.

    Args:
        job: The job.
        job_log: What its log says.
        is_ours: Whether the task that failed has submitted it.
        own_session: See :func:`retry_can_help`.
    """
    state = job.state
    code = f" (reason code {state.reason_code})" if state.reason_code is not None else ""
    what = "was cancelled" if state.status is JobStatus.CANCELLED else "failed"
    if state.ran_too_long:
        limit = f" of {job.max_execution_seconds} s" if job.max_execution_seconds else ""
        what = f"was stopped at its maximum execution time{limit}"
    lines = [f"Job {job.id} on {job.backend or 'its backend'} {what}{code}: {state.reason or 'no reason given'}"]
    if state.reason_solution:
        lines.append(f"IBM's solution: {state.reason_solution}")
    if state.ran_too_long:
        lines.append("Raise max_execution_time or split the circuits over several jobs; the time used is charged.")
    lines.append(
        _advice(state, own_session) if is_ours else "This task did not submit it: clear the one that did for a new job."
    )
    tail = job_log.strip().splitlines()[-LOG_LINES:]
    if tail:
        lines += ["The job's log ends with:", *("  " + line for line in tail)]
    return "\n".join(lines)


def _advice(state: JobState, own_session: bool) -> str:
    if retry_can_help(state, own_session=own_session):
        return "A retry submits a new job."
    return "A retry cannot help, so none is made: change the input, then clear the task."
