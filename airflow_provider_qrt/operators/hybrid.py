"""The operator of hybrid loops: plain Python between quantum jobs, which a retry does not buy again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow.providers.common.compat.sdk import conf

from airflow_provider_qrt import durations, templated
from airflow_provider_qrt.arguments.checks import check_backend, check_backend_filters, check_tags
from airflow_provider_qrt.arguments.constants import Check, CheckedArguments, boolean
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.compat import TaskDeferralError, TaskDeferralTimeout, determine_kwargs
from airflow_provider_qrt.execution.failure_callback import CALLBACKS, with_callback
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.hooks.with_hook import WithHook
from airflow_provider_qrt.hybrid.reading import (
    read_budget,
    read_mode,
    read_on_divergence,
    read_seconds,
)
from airflow_provider_qrt.jobs.defaults import DEFAULT_POLL_INTERVAL, LEAST_BUSY
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink
from airflow_provider_qrt.operators.base import ONE_DAY
from airflow_provider_qrt.templating import RendersInputs

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_qrt.arguments.keywords import Duration, TaskArguments
    from airflow_provider_qrt.hybrid.qpu import Qpu
    from airflow_provider_qrt.hybrid.task import HybridTask
    from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget

__all__ = ["QiskitRuntimeHybridOperator"]

DEFER_AFTER = 30.0
"""Seconds."""
FLAGS = ("private", "deferrable", "cancel_on_kill", "cancel_on_timeout")


class QiskitRuntimeHybridOperator(CheckedArguments, WithHook, RendersInputs):
    """Runs a function that calls the QPU again and again, and returns what it returns.

    Each answer is kept in a journal. A retry, and a task that waited in the triggerer, runs the function from its
    start: calls whose answers are kept return at once, and the first that is missing is made. So no job is bought
    twice, whatever happens, if the function makes the same calls each time; see ``docs/hybrid-loops.md``.

    The XCom ``qiskit_runtime_loop`` has the calls with their jobs, also of a task that failed.

    Args:
        python_callable: The function. Its first argument is a :class:`~airflow_provider_qrt.hybrid.qpu.Qpu`.
        op_args: Its other positional arguments, templated.
        op_kwargs: Its keyword arguments, templated. The function may also take values of Airflow's context by name.
        backend: Name of the backend, or ``least_busy``, which is chosen once for the whole loop.
        backend_filters: What ``least_busy`` may choose, such as ``{"min_qubits": 100, "max_queue": 20}``.
        mode: ``dedicated`` or ``batch``: run all jobs in a session of this mode, which is opened at the first job, used
            by a retry as long as it takes jobs, and closed when the task has ended. None: each job by itself.
        max_ttl: How long the session may live: seconds, a ``timedelta``, or text such as ``"2h"``.
        tags: Up to five tags of your own on each job; three more say which task it belongs to.
        max_execution_time: QPU time after which IBM stops a job: seconds, a ``timedelta``, or text such as ``"60s"``.
        private: IBM never returns the inputs, and returns each result only once.
        deferrable: Leave the worker when the wait for a job takes longer than ``defer_after``. The function is then
            left by an exception that ``except Exception`` does not catch, and ``finally`` blocks run.
        defer_after: How long a wait may take on the worker: seconds, a ``timedelta``, or text such as ``"1m"``.
        poll_interval: Longest time between two looks at a job: seconds, a ``timedelta``, or text such as ``"30s"``.
        timeout: Wall-clock time from the submission of each job to its end. Default: one day.
        cancel_on_kill: Cancel jobs and close the session when the task is killed, cleared or marked.
        cancel_on_timeout: Cancel a job when ``timeout`` passes.
        budget: QPU seconds for each DAG run, or a :class:`~airflow_provider_qrt.jobs.budget.QiskitRuntimeBudget`, or a
            mapping of its attributes. A job that would go over it is not submitted.
        max_jobs: Jobs that the loop may submit, all tries together. The next one fails the task before it is submitted.
        max_seconds: QPU time that the loop may use, all tries together: seconds, a ``timedelta``, or text.
        journal_path: Folder for large results, local or in an object store, which all workers reach. Needed on an
            Airflow that keeps no state of tasks (before 3.3), unless ``[qiskit_runtime] record_path`` is set.
        on_divergence: What to do when the function makes another call than before: ``fail``, and buy nothing; or
            ``continue``: drop the rest of the journal, and buy it again.
        qiskit_runtime_conn_id: The connection.
        kwargs: Those that Airflow gives every task.

    Raises:
        airflow_provider_qrt.arguments.names.UnknownArgumentError: An argument is misspelt; says which one is meant.
        airflow_provider_qrt.arguments.constants.InvalidConstantError: An argument that is no template is wrong.
    """

    template_fields: Sequence[str] = (
        "op_args",
        "op_kwargs",
        "backend",
        "backend_filters",
        "mode",
        "max_ttl",
        "tags",
        "max_execution_time",
        "defer_after",
        "poll_interval",
        "timeout",
        "max_jobs",
        "max_seconds",
        "journal_path",
        "qiskit_runtime_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"op_args": "py", "op_kwargs": "py"}
    operator_extra_links = (QiskitRuntimeJobLink(),)
    ui_color = "#e8daff"
    ui_fgcolor = "#161616"
    checks: ClassVar[Mapping[str, Check]] = {
        "backend": check_backend,
        "backend_filters": check_backend_filters,
        "mode": read_mode,
        "max_ttl": durations.whole_seconds,
        "tags": check_tags,
        "max_execution_time": durations.execution_time,
        "defer_after": durations.seconds_or_zero,
        "poll_interval": durations.seconds,
        "timeout": durations.seconds,
        "budget": read_budget,
        "max_jobs": templated.whole_number,
        "max_seconds": read_seconds,
        "on_divergence": read_on_divergence,
        **dict.fromkeys(FLAGS, boolean),
    }

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | XComArg | None = None,
        op_kwargs: Mapping[str, Any] | XComArg | None = None,
        backend: str | XComArg = LEAST_BUSY,
        backend_filters: Mapping[str, Any] | XComArg | None = None,
        mode: str | XComArg | None = None,
        max_ttl: int | timedelta | str | XComArg | None = None,
        tags: Sequence[str] | XComArg = (),
        max_execution_time: int | timedelta | str | XComArg | None = None,
        private: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        defer_after: Duration = DEFER_AFTER,
        poll_interval: Duration = DEFAULT_POLL_INTERVAL,
        timeout: Duration = ONE_DAY,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        budget: QiskitRuntimeBudget | Mapping[str, Any] | float | timedelta | str | None = None,
        max_jobs: int | str | XComArg | None = None,
        max_seconds: Duration | None = None,
        journal_path: str | XComArg | None = None,
        on_divergence: str = "fail",
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        check_names(type(self), kwargs)
        super().__init__(**kwargs)
        for name, ours in CALLBACKS.items():
            setattr(self, name, with_callback(getattr(self, name), ours))
        self.python_callable = python_callable
        self.op_args = cast("Collection[Any]", op_args or ())
        self.op_kwargs = cast("Mapping[str, Any]", op_kwargs or {})
        self.backend = backend
        self.backend_filters = backend_filters
        self.mode = mode
        self.max_ttl = max_ttl
        self.tags = tags
        self.max_execution_time = max_execution_time
        self.private = private
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.budget = budget
        self.max_jobs = max_jobs
        self.max_seconds = max_seconds
        self.journal_path = journal_path
        self.on_divergence = on_divergence
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id
        self.check_constants(*QiskitRuntimeHybridOperator.checks)
        self.job_url: str | None = ""
        self._loop: HybridTask | None = None
        self._was_killed = False

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task."""
        begun = super().partial(**kwargs)
        for name, ours in CALLBACKS.items():
            begun.kwargs[name] = with_callback(begun.kwargs[name], ours)
        return begun

    # What Airflow calls

    def execute(self, context: Context) -> Any:
        """Run the function."""
        return self._begin_leg(context).run(self._function(context))

    def execute_loop(self, context: Context, event: Any = None, since: float | None = None) -> Any:
        """Run the function again after a wait in the triggerer, up to the call that it waited for, and on."""
        return self._begin_leg(context).run(self._function(context), event, since)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; when the trigger failed or Airflow gave it up, see that no job runs on."""
        self.job_url = None
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (TaskDeferralError, TaskDeferralTimeout) as error:
            self._begin_leg(context).fail(error)

    def on_kill(self) -> None:
        """Cancel jobs quickly and close the session, unless nobody has stopped the task."""
        if self._loop is None:
            self._was_killed = True
        else:
            self._loop.kill()

    # What the callbacks ask

    @property
    def runs_here(self) -> bool:
        """Whether the task runs in this process, which is not so in the dag-processor."""
        return self._loop is not None

    @property
    def has_submitted_nothing(self) -> bool:
        """Whether there is nothing to cancel; not known of a loop, which may be in a later leg."""
        return False

    @property
    def job_is_settled(self) -> bool:
        """Whether the task has done what there was to do about its jobs, so that nobody else need."""
        jobs = self._loop.jobs if self._loop is not None else None
        return jobs is not None and jobs.settled and not jobs.left_to_retry

    def note_delivery(self) -> None:
        """Note that Airflow has what the task returned: clearing it from now on begins a new loop."""
        if self._loop is not None and not conf.getboolean("state_store", "clear_on_success", fallback=False):
            self._loop.note_delivery()

    def call_function(self, qpu: Qpu, context: Mapping[str, Any]) -> Any:
        """Call the function with the QPU, its arguments, and the values of the context that it takes."""
        function, arguments = self.python_callable, {**context, **self.op_kwargs}
        args = (qpu, *self.op_args)
        return function(*args, **determine_kwargs(function, args, arguments))

    def _function(self, context: Context) -> Callable[[Qpu], Any]:
        return lambda qpu: self.call_function(qpu, cast("Mapping[str, Any]", context))

    def _begin_leg(self, context: Context) -> HybridTask:
        from airflow_provider_qrt.hybrid.arguments import HybridArguments
        from airflow_provider_qrt.hybrid.task import HybridTask

        self._loop = HybridTask(self, HybridArguments.of(self), context, is_stopped=self._was_killed)
        return self._loop
