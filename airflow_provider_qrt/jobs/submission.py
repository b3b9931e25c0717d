"""Submitting a job once, whatever happens on the way.

The service has no idempotency key, and a lost answer may stand for a job that runs and is charged. So: write down what
is about to be submitted (the intent), submit with the task's identity as a tag, write down the job's id. Whoever comes
later, after a crash, a retry or a lost answer, finds the id, or the job by its tag, or knows that there is none.

On a channel without tags a job whose answer was lost cannot be found. There, nothing is submitted after it until
somebody clears the task, which says that another job is wanted whatever became of the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Channel, Feature, Submission
from airflow_provider_qrt.client.models import Job, SubmittedJob
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.failure import retry_can_help
from airflow_provider_qrt.jobs.identity import JobIdentity, JobRequest, job_tags
from airflow_provider_qrt.jobs.record import StateStore, SubmissionRecord

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

LOOK_UP_PAUSES = (0.0, 1.0, 2.0, 3.0, 4.0)
"""Seconds before each look-up by tag; how soon a new job shows in the list is not documented."""
CLOCK_MARGIN = timedelta(hours=1)
"""How far the clocks of worker and service may be apart. Jobs older than that are not looked for: a DAG run that was
deleted and made again has the same identity, and its former jobs are still listed."""
MAX_POSTS = 3
"""Submissions tried in one go when each is answered ambiguously and leaves no job behind."""


class WindowFull(errors.QiskitRuntimeError):
    """429: too many submissions in the window. Nothing was created; the same submission may be made later.

    Attributes:
        refusal: What the service said.
        retry_after: Seconds the service asked to wait, or None if it did not say.
    """

    def __init__(self, refusal: errors.RateLimited, consequence: str = "Nothing was submitted.") -> None:
        self.refusal = refusal
        self.retry_after = refusal.retry_after
        super().__init__(f"{refusal} {consequence}")


class LookUpFailed(errors.QiskitRuntimeError):
    """It could not be found out whether the job exists. Nothing was submitted; the next try asks again."""


class JobGone(errors.QiskitRuntimeError):
    """The job that this task submitted is not known to the service any more."""


class How(StrEnum):
    """How a task came by its job."""

    SUBMITTED = "submitted"
    REATTACHED = "re-attached to"
    ADOPTED = "adopted"


@dataclass(frozen=True)
class ObtainedJob:
    """A job that is this task's.

    Attributes:
        job_id: Its id.
        how: Submitted now, re-attached or adopted.
        submitted_at: Epoch seconds.
        backend: Its backend, if known.
        session_id: Its session or batch, if any.
        job: The job as read, when it existed before.
    """

    job_id: str
    how: How
    submitted_at: float
    backend: str | None = None
    session_id: str | None = None
    job: Job | None = None


def check_offered(channel: Channel, request: JobRequest) -> None:
    """See that the channel has what a request asks for, before anything is sent or written down.

    Raises:
        NotOffered: If it has not; says what to do instead.
    """
    channel.check(
        Submission(
            request.program_id,
            request.backend,
            request.input.params,
            tags=request.tags,
            session_id=request.session_id,
            start_session=request.start_session,
            max_execution_seconds=request.max_execution_seconds,
            private=request.private,
        )
    )


class JobSubmitter:
    """Obtains the one job of a task.

    Args:
        client: The API; a 429 on a submission is best left to this class's caller, who knows how to wait.
        identity: The task instance.
        try_number: Airflow's ``ti.try_number``.
        max_tries: Airflow's ``ti.max_tries``.
        store: The task's state store; None submits anew each time.
        cancel_replaced: Cancel an active job when a clear or another input puts a new one in its place.
        log: Takes a line for the task log.
        sleep: Called with seconds.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        client: QiskitRuntimeClient,
        identity: JobIdentity,
        *,
        try_number: int,
        max_tries: int,
        store: StateStore | None,
        cancel_replaced: bool = True,
        log: Callable[[str], object],
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self.identity = identity
        self._try_number = try_number
        self._max_tries = max_tries
        self._store = store
        self._cancel_replaced = cancel_replaced
        self._log = log
        self._sleep = sleep
        self._clock = clock
        self.outstanding_tag: str | None = None
        """Tag of a submission that is under way and whose job's id is not known yet."""

    def obtain(self, request: JobRequest, prepare: Callable[[JobRequest], JobRequest]) -> ObtainedJob:
        """Return this task's job: the one it has already, or a new one.

        Args:
            request: What is asked for.
            prepare: Called just before a submission, and only then; checks and completes the request (the backend).

        Raises:
            WindowFull: Too many submissions in the window; nothing was submitted, call again later.
            LookUpFailed: It cannot be said whether the job exists; nothing was submitted.
            JobGone: The job recorded for this task is not known to the service.
            SubmissionUnknown: Nothing could be found of what was submitted; the next try looks again.
            QiskitRuntimeError: The service refused; nothing was created.
        """
        record = SubmissionRecord.read(self._store)
        if record is None:
            return self._submit(request, 1, prepare)
        if record.fingerprint != request.fingerprint():
            self._log(f"The input has changed since job {record.job_id or 'none'}, so a new job is submitted.")
            self._give_up(self._undelivered(record))
            return self._submit(request, record.number + 1, prepare)
        if record.max_tries != self._max_tries:
            former = self._undelivered(record)
            if former is None or former.status is not JobStatus.COMPLETED:
                self._log(f"The task was cleared, so a new job is submitted; the last was {record.job_id or 'none'}.")
                self._give_up(former)
                return self._submit(request, record.number + 1, prepare)
            replace(
                record, job_id=former.id, backend=former.backend or record.backend, max_tries=self._max_tries
            ).write(self._store)
            self._log(f"Job {former.id} completed and its result was never delivered; it is not bought again.")
            return ObtainedJob(
                former.id, How.REATTACHED, record.submitted_at, former.backend, former.session_id, former
            )
        if record.job_id is None and record.refused:
            return self._submit(request, record.number, prepare)
        if record.job_id is None:
            by_tag = "; looking for the job by its tag" if self._can_look_up() else ""
            self._log(f"An earlier try meant to submit and did not record a job id{by_tag}.")
            job = self._look_up(record)
            if job is None:
                self._log("There is none: nothing had been submitted.")
                return self._submit(request, record.number, prepare, certain=False)
            replace(record, job_id=job.id, backend=job.backend).write(self._store)
            how = How.ADOPTED
        else:
            job, how = self._recorded(record.job_id), How.REATTACHED
        lost = job.status in (JobStatus.FAILED, JobStatus.CANCELLED) and retry_can_help(job.state)
        given_up = record.abandoned and not job.status.is_final
        if lost or given_up:
            self._log(f"Job {job.id} of an earlier try is {job.state.word.lower()}; a new one is submitted.")
            if given_up:
                # Once more: what asked for it before may have failed.
                self._cancel(job)
            return self._submit(request, record.number + 1, prepare)
        self._log(f"{how.value.capitalize()} job {job.id} ({job.state.word.lower()}) of an earlier try.")
        return ObtainedJob(job.id, how, record.submitted_at, job.backend or record.backend, job.session_id, job)

    def resume(self, request: JobRequest) -> ObtainedJob | None:
        """Return the job that this very try has submitted before it stopped to wait for something; None if it has not.

        However it has ended: that is the try's own outcome, and no reason to submit another.

        Raises:
            JobGone: See :meth:`obtain`.
        """
        record = SubmissionRecord.read(self._store)
        if record is None or record.job_id is None or record.fingerprint != request.fingerprint():
            return None
        if (record.try_number, record.max_tries) != (self._try_number, self._max_tries) or record.abandoned:
            return None
        job = self._recorded(record.job_id)
        return ObtainedJob(
            job.id, How.REATTACHED, record.submitted_at, job.backend or record.backend, job.session_id, job
        )

    def withdraw(self) -> None:
        """Give up the job of a submission that has no place any more in what the task now asks for."""
        record = SubmissionRecord.read(self._store)
        if record is None or record.delivered or record.abandoned:
            return
        self._give_up(self._undelivered(record))
        replace(record, abandoned=True).write(self._store)

    def delivered(self, *, arrived: bool = True) -> None:
        """Note that the task has handed the job's result on: clearing it from now on means a new job.

        Args:
            arrived: False: Airflow could not take it, so clearing the task fetches it again.
        """
        record = SubmissionRecord.read(self._store)
        if record is not None:
            replace(record, delivered=arrived).write(self._store)

    def abandoned(self) -> None:
        """Note that the job was given up and its cancellation asked for: a retry must not wait for it again."""
        record = SubmissionRecord.read(self._store)
        if record is not None:
            replace(record, abandoned=True).write(self._store)

    def _undelivered(self, record: SubmissionRecord) -> Job | None:
        """The job that this task has handed to nobody; None if there is none, or the service does not know it."""
        if record.delivered or record.refused:
            return None
        if record.job_id is None:
            if not self._can_look_up() and record.max_tries != self._max_tries:
                self._log(
                    f"Whether the submission before the clear made a job could not be found out: {self._no_tags()} If "
                    "there is such a job, it runs on and is charged."
                )
                return None
            return self._look_up(record)
        try:
            return self._client.job(record.job_id)
        except errors.NotFound:
            return None

    def _give_up(self, former: Job | None) -> None:
        """See that a job nobody waits for any more is not charged beside the one that takes its place."""
        if former is None or former.status.is_final:
            return
        if not self._cancel_replaced:
            self._log(f"Job {former.id} goes on and is charged: cancel_on_kill is off.")
            return
        self._cancel(former)

    def _cancel(self, former: Job) -> None:
        try:
            self._client.cancel_job(former.id)
        except errors.Conflict:
            return
        except errors.QiskitRuntimeError as error:
            self._log(f"Job {former.id} could not be cancelled and may still run and be charged: {error}")
        else:
            self._log(f"Job {former.id} was cancelled.")

    def _recorded(self, job_id: str) -> Job:
        """Read the job that an earlier try recorded."""
        try:
            return self._client.job(job_id)
        except errors.NotFound as error:
            raise JobGone(
                f"This task submitted job {job_id}, which the service does not know any more: it was deleted, or the "
                "connection now names another instance or region. No other job was submitted. Clear the task to "
                f"submit anew. {error}"
            ) from error

    def was_submitted_earlier(self, job_id: str) -> bool:
        """Whether an earlier try submitted this job, or nobody knows any more who did."""
        record = SubmissionRecord.read(self._store)
        return record is not None and record.job_id == job_id and record.try_number != self._try_number

    def _submit(
        self,
        request: JobRequest,
        number: int,
        prepare: Callable[[JobRequest], JobRequest],
        *,
        certain: bool = True,
    ) -> ObtainedJob:
        """Submit.

        Args:
            request: What is asked for.
            number: The submission's.
            prepare: See :meth:`obtain`.
            certain: Whether nothing was submitted under this number before, and not only nothing found.
        """
        check_offered(self._client.channel, request)
        tags = job_tags(self.identity, number, request)
        ready = prepare(request)
        intent = SubmissionRecord(
            fingerprint=request.fingerprint(),
            number=number,
            max_tries=self._max_tries,
            submitted_at=self._clock(),
            tag=tags[0],
            try_number=self._try_number,
            backend=ready.backend,
        )
        intent.write(self._store)
        self.outstanding_tag = intent.tag
        attempt = 0
        while True:
            attempt += 1
            try:
                job = self._post(ready, tags)
            except errors.SubmissionUnknown as error:
                certain = False
                if self._store is None:
                    raise
                self._log(f"{error} Looking for the job by its tag." if self._can_look_up() else str(error))
                found = self._look_up(intent)
                if found is None and attempt == MAX_POSTS:
                    raise
                if found is None:
                    self._log("There is none: the submission is repeated.")
                    continue
                self._log(f"Found job {found.id} ({found.state.word.lower()}): it had been submitted.")
                obtained = ObtainedJob(
                    found.id, How.ADOPTED, intent.submitted_at, found.backend, found.session_id, found
                )
            except (errors.ApiError, errors.ConnectionFailed, errors.InvalidSettings) as error:
                if certain:
                    self.outstanding_tag = None
                    replace(intent, refused=True).write(self._store)
                if isinstance(error, errors.RateLimited):
                    raise WindowFull(error) from error
                raise
            else:
                # The log first: it needs nothing but this process.
                backend = job.backend or ready.backend
                self._log(f"Submitted job {job.id} to {backend}.")
                obtained = ObtainedJob(
                    job.id, How.SUBMITTED, intent.submitted_at, backend, job.session_id or ready.session_id
                )
            replace(intent, job_id=obtained.job_id).write(self._store)
            self.outstanding_tag = None
            return obtained

    def _post(self, ready: JobRequest, tags: Sequence[str]) -> SubmittedJob:
        return self._client.submit_job(
            program_id=ready.program_id,
            backend=ready.backend,
            params=ready.input.params,
            tags=tags if self._can_look_up() else (),
            session_id=ready.session_id,
            start_session=ready.start_session,
            max_execution_seconds=ready.max_execution_seconds,
            private=ready.private,
        )

    def _can_look_up(self) -> bool:
        """Whether a job can be found whose id is not known."""
        return self._client.channel.offers(Feature.TAGS)

    def _no_tags(self) -> str:
        return f"the channel {self._client.channel.name!r} has no tags by which it could be found."

    def _look_up(self, intent: SubmissionRecord) -> Job | None:
        """Find the job by its tag; a few reads over some seconds, for a new job may not be listed at once."""
        if not self._can_look_up():
            raise LookUpFailed(
                f"This task sent a submission and does not know its job: {self._no_tags()} The job may exist, run and "
                "be charged. No other job was submitted, and a retry submits none; clear the task to submit anew."
            )
        since = datetime.fromtimestamp(intent.submitted_at, UTC) - CLOCK_MARGIN
        for pause in LOOK_UP_PAUSES:
            self._sleep(pause)
            try:
                found = list(self._client.jobs(tags=[intent.tag], created_after=since, newest_first=False))
            except errors.QiskitRuntimeError as error:
                raise LookUpFailed(
                    f"It is not known whether this task's job was submitted, and looking for it failed: {error} "
                    "No other job was submitted; a retry looks again."
                ) from error
            if found:
                if len(found) > 1:
                    others = ", ".join(job.id for job in found[1:])
                    self._log(f"More than one job carries this task's tag; the others are {others}.")
                return found[0]
        return None
