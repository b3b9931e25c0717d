"""Sessions and batches as tasks: opened before the work, closed after it whatever happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Unpack

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt import durations, templated
from airflow_provider_qrt.arguments.checks import check_backend_filters
from airflow_provider_qrt.arguments.constants import Check, CheckedArguments, boolean
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.hooks.with_hook import WithHook
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.templating import RendersInputs

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import CommonArguments, TaskArguments
    from airflow_provider_qrt.jobs.sessions.opening import Mode

__all__ = [
    "QiskitRuntimeCloseSessionOperator",
    "QiskitRuntimeCreateSessionOperator",
    "RuntimeSession",
    "qiskit_runtime_session",
]

MODES = ("batch", "dedicated")
UI_COLOR = "#d0e2ff"


def check_mode(mode: str) -> None:
    """Take the mode of a session.

    Raises:
        InvalidInputError: It is none.
    """
    if mode not in MODES:
        raise InvalidInputError(f"mode: {mode!r} is not known; write 'batch' or 'dedicated'.")


class _SessionOperator(CheckedArguments, WithHook, RendersInputs):
    """The base of both operators."""

    ui_color = UI_COLOR
    ui_fgcolor = "#161616"


class QiskitRuntimeCreateSessionOperator(_SessionOperator):
    """Opens a batch or a dedicated session and returns its id, for the ``session_id`` of other tasks.

    A retry uses the session of the try before; a clear closes it and opens another. When the answer is lost,
    another is asked for: one that is never used costs nothing and closes by itself. To have it closed as well, use
    :func:`qiskit_runtime_session`.

    Args:
        mode: ``batch`` (jobs are charged by themselves) or ``dedicated`` (the backend is yours, and you are charged for
            the time from its first job to its end, used or not).
        backend: Name of the backend, or ``least_busy``.
        backend_filters: What ``least_busy`` may choose, such as ``{"min_qubits": 100, "max_queue": 20}``; the keys are
            the attributes of :class:`~airflow_provider_qrt.jobs.backend_criteria.BackendCriteria`.
        max_ttl: How long it may live, up to the plan's limit: seconds, a ``timedelta``, or text such as ``"2h"``.
        keep_open: Leave it open when its DAG run has ended, for other runs. Else whatever the run forgot to close is
            closed a few minutes later (see ``[qiskit_runtime] cleanup_interval``).
        qiskit_runtime_conn_id: The connection.
    """

    template_fields: Sequence[str] = ("mode", "backend", "backend_filters", "max_ttl", "qiskit_runtime_conn_id")
    checks: ClassVar[Mapping[str, Check]] = {
        "mode": lambda _, value: check_mode(value),
        "backend_filters": check_backend_filters,
        "max_ttl": durations.whole_seconds,
        "keep_open": boolean,
    }

    def __init__(
        self,
        *,
        mode: Mode = "batch",
        backend: str | XComArg = LEAST_BUSY,
        backend_filters: Mapping[str, Any] | XComArg | None = None,
        max_ttl: int | timedelta | str | XComArg | None = None,
        keep_open: bool = False,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        check_names(type(self), kwargs)
        super().__init__(**kwargs)
        self.mode = mode
        self.backend = backend
        self.backend_filters = backend_filters
        self.max_ttl = max_ttl
        self.keep_open = keep_open
        self.check_constants(*self.checks)
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id

    def execute(self, context: Context) -> str:
        """Open it, or find the one an earlier try opened."""
        from airflow_provider_qrt.client import errors
        from airflow_provider_qrt.client.channels.base import Feature
        from airflow_provider_qrt.execution.context import task_store
        from airflow_provider_qrt.execution.failure import no_retry_for_permanent_errors
        from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
        from airflow_provider_qrt.jobs.backends.select import WAIT_TIME, choose_backend
        from airflow_provider_qrt.jobs.sessions.opening import SessionOpener, SessionRequest

        with self.hook, no_retry_for_permanent_errors(self.hook.describe):
            check_mode(self.mode)
            wanted = Feature.BATCHES if self.mode == "batch" else Feature.SESSIONS
            self.hook.channel.require(wanted, "QiskitRuntimeCreateSessionOperator")
            asked = templated.optional_text(self.backend) or LEAST_BUSY
            criteria = BackendCriteria.from_filters(self.backend_filters)
            max_ttl = durations.whole_seconds("max_ttl", self.max_ttl)
            ti = context["ti"]
            opener = SessionOpener(
                self.hook.client,
                max_tries=ti.max_tries,
                store=task_store(context),
                connection=self.qiskit_runtime_conn_id,
                keep_open=self.keep_open,
            )

            def choose() -> str:
                backends = self.hook.client.backends(fields=WAIT_TIME)
                return choose_backend(backends, asked, where=self.hook.describe(), criteria=criteria).name

            try:
                session = opener.obtain(SessionRequest(self.mode, asked, max_ttl), choose)
            except errors.ForbiddenError as error:
                if self.mode == "dedicated":
                    raise AirflowFailException(
                        f"{error} The Open plan has no dedicated sessions: use mode='batch', which queues the jobs "
                        "together and is charged for their own time only."
                    ) from error
                raise
            ti.xcom_push("session_id", session.id)
            return session.id


class QiskitRuntimeCloseSessionOperator(_SessionOperator):
    """Closes a session or batch; one that is closed already is fine.

    Returns what it was used for: ``{"session_id", "mode", "backend", "state", "jobs", "active_seconds", "job_seconds",
    "idle_seconds"}``. The seconds a dedicated session stood idle are in the log as well: they are charged.

    Args:
        session_id: Which one; nothing (None or empty) is fine: there is nothing to close.
        cancel_queued_jobs: Do not run its queued jobs any more. Else they still run, and new ones are refused.
        qiskit_runtime_conn_id: The connection.
    """

    template_fields: Sequence[str] = ("session_id", "cancel_queued_jobs", "qiskit_runtime_conn_id")
    checks: ClassVar[Mapping[str, Check]] = {"cancel_queued_jobs": templated.flag}

    def __init__(
        self,
        *,
        session_id: str | XComArg | None,
        cancel_queued_jobs: bool | str | XComArg = False,
        qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        check_names(type(self), kwargs)
        super().__init__(**kwargs)
        self.session_id = session_id
        self.cancel_queued_jobs = cancel_queued_jobs
        self.check_constants(*self.checks)
        self.qiskit_runtime_conn_id = qiskit_runtime_conn_id

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Close it and say what it was used for."""
        from airflow_provider_qrt.client import errors
        from airflow_provider_qrt.client.channels.base import Feature
        from airflow_provider_qrt.execution.failure import no_retry_for_permanent_errors
        from airflow_provider_qrt.jobs.sessions.opening import close
        from airflow_provider_qrt.jobs.sessions.usage import session_use

        session_id = templated.optional_text(self.session_id)
        if session_id is None:
            self.log.info("There is no session to close.")
            return None
        with self.hook, no_retry_for_permanent_errors(self.hook.describe):
            client = self.hook.client
            if close(
                client, session_id, cancel_queued_jobs=templated.flag("cancel_queued_jobs", self.cancel_queued_jobs)
            ):
                self.log.info("Closed %s.", session_id)
            else:
                self.log.info("%s was closed already, or is gone.", session_id)
            if not client.channel.offers(Feature.SESSIONS):
                # Nothing can be asked of it.
                return {"session_id": session_id}
            try:
                use = session_use(client.session(session_id), client.jobs(session_id=session_id), datetime.now(UTC))
            except errors.QiskitRuntimeError as error:
                # It is closed, which is what matters.
                self.log.warning("What session %s was used for could not be read: %s", session_id, error)
                return {"session_id": session_id}
            (self.log.warning if use.idle_seconds else self.log.info)(use.describe())
            return use.to_json()


