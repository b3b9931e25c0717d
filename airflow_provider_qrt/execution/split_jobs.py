"""A task whose input needs several jobs: they are submitted one by one, each once, in a batch of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.defaults import LEAST_BUSY
from airflow_provider_qrt.jobs.errors import SubmissionRateLimitedError
from airflow_provider_qrt.jobs.sessions.opening import SessionOpener, SessionRequest, check_session, close
from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput
from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
from airflow_provider_qrt.jobs.submit.record import StateStore, SubmissionRecord
from airflow_provider_qrt.observability import traces

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Session
    from airflow_provider_qrt.execution.preparation import Preparation
    from airflow_provider_qrt.execution.task_jobs import JobHandle, TaskJobs

log = logging.getLogger(__name__)


@dataclass
class TaskBatch:
    """The batch that a task opens for its jobs, and closes when the last is in it.

    Attributes:
        client: The API.
        opener: Opens it once.
        jobs: Close it when the task fails or is killed.
    """

    client: QiskitRuntimeClient
    opener: SessionOpener
    jobs: TaskJobs
    _session: Session | None = None
    _unsure: bool = False

    def open(self, backend: str, max_execution_seconds: int | None) -> str:
        """Return the id of the batch, opened if need be.

        Raises:
            SessionUnusableError: The jobs may run longer than the batch may live.
            LookUpFailedError: It cannot be said whether it was opened; the next try asks again.
            QiskitRuntimeError: The service refused.
        """
        if self._session is not None and self._unsure and not self._is_open(self._session):
            self._session = self.jobs.batch_id = None
        self._unsure = False
        if self._session is None:
            session = self.opener.obtain(SessionRequest("batch", backend), lambda: backend)
            self.jobs.batch_id = session.id
            self.jobs.stop_if_killed()
            check_session(session, backend=backend, max_execution_seconds=max_execution_seconds)
            self._session = session
        return self._session.id

    def time_passes(self) -> None:
        """Note that the next job comes later: a batch does not live for ever."""
        self._unsure = True

    def close(self) -> None:
        """Let it take no more jobs; those in it run on. An open one costs nothing, so no failure."""
        batch_id, self.jobs.batch_id = self.jobs.batch_id, None
        if batch_id is None:
            return
        try:
            close(self.client, batch_id)
        except errors.QiskitRuntimeError as error:
            log.warning("Batch %s could not be closed; it ends by itself: %s", batch_id, error)
        else:
            log.info("All jobs are submitted, so batch %s takes no more.", batch_id)

    def _is_open(self, session: Session) -> bool:
        try:
            return self.client.session(session.id).accepting_jobs
        except errors.NotFoundError:
            return False


@dataclass
class Part:
    """One job of the task.

    Attributes:
        handle: The job.
        store: What the task remembers of it.
        pubs: Indices of its PUBs.
        request: What is asked of it.
    """

    handle: JobHandle
    store: StateStore | None
    pubs: Sequence[int]
    request: JobRequest

    def record(self) -> SubmissionRecord | None:
        """Return what is recorded about this job, if the same was asked for then."""
        record = SubmissionRecord.read(self.store)
        return record if record is not None and self.request.is_asked_by(record.fingerprint) else None


@dataclass
class SplitSubmission:
    """Obtains the jobs of one task.

    Attributes:
        request: The whole of what is asked for.
        parts: The jobs.
        preparation: Chooses backend and session for all of them, and checks the budget.
        fit_part: Returns the input of a part that fits the backend; called after the whole was made to fit.
        batch: Where they run; None in a session that the user named.
        jobs: The jobs, for whoever stops the task.
        publish: Makes known the jobs that are there.
        max_tries: Airflow's ``ti.max_tries``; a record with another number is from before a clear.
        resumed: Whether this try has waited before it might submit.
        waits: Whether the task waits for the jobs, so that one which has not completed is its end.
    """

    request: JobRequest
    parts: Sequence[Part]
    preparation: Preparation
    fit_part: Callable[[ProgramInput, Sequence[int]], ProgramInput]
    batch: TaskBatch | None
    jobs: TaskJobs
    publish: Callable[[ObtainedJob], None]
    max_tries: int
    resumed: bool
    waits: bool
    _obtained: list[ObtainedJob] = field(default_factory=list, init=False)
    _whole: JobRequest | None = field(default=None, init=False)
    _limits: dict[int, int | None] = field(default_factory=dict, init=False)

    def obtain(self) -> Sequence[ObtainedJob]:
        """Return the jobs, in the order of the parts; only the first ones if one of those has not completed.

        Raises:
            SubmissionRateLimitedError: Too many submissions in the window; call again later, what was obtained is kept.
            QiskitRuntimeError: As of :class:`~airflow_provider_qrt.jobs.submit.submitter.JobSubmitter`.
        """
        while len(self._obtained) < len(self.parts):
            number = len(self._obtained)
            with traces.span("submit"):
                job = self._obtain(number)
                handle = self.parts[number].handle
                handle.job_id, handle.record = job.job_id, job.record
                traces.annotate(job_id=job.job_id)
            self._obtained.append(job)
            self.jobs.stop_if_killed()
            self.publish(job)
            if self.waits and job.job is not None and job.job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
                return self._obtained
        if self.batch is not None:
            self.batch.close()
        return self._obtained

    def _obtain(self, number: int) -> ObtainedJob:
        part = self.parts[number]
        submitter = part.handle.submitter
        if self.resumed:
            job = submitter.resume(part.request)
            if job is not None:
                return job
        try:
            return submitter.obtain(part.request, lambda asked: self._prepare(number, asked))
        except SubmissionRateLimitedError as full:
            if self.batch is not None:
                self.batch.time_passes()
            so_far = f"{len(self._obtained)} of {len(self.parts)} jobs are submitted."
            raise SubmissionRateLimitedError(
                full.refusal, so_far if self._obtained else "Nothing was submitted."
            ) from full

    def _prepare(self, number: int, asked: JobRequest) -> JobRequest:
        """Complete the request of a part; backend and circuits are seen to for all of them, before the first."""
        self.jobs.stop_if_killed()
        if self._whole is None:
            self._whole = self.preparation.fit(replace(self.request, backend=self._backend()))
        self.jobs.stop_if_killed()
        self._check_budget(number)
        backend, session_id = self._whole.backend, self.request.session_id
        if self.batch is not None:
            session_id = self.batch.open(backend, self.request.max_execution_seconds)
        ready = self.fit_part(asked.input, self.parts[number].pubs)
        return replace(
            asked,
            backend=backend,
            session_id=session_id,
            input=ready,
            max_execution_seconds=self._limits[number],
        )

    def _backend(self) -> str:
        """Return the backend to ask for: jobs that share a batch need that of those already submitted."""
        if self.request.backend != LEAST_BUSY or self.request.session_id is not None:
            return self.request.backend
        for part in self.parts:
            record = part.record()
            if record is not None and record.backend is not None and record.max_tries == self.max_tries:
                return record.backend
        return LEAST_BUSY

    def _check_budget(self, number: int) -> None:
        """See whether this part fits into the budget, together with those after it that were never submitted."""
        if number in self._limits:
            return
        ahead = [
            later
            for later in range(number + 1, len(self.parts))
            if (record := self.parts[later].record()) is None
            or record.job_id is None
            or record.max_tries != self.max_tries
        ]
        checked = (number, *ahead)
        limited = self.preparation.check_budget([self.parts[one].request for one in checked])
        self._limits.update((one, request.max_execution_seconds) for one, request in zip(checked, limited, strict=True))
