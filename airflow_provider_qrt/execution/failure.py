"""Failures of a task: which no retry can fix, and the error for a job that did not complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import SESSION_CLOSED, TAG_CODES
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.jobs.errors import INPUT, PERMANENT
from airflow_provider_qrt.jobs.failure import explain_failure, retry_can_help
from airflow_provider_qrt.primitives.errors import ProgramUnfitError

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.task_jobs import TaskJobs
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome


class JobUnreadError(AirflowException):
    """The task cannot say how its job stands. Whatever becomes of the task, the job is not cancelled for that."""


def job_failure(client: QiskitRuntimeClient, job: Job, *, own_session: bool = False) -> AirflowException:
    """Return the error for a job that has failed or was cancelled, with what its log says.

    Args:
        client: The API.
        job: The job.
        own_session: Whether the task had opened the job's session or batch itself, and opens another for a retry.
    """
    kind = AirflowException if retry_can_help(job.state, own_session=own_session) else AirflowFailException
    return kind(explain_failure(client, job, own_session=own_session))


def late_failure(
    client: QiskitRuntimeClient, jobs: TaskJobs, outcome: WaitOutcome, *, cancel: bool, last_try: bool
) -> AirflowException:
    """See to jobs whose timeout has passed, and return the error.

    Args:
        client: The API.
        jobs: The task's.
        outcome: How the wait has ended.
        cancel: Cancel what has not ended, once more if the trigger has done so already.
        last_try: Whether no retry follows.
    """
    jobs.settled = True
    late = [handle.job_id or outcome.job_id for handle in jobs.handles if not handle.ended and handle.name is not None]
    one = len(late) == 1
    if not cancel:
        jobs.kept()
        goes_on = "It goes on and is" if one else f"Jobs {', '.join(late)} go on and are"
        retry = "" if last_try else f" A retry looks at {'it' if one else 'them'} once more."
        return AirflowException(
            f"{outcome.message} {goes_on} charged: cancel_on_timeout is off.{retry} To wait longer, raise "
            "timeout, which counts from the submission."
        )
    jobs.abandoned()
    fates = [_cancel(client, job_id) for job_id in late]
    said = outcome.message if outcome.cancelled else " ".join([outcome.message, *fates])
    again = "a new job, unless this one has completed" if one else "new jobs for those that have not completed"
    retry = "" if last_try else f" A retry submits {again}."
    return AirflowException(f"{said}{retry}")


def _cancel(client: QiskitRuntimeClient, job_id: str) -> str:
    try:
        return cancel_job(client, job_id)
    except errors.QiskitRuntimeError as error:
        return f"Job {job_id} could not be cancelled and may still run and be charged: {error}"


def may_be_about_program(refusal: Exception) -> bool:
    """Return whether another program may get what this one was refused.

    Args:
        refusal: Of a submission, by the service or before anything was sent.
    """
    if isinstance(refusal, ProgramUnfitError | errors.ProgramUnavailableError):
        return True
    # An input that the service does not take; IBM gives no code for that.
    return isinstance(refusal, errors.BadRequestError) and refusal.code not in (SESSION_CLOSED, *TAG_CODES)


@contextmanager
def no_retry_for_permanent_errors(where: Callable[[], str]) -> Iterator[None]:
    """Turn what a retry cannot mend into ``AirflowFailException``; everything else passes, for Airflow's retries.

    Args:
        where: Names connection, instance and region, for a refusal of the service.

    Raises:
        AirflowFailException: In place of a permanent error.
    """
    try:
        yield
    except INPUT as error:
        # The user's mistake: one message, not two tracebacks of which the first says the same.
        raise AirflowFailException(str(error)) from None
    except errors.ResultsNotReadyError:
        # Asked for only once the job has completed: the result is still on its way.
        raise
    except PERMANENT as error:
        # Nor here: the message has all that the service said.
        raise AirflowFailException(f"{error} Asked with {where()}.") from None
