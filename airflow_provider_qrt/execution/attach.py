"""A task's jobs when it starts or returns: what it remembers of them, who submits them, how they become known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.config import refusal_patience
from airflow_provider_qrt.execution.cancel_note import CancelNote, pull
from airflow_provider_qrt.execution.context import clear_number_of, identity_of, run_number, task_store
from airflow_provider_qrt.execution.task import link_key
from airflow_provider_qrt.execution.task_jobs import JobHandle, KnownJob, TaskJobs
from airflow_provider_qrt.jobs.submit.identity import JobRequest
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
from airflow_provider_qrt.jobs.submit.split import Split, part_store
from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter
from airflow_provider_qrt.links.qiskit_runtime import job_url

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.execution.arguments import RunArguments
    from airflow_provider_qrt.execution.task import JobTask
    from airflow_provider_qrt.jobs.sessions.opening import SessionOpener
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob

log = logging.getLogger(__name__)

NO_RECORD = (
    "This Airflow keeps no state of tasks across tries, so no record is kept of this task's job. A retry looks for the "
    "job by its tags, which takes up to half a minute; after a clear a result that was not delivered is bought again; "
    "and the triggerer cannot cancel what a killed task leaves behind. Set [qiskit_runtime] record_path to a folder "
    "that all workers and triggerers reach, or use Airflow 3.3 or newer."
)
SPLIT_KEY = "parts"
"""The XCom that says which circuits are in which job, of a task that keeps no record of that."""
STAGES_KEY = "qiskit_runtime_stages"
"""The XCom with the jobs of this try that came before the task's own: their ids by the names of their stages."""


