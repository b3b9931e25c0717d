"""Submitting a job once, whatever happens on the way.

The service has no idempotency key, and a lost answer may stand for a job that runs and is charged. So: write down what
is about to be submitted (the intent), submit with the task's identity as a tag, write down the job's id. Whoever comes
later, after a crash, a retry or a lost answer, finds the id, or the job by its tag, or knows that there is none.

On a channel without tags a job whose answer was lost cannot be found. There, nothing is submitted after it until
somebody clears the task, which says that another job is wanted whatever became of the first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import LIST_LAG
from airflow_provider_qrt.client.models import Job, SubmittedJob
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.errors import JobGoneError, LookUpFailedError, SubmissionRateLimitedError
from airflow_provider_qrt.jobs.failure import retry_can_help
from airflow_provider_qrt.jobs.place import ELSEWHERE, describe_elsewhere, place_of
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, fingerprint_of, job_tags, new_mark
from airflow_provider_qrt.jobs.submit.look_up import JobLookUp
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.submit.offer import check_offered
from airflow_provider_qrt.jobs.submit.record import StateStore, SubmissionRecord

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

log = logging.getLogger(__name__)


class JobSubmitter:
    """Obtains the one job of a task.

    Args:
        client: The API; a 429 on a submission is best left to this class's caller, who knows how to wait.
        identity: The task instance.
        try_number: Airflow's ``ti.try_number``.
        max_tries: Airflow's ``ti.max_tries``.
        clear_number: Airflow's ``dag_run.clear_number``; None if that is not known.
        connection: Id of the connection, for whoever cancels the job when the task is gone.
        store: Where the task keeps its state; None submits anew each time, unless ``run`` is given.
        run: Which run of the task this is, without a store: the number of the try after the last clear. Jobs of
            earlier tries of the same run are then found by their tags.
        cancel_replaced: Cancel an active job when a clear or another input puts a new one in its place.
        may_outlive_task: Whether the job is left alone when the task has stopped.
        patience: Seconds for which the service must say that it does not know a job before that is believed.
        before_submission: Called with the identity tag of a job just before it is submitted.
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
        run: int | None = None,
        clear_number: int | None = None,
        connection: str | None = None,
        cancel_replaced: bool = True,
        may_outlive_task: bool = False,
        patience: float = DEFAULT_PATIENCE,
        before_submission: Callable[[str], object] = lambda _tag: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self.identity = identity
        self._try_number = try_number
        self._max_tries = max_tries
        self._clear_number = clear_number
        self._connection = connection
        self._store = store
        self._run = run if store is None else None
        self._cancel_replaced = cancel_replaced
        self._may_outlive_task = may_outlive_task
        self._patience = patience
        self._before_submission = before_submission
        self._clock = clock
        self._look_up = JobLookUp(client, self._cancel, sleep=sleep, clock=clock)
        self.outstanding_tag: str | None = None
        """Tag of a submission that is under way and whose job's id is not known yet."""

    @property
    def place(self) -> str:
        """Instance, region and host that jobs are submitted to."""
        return place_of(self._client.settings)

    def obtain(self, request: JobRequest, prepare: Callable[[JobRequest], JobRequest]) -> ObtainedJob:
        """Return this task's job: the one it has already, or a new one.

        Args:
            request: What is asked for.
            prepare: Called just before a submission, and only then; checks and completes the request (the backend).

        Raises:
            SubmissionRateLimitedError: Too many submissions in the window; nothing was submitted, call again later.
            LookUpFailedError: It cannot be said whether the job exists; nothing was submitted.
            JobGoneError: The connection leads to another instance than the job was submitted to.
            SubmissionUnknownError: Nothing could be found of what was submitted; the next try looks again.
            QiskitRuntimeError: The service refused; nothing was created.
        """
        record = SubmissionRecord.read(self._store)
        if record is None and self._run is not None:
            return self._obtain_by_tags(request, self._run, prepare)
        if record is None:
            return self._submit(request, 1, prepare)
        if not request.is_asked_by(record.fingerprint):
            log.info(f"The input has changed since job {record.job_id or 'none'}, so a new job is submitted.")
            self._give_up(self._undelivered(record))
            return self._submit(request, record.number + 1, prepare)
        if self._was_cleared(record):
            return self._after_clear(record, request, prepare)
        if record.delivered:
            # Airflow never heard that the last try had succeeded.
            record = replace(record, delivered=False)
            record.write(self._store)
        if record.job_id is None and record.refused:
            return self._submit(request, record.number, prepare)
        if record.job_id is None:
            by_tag = "; looking for the job by its tag" if self._look_up.is_possible else ""
            log.info(f"An earlier try meant to submit and did not record a job id{by_tag}.")
            job = self._look_up.find(record)
            if job is None:
                log.info("There is none: nothing had been submitted.")
                return self._submit(request, record.number, prepare, again=record)
            record = replace(record, job_id=job.id, backend=job.backend)
            record.write(self._store)
            return self._go_on(record, job, JobOrigin.ADOPTED, request, prepare)
        return self._go_on(record, self._recorded(record), JobOrigin.REATTACHED, request, prepare)

    def resume(self, request: JobRequest) -> ObtainedJob | None:
        """Return the job that this very try has submitted before it stopped to wait for something; None if it has not.

        However it has ended: that is the try's own outcome, and no reason to submit another.

        Raises:
            JobGoneError: See :meth:`obtain`.
        """
        record = SubmissionRecord.read(self._store)
        if record is None or record.job_id is None or not request.is_asked_by(record.fingerprint):
            return None
        if (record.try_number, record.max_tries) != (self._try_number, self._max_tries) or record.abandoned:
            return None
        return self._obtained(record, self._recorded(record), JobOrigin.REATTACHED)

    def withdraw(self) -> None:
        """Give up the job of a submission that has no place any more in what the task now asks for."""
        record = SubmissionRecord.read(self._store)
        if record is None or record.delivered or record.abandoned:
            return
        self._give_up(self._undelivered(record))
        replace(record, abandoned=True).write(self._store)

    def delivered(self) -> None:
        """Note that Airflow has what the task handed on: clearing it from now on means a new job."""
        self._note(lambda record: replace(record, delivered=True))

    def abandoned(self) -> None:
        """Note that the job was given up and its cancellation asked for: a retry must not wait for it again."""
        self._note(lambda record: replace(record, abandoned=True))

    def kept(self) -> None:
        """Note that the job goes on although the task ends."""
        self._note(lambda record: replace(record, cancel=False))

    def left_unread(self) -> None:
        """Note that the task failed because the job could not be read, and that it goes on: so does a clear with it."""
        self._note(lambda record: replace(record, unread=True))

    def was_submitted_earlier(self, job_id: str) -> bool:
        """Whether an earlier try submitted this job, or nobody knows any more who did."""
        record = SubmissionRecord.read(self._store)
        return record is not None and record.job_id == job_id and record.try_number != self._try_number

    def cancel_duplicates(self, record: SubmissionRecord) -> None:
        """Cancel other jobs with the tag of a submission that was repeated although the first may have made a job.

        Nothing is raised: the task has its job.
        """
        try:
            for job in self._client.jobs(tags=[record.tag], pending=True):
                if job.id != record.job_id:
                    log.warning(f"Job {job.id} carries this task's tag too: its submission had been given up as lost.")
                    self._cancel(job)
        except errors.QiskitRuntimeError as error:
            log.warning(f"Whether another job carries this task's tag {record.tag} could not be found out: {error}")

    # How

    def _obtain_by_tags(
        self, request: JobRequest, run: int, prepare: Callable[[JobRequest], JobRequest]
    ) -> ObtainedJob:
        """Return the job that an earlier try of this run of the task has submitted, or a new one."""
        if self._try_number == run or not self._look_up.is_possible:
            return self._submit(request, run, prepare)
        log.info("No record is kept of what earlier tries submitted; looking for their job by its tags.")
        stem = f"{self.identity.submission_stem(run)}:"
        found = self._look_up.find_unrecorded(self.identity, stem, include_mocks=request.dry_run)
        # A tag of a later version may not be readable. Such a job is kept, not cancelled.
        same = [job for job in found if request.is_asked_by(fingerprint_of(job.tags) or "")]
        for former in found:
            if former not in same:
                log.info(f"The input has changed since job {former.id}.")
                self._give_up(former)
        if not same:
            log.info("There is none: nothing had been submitted.")
            return self._submit(request, run, prepare)
        job = self._look_up.keep_one(same)
        record = SubmissionRecord(
            fingerprint=request.fingerprint(),
            number=run,
            max_tries=self._max_tries,
            submitted_at=job.created.timestamp() if job.created is not None else self._clock(),
            tag=next(tag for tag in job.tags if tag.startswith(stem)),
            job_id=job.id,
            backend=job.backend,
            clear_number=self._clear_number,
            place=self.place,
        )
        return self._go_on(record, job, JobOrigin.ADOPTED, request, prepare)

    def _note(self, change: Callable[[SubmissionRecord], SubmissionRecord]) -> None:
        record = SubmissionRecord.read(self._store)
        if record is not None:
            change(record).write(self._store)

    def _was_cleared(self, record: SubmissionRecord) -> bool:
        """Whether somebody has cleared the task since, so that this is no retry.

        A clear sets ``max_tries`` to the number of the last try plus the task's retries, which is another number unless
        the retries were changed in between. It also counts up the run's ``clear_number``, which a clear of another task
        does too; but a task whose result Airflow has runs again only when it was cleared itself.
        """
        if record.max_tries != self._max_tries:
            return True
        known = record.clear_number is not None and self._clear_number is not None
        return record.delivered and not (known and record.clear_number == self._clear_number)

    def _after_clear(
        self, record: SubmissionRecord, request: JobRequest, prepare: Callable[[JobRequest], JobRequest]
    ) -> ObtainedJob:
        """Submit a new job, as the user wants, unless a job exists whose result nobody has received."""
        former = self._undelivered(record)
        if former is None or not (former.status is JobStatus.COMPLETED or self._goes_on_unread(record, former)):
            log.info(f"The task was cleared, so a new job is submitted; the last was {record.job_id or 'none'}.")
            self._give_up(former)
            return self._submit(request, record.number + 1, prepare)
        record = replace(
            record,
            job_id=former.id,
            backend=former.backend or record.backend,
            max_tries=self._max_tries,
            clear_number=self._clear_number,
            unread=False,
            # Of a completed job it is the result that may be missing.
            missing_since=record.missing_since if former.status is JobStatus.COMPLETED else None,
        )
        record.write(self._store)
        if former.status is JobStatus.COMPLETED:
            log.info(f"Job {former.id} completed and its result was never delivered; it is not bought again.")
        else:
            log.info(f"Job {former.id}, which the last try could not read, goes on, and so does this one with it.")
        return self._obtained(record, former, JobOrigin.REATTACHED)

    @staticmethod
    def _goes_on_unread(record: SubmissionRecord, former: Job) -> bool:
        return record.unread and not record.abandoned and not former.status.is_final

    def _go_on(
        self,
        record: SubmissionRecord,
        job: Job | None,
        how: JobOrigin,
        request: JobRequest,
        prepare: Callable[[JobRequest], JobRequest],
    ) -> ObtainedJob:
        """Go on with an earlier try's job, or submit another if nothing is to be had of it."""
        if job is None:
            return self._obtained(record, None, how)
        failed = job.status in (JobStatus.FAILED, JobStatus.CANCELLED)
        # Of a failure that no retry mends Airflow makes no retry: if something was cleared meanwhile, it was this task.
        cleared = record.clear_number is not None and record.clear_number != self._clear_number
        lost = failed and (retry_can_help(job.state, own_session=request.session_id is None) or cleared)
        given_up = record.abandoned and not job.status.is_final
        if lost or given_up:
            log.info(f"Job {job.id} of an earlier try is {job.state.word.lower()}; a new one is submitted.")
            if given_up:
                # Once more: what asked for it before may have failed.
                self._cancel(job)
            return self._submit(request, record.number + 1, prepare)
        log.info(f"{how.value.capitalize()} job {job.id} ({job.state.word.lower()}) of an earlier try.")
        return self._obtained(record, job, how)

    def _obtained(self, record: SubmissionRecord, job: Job | None, how: JobOrigin) -> ObtainedJob:
        assert record.job_id is not None
        backend, session_id = (job.backend, job.session_id) if job is not None else (None, None)
        return ObtainedJob(
            record.job_id, how, record.submitted_at, backend or record.backend, session_id, job, record=record
        )

    def _undelivered(self, record: SubmissionRecord) -> Job | None:
        """Return the job whose result nobody has received; None if there is none, or it cannot be read."""
        if record.delivered or record.refused:
            return None
        if record.job_id is None:
            if not self._look_up.is_possible and record.max_tries != self._max_tries:
                log.warning(
                    "Whether the submission before the clear made a job could not be found out: %s If there is such a "
                    "job, it runs on and is charged.",
                    self._look_up.no_tags,
                )
                return None
            return self._look_up.find(record)
        try:
            return self._client.job(record.job_id)
        except errors.NotFoundError as error:
            if (elsewhere := self._elsewhere(record)) is not None:
                log.warning(elsewhere)
                return None
            if not self.is_missing_for_good():
                raise LookUpFailedError(
                    f"Job {record.job_id} of before is not known to {self.place} at the moment. No other job was "
                    f"submitted: a retry, or a clear, looks again, and submits one if that is still so "
                    f"{self._patience / 60:g} minutes from now. {error}"
                ) from error
            log.warning(
                f"Job {record.job_id} of before is not known to {self.place} any more: it was deleted, or it runs in "
                f"another instance and is charged there. {error}"
            )
            return None

    def is_missing_for_good(self) -> bool:
        """Take note that the service does not know the job, or its result; say whether it has said so for long."""
        record = SubmissionRecord.read(self._store)
        if record is None:
            return True
        now = self._clock()
        if record.missing_since is None:
            replace(record, missing_since=now).write(self._store)
        return now - (record.missing_since or now) >= self._patience

    def _elsewhere(self, record: SubmissionRecord) -> str | None:
        """Return what to say if the connection leads elsewhere than to the job's instance; None if it does not."""
        if record.place in (None, self.place):
            return None
        return describe_elsewhere(str(record.job_id), str(record.place), self.place)

    def _give_up(self, former: Job | None) -> None:
        """See that a job nobody waits for any more is not charged beside the one that takes its place."""
        if former is None or former.status.is_final:
            return
        if not self._cancel_replaced:
            log.warning(f"Job {former.id} goes on and is charged: cancel_on_kill is off.")
            return
        self._cancel(former)

    def _cancel(self, former: Job) -> None:
        try:
            fate = cancel_job(self._client, former.id)
        except errors.QiskitRuntimeError as error:
            log.warning("Job %s could not be cancelled and may still run and be charged: %s", former.id, error)
        else:
            log.info(fate)

    def _recorded(self, record: SubmissionRecord) -> Job | None:
        """Read the job that an earlier try recorded; None if that fails now, which whoever waits for it waits out."""
        assert record.job_id is not None
        try:
            return self._client.job(record.job_id)
        except errors.InternalError:
            raise
        except errors.QiskitRuntimeError as error:
            if isinstance(error, ELSEWHERE) and (elsewhere := self._elsewhere(record)):
                raise JobGoneError(elsewhere) from error
            log.warning(f"Job {record.job_id} of an earlier try could not be read, so it is waited for. {error}")
            return None

    def _submit(
        self,
        request: JobRequest,
        number: int,
        prepare: Callable[[JobRequest], JobRequest],
        *,
        again: SubmissionRecord | None = None,
    ) -> ObtainedJob:
        """Submit.

        Args:
            request: What is asked for.
            number: The submission's.
            prepare: See :meth:`obtain`.
            again: The intent of the same submission, of which nothing was found. Its job may yet show, by its tag.
        """
        check_offered(self._client.channel, request)
        # Without a record the number says in which run of the task the job was submitted.
        number = self._run or number
        if again is not None:
            tag = again.tag
        else:
            mark = new_mark(cancel=not self._may_outlive_task)
            tag = self.identity.tag(number, request.fingerprint(), mark)
        tags = job_tags(self.identity, number, request, identity_tag=tag)
        ready = prepare(request)
        intent = SubmissionRecord(
            fingerprint=request.fingerprint(),
            number=number,
            max_tries=self._max_tries,
            submitted_at=self._clock(),
            tag=tag,
            try_number=self._try_number,
            backend=ready.backend,
            clear_number=self._clear_number,
            connection=self._connection,
            place=self.place,
            cancel=not self._may_outlive_task,
            unsure=again is not None,
            estimated_seconds=ready.estimated_seconds,
        )
        self._before_submission(tag)
        intent.write(self._store)
        self.outstanding_tag = tag
        try:
            job = self._post(ready, tags)
        except errors.SubmissionUnknownError as error:
            return self._find_lost(intent, error)
        except (errors.ApiError, errors.ConnectionFailedError, errors.InvalidSettingsError) as error:
            if again is None:
                self.outstanding_tag = None
                replace(intent, refused=True).write(self._store)
            if isinstance(error, errors.RateLimitedError):
                raise SubmissionRateLimitedError(error) from error
            raise
        # The log first: it needs nothing but this process.
        backend = job.backend or ready.backend
        log.info(f"Submitted job {job.id} to {backend}.")
        return self._record(
            intent,
            ObtainedJob(job.id, JobOrigin.SUBMITTED, intent.submitted_at, backend, job.session_id or ready.session_id),
        )

    def _record(self, intent: SubmissionRecord, obtained: ObtainedJob) -> ObtainedJob:
        record = replace(intent, job_id=obtained.job_id)
        record.write(self._store)
        self.outstanding_tag = None
        return replace(obtained, record=record)

    def _find_lost(self, intent: SubmissionRecord, error: errors.SubmissionUnknownError) -> ObtainedJob:
        """Find the job of a submission whose answer was lost; if there is none yet, leave it to a later try."""
        if self._store is None and self._run is None:
            raise error
        log.info(f"{error} Looking for the job by its tag." if self._look_up.is_possible else str(error))
        found = self._look_up.find(intent)
        if found is None:
            raise errors.SubmissionUnknownError(
                f"{error} No job with this task's tag {intent.tag} has shown in the service's list for {LIST_LAG:.0f} "
                "seconds. Nothing else was submitted: a retry, or a clear, looks once more and submits if there is "
                "still none."
            ) from error
        # The log first, as above.
        log.info(f"Found job {found.id} ({found.state.word.lower()}): it had been submitted.")
        return self._record(
            intent,
            ObtainedJob(found.id, JobOrigin.ADOPTED, intent.submitted_at, found.backend, found.session_id, found),
        )

    def _post(self, ready: JobRequest, tags: Sequence[str]) -> SubmittedJob:
        return self._client.submit_job(
            program_id=ready.program_id,
            backend=ready.backend,
            params=ready.input.params,
            tags=tags if self._look_up.is_possible else (),
            session_id=ready.session_id,
            start_session=ready.start_session,
            max_execution_seconds=ready.max_execution_seconds,
            private=ready.private,
        )
