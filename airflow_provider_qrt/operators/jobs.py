"""Operators for jobs of any kind: submit any program, fetch a result, cancel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow.providers.common.compat.sdk import conf

from airflow_provider_qrt import durations, templated
from airflow_provider_qrt.arguments.checks import check_result_format
from airflow_provider_qrt.arguments.constants import Check, CheckedArguments, boolean, mapping
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.execution import lineage
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.hooks.with_hook import WithHook
from airflow_provider_qrt.jobs.defaults import DEFAULT_POLL_INTERVAL
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink, job_url
from airflow_provider_qrt.operators.base import DEFER_AFTER, ONE_DAY, QiskitRuntimeJobOperator
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.templating import RendersInputs

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import Duration, JobArguments, TaskArguments
    from airflow_provider_qrt.execution.fetch import ResultFetch
    from airflow_provider_qrt.programs.base import TaskProgram

__all__ = ["QiskitRuntimeCancelJobOperator", "QiskitRuntimeGetResultOperator", "QiskitRuntimeSubmitJobOperator"]


class QiskitRuntimeSubmitJobOperator(QiskitRuntimeJobOperator):
    """Runs any program of the service: submitted once, waited for, cancelled and charged as any other job.

    The return value is that of the sampler's operator. ``results`` is the decoded result for ``sampler``, ``estimator``
    and ``executor``, and the program's JSON (or text) for everything else.

    Args:
        program_id: ``sampler``, ``estimator``, ``executor``, ``noise-learner``, ...
        program_params: The program's input, JSON-ready, passed on as it is: nothing of it is checked here. (``params``
            are Airflow's own.)
        decode: False: return the service's JSON as it is, for known programs too.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = ("program_id", "program_params", *QiskitRuntimeJobOperator.template_fields)
    program_id: str = ""
    arguments_elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("circuits", "shots", "options", "pubs", "observables", "precision", "resilience_level"),
        "it belongs into the program's input: program_params={...}",
    )
    checks: ClassVar[Mapping[str, Check]] = {"program_params": mapping, "decode": boolean}

    def __init__(
        self,
        *,
        program_id: str | XComArg,
        program_params: Mapping[str, Any] | XComArg,
        decode: bool = True,
        **kwargs: Unpack[JobArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.program_id = cast("str", program_id)
        self.program_params = program_params
        self.decode = decode
        self.check_constants(*QiskitRuntimeSubmitJobOperator.checks)

    def make_program(self) -> TaskProgram:
        """Return the program that was named."""
        from airflow_provider_qrt.execution.result import Destination
        from airflow_provider_qrt.programs.any_program import AnyProgram

        destination = Destination.read(self.result_path, self.result_format)
        return AnyProgram(
            self.program_id, self.program_params, self.decode, None if destination is None else destination.format
        )


class QiskitRuntimeGetResultOperator(CheckedArguments, WithHook, lineage.ReportsLineage, RendersInputs):
    """Waits for a job that something else submitted, and returns its result. It never cancels: it owns no job.

    The return value is that of the sampler's operator; ``results`` is decoded for ``sampler``, ``estimator`` and
    ``executor`` jobs, and the program's JSON (or text) for others.

    Args:
        job_id: The job, for instance ``"{{ ti.xcom_pull(task_ids='submit', key='job_id') }}"``.
        decode: False: return the service's JSON as it is, for known programs too.
        deferrable: Wait in the triggerer, holding no worker, for what takes longer than ``defer_after``.
        defer_after: As of the sampler's operator: how long to wait on the worker first, if the job runs.
        poll_interval: Longest time between two looks at the job: seconds, a ``timedelta``, or text such as ``"30s"``.
        timeout: Wall-clock time to wait, from the task's start, in the same forms. Default: one day.
        result_path: As of the sampler's operator.
        result_format: As of the sampler's operator; programs that are not decoded have ``json`` only.
        qiskit_runtime_conn_id: The connection.
    """

    template_fields: Sequence[str] = (
        "job_id",
        "defer_after",
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
        "defer_after": durations.seconds_or_zero,
        "poll_interval": durations.seconds,
        "timeout": durations.seconds,
        "result_format": check_result_format,
    }

    def __init__(
        self,
        *,
        job_id: str | XComArg,
        decode: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        defer_after: Duration = DEFER_AFTER,
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
        self.defer_after = defer_after
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.result_path = result_path
        self.result_format = result_format
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.check_constants(*self.checks)
        self.job_url: str | None = ""

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the job; wait if it has not ended."""
        from airflow_provider_qrt.execution.failure import no_retry_for_permanent_errors

        with self.hook, no_retry_for_permanent_errors(self.hook.describe):
            job_id = templated.optional_text(self.job_id)
            if job_id is None:
                raise InvalidInputError("job_id is empty: name a job, or take it from the task that submits it.")
            value: dict[str, Any] = self._fetch(context).wait(
                job_id,
                poll_seconds=durations.seconds("poll_interval", self.poll_interval),
                timeout=durations.seconds("timeout", self.timeout),
                deferrable=self.deferrable,
                defer_after=durations.seconds_or_zero("defer_after", self.defer_after),
                connection=self.qiskit_runtime_conn_id,
            )
            return value

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any]:
        """Go on after the trigger has fired."""
        from airflow_provider_qrt.execution.failure import no_retry_for_permanent_errors
        from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome

        outcome = WaitOutcome.from_event(event)
        with self.hook, no_retry_for_permanent_errors(self.hook.describe):
            self.job_url = job_url(self.hook.settings.base_url, outcome.job_id)
            return self._fetch(context).conclude(outcome)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; the link is in XCom already."""
        self.job_url = None
        return super().resume_execution(next_method, next_kwargs, context)

    def _fetch(self, context: Context) -> ResultFetch:
        from airflow_provider_qrt.execution.fetch import ResultFetch
        from airflow_provider_qrt.execution.result import Destination

        destination = Destination.read(self.result_path, self.result_format)
        return ResultFetch(self, context, decode=self.decode, destination=destination)


class QiskitRuntimeCancelJobOperator(CheckedArguments, WithHook, RendersInputs):
    """Cancels a job; one that has ended, or that the service does not know, is fine.

    Returns what became of it, as a text.

    Args:
        job_id: The job; nothing (None or empty) is fine: there is nothing to cancel.
        qiskit_runtime_conn_id: The connection.
    """

    template_fields: Sequence[str] = ("job_id", "qiskit_runtime_conn_id")
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"

    def __init__(
        self,
        *,
        job_id: str | XComArg | None,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        check_names(type(self), kwargs)
        super().__init__(**kwargs)
        self.job_id = job_id
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id

    def execute(self, context: Context) -> str:
        """Cancel it."""
        from airflow_provider_qrt.execution.failure import no_retry_for_permanent_errors
        from airflow_provider_qrt.jobs.cancel import cancel_job

        job_id = templated.optional_text(self.job_id)
        if job_id is None:
            outcome = "There is no job to cancel."
        else:
            with self.hook, no_retry_for_permanent_errors(self.hook.describe):
                outcome = cancel_job(self.hook.client, job_id)
        self.log.info(outcome)
        return outcome
