"""The base of every operator that runs a job: its arguments, and what Airflow calls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow.providers.common.compat.sdk import conf

from airflow_provider_qrt import config, durations, templated
from airflow_provider_qrt.arguments.checks import (
    check_backend,
    check_backend_filters,
    check_budget,
    check_result_format,
    check_tags,
)
from airflow_provider_qrt.arguments.constants import Check, CheckedArguments, boolean
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.compat import TaskDeferralError, TaskDeferralTimeout
from airflow_provider_qrt.execution import lineage
from airflow_provider_qrt.execution.failure_callback import CALLBACKS, with_callback
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.hooks.with_hook import WithHook
from airflow_provider_qrt.jobs.defaults import DEFAULT_POLL_INTERVAL, LEAST_BUSY
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink
from airflow_provider_qrt.templating import RendersInputs, readable_again

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_qrt.arguments.keywords import Duration, TaskArguments
    from airflow_provider_qrt.execution.run import TaskRun
    from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
    from airflow_provider_qrt.programs.base import TaskProgram

__all__ = ["QiskitRuntimeJobOperator"]

ONE_DAY = 86_400.0
"""Seconds."""
DEFER_AFTER = config.defer_after()
"""Seconds."""
FLAGS = (
    "start_session",
    "private",
    "deferrable",
    "wait_for_completion",
    "cancel_on_kill",
    "cancel_on_timeout",
    "durable",
)


class QiskitRuntimeJobOperator(CheckedArguments, WithHook, lineage.ReportsLineage, RendersInputs):
    """Base of the operators that run a job.

    It holds the arguments, and what Airflow calls. An operator of your own says what it runs in :meth:`make_program`;
    how a task submits, awaits and reads its jobs is the same for all.

    Args:
        backend: Name of the backend, or ``least_busy``.
        backend_filters: What ``least_busy`` may choose, such as ``{"min_qubits": 100, "max_queue": 20}``.
        session_id: Session or batch to run in.
        start_session: Begin a session with this job, on the channel ``ibm_cloud``; its id is the XCom ``session_id``,
            for the tasks that are to join it and for ``QiskitRuntimeCloseSessionOperator``. On the present platform use
            :func:`~airflow_provider_qrt.operators.sessions.qiskit_runtime_session`.
        tags: Up to five tags of your own on the job; three more say which task it belongs to.
        max_execution_time: QPU time after which IBM stops the job, at most three hours: seconds (``60``), a
            ``timedelta``, or text such as ``"60s"`` and ``"2m"``. None: the plan's default.
        private: IBM never returns the input, and returns the result only once.
        deferrable: Wait in the triggerer, holding no worker, for what takes longer than ``defer_after``.
        defer_after: How long a deferrable task may wait on its worker first, if the wait promises to be short (an empty
            queue, an active session, a job that runs): seconds, a ``timedelta``, or text such as ``"20s"``. Up to twice
            as long for a job that runs and should end by then. 0: defer at once. Default: ``[qiskit_runtime]
            defer_after``, 10 seconds.
        poll_interval: Longest time between two looks at the job: seconds, a ``timedelta``, or text such as ``"30s"``.
            Young jobs are looked at more often.
        timeout: Wall-clock time from submission to the end of the job: seconds, a ``timedelta``, or text such as
            ``"2h"``. Default: one day.
        wait_for_completion: False: return as soon as the job is submitted.
        cancel_on_kill: Cancel the job when the task is killed, cleared or marked.
        cancel_on_timeout: Cancel the job when ``timeout`` passes, or the ``execution_timeout`` of a deferred task.
        budget: QPU seconds for each DAG run (or a ``timedelta``, or text such as ``"10m"``), or a
            :class:`~airflow_provider_qrt.jobs.budget.QiskitRuntimeBudget`, or a mapping of its attributes. A job that
            would go over it is not submitted, and one that is submitted is stopped by IBM where the budget ends. None:
            the connection's, if it has one.
        dry_run: Check, choose, estimate, return the plan, and submit nothing. ``service``: let IBM check and estimate
            the job too, on the backend's mock twin, which is free; where there is none, the plan says so.
        result_path: Folder (or ``.json`` file) for the whole result, local or in an object store. Needed when the
            result is too large for XCom, which then holds everything but the measured values.
        result_format: How that file is written: ``json``, ``npz`` (numpy's) or ``parquet`` (extra ``parquet``).
        durable: Keep the job's id across tries, so that a retry resumes the job instead of buying another.
        qiskit_runtime_conn_id: The connection.
        kwargs: Those that Airflow gives every task.

    Raises:
        airflow_provider_qrt.arguments.names.UnknownArgumentError: An argument is misspelt; says which one is meant.
        airflow_provider_qrt.arguments.constants.InvalidConstantError: An argument that is no template is wrong.
    """

    template_fields: Sequence[str] = (
        "backend",
        "backend_filters",
        "session_id",
        "tags",
        "max_execution_time",
        "defer_after",
        "poll_interval",
        "timeout",
        "dry_run",
        "result_path",
        "result_format",
        "qiskit_runtime_conn_id",
    )
    operator_extra_links = (QiskitRuntimeJobLink(),)
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"
    checks: ClassVar[Mapping[str, Check]] = {
        "backend": check_backend,
        "backend_filters": check_backend_filters,
        "tags": check_tags,
        "max_execution_time": durations.execution_time,
        "defer_after": durations.seconds_or_zero,
        "poll_interval": durations.seconds,
        "timeout": durations.seconds,
        "budget": check_budget,
        "dry_run": partial(templated.one_of_or_flag, word="service"),
        "result_format": check_result_format,
        **dict.fromkeys(FLAGS, boolean),
    }

    def __init__(
        self,
        *,
        backend: str | XComArg = LEAST_BUSY,
        backend_filters: Mapping[str, Any] | XComArg | None = None,
        session_id: str | XComArg | None = None,
        start_session: bool = False,
        tags: Sequence[str] | XComArg = (),
        max_execution_time: int | timedelta | str | XComArg | None = None,
        private: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        defer_after: Duration = DEFER_AFTER,
        poll_interval: Duration = DEFAULT_POLL_INTERVAL,
        timeout: Duration = ONE_DAY,
        wait_for_completion: bool = True,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        budget: QiskitRuntimeBudget | Mapping[str, Any] | float | timedelta | str | None = None,
        dry_run: bool | str | XComArg = False,
        result_path: str | XComArg | None = None,
        result_format: str | XComArg = "json",
        durable: bool = True,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        check_names(type(self), kwargs)
        super().__init__(**kwargs)
        for name, ours in CALLBACKS.items():
            setattr(self, name, with_callback(getattr(self, name), ours))
        self.backend = backend
        self.backend_filters = backend_filters
        self.session_id = session_id
        self.start_session = start_session
        self.tags = tags
        self.max_execution_time = max_execution_time
        self.private = private
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.wait_for_completion = wait_for_completion
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.budget = budget
        # In place of a method of Airflow's which nothing calls: the page of the task shows it by the name users write.
        self.dry_run = dry_run  # type: ignore[assignment,method-assign]
        self.result_path = result_path
        self.result_format = result_format
        self.durable = durable
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.check_constants(*QiskitRuntimeJobOperator.checks)
        self.job_url: str | None = ""
        self._run: TaskRun | None = None
        self._was_killed = False

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task."""
        begun = super().partial(**{**kwargs, **readable_again(kwargs, cls.template_fields)})
        for name, ours in CALLBACKS.items():
            begun.kwargs[name] = with_callback(begun.kwargs[name], ours)
        return begun

    @abstractmethod
    def make_program(self) -> TaskProgram:
        """Return what the task runs, made of its rendered arguments.

        Called when the task starts and again when it returns from the triggerer.

        Raises:
            InvalidInputError: An argument is wrong; says what to do.
        """

    # What Airflow calls

    def execute(self, context: Context) -> Any:
        """Submit the job, or find the one that an earlier try submitted; then wait for it as asked."""
        return self._begin_run(context, begins=True).submit_and_wait()

    def execute_submission(
        self, context: Context, event: Any = None, *, waiting_since: float | None = None, refusals: int = 1
    ) -> Any:
        """Go on when IBM may accept a submission again, after a 429.

        ``dag.test()`` hands on nothing but the event. The wait then counts from the start of the try.
        """
        from airflow_provider_qrt.execution_timeout import began_at

        since = began_at(context) if waiting_since is None else waiting_since
        return self._begin_run(context).submit_and_wait(waiting_since=since, refusals=refusals)

    def execute_stage(self, context: Context, event: Any = None) -> Any:
        """Go on when a job that comes before the task's own has ended, such as a dry run."""
        return self._begin_run(context).go_on_after_stage(event)

    def execute_complete(self, context: Context, event: Any = None, parts: Mapping[str, Any] | None = None) -> Any:
        """Go on after the trigger has fired."""
        return self._begin_run(context).conclude(event, parts)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; when the trigger failed or Airflow gave it up, check that the job does not run on."""
        self.job_url = None
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (TaskDeferralError, TaskDeferralTimeout) as error:
            return self._begin_run(context).conclude_without_event(error)

    def on_kill(self) -> None:
        """Cancel the job quickly, unless nobody has stopped the task."""
        if self._run is None:
            self._was_killed = True
        else:
            self._run.leg.kill()

    # What the callbacks ask

    @property
    def runs_here(self) -> bool:
        """Whether the task runs in this process, which is not so in the dag-processor."""
        return self._run is not None

    @property
    def has_submitted_nothing(self) -> bool:
        """Whether the task failed in this process, in which its try began, before there was anything to cancel."""
        return self._run is not None and self._run.begins and self._run.jobs is None

    @property
    def job_is_settled(self) -> bool:
        """Whether the task has done what there was to do about its job, so that nobody else need."""
        jobs = self._run.jobs if self._run is not None else None
        return jobs is not None and (jobs.completed or (jobs.settled and not jobs.left_to_retry))

    def note_delivery(self) -> None:
        """Note that Airflow has what the task returned: clearing it from now on means a new job."""
        jobs = self._run.jobs if self._run is not None else None
        if jobs is not None and not conf.getboolean("state_store", "clear_on_success", fallback=False):
            jobs.delivered()

    def _begin_run(self, context: Context, *, begins: bool = False) -> TaskRun:
        from airflow_provider_qrt.execution.arguments import RunArguments
        from airflow_provider_qrt.execution.run import TaskRun

        self._run = TaskRun(self, RunArguments.of(self), context, begins=begins)
        self._run.leg.killed = self._was_killed
        return self._run