class RuntimeSession(NamedTuple):
    """A session as the tasks inside it see it.

    Attributes:
        id: For their ``session_id``.
        open: The setup task.
        close: The teardown task.
    """

    id: XComArg
    open: QiskitRuntimeCreateSessionOperator
    close: QiskitRuntimeCloseSessionOperator


@contextmanager
def qiskit_runtime_session(
    *,
    mode: Literal["batch", "dedicated"] = "batch",
    backend: str | XComArg = LEAST_BUSY,
    backend_filters: Mapping[str, Any] | XComArg | None = None,
    max_ttl: int | timedelta | str | XComArg | None = None,
    cancel_queued_jobs: bool | str | XComArg = False,
    name: str = "session",
    qiskit_runtime_conn_id: str = QiskitRuntimeHook.default_conn_name,
    **kwargs: Unpack[CommonArguments],
) -> Iterator[RuntimeSession]:
    """Run the tasks defined inside in one session or batch, which is closed after success, failure, kill and clear.

    Makes a setup task ``open_<name>`` and a teardown task ``close_<name>``, with the tasks inside between them::

        with qiskit_runtime_session(mode="batch", backend="ibm_fez") as session:
            QiskitRuntimeSamplerOperator(task_id="measure", circuits="bell.qasm", session_id=session.id)

    Args:
        mode: See :class:`QiskitRuntimeCreateSessionOperator`.
        backend: See there.
        backend_filters: See there.
        max_ttl: See there.
        cancel_queued_jobs: See :class:`QiskitRuntimeCloseSessionOperator`.
        name: Part of the two task ids; another one for each session of a DAG.
        qiskit_runtime_conn_id: The connection.
        kwargs: For both tasks, such as ``retries``.
    """
    opening = QiskitRuntimeCreateSessionOperator(
        task_id=f"open_{name}",
        mode=mode,
        backend=backend,
        backend_filters=backend_filters,
        max_ttl=max_ttl,
        qiskit_runtime_conn_id=qiskit_runtime_conn_id,
        **kwargs,
    )
    dag = opening.get_dag()
    if dag is None:
        raise RuntimeError("qiskit_runtime_session: use it where a DAG is being defined.")
    closing = QiskitRuntimeCloseSessionOperator(
        task_id=f"close_{name}",
        session_id=opening.output,
        cancel_queued_jobs=cancel_queued_jobs,
        qiskit_runtime_conn_id=qiskit_runtime_conn_id,
        **kwargs,
    )
    closing.as_teardown(setups=opening)
    before = set(dag.task_dict)
    yield RuntimeSession(opening.output, opening, closing)
    # Airflow's own context for teardowns leaves out mapped tasks, and those that lead on to other tasks.
    inside = set(dag.task_dict) - before
    for task_id in inside:
        task: Any = dag.task_dict[task_id]
        if not task.upstream_task_ids & inside:
            opening >> task
        if not task.downstream_task_ids & inside:
            task >> closing
