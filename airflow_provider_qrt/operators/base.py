"""What every operator that runs a job does: submit once, wait with or without a worker, hand on the result."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack, cast

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferralError, TaskDeferralTimeout

from airflow_provider_qrt.arguments.constants import Check, CheckedArguments, boolean
from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.execution_timeout import began_at, earlier, execution_deadline, is_over_note
from airflow_provider_qrt.hooks.deployment import refusal_patience
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.jobs.backend_criteria import BackendCriteria
from airflow_provider_qrt.jobs.backends import LEAST_BUSY, check_name
from airflow_provider_qrt.jobs.budget import QiskitRuntimeBudget
from airflow_provider_qrt.jobs.failure import retry_can_help
from airflow_provider_qrt.jobs.identity import JobRequest, ProgramInput, check_tags
from airflow_provider_qrt.jobs.last_look import known_end, last_look
from airflow_provider_qrt.jobs.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.pacing import DEFAULT_POLL_INTERVAL
from airflow_provider_qrt.jobs.parts import part_store
from airflow_provider_qrt.jobs.place import place_of
from airflow_provider_qrt.jobs.polling import JobPoller
from airflow_provider_qrt.jobs.progress import queue_length
from airflow_provider_qrt.jobs.record import StateStore, SubmissionRecord
from airflow_provider_qrt.jobs.submission import JobSubmitter, ObtainedJob
from airflow_provider_qrt.jobs.waiting import wait_for_jobs
from airflow_provider_qrt.links.qiskit_runtime import QiskitRuntimeJobLink, job_url
from airflow_provider_qrt.observability import traces
from airflow_provider_qrt.operators import arguments, lineage
from airflow_provider_qrt.operators.channel_needs import check_needs
from airflow_provider_qrt.operators.failing import JobUnread, job_failure, late_failure
from airflow_provider_qrt.operators.in_hand import HeldJob, JobInHand, KnownJob, add_to_message
from airflow_provider_qrt.operators.job_facts import JobFacts, read_calibration
from airflow_provider_qrt.operators.last_resort import CALLBACKS, CancelNote, identity_of, pull, with_callback
from airflow_provider_qrt.operators.outlets import describe_in_outlets
from airflow_provider_qrt.operators.permanent import no_retry_for_permanent_errors
from airflow_provider_qrt.operators.preparation import Preparation
from airflow_provider_qrt.operators.private_results import read_once
from airflow_provider_qrt.operators.results import Destination
from airflow_provider_qrt.operators.standing import Standing, clear_number_of, standing_of, will_retry
from airflow_provider_qrt.operators.state_store import TaskStateStore
from airflow_provider_qrt.operators.turn import Turn
from airflow_provider_qrt.primitives.results.result_file import ResultFormat
from airflow_provider_qrt.templating import RendersInputs, readable_again

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_qrt.arguments.keywords import Duration, TaskArguments
    from airflow_provider_qrt.client.models import Backend, Job

ONE_DAY = 86_400.0
UNREAD = (JobUnread, TaskDeferralError, errors.InternalError, *errors.MISTAKES)
"""Failures that say nothing about the job: it could not be read, its trigger died, or this package made a mistake."""
DEFERRAL_MARGIN = 60.0
"""Seconds by which Airflow's own deferral timeout comes after ours: a safety net for a triggerer that is gone."""


FLAGS = (
    "start_session",
    "private",
    "deferrable",
    "wait_for_completion",
    "cancel_on_kill",
    "cancel_on_timeout",
    "durable",
)


