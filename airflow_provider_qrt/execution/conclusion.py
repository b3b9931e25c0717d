"""The end of a wait becomes a result, or a failure that says what became of the jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.execution import lineage
from airflow_provider_qrt.execution.failure import JobUnreadError, job_failure, late_failure
from airflow_provider_qrt.execution.finished import CompletedJobs
from airflow_provider_qrt.execution.job_info import read_calibration
from airflow_provider_qrt.execution.outlets import describe_in_outlets
from airflow_provider_qrt.execution.superseded import will_retry
from airflow_provider_qrt.execution_timeout import is_over_note
from airflow_provider_qrt.jobs.failure import retry_can_help
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.observability import traces

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.arguments import RunArguments
    from airflow_provider_qrt.execution.attach import Attachment
    from airflow_provider_qrt.execution.task import JobTask
    from airflow_provider_qrt.execution.task_jobs import TaskJobs
    from airflow_provider_qrt.jobs.submit.split import Split
    from airflow_provider_qrt.programs.base import TaskProgram


class StartAgainError(Exception):
    """The job was submitted and cancelled with an earlier try, so this try has to submit one."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class Conclusion:
    """Concludes a task.

    Args:
        task: The operator.
        arguments: Of the task.
        context: Airflow's.
        attachment: Knows what the task remembers.
        program: Reads the results.
        jobs: The task's.
        split: Which PUBs are in which of several jobs; None for one, or if nobody knows any more.
    """

    def __init__(
        self,
        task: JobTask,
        arguments: RunArguments,
        context: Context,
        attachment: Attachment,
        program: TaskProgram,
        jobs: TaskJobs,
        split: Split | None,
    ) -> None:
        self._task = task
        self._arguments = arguments
        self._context = context
        self._attachment = attachment
        self._program = program
        self._jobs = jobs
        self._split = split

    def conclude(self, outcome: WaitOutcome) -> Any:
        """Return what goes to XCom.

        Raises:
            AirflowException: The task has failed; says what became of the jobs, and what a retry does.
            AirflowFailException: The same, where no retry can help.
            StartAgainError: A new job has to be submitted.
        """
        job = self.completed_job(outcome)
        with traces.span("result", job_id=job.id, backend=job.backend):
            result = self._read(job)
        for one in self._jobs.handles:
            if one.record is not None and one.record.unsure:
                one.submitter.cancel_duplicates(one.record)
        self._task.report.delivered(self._jobs.job_ids or [job.id], result)
        describe_in_outlets(self._context, self._task.outlets, self._task.report, self._task.hook.settings)
        return result

    def completed_job(self, outcome: WaitOutcome) -> Job:
        """Return the job that has completed, the last of several.

        Raises:
            AirflowException: It has not; see :meth:`conclude`.
            StartAgainError: See there.
        """
        job = self._ended_job(outcome)
        handle = self._jobs.find(job.id)
        cancelled = job.status is JobStatus.CANCELLED and retry_can_help(job.state)
        if cancelled and handle.submitter.was_submitted_earlier(job.id):
            # By a kill, say, whose cancellation took longer than the retry.
            raise StartAgainError(job.id)
        handle.ended = True
        if job.status is not JobStatus.COMPLETED:
            self._fail(job)
        return job

    def _ended_job(self, outcome: WaitOutcome) -> Job:
        """Return the job that the wait ended with; a wait that ended otherwise fails the task."""
        if outcome.ending is Ending.TIMED_OUT:
            raise self._too_late(outcome)
        if outcome.ending is Ending.ELSEWHERE:
            # Says what became of the job, and no retry can find it.
            self._jobs.settled = True
            raise AirflowFailException(outcome.message)
        if outcome.job is None or outcome.ending is not Ending.FINAL:
            raise JobUnreadError(outcome.message)
        job = outcome.job
        if job.backend is None and (record := self._attachment.record()) is not None:
            # On the channel api_token the service tells no more than the job's state.
            job = replace(job, backend=record.backend, program_id=self._program.program_id)
        self._task.report.seen(job)
        return job

    def _too_late(self, outcome: WaitOutcome) -> AirflowException:
        if outcome.job is not None:
            self._task.report.seen(outcome.job)
        return late_failure(
            self._task.hook.client,
            self._jobs,
            replace(outcome, message=f"{outcome.message}{is_over_note(self._task, self._context)}"),
            cancel=self._arguments.cancel_on_timeout,
            last_try=not will_retry(self._context["ti"]),
        )

    def _fail(self, job: Job) -> NoReturn:
        self._task.report.failed(job)
        if lineage.is_on():
            self._task.report.calibrated = read_calibration(self._task.hook.client, job)
        raise job_failure(self._task.hook.client, job, own_session=self._arguments.session is None)

    def _read(self, job: Job) -> Any:
        """Read what the task's jobs measured; this one completed last."""
        jobs, split = self._all_completed(job)
        self._jobs.completed = True
        ran = job.program_id or self._program.program_id
        finished = CompletedJobs(self._task, self._arguments, ran, self._jobs, jobs, split, self._attachment.store)
        return self._program.read(finished)

    def _all_completed(self, job: Job) -> tuple[Sequence[Job], Split | None]:
        """Return all jobs of the task, and how it is split; one that has not completed fails the task."""
        if len(self._jobs.handles) == 1:
            return [job], None
        if self._split is None:
            # Without a store nobody knows any more which circuit is where.
            raise AirflowException("Which circuits are in which job is not known any more, so nothing can be read.")
        jobs = [job if one == job.id else self._task.hook.client.job(one) for one in self._jobs.job_ids]
        for one in jobs:
            if one.status is not JobStatus.COMPLETED:
                self.conclude(WaitOutcome(Ending.FINAL, one.id, one))
        return jobs, self._split