class Attachment:
    """Connects one start or return of a task with its jobs.

    Args:
        task: The operator.
        arguments: Of the task.
        context: Airflow's.
    """

    def __init__(self, task: JobTask, arguments: RunArguments, context: Context) -> None:
        self._task = task
        self._arguments = arguments
        self._context = context
        self.ti: Any = context["ti"]
        self.store = task_store(context) if arguments.durable else None
        self.run = run_number(task, context) if arguments.durable and self.store is None else None
        self._noted_tags: list[str] = []

    def attach(self, known: Sequence[KnownJob], *, killed: bool) -> TaskJobs:
        """Return the task's jobs, of which some may not be known yet.

        Args:
            known: What is known of each; at least one.
            killed: Whether somebody has stopped the task already.
        """
        several = len(known) > 1
        handles = [
            JobHandle(self.submitter(part if several else None), job.job_id, job.record)
            for part, job in enumerate(known, start=1)
        ]
        jobs = TaskJobs(self._task.hook, handles, self.is_durable, self._arguments.cancel_on_kill, killed=killed)
        if several:
            jobs.batch_id = self._open_batch_id(jobs)
        if known[0].job_id is not None:
            self._task.job_url = job_url(self._task.hook.settings.base_url, known[0].job_id)
        return jobs

    def attach_stage(self, name: str, *, killed: bool) -> TaskJobs:
        """Return the job of a stage that comes before the task's own jobs."""
        record = SubmissionRecord.read(part_store(self.store, name))
        known = record is not None and record.max_tries == self.ti.max_tries and not record.abandoned
        recorded = record.job_id if known and record is not None else None
        handle = JobHandle(self.submitter(name), self.stages().get(name) or recorded, record)
        return TaskJobs(self._task.hook, [handle], self.is_durable, self._arguments.cancel_on_kill, killed=killed)

    def stages(self) -> dict[str, str]:
        """Return the ids of this try's jobs that came before the task's own, by the names of their stages, in order."""
        noted = pull(self.ti, STAGES_KEY)
        return dict(noted) if isinstance(noted, dict) else {}

    def note_stage(self, name: str, job_id: str) -> None:
        """Note the job of a stage, for the legs of this try that follow."""
        self.ti.xcom_push(STAGES_KEY, {**self.stages(), name: job_id})

    def submitter(self, part: int | str | None = None) -> JobSubmitter:
        """Return what obtains the task's job, or one of its jobs, or that of a stage by its name."""
        ti = self.ti
        return JobSubmitter(
            self._task.hook.submit_client,
            replace(identity_of(ti), part=part),
            try_number=ti.try_number,
            max_tries=ti.max_tries,
            clear_number=clear_number_of(self._context),
            connection=self._arguments.qiskit_runtime_conn_id,
            store=self.store if part is None else part_store(self.store, part),
            run=self.run,
            cancel_replaced=self._arguments.cancel_on_kill,
            may_outlive_task=not self._arguments.cancels_when_stopped,
            patience=refusal_patience(),
            before_submission=self.note_submission,
        )

    def session_opener(self) -> SessionOpener:
        """Return what opens a batch for the task's jobs, or finds the one that an earlier leg or try opened."""
        from airflow_provider_qrt.jobs.sessions.opening import SessionOpener

        return SessionOpener(
            self._task.hook.client,
            max_tries=self.ti.max_tries,
            store=self.store,
            connection=self._arguments.qiskit_runtime_conn_id,
            keep_open=not self._arguments.cancels_when_stopped,
        )

    @property
    def is_durable(self) -> bool:
        """Whether a retry finds the jobs again: in the task's records, or else by their tags."""
        return self.store is not None or (self.run is not None and self._task.hook.channel.offers(Feature.TAGS))

    def warn_if_unrecorded(self) -> None:
        """Say in the first try what is lost on an Airflow that keeps no state of tasks."""
        if self.run is not None and self.run == self.ti.try_number:
            log.warning(NO_RECORD)

    def record(self) -> SubmissionRecord | None:
        """Return what the task remembers of its one job."""
        return SubmissionRecord.read(self.store)

    def records(self, split: Split) -> list[SubmissionRecord | None]:
        """Return what the task remembers of each of its jobs."""
        return [SubmissionRecord.read(part_store(self.store, part)) for part in range(1, len(split.jobs) + 1)]

    def recorded_jobs(self, split: Split) -> list[KnownJob]:
        """Return the jobs that this run of the task has, or had when it failed; not those of before a clear."""
        return [
            KnownJob(record.job_id, record)
            if record is not None and record.max_tries == self.ti.max_tries and not record.abandoned
            else KnownJob()
            for record in self.records(split)
        ]

    def known_jobs(self) -> tuple[Split | None, Sequence[KnownJob]]:
        """Return the jobs of a deferred task that Airflow resumes, as far as they are known, and how it is split."""
        split = Split.read(self.store)
        if split is not None:
            return split, self.recorded_jobs(split)
        published = None if self.store is not None else pull(self.ti, "job_ids")
        if isinstance(published, list) and len(published) > 1:
            return Split.from_json(pull(self.ti, SPLIT_KEY)), [KnownJob(str(job_id)) for job_id in published]
        record = self.record()
        if record is not None:
            # The record of a cleared task that has not submitted yet is from before the clear.
            return None, [KnownJob(record.job_id, record) if record.max_tries == self.ti.max_tries else KnownJob()]
        stored = pull(self.ti, "job_id")
        return None, [KnownJob(str(stored) if stored else None)]

    def publish(self, jobs: TaskJobs, job: ObtainedJob) -> None:
        """Make the job known, or the first of several, to ``on_kill`` before all."""
        jobs.handles[0].job_id, jobs.handles[0].record = job.job_id, job.record
        jobs.stop_if_killed()
        self._task.job_url = job_url(self._task.hook.settings.base_url, job.job_id)
        self.ti.xcom_push("job_id", job.job_id)
        if job.record is not None:
            self.note_submission(job.record.tag)
        if job.session_id:
            self.ti.xcom_push("session_id", job.session_id)
        self.ti.xcom_push(link_key(self._task), self._task.job_url)
        self._task.report.obtained(job)

    def publish_part(self, jobs: TaskJobs, job: ObtainedJob) -> None:
        """Make known which jobs there are, all of them before the first, which stands for the task."""
        self.ti.xcom_push("job_ids", jobs.job_ids)
        if job.job_id == jobs.handles[0].job_id:
            self.publish(jobs, job)
        else:
            self._task.report.obtained(job)

    def note_submission(self, tag: str) -> None:
        """Leave in XCom what is needed to cancel the task's jobs when the task is gone."""
        if tag not in self._noted_tags:
            self._noted_tags.append(tag)
            arguments = self._arguments
            note = CancelNote(arguments.qiskit_runtime_conn_id, self._noted_tags, arguments.cancels_when_stopped)
            note.push(self.ti)

    def _open_batch_id(self, jobs: TaskJobs) -> str | None:
        """Return the batch of a task that stopped half-way to wait before it may submit the rest."""
        if len(jobs.job_ids) == len(jobs.handles):
            return None
        from airflow_provider_qrt.jobs.sessions.opening import SessionRecord

        record = SessionRecord.read(self.store)
        return record.session_id if record is not None and record.max_tries == self.ti.max_tries else None


Prepare = Callable[[JobRequest], JobRequest]


def prepare_unless_killed(jobs: TaskJobs, prepare: Prepare) -> Prepare:
    """Return ``prepare`` with a look before and after it whether the task was stopped: it may take half a minute."""

    def checked(asked: JobRequest) -> JobRequest:
        jobs.stop_if_killed()
        ready = prepare(asked)
        jobs.stop_if_killed()
        return ready

    return checked