class QiskitRuntimeJobOperator(CheckedArguments, lineage.ReportsLineage, RendersInputs):
    """Base of the operators that run a job.

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
        private: IBM gives the input never back and the result once.
        deferrable: Wait in the triggerer, holding no worker.
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
        dry_run: Check, choose, estimate, return the plan, and submit nothing.
        result_path: Folder (or ``.json`` file) for the whole result, local or in an object store. Needed when the
            result is too large for XCom, which then holds everything but the measured values.
        result_format: How that file is written: ``json``, ``npz`` (numpy's) or ``parquet`` (extra ``parquet``).
        durable: Keep the job's id across tries, so that a retry goes on with the job instead of buying another.
        qiskit_runtime_conn_id: The connection.
        kwargs: Those that Airflow gives every task.

    Raises:
        airflow_provider_qrt.arguments.names.UnknownArgument: An argument is misspelt; says which one is meant.
        airflow_provider_qrt.arguments.constants.InvalidConstant: An argument that is no template is wrong.
    """

    template_fields: Sequence[str] = (
        "backend",
        "backend_filters",
        "session_id",
        "tags",
        "max_execution_time",
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
        "backend": lambda _, value: check_name(value),
        "backend_filters": lambda _, value: BackendCriteria.from_filters(value),
        "tags": lambda _, value: check_tags(value),
        "max_execution_time": arguments.execution_time,
        "poll_interval": arguments.seconds,
        "timeout": arguments.seconds,
        "budget": lambda _, value: QiskitRuntimeBudget.read(value),
        "dry_run": arguments.flag,
        "result_format": lambda _, value: ResultFormat.read(value),
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
        self._in_hand: JobInHand | None = None
        self._has_begun = False
        self._killed = False
        self._standing: Callable[[], Standing] | None = None
        self._will_retry = False
        self._noted_tags: list[str] = []
        self._result_store: StateStore | None = None

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task."""
        begun = super().partial(**{**kwargs, **readable_again(kwargs, cls.template_fields)})
        for name, ours in CALLBACKS.items():
            begun.kwargs[name] = with_callback(begun.kwargs[name], ours)
        return begun

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
        """Fetch the result of a completed job, with :meth:`fetch_result`, and return what goes to XCom."""

    def fetch_result(self, job: Job) -> str:
        """Fetch the result's text; that of a private job, which is given out once, is kept before anything can fail."""
        read = self.hook.client.job_result
        if not (job.private or self.private):
            return read(job.id)
        try:
            return read_once(job.id, read, store=self._result_store, destination=self.result_destination())
        except errors.NotFound as error:
            assert self._in_hand is not None
            submitter = self._in_hand.find(job.id).submitter
            if not submitter.is_missing_for_good():
                raise JobUnread(
                    f"The service does not know the result of private job {job.id}. A retry, or a clear, asks again; "
                    f"the result counts as gone when that goes on for {refusal_patience() / 60:g} minutes. {error}"
                ) from error
            # So that a clear does not look for it for ever.
            submitter.delivered()
            self._in_hand.settled = True
            raise AirflowFailException(
                f"The result of private job {job.id} is gone: the service gives it out once, and whoever read it kept "
                f"it nowhere. A retry cannot help, so none is made; clear the task to submit a new job. {error}"
            ) from error

    def wants_calibration(self) -> bool:
        """Whether somebody wants to know how the backend was calibrated, which is one more request."""
        return self.result_destination() is not None or bool(self.outlets) or lineage.is_on()

    def read_facts(self, job: Job) -> JobFacts:
        """Read what is known of a completed job beside its result."""
        facts = JobFacts.read(self.hook.client, job, with_calibration=self.wants_calibration())
        self.report.read(facts)
        return facts

    def result_destination(self) -> Destination | None:
        """Where the whole result goes; None if ``result_path`` is not set."""
        return Destination.read(self.result_path, self.result_format)

    def adapt(self, request: JobRequest, backend: Backend) -> JobRequest:
        """Make the request fit the backend that was chosen, just before it is submitted."""
        return request

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
        self._has_begun = True
        return self._run(context)

    def execute_submission(
        self, context: Context, event: Any = None, *, waiting_since: float | None = None, refusals: int = 1
    ) -> Any:
        """Go on where a 429 stopped the task: its turn to submit has come.

        ``dag.test()`` hands on nothing but the event. The wait then counts from the start of the try.
        """
        since = began_at(context) if waiting_since is None else waiting_since
        return self._run(context, waiting_since=since, refusals=refusals)

    def execute_complete(self, context: Context, event: Any = None) -> Any:
        """Go on after the trigger has fired."""
        with self._seen_to(context):
            in_hand = self._take_up(context, self._known_jobs(context))
            outcome = WaitOutcome.from_event(event)
            known = next((job for job in in_hand.jobs if job.job_id == outcome.job_id), None)
            # Several jobs that are all known stay in hand: dag.test() hands on nothing but the event.
            if len(in_hand.jobs) == 1 or known is None:
                self._take_up(context, [KnownJob(outcome.job_id, known.record if known is not None else None)])
            return self._conclude_wait(context, outcome)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after deferral; when the trigger failed or Airflow gave it up, see that the job does not run on."""
        self.job_url = None
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout as error:
            with self._seen_to(context):
                in_hand = self._take_up(context, self._known_jobs(context))
                if not in_hand.job_ids:
                    raise TaskDeferralTimeout(
                        "IBM accepted no submission within the task's timeout. Nothing was submitted."
                    ) from error
                looked = last_look(self.hook.client.job, [held.job_id for held in in_hand.jobs])
                return self._conclude_wait(context, looked)
        except TaskDeferralError:
            with self._seen_to(context):
                self._take_up(context, self._known_jobs(context))
                raise

    def on_kill(self) -> None:
        """Cancel the job quickly; one that is just being submitted is looked for by its tag.

        Unless nobody has stopped the task: SIGTERM also comes when the worker is shut down, and when the supervisor
        cannot reach the API server. Then the job is left to the retry.
        """
        in_hand = self._in_hand
        if in_hand is None:
            self._killed = True
            return
        standing = self._standing() if self._standing is not None else Standing.STOPPED
        if standing is Standing.REPLACED:
            self.log.info("Another try of this task has taken over: the job is left to it.")
            in_hand.settled = in_hand.killed = self._killed = True
        elif standing is not Standing.STOPPED and self._will_retry and in_hand.durable:
            self.log.warning("Airflow does not say that this task was stopped, so its job is left to the retry.")
            in_hand.leaving = True
        else:
            self._killed = True
            in_hand.kill()

    @property
    def has_submitted_nothing(self) -> bool:
        """Whether the task failed in this process, in which its try began, before there was anything to cancel."""
        return self._has_begun and self._in_hand is None

    @property
    def job_is_settled(self) -> bool:
        """Whether the task has seen to its job, so that nobody else need."""
        in_hand = self._in_hand
        return in_hand is not None and (in_hand.completed or (in_hand.settled and not in_hand.left_to_retry))

    def note_delivery(self) -> None:
        """Note that Airflow has what the task handed on: clearing it from now on means a new job."""
        if self._in_hand is not None and not conf.getboolean("state_store", "clear_on_success", fallback=False):
            self._in_hand.delivered()

    # How it is done

    def _run(self, context: Context, *, waiting_since: float | None = None, refusals: int = 0) -> Any:
        with self._seen_to(context):
            request = self._build_request()
            self.report.asked(request)
            preparation = self._preparation(context)
            if arguments.flag("dry_run", self.dry_run) or self.hook.defaults.dry_run:
                return self._plan(preparation, request)
            poll_interval = arguments.seconds("poll_interval", self.poll_interval)
            timeout = arguments.seconds("timeout", self.timeout)
            self._take_up(context)
            since = waiting_since or time.time()
            limit = execution_deadline(self, context, since) if self.deferrable else None
            if waiting_since is not None and limit is not None and time.time() >= limit:
                raise AirflowException(f"IBM accepted no submission in time.{is_over_note(self, context)}")
            obtain = self._obtaining(context, request, preparation, resumed=waiting_since is not None)
            in_hand = self._in_hand
            assert in_hand is not None
            turn = Turn(
                in_hand,
                preparation.budget,
                since,
                earlier(since + timeout, limit) - since,
                refusals,
                self.deferrable,
                self._defer_submission,
                self.log.info,
            )
            jobs = turn.wait(obtain)
            if not self.wait_for_completion:
                self._describe_in_outlets(context)
                return self._summarize(jobs)
            ended = known_end(jobs)
            if ended is not None:
                return self._conclude(context, ended)
            # Several jobs are waited for as one, from the last submission on.
            submitted_at = max(job.submitted_at for job in jobs)
            deadline = earlier(submitted_at + timeout, limit)
            if self.deferrable:
                self._defer(jobs, submitted_at, poll_interval, deadline)
            pollers = [
                JobPoller(
                    job.job_id,
                    submitted_at,
                    deadline,
                    poll_interval,
                    self.hook.describe(),
                    submitted_to=job.record.place if job.record is not None else None,
                    patience=refusal_patience(),
                )
                for job in jobs
            ]
            client = self.hook.create_poll_client()
            outcome = wait_for_jobs(
                client.job,
                pollers,
                log=self.log.info,
                asked=place_of(client.settings),
                sleep=in_hand.sleep,
                queue_length=partial(queue_length, client),
            )
            return self._conclude_wait(context, outcome)

    @contextmanager
    def _seen_to(self, context: Context) -> Iterator[None]:
        """When the task fails, see to its job: cancel it if no retry will go on with it, and say so in the error.

        However the leg ends, its clients are closed, which logs out where that can be done.
        """
        try:
            with no_retry_for_permanent_errors(self.hook.describe):
                yield
        except Exception as error:
            if self._in_hand is not None:
                for_good = not will_retry(context["ti"]) or isinstance(error, AirflowFailException)
                see_to = self._in_hand.leave if isinstance(error, UNREAD) else self._in_hand.settle
                add_to_message(error, see_to(for_good=for_good))
            raise
        finally:
            self.hook.close()

    def _take_up(self, context: Context, known: Sequence[KnownJob] = (KnownJob(),)) -> JobInHand:
        """Begin a leg of the task, with so many jobs, of which some may not be known yet."""
        store, ti = self._store(context), context["ti"]
        several = len(known) > 1
        held = [
            HeldJob(self._submitter(context, part if several else None), job.job_id, job.record)
            for part, job in enumerate(known, start=1)
        ]
        self._will_retry = will_retry(ti)
        self._standing = partial(standing_of, ti, part_store(store, 1) if several else store)
        self._in_hand = JobInHand(
            self.hook,
            held,
            store is not None,
            self.cancel_on_kill,
            self.log.info,
            self.log.warning,
            killed=self._killed,
        )
        if known[0].job_id is not None:
            self.job_url = job_url(self.hook.settings.base_url, known[0].job_id)
        return self._in_hand

    def _submitter(self, context: Context, part: int | None = None) -> JobSubmitter:
        """Obtains the task's job, or one of its jobs."""
        ti, store = context["ti"], self._store(context)
        return JobSubmitter(
            self.hook.submit_client,
            replace(identity_of(ti), part=part),
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            clear_number=clear_number_of(context),
            connection=self.qiskit_runtime_conn_id,
            store=store if part is None else part_store(store, part),
            cancel_replaced=self.cancel_on_kill,
            may_outlive_task=not self._cancels_when_stopped,
            patience=refusal_patience(),
            before_submission=partial(self._note_submission, ti),
            log=self.log.info,
            warn=self.log.warning,
        )

    @property
    def _cancels_when_stopped(self) -> bool:
        """Whether the jobs are cancelled when the task has stopped; a task that does not wait hands its job on."""
        return self.cancel_on_kill and self.wait_for_completion

    def _note_submission(self, ti: Any, *tags: str) -> None:
        """Leave in XCom what is needed to cancel the task's jobs when the task is gone."""
        new = [tag for tag in tags if tag not in self._noted_tags]
        if new:
            self._noted_tags += new
            CancelNote(self.qiskit_runtime_conn_id, self._noted_tags, self._cancels_when_stopped).push(ti)

    def _obtaining(
        self, context: Context, request: JobRequest, preparation: Preparation, *, resumed: bool
    ) -> Callable[[], Sequence[ObtainedJob]]:
        """Return what obtains the task's jobs and makes them known; called again after each refusal of a submission.

        Args:
            context: The task's.
            request: What is asked for.
            preparation: Completes it.
            resumed: Whether this try has stopped before to wait for its turn.
        """
        in_hand = self._in_hand
        assert in_hand is not None

        def prepare(asked: JobRequest) -> JobRequest:
            in_hand.stop_if_killed()
            ready = preparation.complete(asked)
            # Transpiling may have taken half a minute.
            in_hand.stop_if_killed()
            return ready

        def obtain() -> Sequence[ObtainedJob]:
            with traces.span("submit"):
                job = in_hand.jobs[0].submitter.obtain(request, prepare)
                self._publish(context, in_hand, job)
                self.report.obtained(job)
            return [job]

        return obtain

    def _plan(self, preparation: Preparation, request: JobRequest) -> dict[str, Any]:
        plan = preparation.plan(request)
        self.log.info("Dry run, nothing is submitted: %s", plan)
        return plan

    def _build_request(self) -> JobRequest:
        backend = arguments.optional_text(self.backend)
        if backend is None:
            raise errors.InvalidSettings("backend: name one, such as 'ibm_fez', or write 'least_busy'.")
        # Settings before circuits: without a connection there is nothing to check circuits for.
        _ = self.hook.settings
        if (destination := self.result_destination()) is not None:
            destination.check()
        request = JobRequest(
            program_id=self.program_id,
            backend=backend,
            input=self.build_input(),
            tags=check_tags(cast("Sequence[str]", self.tags)),
            session_id=arguments.optional_text(self.session_id),
            max_execution_seconds=arguments.execution_time("max_execution_time", self.max_execution_time),
            private=self.private,
            start_session=self.start_session,
        )
        check_needs(self.hook.channel, request, limited=self._budget() is not None)
        return request

    def _budget(self) -> QiskitRuntimeBudget | None:
        return QiskitRuntimeBudget.read(self.budget) or self.hook.defaults.budget

    def _preparation(self, context: Context) -> Preparation:
        return Preparation(
            hook=self.hook,
            identity=identity_of(context["ti"]),
            criteria=BackendCriteria.from_filters(self.backend_filters),
            budget=self._budget(),
            adapt=self.adapt,
            log=self.log,
        )

    def _store(self, context: Context) -> TaskStateStore | None:
        accessor = context.get("task_state_store")
        return TaskStateStore(accessor) if self.durable and accessor is not None else None

    def _known_jobs(self, context: Context) -> Sequence[KnownJob]:
        """The job of a deferred task that Airflow resumes without an event; XCom has it if no store keeps it."""
        record = SubmissionRecord.read(self._store(context))
        if record is not None:
            # A cleared task that waits for its turn has the record of before the clear.
            return [KnownJob(record.job_id, record) if record.max_tries == context["ti"].max_tries else KnownJob()]
        stored = pull(context["ti"], "job_id")
        return [KnownJob(str(stored) if stored else None)]

    def _summarize(self, jobs: Sequence[ObtainedJob]) -> Any:
        """What goes to XCom when the task does not wait."""
        return self.build_summary(jobs[0])

    def _publish(self, context: Context, in_hand: JobInHand, job: ObtainedJob) -> None:
        """Make the job known, or the first of several, to ``on_kill`` before all."""
        in_hand.jobs[0].job_id, in_hand.jobs[0].record = job.job_id, job.record
        in_hand.stop_if_killed()
        self.job_url = job_url(self.hook.settings.base_url, job.job_id)
        ti = context["ti"]
        ti.xcom_push("job_id", job.job_id)
        if job.record is not None:
            self._note_submission(ti, job.record.tag)
        if job.session_id:
            ti.xcom_push("session_id", job.session_id)
        ti.xcom_push(self.operator_extra_links[0].xcom_key, self.job_url)

    def _defer(
        self, jobs: Sequence[ObtainedJob], submitted_at: float, poll_interval: float, deadline: float
    ) -> NoReturn:
        from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

        first, *more = [job.job_id for job in jobs]
        self.defer(
            trigger=QiskitRuntimeJobTrigger(
                job_id=first,
                more_job_ids=more,
                qiskit_runtime_conn_id=self.qiskit_runtime_conn_id,
                submitted_at=submitted_at,
                deadline=deadline,
                poll_interval=poll_interval,
                cancel_on_kill=self.cancel_on_kill,
                cancel_on_timeout=self.cancel_on_timeout,
                submitted_to=jobs[0].record.place if jobs[0].record is not None else None,
            ),
            method_name="execute_complete",
            kwargs=self._to_resume_with(jobs),
            timeout=timedelta(seconds=max(0.0, deadline - time.time()) + poll_interval + DEFERRAL_MARGIN),
        )

    def _to_resume_with(self, jobs: Sequence[ObtainedJob]) -> dict[str, Any] | None:
        """What the next leg is to know beside the trigger's event."""
        return None

    def _defer_submission(self, not_before: float, turn: Turn) -> NoReturn:
        from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger

        self.defer(
            trigger=QiskitRuntimeSubmissionTrigger(
                qiskit_runtime_conn_id=self.qiskit_runtime_conn_id,
                not_before=not_before,
                job_ids=turn.in_hand.job_ids,
                session_id=turn.in_hand.batch_id,
                cancel_on_kill=self.cancel_on_kill,
            ),
            method_name="execute_submission",
            kwargs={"waiting_since": turn.since, "refusals": turn.refusals},
            timeout=timedelta(seconds=turn.left + DEFERRAL_MARGIN),
        )

    def _conclude_wait(self, context: Context, outcome: WaitOutcome) -> Any:
        """Turn the end of the wait into a result or a failure."""
        assert self._in_hand is not None
        self._in_hand.note_completed(outcome)
        return self._conclude(context, outcome)

    def _conclude(self, context: Context, outcome: WaitOutcome) -> Any:
        """Turn the end of a job into a result or a failure."""
        in_hand = self._in_hand
        assert in_hand is not None
        if outcome.ending is Ending.TIMED_OUT:
            if outcome.job is not None:
                self.report.seen(outcome.job)
            raise late_failure(
                self.hook.client,
                in_hand,
                replace(outcome, message=f"{outcome.message}{is_over_note(self, context)}"),
                cancel=self.cancel_on_timeout,
                last_try=not will_retry(context["ti"]),
            )
        if outcome.ending is Ending.ELSEWHERE:
            # Says what became of the job, and no retry can find it.
            in_hand.settled = True
            raise AirflowFailException(outcome.message)
        if outcome.job is None or outcome.ending is not Ending.FINAL:
            raise JobUnread(outcome.message)
        job = outcome.job
        if job.backend is None and (record := SubmissionRecord.read(self._store(context))) is not None:
            # On the channel api_token the service tells no more than the job's state.
            job = replace(job, backend=record.backend, program_id=self.program_id)
        self.report.seen(job)
        cancelled = job.status is JobStatus.CANCELLED and retry_can_help(job.state)
        held = in_hand.find(job.id)
        if cancelled and held.submitter.was_submitted_earlier(job.id):
            # By a kill, say, whose cancellation took longer than the retry.
            self.log.info("Job %s of an earlier try was cancelled, which counts as not submitted.", job.id)
            return self._run(context)
        held.ended = True
        if job.status is not JobStatus.COMPLETED:
            self._fail(job)
        with traces.span("result", job_id=job.id, backend=job.backend):
            result = self._read(context, in_hand, job)
        for one in in_hand.jobs:
            if one.record is not None and one.record.unsure:
                one.submitter.cancel_duplicates(one.record)
        self.report.delivered(in_hand.job_ids or [job.id], result)
        self._describe_in_outlets(context)
        return result

    def _read(self, context: Context, in_hand: JobInHand, job: Job) -> Any:
        """Read what the task's jobs have come to; this one completed last."""
        in_hand.completed = True
        self._result_store = self._store(context)
        return self.read_result(job)

    def _describe_in_outlets(self, context: Context) -> None:
        describe_in_outlets(context, self.outlets, self.report, self.hook.settings)

    def _fail(self, job: Job) -> NoReturn:
        self.report.failed(job)
        if lineage.is_on():
            self.report.calibrated = read_calibration(self.hook.client, job)
        raise job_failure(self.hook.client, job, own_session=arguments.optional_text(self.session_id) is None)
