"""The completed jobs of a task: reading their results, and delivering what they come to."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.config import refusal_patience
from airflow_provider_qrt.execution import lineage
from airflow_provider_qrt.execution.delivery import deliver
from airflow_provider_qrt.execution.failure import JobUnreadError
from airflow_provider_qrt.execution.job_info import JobFacts, SplitJobFacts
from airflow_provider_qrt.execution.private_result import read_once
from airflow_provider_qrt.jobs.submit.split import Split, part_store
from airflow_provider_qrt.programs.receiving import receive

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.execution.arguments import RunArguments
    from airflow_provider_qrt.execution.task import JobTask
    from airflow_provider_qrt.execution.task_jobs import TaskJobs
    from airflow_provider_qrt.jobs.submit.record import StateStore
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult

log = logging.getLogger(__name__)


class CompletedJobs:
    """The jobs as a program reads them; see :class:`~airflow_provider_qrt.programs.FinishedJobs`.

    What is known of a private job beside its result is read first: what needs the network comes before the one time
    that its result can be read. That of other jobs is read only if their results do not tell it.

    Args:
        task: The operator.
        arguments: Of the task.
        program_id: What ran.
        task_jobs: The task's jobs.
        jobs: The same, as read.
        split: Which PUBs are in which; None for one job.
        store: The task's state store.
    """

    def __init__(
        self,
        task: JobTask,
        arguments: RunArguments,
        program_id: str,
        task_jobs: TaskJobs,
        jobs: Sequence[Job],
        split: Split | None,
        store: StateStore | None,
    ) -> None:
        self._task = task
        self._arguments = arguments
        self._program_id = program_id
        self._task_jobs = task_jobs
        self._store = store
        self._split = split
        self.jobs = jobs
        # When the backend was calibrated is one more request, and not everybody wants to know.
        calibration = arguments.destination is not None or bool(task.outlets) or lineage.is_on()
        read_first = calibration or split is not None or jobs[0].private or arguments.private
        self._facts = self._read_facts(with_calibration=calibration) if read_first else None

    @property
    def split(self) -> Sequence[Sequence[int]] | None:
        """The indices of the PUBs in each job; None for a task with one job."""
        return None if self._split is None else self._split.jobs

    def fetch(self, place: int = 0) -> str:
        """Fetch a result's text; that of a private job, which is given out once, is kept before anything can fail."""
        job = self.jobs[place]
        read = self._task.hook.client.job_result
        if not (job.private or self._arguments.private):
            return read(job.id)
        store = self._store if self._split is None else part_store(self._store, place + 1)
        try:
            return read_once(job.id, read, store=store, destination=self._arguments.destination)
        except errors.NotFoundError as error:
            raise self._gone(job, error) from error

    def receive(self, place: int = 0) -> str | ArrivingResult:
        """Fetch a result, and unpack its arrays while it arrives; that of a private job as :meth:`fetch` does."""
        job = self.jobs[place]
        if job.private or self._arguments.private:
            return self.fetch(place)
        return receive(self._task.hook.client, job.id)

    def add_to_events(self, facts: Mapping[str, Any]) -> None:
        """Add facts to the events of the assets in the task's ``outlets``."""
        self._task.report.found(facts)

    def deliver(self, result: Any, *, used_qiskit: bool = False) -> dict[str, Any]:
        """Return what goes to XCom, and write the whole result to its file if it has one."""
        facts = self._facts or JobFacts.with_result(self._task.hook.client, self.jobs[0], result)
        facts = replace(facts, estimated_seconds=self._estimated_seconds())
        self._task.report.read(facts)
        return deliver(
            result,
            facts,
            program_id=self._program_id,
            destination=self._arguments.destination,
            used_qiskit=used_qiskit,
        )

    def _read_facts(self, *, with_calibration: bool) -> JobFacts:
        client = self._task.hook.client
        if self._split is None:
            return JobFacts.read(client, self.jobs[0], with_calibration=with_calibration)
        return SplitJobFacts.read_all(client, self.jobs, self._split.fingerprint, with_calibration=with_calibration)

    def _estimated_seconds(self) -> float | None:
        """Return what the jobs were expected to take; None if that is not known of each."""
        known = [handle.record.estimated_seconds if handle.record else None for handle in self._task_jobs.handles]
        return None if None in known else sum(filter(None, known))

    def _gone(self, job: Job, error: errors.NotFoundError) -> Exception:
        """Return the error for a private result that the service does not know."""
        submitter = self._task_jobs.find(job.id).submitter
        if not submitter.is_missing_for_good():
            return JobUnreadError(
                f"The service does not know the result of private job {job.id}. A retry, or a clear, asks again; "
                f"the result counts as gone when that goes on for {refusal_patience() / 60:g} minutes. {error}"
            )
        # So that a clear does not look for it for ever.
        submitter.delivered()
        self._task_jobs.settled = True
        return AirflowFailException(
            f"The result of private job {job.id} is gone: the service gives it out once, and whoever read it kept "
            f"it nowhere. A retry cannot help, so none is made; clear the task to submit a new job. {error}"
        )
