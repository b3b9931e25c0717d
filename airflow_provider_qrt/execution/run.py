"""One stretch of a task on a worker: from its start, or its return from the triggerer, to its end there.

:class:`TaskRun` goes the way of a task's jobs: build the request, choose the backend, submit (or find what an earlier
try submitted), wait, read the results. ``attach`` knows how jobs are remembered and made known, ``obtaining`` how they
are submitted, ``conclusion`` what the end of a wait means.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.compat import TaskDeferralError, TaskDeferralTimeout
from airflow_provider_qrt.config import refusal_patience
from airflow_provider_qrt.execution.attach import Attachment
from airflow_provider_qrt.execution.conclusion import Conclusion, StartAgainError
from airflow_provider_qrt.execution.context import identity_of
from airflow_provider_qrt.execution.failure import (
    JobUnreadError,
    may_be_about_program,
    no_retry_for_permanent_errors,
)
from airflow_provider_qrt.execution.failure_callback import pull
from airflow_provider_qrt.execution.obtaining import Obtaining
from airflow_provider_qrt.execution.outlets import describe_in_outlets
from airflow_provider_qrt.execution.preliminary import Preliminary
from airflow_provider_qrt.execution.preparation import Preparation, check_needs
from airflow_provider_qrt.execution.rate_limit import RateLimitWait
from airflow_provider_qrt.execution.service_estimate import ServiceEstimate, ask_service
from airflow_provider_qrt.execution.stages import Stages
from airflow_provider_qrt.execution.superseded import Standing, standing_of, will_retry
from airflow_provider_qrt.execution.task_jobs import KnownJob, TaskJobs, add_to_message
from airflow_provider_qrt.execution_timeout import earlier, execution_deadline, is_over_note
from airflow_provider_qrt.jobs.backends.select import LEAST_BUSY
from airflow_provider_qrt.jobs.budget.spending import FORMULA, SERVICE
from airflow_provider_qrt.jobs.place import place_of
from airflow_provider_qrt.jobs.submit.split import Split, part_store
from airflow_provider_qrt.jobs.wait.blocking import wait_for_jobs
from airflow_provider_qrt.jobs.wait.last_look import known_end, last_look
from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.progress import queue_length
from airflow_provider_qrt.primitives.errors import ProgramUnfitError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.execution.arguments import RunArguments
    from airflow_provider_qrt.execution.task import JobTask
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
    from airflow_provider_qrt.programs.base import TaskProgram

log = logging.getLogger(__name__)

UNREAD = (JobUnreadError, TaskDeferralError, errors.InternalError, *errors.MISTAKES)
"""Failures that say nothing about the job: it could not be read, its trigger died, or this package made a mistake."""
DEFERRAL_MARGIN = 60.0
"""Seconds by which Airflow's own deferral timeout comes after ours: a safety net for a triggerer that is gone."""


