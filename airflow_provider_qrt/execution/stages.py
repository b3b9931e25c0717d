"""Jobs that a task needs before its own, one after the other: dry runs by the service, and the learning of noise.

The job of a stage is submitted once, waited for, and cancelled when the task stops, as the task's own job is. A retry
goes on with it. Its record stands beside that of the task's own job, under the name of the stage.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_qrt.execution.attach import prepare_unless_killed
from airflow_provider_qrt.execution.conclusion import Conclusion, StartAgainError
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.wait.last_look import known_end

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.leg import Leg
    from airflow_provider_qrt.execution.program_choice import ProgramChoice
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome

log = logging.getLogger(__name__)


class Stages:
    """Runs the stages of a task.

    Args:
        leg: Of the task.
        choice: Of the program.
        since: Epoch seconds from which on a refusal of a submission is waited for.
        refusals: How often IBM has said 429 since then.
    """

    def __init__(self, leg: Leg, choice: ProgramChoice, since: float, refusals: int) -> None:
        self._leg = leg
        self._choice = choice
        self._since = since
        self._refusals = refusals

    @property
    def client(self) -> QiskitRuntimeClient:
        """The API, as the task reads it."""
        return self._leg.task.hook.client

    def complete(self, name: str, request: JobRequest, prepare: Callable[[JobRequest], JobRequest]) -> Job:
        """Return the completed job of a stage; submit it, or go on with that of an earlier try.

        Args:
            name: Of the stage: letters and digits, which stand in the tag of its job.
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
        leg = self._leg
        jobs = leg.attach_stage(name)
        handle = jobs.handles[0]

        def obtain() -> list[ObtainedJob]:
            if handle.job_id is not None and handle.record is None:
                # Only this try knows the job: a submitter without a record would submit another.
                return [_known(self.client.job(handle.job_id))]
            job = handle.submitter.obtain(request, prepare_unless_killed(jobs, prepare))
            handle.job_id, handle.record = job.job_id, job.record
            jobs.stop_if_killed()
            leg.attachment.note_stage(name, job.job_id)
            return [job]

        [job] = leg.wait_for_submission(obtain, self._since, self._refusals)
        return self._completed(known_end([job]) or self._wait(job))

    def check_end(self, outcome: WaitOutcome) -> None:
        """Check how the wait in the triggerer for the job of a stage has ended.

        Raises:
            AirflowException: The job failed, or was not done in time.
        """
        # A job that an earlier try had cancelled is replaced when the stage is completed.
        with suppress(StartAgainError):
            self._completed(outcome)

    def _completed(self, outcome: WaitOutcome) -> Job:
        leg = self._leg
        assert leg.jobs is not None
        leg.jobs.note_completed(outcome)
        conclusion = Conclusion(
            leg.task, leg.arguments, leg.context, leg.attachment, self._choice.program, leg.jobs, None
        )
        return conclusion.completed_job(outcome)

    def _wait(self, job: ObtainedJob) -> WaitOutcome:
        leg = self._leg
        deadline = leg.deadline_of(job.submitted_at, self._since)
        # After the deadline it is looked at once more here, which ends the task.
        if leg.arguments.deferrable and time.time() < deadline:
            outcome = leg.wait_while_short([job], job.submitted_at, deadline)
            if outcome is not None:
                return outcome
            leg.defer_until_ended([job], job.submitted_at, deadline, method_name="execute_stage")
        return leg.wait_here([job], job.submitted_at, deadline)


def _known(job: Job) -> ObtainedJob:
    submitted_at = job.created.timestamp() if job.created is not None else time.time()
    return ObtainedJob(job.id, JobOrigin.REATTACHED, submitted_at, job.backend, job.session_id, job)
