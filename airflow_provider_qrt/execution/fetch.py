"""Fetching the result of a job that something else submitted: waiting for it, reading it, never cancelling it."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.execution import lineage
from airflow_provider_qrt.execution.context import task_store
from airflow_provider_qrt.execution.delivery import deliver
from airflow_provider_qrt.execution.job_info import JobFacts
from airflow_provider_qrt.execution.leg import DEFERRAL_MARGIN
from airflow_provider_qrt.execution.outlets import describe_in_outlets
from airflow_provider_qrt.execution.private_result import read_once
from airflow_provider_qrt.execution.task import link_key
from airflow_provider_qrt.execution_timeout import earlier, execution_deadline, is_over_note
from airflow_provider_qrt.jobs.failure import explain_failure
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.wait.blocking import wait_for_job
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.wait.outlook import Outlook
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.progress import queue_length
from airflow_provider_qrt.jobs.wait.quick_pace import QuickPace
from airflow_provider_qrt.jobs.wait.short_wait import ShortWait
from airflow_provider_qrt.links.qiskit_runtime import job_url
from airflow_provider_qrt.programs.receiving import receive

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.result import Destination
    from airflow_provider_qrt.execution.task import Task
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult


class ResultFetch:
    """Fetches one result.

    Args:
        task: The operator, with its templates rendered.
        context: Airflow's.
        decode: Decode the results of programs that are known.
        destination: The file of the result, if the task has one.
    """

    def __init__(self, task: Task, context: Context, *, decode: bool, destination: Destination | None) -> None:
        self._task = task
        self._context = context
        self._decode = decode
        self._destination = destination

    def wait(
        self,
        job_id: str,
        *,
        poll_seconds: float,
        timeout: float,
        deferrable: bool,
        defer_after: float,
        connection: str,
    ) -> Any:
        """Look at the job; wait if it has not ended; return what goes to XCom.

        Args:
            job_id: The job.
            poll_seconds: Longest time between two looks.
            timeout: Seconds to wait.
            deferrable: Wait in the triggerer.
            defer_after: Seconds to wait on the worker before that, if the job runs.
            connection: Id of the connection.

        Raises:
            AirflowException: The job did not complete in time, or could not be read.
            QiskitRuntimeError: The service could not be asked.
        """
        task = self._task
        if self._destination is not None:
            self._destination.check()
        deadline = time.time() + timeout
        if deferrable:
            deadline = earlier(deadline, execution_deadline(task, self._context))
        task.job_url = job_url(task.hook.settings.base_url, job_id)
        self._context["ti"].xcom_push(link_key(task), task.job_url)
        job = task.hook.client.job(job_id)
        if job.status.is_final:
            return self.conclude(WaitOutcome(Ending.FINAL, job_id, job))
        client = task.hook.create_poll_client()
        now = time.time()

        def poller(pace: QuickPace) -> JobPoller:
            return JobPoller(job_id, now, deadline, poll_seconds, task.hook.describe(), pace=pace)

        if deferrable:
            known = ObtainedJob(job_id, JobOrigin.REATTACHED, now, job.backend, job.session_id, job)
            short_wait = ShortWait(defer_after, Outlook())
            outcome = short_wait.wait(client.job, [known], lambda _, pace: poller(pace), deadline=deadline)
            if outcome is None:
                self._defer(job_id, poll_seconds, deadline, connection)
        else:
            outcome = wait_for_job(client.job, poller(QuickPace(now, now)), queue_length=partial(queue_length, client))
        return self.conclude(outcome)

    def conclude(self, outcome: WaitOutcome) -> dict[str, Any]:
        """Turn the end of the wait into what goes to XCom, or a failure.

        Raises:
            AirflowException: The job did not complete in time, or could not be read.
            AirflowFailException: It has failed, or cannot be read.
        """
        task = self._task
        if outcome.ending is Ending.REFUSED:
            raise AirflowFailException(outcome.message)
        if outcome.job is None or outcome.ending is not Ending.FINAL:
            late = is_over_note(task, self._context) if outcome.ending is Ending.TIMED_OUT else ""
            raise AirflowException(f"{outcome.message}{late} The job goes on: this task does not own it.")
        job = outcome.job
        task.report.seen(job)
        if job.status is not JobStatus.COMPLETED:
            task.report.failed(job)
            raise AirflowFailException(explain_failure(task.hook.client, job, is_ours=False))
        value = self._read(job)
        task.report.delivered([job.id], value)
        describe_in_outlets(self._context, task.outlets, task.report, task.hook.settings)
        return value

    def _read(self, job: Job) -> dict[str, Any]:
        from airflow_provider_qrt.primitives.noise_model import NoiseModel
        from airflow_provider_qrt.primitives.results.any_result import check_format, read_any_result
        from airflow_provider_qrt.programs.noise_learner import date_model

        task, destination = self._task, self._destination
        if destination is not None:
            # Before the result is read: that of a private job is given out once.
            check_format(job.program_id, destination.format, decode=self._decode)
        calibration = destination is not None or bool(task.outlets) or lineage.is_on()
        facts = None
        if calibration or job.private:
            facts = JobFacts.read(task.hook.client, job, with_calibration=calibration)
        text = self._fetch(job)
        result = read_any_result(job.program_id, text, decode=self._decode)
        facts = facts or JobFacts.with_result(task.hook.client, job, result)
        task.report.read(facts)
        if isinstance(result, NoiseModel):
            result = date_model(task.hook.client, job, result)
        return deliver(result, facts, program_id=job.program_id or "", destination=destination)

    def _fetch(self, job: Job) -> str | ArrivingResult:
        from airflow_provider_qrt.primitives.results.any_result import READ_WHILE_ARRIVING

        client = self._task.hook.client
        if not job.private:
            arriving = self._decode and job.program_id in READ_WHILE_ARRIVING
            return receive(client, job.id) if arriving else client.job_result(job.id)
        return read_once(job.id, client.job_result, store=task_store(self._context), destination=self._destination)

    def _defer(self, job_id: str, poll_seconds: float, deadline: float, connection: str) -> NoReturn:
        from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

        self._task.defer(
            trigger=QiskitRuntimeJobTrigger(
                job_id=job_id,
                qiskit_runtime_conn_id=connection,
                submitted_at=time.time(),
                deadline=deadline,
                poll_interval=poll_seconds,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, deadline - time.time()) + poll_seconds + DEFERRAL_MARGIN),
        )
