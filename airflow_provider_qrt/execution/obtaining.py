"""Obtaining a task's jobs: one, or the fewest that its input needs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_qrt.execution.attach import SPLIT_KEY, prepare_unless_killed
from airflow_provider_qrt.execution.split_jobs import Part, SplitSubmission, TaskBatch
from airflow_provider_qrt.jobs.submit.split import Split, part_store
from airflow_provider_qrt.observability import traces

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.arguments import RunArguments
    from airflow_provider_qrt.execution.attach import Attachment
    from airflow_provider_qrt.execution.preparation import Preparation
    from airflow_provider_qrt.execution.task import JobTask
    from airflow_provider_qrt.execution.task_jobs import TaskJobs
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
    from airflow_provider_qrt.programs.base import TaskProgram

log = logging.getLogger(__name__)


class Obtaining:
    """Submits the jobs of a task, or finds those that an earlier try submitted.

    Args:
        task: The operator.
        arguments: Of the task.
        attachment: Knows what the task remembers.
        program: What the task runs.
        preparation: Completes a request just before it is submitted.
    """

    def __init__(
        self,
        task: JobTask,
        arguments: RunArguments,
        attachment: Attachment,
        program: TaskProgram,
        preparation: Preparation,
    ) -> None:
        self._task = task
        self._arguments = arguments
        self._attachment = attachment
        self._program = program
        self._preparation = preparation

    def divide(self, request: JobRequest) -> Split | None:
        """Split the input over jobs, as an earlier try has if there was one; None where one job takes all."""
        store = self._attachment.store
        stored = Split.read(store)
        if stored is not None and request.is_asked_by(stored.fingerprint) and self._is_under_way(stored):
            return stored
        single = self._attachment.record() if stored is None else None
        if single is not None and request.is_asked_by(single.fingerprint) and not single.refused:
            return None
        if self._program.grows_to_fit:
            self._preparation.fit_ahead(request)
        jobs = self._program.split()
        self._give_up_other_parts(stored, len(jobs))
        if len(jobs) == 1:
            if stored is not None:
                Split.forget(store)
            return None
        self._attachment.submitter().withdraw()
        split = Split(request.fingerprint(), tuple(tuple(job) for job in jobs))
        split.write(store)
        log.info("%s PUBs are split over %s jobs.", sum(map(len, jobs)), len(jobs))
        return split

    def obtain_one(self, jobs: TaskJobs, request: JobRequest, batch_id: str | None = None) -> Sequence[ObtainedJob]:
        """Obtain the one job of the task, and make it known.

        Args:
            jobs: The one job.
            request: What is asked for.
            batch_id: A batch that the task has opened for it and for a job before it; None if there is none.

        Raises:
            SubmissionRateLimitedError: IBM accepts no submission now; call again later.
            QiskitRuntimeError: See :class:`~airflow_provider_qrt.jobs.submit.submitter.JobSubmitter`.
        """
        jobs.batch_id = batch_id
        with traces.span("submit"):
            submitter = jobs.handles[0].submitter
            job = submitter.obtain(request, prepare_unless_killed(jobs, self._preparation.complete))
            self._attachment.publish(jobs, job)
        if batch_id is not None:
            self._batch(jobs).close()
        return [job]

    def obtain_several(
        self,
        jobs: TaskJobs,
        split: Split,
        request: JobRequest,
        seconds: Sequence[float | None] | None = None,
        *,
        resumed: bool,
    ) -> Callable[[], Sequence[ObtainedJob]]:
        """Return what obtains the jobs of a task that is split.

        Args:
            jobs: One for each part.
            split: Which PUBs are in which.
            request: What is asked for.
            seconds: IBM's estimate of each, in QPU seconds; None where it was not asked.
            resumed: Whether this try has waited before it might submit.
        """
        store, ti = self._attachment.store, self._attachment.ti
        estimates = seconds or [None] * len(split.jobs)
        parts = [
            Part(
                handle,
                part_store(store, number),
                pubs,
                replace(self._program.part_of(request, pubs), estimated_seconds=estimate),
            )
            for number, (handle, pubs, estimate) in enumerate(
                zip(jobs.handles, split.jobs, estimates, strict=True), start=1
            )
        ]
        if store is None:
            # For a return from the triggerer with nothing but the trigger's event.
            ti.xcom_push(SPLIT_KEY, split.to_json())
        if jobs.job_ids:
            # Before the first job is looked at: what is not published does not look like this task's.
            ti.xcom_push("job_ids", jobs.job_ids)
        submission = SplitSubmission(
            request,
            parts,
            self._preparation,
            self._program.fit_part,
            None if request.session_id is not None else self._batch(jobs),
            jobs,
            partial(self._attachment.publish_part, jobs),
            ti.max_tries,
            resumed,
            self._arguments.wait_for_completion,
        )
        return submission.obtain

    def _batch(self, jobs: TaskJobs) -> TaskBatch:
        return TaskBatch(self._task.hook.client, self._attachment.session_opener(), jobs)

    def _is_under_way(self, split: Split) -> bool:
        return any(record is not None and not record.refused for record in self._attachment.records(split))

    def _give_up_other_parts(self, stored: Split | None, wanted: int) -> None:
        """Give up the jobs of an earlier input that had more parts; the first ones are given up by their successors."""
        if stored is not None:
            first = 1 if wanted == 1 else wanted + 1
            for part in range(first, len(stored.jobs) + 1):
                self._attachment.submitter(part).withdraw()
