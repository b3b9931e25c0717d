"""Jobs that a task needs before its own, one after the other: dry runs by the service, and the learning of noise.

The job of a stage is submitted once, waited for, and cancelled when the task stops, as the task's own job is. A retry
goes on with it. Its record stands beside that of the task's own job, under the name of the stage.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_qrt.execution.attach import prepare_unless_killed
from airflow_provider_qrt.execution.conclusion import Conclusion, StartAgainError
from airflow_provider_qrt.jobs.wait.last_look import known_end

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.run import TaskRun
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome

log = logging.getLogger(__name__)


class Stages:
    """Runs the stages of a task.

    Args:
        run: The task's run.
        since: Epoch seconds from which on a refusal of a submission is waited for.
        refusals: How often IBM has said 429 since then.
    """

    def __init__(self, run: TaskRun, since: float, refusals: int) -> None:
        self._run = run
        self._since = since
        self._refusals = refusals

    def complete(self, name: str, request: JobRequest, prepare: Callable[[JobRequest], JobRequest]) -> Job:
        """Return the completed job of a stage; submit it, or go on with that of an earlier try.

        Args:
            name: Of the stage, at most three letters or digits after a dot in a tag.
            request: What is asked for.
            prepare: Completes the request just before it is submitted.

        Raises:
            TaskDeferred: The task waits for the job in the triggerer; ``execute_stage`` goes on.
            AirflowException: The job failed, or was not done in time.
        """
        while True:
            try:
                return self._complete(name, request, prepare)
            except StartAgainError as again:
                log.info("Job %s of an earlier try was cancelled, which counts as not submitted.", again.job_id)

    def _complete(self, name: str, request: JobRequest, prepare: Callable[[JobRequest], JobRequest]) -> Job:
        run = self._run
        jobs = run.attach_stage(name)
        handle = jobs.handles[0]

        def obtain() -> list[ObtainedJob]:
            job = handle.submitter.obtain(request, prepare_unless_killed(jobs, prepare))
            handle.job_id, handle.record = job.job_id, job.record
            jobs.stop_if_killed()
            return [job]

        [job] = run.wait_for_submission(obtain, self._since, self._refusals)
        ended = known_end([job]) or self._wait(job)
        jobs.note_completed(ended)
        conclusion = Conclusion(run.task, run.arguments, run.context, run.attachment, run.program, jobs, None)
        return conclusion.completed_job(ended)

    def _wait(self, job: ObtainedJob) -> WaitOutcome:
        run = self._run
        deadline = run.deadline_of(job.submitted_at)
        if run.arguments.deferrable:
            run.defer_until_ended([job], job.submitted_at, deadline, method_name="execute_stage")
        return run.wait_here([job], job.submitted_at, deadline)
