"""One stretch of a task on a worker: from its start, or its return from the triggerer, to its end there.

:class:`TaskRun` goes the way of a task's jobs: build the request, choose the backend, submit (or find what an earlier
try submitted), wait, read the results. ``leg`` holds the jobs and waits for them, ``program_choice`` the program that
is used, ``attach`` knows how jobs are remembered and made known, ``obtaining`` how they are submitted, ``planning``
what a dry run returns, ``conclusion`` what the end of a wait means.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.compat import TaskDeferralError, TaskDeferralTimeout
from airflow_provider_qrt.execution.cancel_note import pull
from airflow_provider_qrt.execution.conclusion import Conclusion, StartAgainError
from airflow_provider_qrt.execution.failure import JobUnreadError, no_retry_for_permanent_errors
from airflow_provider_qrt.execution.leg import Leg
from airflow_provider_qrt.execution.program_choice import ProgramChoice
from airflow_provider_qrt.execution.superseded import will_retry
from airflow_provider_qrt.execution.task_jobs import KnownJob, TaskJobs, add_to_message
from airflow_provider_qrt.execution_timeout import began_at, is_over_note
from airflow_provider_qrt.jobs.submit.split import Split
from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
from airflow_provider_qrt.primitives.errors import ProgramUnfitError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.execution.arguments import RunArguments
    from airflow_provider_qrt.execution.attach import Attachment
    from airflow_provider_qrt.execution.preparation import Preparation
    from airflow_provider_qrt.execution.stages import Stages
    from airflow_provider_qrt.execution.task import JobTask
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob

log = logging.getLogger(__name__)

UNREAD = (JobUnreadError, TaskDeferralError, errors.InternalError, *errors.MISTAKES)
"""Failures that say nothing about the job: it could not be read, its trigger died, or this package made a mistake."""


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
        self.split: Split | None = None
        self.leg = Leg(task, arguments, context)
        self.choice = ProgramChoice(self.leg)

    @property
    def jobs(self) -> TaskJobs | None:
        """The task's jobs; None until it goes on with any."""
        return self.leg.jobs

    @property
    def attachment(self) -> Attachment:
        """Connects the leg with the task's jobs."""
        return self.leg.attachment

    # What the operator calls

    def submit_and_wait(self, *, waiting_since: float | None = None, refusals: int = 0) -> Any:
        """Submit the jobs, or find those that an earlier try submitted; then wait for them as asked.

        Args:
            waiting_since: Epoch seconds since when the task has waited before it may submit; None if it has not.
            refusals: How often IBM has said 429 since then.
        """
        with self._settle_on_error():
            return self._submit_and_wait(waiting_since, refusals)

    def go_on_after_stage(self, event: Any) -> Any:
        """Go on when the trigger has fired that waited for the job of a stage before the task's own.

        Args:
            event: The trigger's.
        """
        from airflow_provider_qrt.execution.stages import Stages

        with self._settle_on_error():
            # Before the event is read: if nobody understands it, the job must be known to be cancelled.
            self.leg.attach_stage(next(reversed(self.attachment.stages())))
            Stages(self.leg, self.choice, time.time(), 0).check_end(WaitOutcome.from_event(event))
            return self._submit_and_wait(None, 0)

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
                jobs = self.leg.attach([KnownJob(*one) for one in zip(parts["job_ids"], records, strict=True)])
                outcome = WaitOutcome.from_event(event)
            else:
                self.split, known = self.attachment.known_jobs()
                jobs = self.leg.attach(known)
                outcome = WaitOutcome.from_event(event)
                jobs = self.leg.attach_named(jobs, outcome.job_id)
            jobs.note_completed(outcome)
            return self._conclude(outcome)

    def conclude_without_event(self, error: TaskDeferralError | TaskDeferralTimeout) -> Any:
        """Go on when the trigger failed, or Airflow gave it up; check that the jobs do not run on.

        Args:
            error: Airflow's.

        Raises:
            TaskDeferralError: The trigger failed, or nothing was ever submitted.
        """
        with self._settle_on_error():
            self.split, known = self.attachment.known_jobs()
            jobs = self.leg.attach(known)
            stages = [] if jobs.job_ids else list(self.attachment.stages())
            if stages:
                self.leg.attach_stage(stages[-1])
            if not isinstance(error, TaskDeferralTimeout):
                raise error
            if stages:
                return self._submit_and_wait(began_at(self.context), 0, in_stage=True)
            if not jobs.job_ids:
                raise TaskDeferralTimeout(
                    "IBM accepted no submission within the task's timeout. Nothing was submitted."
                ) from error
            from airflow_provider_qrt.jobs.wait.last_look import last_look

            outcome = last_look(self.task.hook.client.job, [handle.job_id for handle in jobs.handles])
            jobs.note_completed(outcome)
            return self._conclude(outcome)

    # How it is done

    def _submit_and_wait(self, waiting_since: float | None, refusals: int, *, in_stage: bool = False) -> Any:
        from airflow_provider_qrt.execution.outlets import describe_in_outlets
        from airflow_provider_qrt.execution.planning import make_plan
        from airflow_provider_qrt.execution.stages import Stages
        from airflow_provider_qrt.jobs.budget.spending import SERVICE
        from airflow_provider_qrt.jobs.wait.last_look import known_end

        request = self.choice.build_request()
        self.task.report.asked(request)
        since = waiting_since or time.time()
        stages = Stages(self.leg, self.choice, since, refusals)
        kind = self.arguments.dry_run_kind or self.task.hook.defaults.dry_run
        if kind:
            return make_plan(self.choice, request, stages if kind == SERVICE else None)
        self.leg.attach([KnownJob()])
        self.attachment.warn_if_unrecorded()
        limit = self.leg.execution_limit(since)
        resumed = waiting_since is not None and not in_stage
        if resumed and limit is not None and time.time() >= limit:
            raise AirflowException(f"IBM accepted no submission in time.{is_over_note(self.task, self.context)}")
        preparation = self.choice.preparation()
        obtain = self._obtaining(request, preparation, stages, resumed=resumed)
        obtained = self.leg.wait_for_submission(obtain, since, refusals)
        if not self.arguments.wait_for_completion:
            describe_in_outlets(self.context, self.task.outlets, self.task.report, self.task.hook.settings)
            return self._summary(obtained)
        ended = known_end(obtained)
        if ended is not None:
            return self._conclude(ended)
        # Several jobs are waited for as one, from the last submission on.
        submitted_at = max(job.submitted_at for job in obtained)
        deadline = self.leg.deadline_of(submitted_at, since)
        if self.arguments.deferrable:
            outcome = self.leg.wait_while_short(obtained, submitted_at, deadline)
            if outcome is None:
                self._defer(obtained, submitted_at, deadline)
        else:
            outcome = self.leg.wait_here(obtained, submitted_at, deadline)
        assert self.jobs is not None
        self.jobs.note_completed(outcome)
        return self._conclude(outcome)

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

    def _obtaining(
        self, request: JobRequest, preparation: Preparation, stages: Stages, *, resumed: bool
    ) -> Callable[[], Sequence[ObtainedJob]]:
        """Return what obtains the task's jobs; called again after each refusal of a submission."""

        def other_attempt(refusal: Exception) -> Callable[[], Sequence[ObtainedJob]]:
            other = self.choice.change(request, refusal)
            if other is None:
                raise refusal
            return self._attempt(other, self.choice.preparation(), stages, resumed=resumed)

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
        from airflow_provider_qrt.execution.obtaining import Obtaining
        from airflow_provider_qrt.execution.preliminary import Preliminary

        obtaining = Obtaining(self.task, self.arguments, self.attachment, self.choice.program, preparation)
        self.split = obtaining.divide(request)
        # An earlier try may have split it for the other program.
        if (
            self.split is not None
            and self.split.fingerprint != request.fingerprint()
            and (other := self.choice.switch(request))
        ):
            request, preparation = other, self.choice.preparation()
            obtaining = Obtaining(self.task, self.arguments, self.attachment, self.choice.program, preparation)
        preliminary = self.choice.program.preliminary()
        if preliminary is not None and not self._has_submitted():
            Preliminary(self.leg, self.choice, stages, request).complete(preliminary, preparation)
        seconds = self._service_seconds(request, preparation, stages)
        if self.split is None:
            jobs = self.leg.attach([KnownJob()])
            one = request if seconds is None else replace(request, estimated_seconds=seconds[0])
            return partial(obtaining.obtain_one, jobs, one, preparation.session_id)
        jobs = self.leg.attach(self.attachment.recorded_jobs(self.split))
        return obtaining.obtain_several(jobs, self.split, request, seconds, resumed=resumed)

    def _has_submitted(self) -> bool:
        """Whether an earlier try has submitted a job that this one may go on with."""
        records = [self.attachment.record()] if self.split is None else self.attachment.records(self.split)
        return any(record is not None and not record.refused and not record.delivered for record in records)

    def _service_seconds(
        self, request: JobRequest, preparation: Preparation, stages: Stages
    ) -> Sequence[float | None] | None:
        """Return IBM's estimate of each job, if the budget asks for it and something is going to be submitted."""
        from airflow_provider_qrt.execution.planning import estimates_by_service
        from airflow_provider_qrt.jobs.budget.spending import SERVICE

        budget = self.leg.budget
        if budget is None or budget.estimate != SERVICE or self._has_submitted():
            return None
        ready = preparation.fit_ahead(request)
        split = [[0]] if self.split is None else self.split.jobs
        estimates = estimates_by_service(self.choice.program, stages, request, ready, split)
        return None if estimates is None else [one.seconds for one in estimates]

    def _defer(self, obtained: Sequence[ObtainedJob], submitted_at: float, deadline: float) -> NoReturn:
        """Leave the worker until the task's jobs have ended."""
        kept = dict(self.choice.program.to_remember())
        for key, value in kept.items():
            # For dag.test(), which hands on nothing but the event.
            self.context["ti"].xcom_push(key, value)
        if self.split is not None:
            kept["parts"] = {**self.split.to_json(), "job_ids": [job.job_id for job in obtained]}
        self.leg.defer_until_ended(obtained, submitted_at, deadline, method_name="execute_complete", kept=kept)

    def _conclude(self, outcome: WaitOutcome) -> Any:
        """Turn the end of a wait into a result or a failure."""
        assert self.jobs is not None
        conclusion = Conclusion(
            self.task, self.arguments, self.context, self.attachment, self.choice.program, self.jobs, self.split
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
            "program_id": (first.job.program_id if first.job else None) or self.choice.program.program_id,
            "status": first.job.status.value if first.job else JobStatus.QUEUED.value,
            "session_id": first.session_id,
        }
        if len(obtained) > 1:
            summary["job_ids"] = [job.job_id for job in obtained]
        return summary


def remembered(ti: Any, key: str, handed_on: Any) -> Any:
    """Return what a program wanted to know again: what the deferral handed on, else what stands in XCom."""
    return handed_on if handed_on is not None else pull(ti, key)
