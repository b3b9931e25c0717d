"""What every operator that runs a job does: submit once, wait with or without a worker, hand on the result."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralTimeout

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import MAX_EXECUTION_SECONDS
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.hooks.deployment import airflow_name
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook, cancel_job
from airflow_provider_qrt.jobs.failure import describe_failure, retry_can_help
from airflow_provider_qrt.jobs.identity import JobIdentity, JobRequest, ProgramInput, check_tags
from airflow_provider_qrt.jobs.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.polling import DEFAULT_POLL_INTERVAL, JobPoller
from airflow_provider_qrt.jobs.record import SubmissionRecord
from airflow_provider_qrt.jobs.submission import JobSubmitter, ObtainedJob
from airflow_provider_qrt.jobs.waiting import wait_for_job
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink, job_url
from airflow_provider_qrt.operators import arguments
from airflow_provider_qrt.operators.backends import choose_backend
from airflow_provider_qrt.operators.permanent import no_retry_for_permanent_errors
from airflow_provider_qrt.operators.state_store import TaskStateStore

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.client.models import Job

ONE_DAY = 86_400.0
DEFERRAL_MARGIN = 60.0
"""Seconds by which Airflow's own deferral timeout comes after ours: a safety net for a triggerer that is gone."""


class QiskitRuntimeJobOperator(BaseOperator):
    """Base of the operators that run a job.

    Args:
        backend: Name of the backend, or ``least_busy``.
        session_id: Session or batch to run in.
        tags: Up to five tags of your own on the job; three more say which task it belongs to.
        max_execution_time: QPU seconds after which IBM stops the job, at most 10800. None: the plan's default.
        private: IBM gives the input never back and the result once.
        deferrable: Wait in the triggerer, holding no worker.
        poll_interval: Longest time between two looks at the job, seconds. Young jobs are looked at more often.
        timeout: Wall-clock seconds (or a timedelta) from submission to the end of the job. Default: one day.
        wait_for_completion: False: return as soon as the job is submitted.
        cancel_on_kill: Cancel the job when the task is killed, cleared or marked.
        cancel_on_timeout: Cancel the job when ``timeout`` passes.
        durable: Keep the job's id across tries, so that a retry goes on with the job instead of buying another.
        qiskit_runtime_conn_id: The connection.
    """

    template_fields: Sequence[str] = (
        "backend",
        "session_id",
        "tags",
        "max_execution_time",
        "poll_interval",
        "timeout",
        "qiskit_runtime_conn_id",
    )
    operator_extra_links = (QiskitRuntimeJobLink(),)
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"

    def __init__(
        self,
        *,
        backend: str = "least_busy",
        session_id: str | None = None,
        tags: Sequence[str] = (),
        max_execution_time: int | str | None = None,
        private: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | str = DEFAULT_POLL_INTERVAL,
        timeout: float | timedelta | str = ONE_DAY,
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        durable: bool = True,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.backend = backend
        self.session_id = session_id
        self.tags = tags
        self.max_execution_time = max_execution_time
        self.private = private
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.wait_for_completion = wait_for_completion
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.durable = durable
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.job_url: str | None = None
        self._job_id: str | None = None
        self._submitting: JobSubmitter | None = None
        self._killed = False

    # What a subclass says

    @property
    @abstractmethod
    def program_id(self) -> str:
        """The program to run."""

    @abstractmethod
    def build_input(self) -> ProgramInput:
        """Check the input and return it as the program wants it, before anything is sent.

        Raises:
            InvalidInput: If something is wrong with it; says what to do.
        """

    @abstractmethod
    def read_result(self, job: Job) -> Any:
        """Fetch the result of a completed job and return what goes to XCom."""

    def build_summary(self, job: ObtainedJob) -> Any:
        """What goes to XCom when the task does not wait."""
        return {
            "job_id": job.job_id,
            "backend": job.backend,
            "program_id": self.program_id,
            "status": job.job.status.value if job.job else JobStatus.QUEUED.value,
            "session_id": job.session_id,
        }

    # What Airflow calls

    @cached_property
    def hook(self) -> QiskitRuntimeHook:
        """The hook of the connection."""
        return QiskitRuntimeHook(self.qiskit_runtime_conn_id)

    def execute(self, context: Context) -> Any:
        """Submit the job, or find the one an earlier try submitted; then wait for it as asked."""
        with no_retry_for_permanent_errors(self.hook.describe):
            request = self._build_request()
            poll_interval = arguments.seconds("poll_interval", self.poll_interval)
            timeout = arguments.seconds("timeout", self.timeout)
            self._submitting = self._submitter(context)
            job = self._submitting.obtain(request, self._prepare)
            self._publish(context, job)
            if not self.wait_for_completion:
                self._submitting.delivered()
                return self.build_summary(job)
            if job.job is not None and job.job.status.is_final:
                return self._conclude(context, WaitOutcome(Ending.FINAL, job.job_id, job.job))
            deadline = job.submitted_at + timeout
            if self.deferrable:
                self._defer(job, poll_interval, deadline)
            poller = JobPoller(job.job_id, job.submitted_at, deadline, poll_interval, self.hook.describe())
            return self._conclude(context, wait_for_job(self.hook.create_poll_client().job, poller, log=self.log.info))

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger has fired."""
        outcome = WaitOutcome.from_event(event)
        self._job_id = outcome.job_id
        with no_retry_for_permanent_errors(self.hook.describe):
            self.job_url = job_url(self.hook.settings.base_url, outcome.job_id)
            return self._conclude(context, outcome)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; when Airflow gave up waiting for the trigger, see that the job does not run on."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            job_id = self._known_job_id(context)
            if job_id is None:
                raise
            self._job_id = job_id
            with no_retry_for_permanent_errors(self.hook.describe):
                self.job_url = job_url(self.hook.settings.base_url, job_id)
                return self._conclude(context, self._last_look(job_id))

    def on_kill(self) -> None:
        """Cancel the job quickly; one that is just being submitted is looked for by its tag."""
        self._killed = True
        tag = self._submitting.outstanding_tag if self._submitting is not None else None
        if self._job_id is None and tag is None:
            return
        if not self.cancel_on_kill:
            self.log.info("Job %s goes on and is charged: cancel_on_kill is off.", self._job_id or f"with tag {tag}")
        elif self._job_id is not None:
            self.log.info(self.hook.cancel_job_quickly(self._job_id))
        elif tag is not None:
            self.log.info(self.hook.cancel_tagged_job_quickly(tag))

    # How it is done

    def _build_request(self) -> JobRequest:
        backend = arguments.optional_text(self.backend)
        if backend is None:
            raise errors.InvalidSettings("backend: name one, such as 'ibm_fez', or write 'least_busy'.")
        # Settings before circuits: without a connection there is nothing to check circuits for.
        _ = self.hook.settings
        return JobRequest(
            program_id=self.program_id,
            backend=backend,
            input=self.build_input(),
            tags=check_tags(self.tags),
            session_id=arguments.optional_text(self.session_id),
            max_execution_seconds=arguments.whole_number(
                "max_execution_time", self.max_execution_time, at_most=MAX_EXECUTION_SECONDS
            ),
            private=self.private,
        )

    def _prepare(self, request: JobRequest) -> JobRequest:
        self._stop_if_killed()
        backend = choose_backend(self.hook.client.backends(), request.backend, where=self.hook.describe())
        if not backend.is_available:
            self.log.warning(
                "Backend %s is %s (%s): the job waits in its queue.",
                backend.name,
                backend.status,
                backend.status_reason or "no reason given",
            )
        return replace(request, backend=backend.name)

    def _store(self, context: Context) -> TaskStateStore | None:
        accessor = context.get("task_state_store")
        return TaskStateStore(accessor) if self.durable and accessor is not None else None

    def _submitter(self, context: Context) -> JobSubmitter:
        ti = context["ti"]
        map_index = -1 if ti.map_index is None else ti.map_index
        return JobSubmitter(
            self.hook.submit_client,
            JobIdentity(ti.dag_id, ti.run_id, ti.task_id, map_index, airflow_name()),
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            store=self._store(context),
            cancel_replaced=self.cancel_on_kill,
            log=self.log.info,
        )

    def _known_job_id(self, context: Context) -> str | None:
        """The job of a deferred task that Airflow resumes without an event; XCom has it if no store keeps it."""
        record = SubmissionRecord.read(self._store(context))
        if record is not None:
            return record.job_id
        ti = context["ti"]
        stored = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index, key="job_id")
        return str(stored) if stored else None

    def _last_look(self, job_id: str) -> WaitOutcome:
        """See how a job stands that nobody watches any more: one that has ended is not too late."""
        try:
            job = self.hook.client.job(job_id)
        except errors.QiskitRuntimeError as error:
            return WaitOutcome(Ending.TIMED_OUT, job_id, None, f"Job {job_id} timed out and could not be read. {error}")
        if job.status.is_final:
            return WaitOutcome(Ending.FINAL, job_id, job)
        return WaitOutcome(Ending.TIMED_OUT, job_id, job, f"Job {job_id} had not ended when its timeout passed.")

    def _publish(self, context: Context, job: ObtainedJob) -> None:
        """Make the job known, to ``on_kill`` first."""
        self._job_id = job.job_id
        self._stop_if_killed()
        self.job_url = job_url(self.hook.settings.base_url, job.job_id)
        ti = context["ti"]
        ti.xcom_push("job_id", job.job_id)
        if job.session_id:
            ti.xcom_push("session_id", job.session_id)
        ti.xcom_push(self.operator_extra_links[0].xcom_key, self.job_url)

    def _stop_if_killed(self) -> None:
        """Airflow's signal handler returns to what it interrupted, which has a few seconds left until SIGKILL."""
        if self._killed:
            self.on_kill()
            raise AirflowException(f"The task was killed while it obtained its job ({self._job_id or 'none yet'}).")

    def _defer(self, job: ObtainedJob, poll_interval: float, deadline: float) -> NoReturn:
        from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

        self.defer(
            trigger=QiskitRuntimeJobTrigger(
                job_id=job.job_id,
                qiskit_runtime_conn_id=self.qiskit_runtime_conn_id,
                submitted_at=job.submitted_at,
                deadline=deadline,
                poll_interval=poll_interval,
                cancel_on_kill=self.cancel_on_kill,
                cancel_on_timeout=self.cancel_on_timeout,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, deadline - time.time()) + poll_interval + DEFERRAL_MARGIN),
        )

    def _conclude(self, context: Context, outcome: WaitOutcome) -> Any:
        """Turn the end of the wait into a result or a failure."""
        if outcome.ending is Ending.TIMED_OUT:
            self._fail_after_timeout(context, outcome.job_id, outcome.message)
        if outcome.ending is Ending.REFUSED:
            raise AirflowFailException(
                f"{outcome.message} The job may still run and be charged. Its id stays with the task."
            )
        if outcome.job is None or outcome.ending is Ending.UNKNOWN_STATE:
            raise AirflowException(outcome.message)
        if outcome.job.status is not JobStatus.COMPLETED:
            self._fail(outcome.job)
        result = self.read_result(outcome.job)
        self._submitter(context).delivered()
        return result

    def _fail(self, job: Job) -> NoReturn:
        try:
            job_log = self.hook.client.job_logs(job.id)
        except errors.QiskitRuntimeError as error:
            job_log = f"(its log could not be read: {error})"
        message = describe_failure(job, job_log)
        raise (AirflowException if retry_can_help(job.state) else AirflowFailException)(message)

    def _fail_after_timeout(self, context: Context, job_id: str, message: str) -> NoReturn:
        """Cancel a job that is late (once more, if the trigger has done so already) and fail."""
        if not self.cancel_on_timeout:
            raise AirflowException(
                f"{message} It goes on and is charged: cancel_on_timeout is off. A retry looks at it once more; to "
                "wait longer, raise timeout, which counts from the submission."
            )
        self._submitter(context).abandoned()
        try:
            fate = cancel_job(self.hook.client, job_id)
        except errors.QiskitRuntimeError as error:
            fate = f"It could not be cancelled and may still run and be charged: {error}"
        raise AirflowException(f"{message} {fate} A retry submits a new job, unless this one has completed.")
