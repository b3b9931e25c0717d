"""One leg of a task: the jobs that it holds while it is on a worker, its waits for them, and how it is stopped.

A leg lasts from the task's start, or its return from the triggerer, to its end or its next deferral.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_qrt.config import refusal_patience
from airflow_provider_qrt.execution.attach import Attachment
from airflow_provider_qrt.execution.superseded import Standing, standing_of, will_retry
from airflow_provider_qrt.execution.task_jobs import KnownJob, TaskJobs
from airflow_provider_qrt.execution_timeout import earlier, execution_deadline
from airflow_provider_qrt.jobs.place import place_of
from airflow_provider_qrt.jobs.submit.split import part_store
from airflow_provider_qrt.jobs.wait.blocking import wait_for_jobs
from airflow_provider_qrt.jobs.wait.outlook import Outlook
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.progress import queue_length
from airflow_provider_qrt.jobs.wait.quick_pace import QuickPace
from airflow_provider_qrt.jobs.wait.short_wait import ShortWait

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.execution.arguments import RunArguments
    from airflow_provider_qrt.execution.rate_limit import RateLimitWait
    from airflow_provider_qrt.execution.task import JobTask
    from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome

log = logging.getLogger(__name__)

DEFERRAL_MARGIN = 60.0
"""Seconds by which Airflow's own deferral timeout comes after ours: a safety net for a triggerer that is gone."""


class Leg:
    """Holds the jobs of a task, and waits for them.

    Args:
        task: The operator, with its templates rendered.
        arguments: Read from it.
        context: Airflow's.

    Attributes:
        jobs: The task's jobs, or that of a stage before them; None until the task goes on with any.
        outlook: How long the jobs should queue, as it was known at the last submission.
        killed: Whether somebody has stopped the task.
    """

    def __init__(self, task: JobTask, arguments: RunArguments, context: Context) -> None:
        self.task = task
        self.arguments = arguments
        self.context = context
        self.killed = False
        self.jobs: TaskJobs | None = None
        self.outlook = Outlook()
        self._will_retry = False
        self._defers = False

    @cached_property
    def attachment(self) -> Attachment:
        """Connects the leg with the task's jobs."""
        return Attachment(self.task, self.arguments, self.context)

    @property
    def budget(self) -> QiskitRuntimeBudget | None:
        """The limits of what the task's DAG may spend."""
        return self.arguments.own_budget or self.task.hook.defaults.budget

    def note_outlook(self, outlook: Outlook) -> None:
        """Note how long the jobs should queue that are about to be submitted."""
        self.outlook = outlook

    def attach(self, known: Sequence[KnownJob]) -> TaskJobs:
        """Go on with the task's jobs, of which some may not be known yet."""
        self._will_retry = will_retry(self.context["ti"])
        self.jobs = self.attachment.attach(known, killed=self.killed)
        return self.jobs

    def attach_named(self, jobs: TaskJobs, job_id: str) -> TaskJobs:
        """Attach the job that an event names, unless it is one of several that are known.

        ``dag.test()`` hands on nothing but the event.
        """
        found = next((handle for handle in jobs.handles if handle.job_id == job_id), None)
        if len(jobs.handles) > 1 and found is not None:
            return jobs
        return self.attach([KnownJob(job_id, found.record if found is not None else None)])

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
        from airflow_provider_qrt.execution.rate_limit import RateLimitWait

        assert self.jobs is not None
        timeout = earlier(since + self.arguments.timeout_seconds, self.execution_limit(since)) - since
        wait = RateLimitWait(
            self.jobs,
            self.budget,
            since,
            timeout,
            refusals,
            self.arguments.deferrable,
            self.arguments.defer_after_seconds if self.arguments.deferrable else 0.0,
            self._defer_submission,
        )
        return wait.wait(obtain)

    def deadline_of(self, submitted_at: float, since: float) -> float:
        """Return the epoch seconds at which jobs are too late.

        Args:
            submitted_at: When the last of them was submitted, epoch seconds.
            since: Epoch seconds when the task began to wait.
        """
        return earlier(submitted_at + self.arguments.timeout_seconds, self.execution_limit(since))

    def execution_limit(self, since: float) -> float | None:
        """Return the epoch seconds at which the task's execution timeout ends, if it is deferrable and has one."""
        return execution_deadline(self.task, self.context, since) if self.arguments.deferrable else None

    def wait_while_short(
        self, obtained: Sequence[ObtainedJob], submitted_at: float, deadline: float
    ) -> WaitOutcome | None:
        """Wait for jobs on the worker as long as that promises to be short; return None if the task should defer.

        Args:
            obtained: The jobs.
            submitted_at: When the last of them was submitted, epoch seconds.
            deadline: When they are too late, epoch seconds.
        """
        assert self.jobs is not None
        if self.arguments.defer_after_seconds <= 0:
            return None
        client = self.task.hook.create_poll_client()
        outcome = ShortWait(self.arguments.defer_after_seconds, self.outlook).wait(
            client.job,
            obtained,
            lambda job, pace: self._poller(job, submitted_at, deadline, pace),
            deadline=deadline,
            asked=place_of(client.settings),
            sleep=self.jobs.sleep,
        )
        if outcome is None:
            # A task that was stopped meanwhile must not defer.
            self.jobs.stop_if_killed()
        return outcome

    def wait_here(self, obtained: Sequence[ObtainedJob], submitted_at: float, deadline: float) -> WaitOutcome:
        """Wait for jobs on the worker.

        Args:
            obtained: The jobs.
            submitted_at: When the last of them was submitted, epoch seconds.
            deadline: When they are too late, epoch seconds.
        """
        assert self.jobs is not None
        client = self.task.hook.create_poll_client()
        return wait_for_jobs(
            client.job,
            [self._poller(job, submitted_at, deadline, QuickPace(job.submitted_at, time.time())) for job in obtained],
            asked=place_of(client.settings),
            sleep=self.jobs.sleep,
            queue_length=partial(queue_length, client),
        )

    def _poller(self, job: ObtainedJob, submitted_at: float, deadline: float, pace: QuickPace) -> JobPoller:
        return JobPoller(
            job.job_id,
            submitted_at,
            deadline,
            self.arguments.poll_seconds,
            self.task.hook.describe(),
            submitted_to=job.record.place if job.record is not None else None,
            patience=refusal_patience(),
            pace=pace,
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

    def _standing(self) -> Standing:
        store = self.attachment.store
        several = self.jobs is not None and len(self.jobs.handles) > 1
        shares_jobs = self.attachment.run is not None
        return standing_of(self.context["ti"], part_store(store, 1) if several else store, shares_jobs=shares_jobs)

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