class TaskRun:
    """Runs the jobs of a task.

    Args:
        task: The operator, with its templates rendered.
        arguments: Read from it.
        context: Airflow's.
        begins: Whether the task's try begins here; otherwise it returns from the triggerer.
    """

    def __init__(self, task: JobTask, arguments: RunArguments, context: Context, *, begins: bool) -> None:
        self.task = task
        self.arguments = arguments
        self.context = context
        self.begins = begins
        self.killed = False
        self.jobs: TaskJobs | None = None
        self.split: Split | None = None
        self._will_retry = False
        self._defers = False

    @cached_property
    def attachment(self) -> Attachment:
        """Connects this run with the task's jobs."""
        return Attachment(self.task, self.arguments, self.context)

    @cached_property
    def program(self) -> TaskProgram:
        """The program that the task runs."""
        return self.task.make_program()

    # What the operator calls

    def submit_and_wait(self, *, waiting_since: float | None = None, refusals: int = 0) -> Any:
        """Submit the jobs, or find those that an earlier try submitted; then wait for them as asked.

        Args:
            waiting_since: Epoch seconds since when the task has waited before it may submit; None if it has not.
            refusals: How often IBM has said 429 since then.
        """
        with self._settle_on_error():
            return self._submit_and_wait(waiting_since, refusals)

    def conclude(self, event: Any, parts: Mapping[str, Any] | None = None) -> Any:
        """Go on when the trigger has fired.

        Args:
            event: The trigger's.
            parts: How the task is split, and the ids of its jobs, if the deferral handed them on.
        """
        with self._settle_on_error():
            # Before the event is read: if nobody understands it, the jobs must be known to be cancelled.
            split = Split.from_json(parts)
            if parts is not None and split is not None:
                self.split = split
                records = self.attachment.records(split)
                jobs = self._attach([KnownJob(*one) for one in zip(parts["job_ids"], records, strict=True)])
                outcome = WaitOutcome.from_event(event)
            else:
                self.split, known = self.attachment.known_jobs()
                jobs = self._attach(known)
                outcome = WaitOutcome.from_event(event)
                jobs = self._attach_named(jobs, outcome.job_id)
            jobs.note_completed(outcome)
            return self._conclude(outcome)

    def conclude_without_event(self, error: TaskDeferralError | TaskDeferralTimeout, *, in_stage: bool = False) -> Any:
        """Go on when the trigger failed, or Airflow gave it up; check that the jobs do not run on.

        Args:
            error: Airflow's.
            in_stage: Whether the task waited for the job of a stage before its own.

        Raises:
            TaskDeferralError: The trigger failed, or nothing was ever submitted.
        """
        with self._settle_on_error():
            if in_stage:
                return self._conclude_stage_without_event(error)
            self.split, known = self.attachment.known_jobs()
            jobs = self._attach(known)
            if not isinstance(error, TaskDeferralTimeout):
                raise error
            if not jobs.job_ids:
                raise TaskDeferralTimeout(
                    "IBM accepted no submission within the task's timeout. Nothing was submitted."
                ) from error
            outcome = last_look(self.task.hook.client.job, [handle.job_id for handle in jobs.handles])
            jobs.note_completed(outcome)
            return self._conclude(outcome)

    def kill(self) -> None:
        """Cancel the jobs quickly; one that is just being submitted is looked for by its tag.

        Unless nobody has stopped the task: SIGTERM also comes when the worker is shut down, and when the supervisor
        cannot reach the API server. Then the jobs are left to the retry. Once the task has asked Airflow to defer it,
        they are left to its trigger, also while Airflow's answer is not known.
        """
        jobs = self.jobs
        if jobs is None:
            self.killed = True
            return
        standing = self._standing()
        if standing is Standing.REPLACED:
            log.info("Another try of this task has taken over: the job is left to it.")
            jobs.settled = jobs.killed = self.killed = True
        elif standing is Standing.DEFERRED and not self._defers and self.attachment.run is not None:
            log.info("Another try of this task waits for its job: the job is left to it.")
            jobs.settled = jobs.killed = self.killed = True
        elif self._defers and standing is not Standing.STOPPED:
            log.info("The task waits for its job in the triggerer; the end of this process does not stop it.")
        elif standing in (Standing.RUNNING, Standing.UNKNOWN) and self._will_retry and jobs.durable:
            log.warning("Airflow does not say that this task was stopped, so its job is left to the retry.")
            jobs.leaving = True
        else:
            self.killed = True
            jobs.kill()

    # How it is done

    def _submit_and_wait(self, waiting_since: float | None, refusals: int) -> Any:
        request = self._build_request()
        self.task.report.asked(request)
        since = waiting_since or time.time()
        kind = self.arguments.dry_run_kind or self.task.hook.defaults.dry_run
        if kind:
            return self._plan(request, Stages(self, since, refusals) if kind == SERVICE else None)
        self._attach([KnownJob()])
        self.attachment.warn_if_unrecorded()
        limit = self._execution_limit(since)
        if waiting_since is not None and limit is not None and time.time() >= limit:
            raise AirflowException(f"IBM accepted no submission in time.{is_over_note(self.task, self.context)}")
        preparation = self.preparation_of(self.program)
        stages = Stages(self, since, refusals)
        obtain = self._obtaining(request, preparation, stages, resumed=waiting_since is not None)
        obtained = self.wait_for_submission(obtain, since, refusals)
        if not self.arguments.wait_for_completion:
            describe_in_outlets(self.context, self.task.outlets, self.task.report, self.task.hook.settings)
            return self._summary(obtained)
        ended = known_end(obtained)
        if ended is not None:
            return self._conclude(ended)
        # Several jobs are waited for as one, from the last submission on.
        submitted_at = max(job.submitted_at for job in obtained)
        deadline = self.deadline_of(submitted_at)
        if self.arguments.deferrable:
            self._defer(obtained, submitted_at, deadline)
        outcome = self.wait_here(obtained, submitted_at, deadline)
        assert self.jobs is not None
        self.jobs.note_completed(outcome)
        return self._conclude(outcome)

    # For the task's own jobs, and for those of a stage before them

    def attach_stage(self, name: str) -> TaskJobs:
        """Go on with the job of a stage, as far as stopping the task and failing are concerned."""
        self._will_retry = will_retry(self.context["ti"])
        self.jobs = self.attachment.attach_stage(name, killed=self.killed)
        return self.jobs

    def wait_for_submission(
        self, obtain: Callable[[], Sequence[ObtainedJob]], since: float, refusals: int
    ) -> Sequence[ObtainedJob]:
        """Obtain jobs; wait as long as IBM, or the budget, accepts no submission.

        Args:
            obtain: Obtains them; called again after each refusal.
            since: Epoch seconds when the wait began.
            refusals: How often IBM has said 429 since then.
        """
        assert self.jobs is not None
        timeout = earlier(since + self.arguments.timeout_seconds, self._execution_limit(since)) - since
        deferrable = self.arguments.deferrable
        wait = RateLimitWait(self.jobs, self._budget, since, timeout, refusals, deferrable, self._defer_submission)
        return wait.wait(obtain)

    def deadline_of(self, submitted_at: float) -> float:
        """Return the epoch seconds at which jobs that were submitted then are too late."""
        return earlier(submitted_at + self.arguments.timeout_seconds, self._execution_limit(submitted_at))

    def _execution_limit(self, since: float) -> float | None:
        return execution_deadline(self.task, self.context, since) if self.arguments.deferrable else None

    @contextmanager
    def _settle_on_error(self) -> Iterator[None]:
        """When the task fails, cancel its jobs if no retry will resume them, and say so in the error.

        However this run ends, its clients are closed, which logs out where that can be done.
        """
        try:
            with no_retry_for_permanent_errors(self.task.hook.describe):
                yield
        except Exception as error:
            if self.jobs is not None:
                for_good = not will_retry(self.context["ti"]) or isinstance(error, AirflowFailException)
                settle = self.jobs.leave if isinstance(error, UNREAD) else self.jobs.settle
                add_to_message(error, settle(for_good=for_good))
            raise
        finally:
            self.task.hook.close()

    def _build_request(self) -> JobRequest:
        """Check all arguments and return what is asked of the service."""
        backend = self.arguments.backend_name()
        # Settings before circuits: without a connection there is nothing to check circuits for.
        _ = self.task.hook.settings
        if self.arguments.destination is not None:
            self.arguments.destination.check()
        program_input = self.program.build()
        if backend == LEAST_BUSY:
            backend = self.program.wants_backend() or backend
        request = replace(
            self.arguments.request(self.program.program_id, backend, program_input),
            make_alternative=cache(self._alternative_request),
        )
        check_needs(self.task.hook.channel, request, limited=self._budget is not None)
        return request

    def _alternative_request(self) -> JobRequest | None:
        """Return what gets the same from another program; None if there is none."""
        other = self.program.alternative()
        if other is None:
            return None
        return self.arguments.request(other.program_id, self.arguments.backend_name(), other.build())

    @property
    def _budget(self) -> Any:
        return self.arguments.own_budget or self.task.hook.defaults.budget

    def preparation_of(self, program: TaskProgram) -> Preparation:
        """Return what completes the requests of a program."""
        return Preparation(
            hook=self.task.hook,
            identity=identity_of(self.context["ti"]),
            criteria=self.arguments.criteria,
            budget=self._budget,
            fit_request=program.fit,
        )

    def _plan(self, request: JobRequest, stages: Stages | None) -> dict[str, Any]:
        """Return the plan of a dry run.

        Args:
            request: What is asked for.
            stages: Runs the service's own dry runs; None if IBM is not asked.
        """
        first = self.program.preliminary()
        if first is not None:
            # What the task's own job takes depends on what this one finds.
            self.program = first
            request = self.arguments.request(first.program_id, request.backend, first.build())
        preparation = self.preparation_of(self.program)
        try:
            ready = preparation.fit_ahead(request)
        except ProgramUnfitError as refusal:
            other = self._other_program(request, refusal)
            if other is None:
                raise
            request, preparation = other, self.preparation_of(self.program)
            ready = preparation.fit_ahead(request)
        split = self.program.split()
        jobs = [ready] if len(split) == 1 else [self.program.part_of(ready, pubs) for pubs in split]
        formula = None if ready.input.executions is None else sum(map(preparation.estimate, jobs))
        estimates = None if stages is None else self._ask_service(stages, request, ready, split)
        if estimates is not None:
            jobs = [replace(job, estimated_seconds=one.seconds) for job, one in zip(jobs, estimates, strict=True)]
        plan = preparation.plan(request, ready, jobs)
        if first is not None:
            plan["of"] = "learning the noise; what the task's own job takes is known after that"
        if stages is not None:
            plan |= {
                "estimate": FORMULA if estimates is None else SERVICE,
                "formula_seconds": formula,
                "dry_run_job_ids": [one.job_id for one in estimates or ()],
            }
        log.info("Dry run, nothing is bought: %s", plan)
        return plan

    def _ask_service(
        self, stages: Stages, request: JobRequest, ready: JobRequest, split: Sequence[Sequence[int]]
    ) -> list[ServiceEstimate] | None:
        """Let IBM check and estimate the task's jobs, of which nothing is submitted yet."""
        client = self.task.hook.client
        if len(split) == 1:
            return ask_service(stages, client, [request], ready, [lambda: ready.input])
        parts = [self.program.part_of(request, pubs) for pubs in split]
        inputs = [partial(self.program.fit_part, part.input, pubs) for part, pubs in zip(parts, split, strict=True)]
        return ask_service(stages, client, parts, ready, inputs)

    def _obtaining(
        self, request: JobRequest, preparation: Preparation, stages: Stages, *, resumed: bool
    ) -> Callable[[], Sequence[ObtainedJob]]:
        """Return what obtains the task's jobs; called again after each refusal of a submission."""

        def other_attempt(refusal: Exception) -> Callable[[], Sequence[ObtainedJob]]:
            other = self._other_program(request, refusal)
            if other is None:
                raise refusal
            return self._attempt(other, self.preparation_of(self.program), stages, resumed=resumed)

        try:
            attempt = self._attempt(request, preparation, stages, resumed=resumed)
        except ProgramUnfitError as unfit:
            attempt = other_attempt(unfit)

        def obtain() -> Sequence[ObtainedJob]:
            nonlocal attempt
            try:
                return attempt()
            except (ProgramUnfitError, errors.BadRequestError) as refusal:
                attempt = other_attempt(refusal)
                return attempt()

        return obtain

    def _attempt(
        self, request: JobRequest, preparation: Preparation, stages: Stages, *, resumed: bool
    ) -> Callable[[], Sequence[ObtainedJob]]:
        """Return what obtains the jobs of this request."""
        obtaining = Obtaining(self.task, self.arguments, self.attachment, self.program, preparation)
        self.split = obtaining.divide(request)
        # An earlier try may have split it for the other program.
        if (
            self.split is not None
            and self.split.fingerprint != request.fingerprint()
            and (other := self._switch(request))
        ):
            request, preparation = other, self.preparation_of(self.program)
            obtaining = Obtaining(self.task, self.arguments, self.attachment, self.program, preparation)
        preliminary = self.program.preliminary()
        if preliminary is not None and not self._has_submitted():
            Preliminary(self, stages, request).complete(preliminary, preparation)
        seconds = self._service_seconds(request, preparation, stages)
        if self.split is None:
            jobs = self._attach([KnownJob()])
            one = request if seconds is None else replace(request, estimated_seconds=seconds[0])
            return partial(obtaining.obtain_one, jobs, one, preparation.session_id)
        jobs = self._attach(self.attachment.recorded_jobs(self.split))
        return obtaining.obtain_several(jobs, self.split, request, seconds, resumed=resumed)

    def _has_submitted(self) -> bool:
        """Whether an earlier try has submitted a job that this one may go on with."""
        records = [self.attachment.record()] if self.split is None else self.attachment.records(self.split)
        return any(record is not None and not record.refused and not record.delivered for record in records)

    def _service_seconds(
        self, request: JobRequest, preparation: Preparation, stages: Stages
    ) -> Sequence[float | None] | None:
        """Return IBM's estimate of each job, if the budget asks for it and something is going to be submitted."""
        budget = self._budget
        if budget is None or budget.estimate != SERVICE:
            return None
        if self._has_submitted():
            return None
        ready = preparation.fit_ahead(request)
        split = [[0]] if self.split is None else self.split.jobs
        estimates = self._ask_service(stages, request, ready, split)
        return None if estimates is None else [one.seconds for one in estimates]

    def _other_program(self, request: JobRequest, refusal: Exception) -> JobRequest | None:
        """Return the request that gets the same from another program, if that may help and nothing is submitted yet."""
        if (self.jobs is not None and self.jobs.job_ids) or not may_be_about_program(refusal):
            return None
        refused = self.program.program_id
        other = self._switch(request)
        if other is not None:
            log.warning(
                "The program %s cannot be used, so nothing was submitted with it; %s is used instead. %s",
                refused,
                other.program_id,
                refusal,
            )
        return other

    def _switch(self, request: JobRequest) -> JobRequest | None:
        """Go on with the program that gets the same; None if there is none."""
        other, program = request.alternative(), self.program.alternative()
        if other is None or program is None:
            return None
        self.program = program
        self.task.report.asked(other)
        return replace(other, make_alternative=lambda: request)

    def _attach(self, known: Sequence[KnownJob]) -> TaskJobs:
        self._will_retry = will_retry(self.context["ti"])
        self.jobs = self.attachment.attach(known, killed=self.killed)
        return self.jobs

    def _attach_named(self, jobs: TaskJobs, job_id: str) -> TaskJobs:
        """Attach the job that an event names, unless it is one of several that are known.

        ``dag.test()`` hands on nothing but the event.
        """
        found = next((handle for handle in jobs.handles if handle.job_id == job_id), None)
        if len(jobs.handles) > 1 and found is not None:
            return jobs
        return self._attach([KnownJob(job_id, found.record if found is not None else None)])

    def _standing(self) -> Standing:
        store = self.attachment.store
        several = self.jobs is not None and len(self.jobs.handles) > 1
        shares_jobs = self.attachment.run is not None
        return standing_of(self.context["ti"], part_store(store, 1) if several else store, shares_jobs=shares_jobs)

    def wait_here(self, obtained: Sequence[ObtainedJob], submitted_at: float, deadline: float) -> WaitOutcome:
        """Wait for jobs on the worker.

        Args:
            obtained: The jobs.
            submitted_at: When the last of them was submitted, epoch seconds.
            deadline: When they are too late, epoch seconds.
        """
        assert self.jobs is not None
        hook = self.task.hook
        pollers = [
            JobPoller(
                job.job_id,
                submitted_at,
                deadline,
                self.arguments.poll_seconds,
                hook.describe(),
                submitted_to=job.record.place if job.record is not None else None,
                patience=refusal_patience(),
            )
            for job in obtained
        ]
        client = hook.create_poll_client()
        return wait_for_jobs(
            client.job,
            pollers,
            asked=place_of(client.settings),
            sleep=self.jobs.sleep,
            queue_length=partial(queue_length, client),
        )

    def defer_until_ended(
        self,
        obtained: Sequence[ObtainedJob],
        submitted_at: float,
        deadline: float,
        *,
        method_name: str,
        kept: dict[str, Any] | None = None,
    ) -> NoReturn:
        """Leave the worker until jobs have ended.

        Args:
            obtained: The jobs.
            submitted_at: When the last of them was submitted, epoch seconds.
            deadline: When they are too late, epoch seconds.
            method_name: The operator's method that goes on.
            kept: Arguments of that method besides the event.
        """
        from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

        first, *more = [job.job_id for job in obtained]
        poll_seconds = self.arguments.poll_seconds
        self._defers = True
        self.task.defer(
            trigger=QiskitRuntimeJobTrigger(
                job_id=first,
                more_job_ids=more,
                qiskit_runtime_conn_id=self.arguments.qiskit_runtime_conn_id,
                submitted_at=submitted_at,
                deadline=deadline,
                poll_interval=poll_seconds,
                cancel_on_kill=self.arguments.cancel_on_kill,
                cancel_on_timeout=self.arguments.cancel_on_timeout,
                submitted_to=obtained[0].record.place if obtained[0].record is not None else None,
            ),
            method_name=method_name,
            kwargs=kept or None,
            timeout=timedelta(seconds=max(0.0, deadline - time.time()) + poll_seconds + DEFERRAL_MARGIN),
        )

    def _defer(self, obtained: Sequence[ObtainedJob], submitted_at: float, deadline: float) -> NoReturn:
        """Leave the worker until the task's jobs have ended."""
        kept = dict(self.program.to_remember())
        for key, value in kept.items():
            # For dag.test(), which hands on nothing but the event.
            self.context["ti"].xcom_push(key, value)
        if self.split is not None:
            kept["parts"] = {**self.split.to_json(), "job_ids": [job.job_id for job in obtained]}
        self.defer_until_ended(obtained, submitted_at, deadline, method_name="execute_complete", kept=kept)

    def _defer_submission(self, not_before: float, wait: RateLimitWait) -> NoReturn:
        """Leave the worker until a submission may be accepted."""
        from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger

        self._defers = True
        self.task.defer(
            trigger=QiskitRuntimeSubmissionTrigger(
                qiskit_runtime_conn_id=self.arguments.qiskit_runtime_conn_id,
                not_before=not_before,
                job_ids=wait.jobs.job_ids,
                session_id=wait.jobs.batch_id,
                cancel_on_kill=self.arguments.cancel_on_kill,
            ),
            method_name="execute_submission",
            kwargs={"waiting_since": wait.since, "refusals": wait.refusals},
            timeout=timedelta(seconds=wait.left + DEFERRAL_MARGIN),
        )

    def _conclude_stage_without_event(self, error: TaskDeferralError | TaskDeferralTimeout) -> Any:
        """Go on when the trigger that waited for the job of a stage failed: look at the job, and wait on if need be."""
        if isinstance(error, TaskDeferralTimeout):
            log.warning("Airflow gave up the wait for a job that comes before the task's own: %s", error)
        else:
            log.warning("The trigger that waited for a job before the task's own failed: %s", error)
        return self._submit_and_wait(time.time(), 0)

    def _conclude(self, outcome: WaitOutcome) -> Any:
        """Turn the end of a wait into a result or a failure."""
        assert self.jobs is not None
        conclusion = Conclusion(
            self.task, self.arguments, self.context, self.attachment, self.program, self.jobs, self.split
        )
        try:
            return conclusion.conclude(outcome)
        except StartAgainError as again:
            log.info("Job %s of an earlier try was cancelled, which counts as not submitted.", again.job_id)
        return self.submit_and_wait()

    def _summary(self, obtained: Sequence[ObtainedJob]) -> dict[str, Any]:
        """Return what goes to XCom when the task does not wait."""
        first = obtained[0]
        summary: dict[str, Any] = {
            "job_id": first.job_id,
            "backend": first.backend,
            "program_id": (first.job.program_id if first.job else None) or self.program.program_id,
            "status": first.job.status.value if first.job else JobStatus.QUEUED.value,
            "session_id": first.session_id,
        }
        if len(obtained) > 1:
            summary["job_ids"] = [job.job_id for job in obtained]
        return summary


def remembered(ti: Any, key: str, handed_on: Any) -> Any:
    """Return what a program wanted to know again: what the deferral handed on, else what stands in XCom."""
    return handed_on if handed_on is not None else pull(ti, key)
