"""The result of a job that something else submitted, as a task."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_qrt.arguments.constants import Check, CheckedArguments, boolean
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.execution_timeout import earlier, execution_deadline, is_over_note
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.failure import explain_failure
from airflow_provider_qrt.jobs.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.pacing import DEFAULT_POLL_INTERVAL
from airflow_provider_qrt.jobs.polling import JobPoller
from airflow_provider_qrt.jobs.progress import queue_length
from airflow_provider_qrt.jobs.waiting import wait_for_job
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink, job_url
from airflow_provider_qrt.operators import arguments, lineage, results
from airflow_provider_qrt.operators.base import DEFERRAL_MARGIN, ONE_DAY
from airflow_provider_qrt.operators.delivery import deliver
from airflow_provider_qrt.operators.job_facts import JobFacts
from airflow_provider_qrt.operators.outlets import describe_in_outlets
from airflow_provider_qrt.operators.permanent import no_retry_for_permanent_errors
from airflow_provider_qrt.operators.private_results import read_once
from airflow_provider_qrt.operators.state_store import TaskStateStore
from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.primitives.results.result_file import ResultFormat
from airflow_provider_qrt.templating import RendersInputs

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import Duration, TaskArguments


class QiskitRuntimeGetResultOperator(CheckedArguments, lineage.ReportsLineage, RendersInputs):
    """Waits for a job that something else submitted, and returns its result. It never cancels: it owns no job.

    The return value is that of the sampler's operator; ``results`` is decoded for ``sampler``, ``estimator`` and
    ``executor`` jobs, and the program's JSON (or text) for others.

    Args:
        job_id: The job, for instance ``"{{ ti.xcom_pull(task_ids='submit', key='job_id') }}"``.
        decode: False: return the service's JSON as it is, for known programs too.
        deferrable: Wait in the triggerer, holding no worker.
        poll_interval: Longest time between two looks at the job: seconds, a ``timedelta``, or text such as ``"30s"``.
        timeout: Wall-clock time to wait, from the task's start, in the same forms. Default: one day.
        result_path: As of the sampler's operator.
        result_format: As of the sampler's operator; programs that are not decoded have ``json`` only.
        qiskit_runtime_conn_id: The connection.
    """

    template_fields: Sequence[str] = (
        "job_id",
        "poll_interval",
        "timeout",
        "result_path",
        "result_format",
        "qiskit_runtime_conn_id",
    )
    operator_extra_links = (QiskitRuntimeJobLink(),)
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"
    checks: ClassVar[Mapping[str, Check]] = {
        "decode": boolean,
        "deferrable": boolean,
        "poll_interval": arguments.seconds,
        "timeout": arguments.seconds,
        "result_format": lambda _, value: ResultFormat.read(value),
    }

    def __init__(
        self,
        *,
        job_id: str | XComArg,
        decode: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: Duration = DEFAULT_POLL_INTERVAL,
        timeout: Duration = ONE_DAY,
        result_path: str | XComArg | None = None,
        result_format: str | XComArg = "json",
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        check_names(type(self), kwargs)
        super().__init__(**kwargs)
        self.job_id = job_id
        self.decode = decode
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.result_path = result_path
        self.result_format = result_format
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.check_constants(*self.checks)
        self.job_url: str | None = ""

    @cached_property
    def hook(self) -> QiskitRuntimeHook:
        """The hook of the connection."""
        return QiskitRuntimeHook(self.qiskit_runtime_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the job; wait if it has not ended."""
        with self.hook, no_retry_for_permanent_errors(self.hook.describe):
            job_id = arguments.optional_text(self.job_id)
            if job_id is None:
                raise InvalidInput("job_id is empty: name a job, or take it from the task that submits it.")
            if (destination := self._destination()) is not None:
                destination.check()
            poll_interval = arguments.seconds("poll_interval", self.poll_interval)
            deadline = time.time() + arguments.seconds("timeout", self.timeout)
            if self.deferrable:
                deadline = earlier(deadline, execution_deadline(self, context))
            self.job_url = job_url(self.hook.settings.base_url, job_id)
            context["ti"].xcom_push(self.operator_extra_links[0].xcom_key, self.job_url)
            job = self.hook.client.job(job_id)
            if job.status.is_final:
                return self._conclude(context, WaitOutcome(Ending.FINAL, job_id, job))
            if self.deferrable:
                self._defer(job_id, poll_interval, deadline)
            poller = JobPoller(job_id, time.time(), deadline, poll_interval, self.hook.describe())
            client = self.hook.create_poll_client()
            outcome = wait_for_job(client.job, poller, log=self.log.info, queue_length=partial(queue_length, client))
            return self._conclude(context, outcome)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        outcome = WaitOutcome.from_event(event)
        with self.hook, no_retry_for_permanent_errors(self.hook.describe):
            self.job_url = job_url(self.hook.settings.base_url, outcome.job_id)
            return self._conclude(context, outcome)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; the leg before it has left the link in XCom."""
        self.job_url = None
        return super().resume_execution(next_method, next_kwargs, context)

    def _defer(self, job_id: str, poll_interval: float, deadline: float) -> NoReturn:
        from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

        self.defer(
            trigger=QiskitRuntimeJobTrigger(
                job_id=job_id,
                qiskit_runtime_conn_id=self.qiskit_runtime_conn_id,
                submitted_at=time.time(),
                deadline=deadline,
                poll_interval=poll_interval,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(0.0, deadline - time.time()) + poll_interval + DEFERRAL_MARGIN),
        )

    def _conclude(self, context: Context, outcome: WaitOutcome) -> dict[str, Any]:
        from airflow_provider_qrt.primitives.results.any_result import check_format, read_any_result

        if outcome.ending is Ending.REFUSED:
            raise AirflowFailException(outcome.message)
        if outcome.job is None or outcome.ending is not Ending.FINAL:
            late = is_over_note(self, context) if outcome.ending is Ending.TIMED_OUT else ""
            raise AirflowException(f"{outcome.message}{late} The job goes on: this task does not own it.")
        job = outcome.job
        self.report.seen(job)
        if job.status is not JobStatus.COMPLETED:
            self.report.failed(job)
            raise AirflowFailException(explain_failure(self.hook.client, job, is_ours=False))
        destination = self._destination()
        if destination is not None:
            # Before the result is read: that of a private job is given out once.
            check_format(job.program_id, destination.format, decode=self.decode)
        with_calibration = destination is not None or bool(self.outlets) or lineage.is_on()
        facts = JobFacts.read(self.hook.client, job, with_calibration=with_calibration)
        self.report.read(facts)
        read = self.hook.client.job_result
        if job.private:
            accessor = context.get("task_state_store")
            store = TaskStateStore(accessor) if accessor is not None else None
            text = read_once(job.id, read, store=store, destination=destination)
        else:
            text = read(job.id)
        result = read_any_result(job.program_id, text, decode=self.decode)
        value = deliver(result, facts, program_id=job.program_id or "", destination=destination)
        self.report.delivered([job.id], value)
        describe_in_outlets(context, self.outlets, self.report, self.hook.settings)
        return value

    def _destination(self) -> results.Destination | None:
        return results.Destination.read(self.result_path, self.result_format)
