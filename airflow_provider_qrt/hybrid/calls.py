"""The calls of a loop that run jobs: obtaining the jobs, waiting for them, and keeping the answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.limits import SESSION_CLOSED
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.execution.attach import prepare_unless_killed
from airflow_provider_qrt.execution.failure import may_be_about_program
from airflow_provider_qrt.execution.private_result import read_once
from airflow_provider_qrt.hybrid.answers import in_words, pack, shown_counts, shown_estimate, unpack
from airflow_provider_qrt.hybrid.errors import CallFailedError, CallUnreadError
from airflow_provider_qrt.hybrid.journal import Entry, JobOfCall
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.jobs.errors import SubmissionRateLimitedError
from airflow_provider_qrt.jobs.failure import explain_failure, retry_can_help
from airflow_provider_qrt.jobs.submit.identity import JobRequest
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
from airflow_provider_qrt.jobs.submit.split import Split, part_store
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.primitives.errors import ProgramUnfitError
from airflow_provider_qrt.primitives.results.any_result import read_any_result
from airflow_provider_qrt.programs.receiving import receive

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend, Job
    from airflow_provider_qrt.execution.task_jobs import JobHandle
    from airflow_provider_qrt.hybrid.inputs import CallInput
    from airflow_provider_qrt.hybrid.journal import Call
    from airflow_provider_qrt.hybrid.parts import LoopParts
    from airflow_provider_qrt.hybrid.slots import CallStore
    from airflow_provider_qrt.jobs.submit.record import StateStore
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult
    from airflow_provider_qrt.programs.base import TaskProgram

log = logging.getLogger(__name__)

GIVEN_UP = "given_up"
"""In place of the answer of a call whose jobs were cancelled, because the function never asked for it."""
MOST_SESSIONS = 3
"""Sessions that one call may need because the ones before took no more jobs."""


@dataclass
class CallJobs:
    """The jobs of a call, for the program that reads them; see ``FinishedJobs``."""

    parts: LoopParts
    store: CallStore
    jobs: Sequence[Job]
    split: Sequence[Sequence[int]] | None

    def fetch(self, place: int = 0) -> str:
        """Fetch a result's text; that of a private job, which is given out once, is kept before anything can fail."""
        job = self.jobs[place]
        read = self.parts.machine.service.client.job_result
        if not (job.private or self.parts.rules.private):
            return read(job.id)
        store = self.store if self.split is None else part_store(self.store, place + 1)
        return read_once(job.id, read, store=store, destination=None)

    def receive(self, place: int = 0) -> str | ArrivingResult:
        """Fetch a result, and unpack its arrays while it arrives; that of a private job as :meth:`fetch` does."""
        job = self.jobs[place]
        if job.private or self.parts.rules.private:
            return self.fetch(place)
        return receive(self.parts.machine.service.client, job.id)

    def add_to_events(self, facts: Mapping[str, Any]) -> None:
        """Do nothing: the jobs of a loop have no assets of their own."""

    def deliver(self, result: Any, *, used_qiskit: bool = False) -> Any:  # noqa: ARG002
        """Return the result as it is."""
        return result


class JobCall:
    """A call whose jobs are under way, or done.

    Args:
        parts: Of the loop.
        call: What identifies it.
        asked: What it asks for.
        entry: The call as the journal has it; None if it is not done.
        is_known: Whether it was made before, and was found to be the same.
    """

    def __init__(self, parts: LoopParts, call: Call, asked: CallInput, entry: Entry | None, *, is_known: bool) -> None:
        self._parts = parts
        self.call = call
        self._asked = asked
        self._entry = entry
        self._is_known = is_known
        self._value: list[Any] = []
        self._program = asked.program
        self._handles: list[JobHandle] = []
        self._obtained: list[ObtainedJob] = []
        self._split: Split | None = None

    @property
    def is_done(self) -> bool:
        """Whether its answer is in the journal."""
        return self._entry is not None

    @property
    def job_ids(self) -> list[str]:
        """The ids of its jobs."""
        if self._entry is not None:
            return [job.id for job in self._entry.jobs]
        return [job.job_id for job in self._obtained]

    def submit(self) -> None:
        """Obtain the jobs, unless the journal has the answer."""
        if self._entry is None and not self._obtained:
            self._obtain()

    def result(self) -> Any:
        """Return the answer; wait for it, keep it, and say it in the log the first time."""
        if not self._value:
            if self._entry is None:
                self._complete()
            assert self._entry is not None
            self._value.append(self._read(self._entry))
        return self._value[0]

    def give_up(self) -> None:
        """See to jobs that nobody waits for any more, and note it, so that a retry does not submit them again."""
        if self._parts.rules.cancel_on_kill:
            log.info(self._cancel())
        else:
            for handle in self._handles:
                handle.submitter.kept()
            log.warning("%s goes on and is charged: cancel_on_kill is off.", ", ".join(self.job_ids))
        jobs = tuple(JobOfCall(job_id) for job_id in self.job_ids)
        self._parts.journal.keep(Entry(self.call, {GIVEN_UP: True}, jobs, ended_at=time.time()))
        self._let_go()

    # How

    def _complete(self) -> None:
        for left in reversed(range(MOST_SESSIONS)):
            self.submit()
            outcome = self._parts.waiting.wait(self._obtained)
            if not left or not self._is_to_be_replaced(outcome):
                break
            self._obtain(again=True)
        jobs = self._completed(outcome)
        for handle in self._handles:
            if handle.record is not None and handle.record.unsure:
                handle.submitter.cancel_duplicates(handle.record)
        self._keep(jobs)

    def _is_to_be_replaced(self, outcome: WaitOutcome) -> bool:
        """Whether a job did not run for a reason that is not its own: its session had ended, or an earlier try."""
        job = outcome.job
        if outcome.ending is not Ending.FINAL or job is None:
            return False
        if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
            return False
        if self._parts.machine.has_session and str(job.state.reason_code) == SESSION_CLOSED:
            self._parts.machine.renew_session(job.session_id)
            return True
        # By a kill, say, whose cancellation took longer than the retry.
        submitter = self._parts.jobs.find(job.id).submitter
        cancelled = job.status is JobStatus.CANCELLED and retry_can_help(job.state)
        if cancelled and submitter.was_submitted_earlier(job.id):
            log.info("Job %s of an earlier try was cancelled, which counts as not submitted.", job.id)
            return True
        return False

    def _obtain(self, *, again: bool = False) -> None:
        """Obtain the jobs of the call: those of an earlier leg or try, or new ones.

        Args:
            again: Whether those of this try have failed, and others take their place.
        """
        store = self._parts.slots.take(self.call)
        self._parts.remove_handles(self._handles)
        self._obtained, self._handles = [], []
        try:
            self._obtain_with(self._program, store, again)
        except (ProgramUnfitError, errors.BadRequestError) as refusal:
            other = self._program.alternative() if may_be_about_program(refusal) and not self._obtained else None
            if other is None:
                raise
            log.warning(
                "The program %s cannot be used, so nothing was submitted with it; %s is used instead. %s",
                self._program.program_id,
                other.program_id,
                refusal,
            )
            self._program = other
            self._obtain_with(other, store, again)

    def _obtain_with(self, program: TaskProgram, store: CallStore, again: bool) -> None:
        rules = self._parts.rules
        # Before the program's id is asked for: it is chosen then.
        built = program.build()
        request = JobRequest(
            program.program_id,
            self._parts.machine.request_backend(),
            built,
            tags=rules.tags,
            max_execution_seconds=rules.max_execution_seconds,
            private=rules.private,
        )
        request = replace(request, make_alternative=cache(partial(_alternative, program, request)))
        self._split = self._divide(program, request, store)
        if self._split is None:
            self._obtained = [self._obtain_job(request, program.fit, self._name(), store, again)]
            return
        for part, pubs in enumerate(self._split.jobs, start=1):
            own = part_store(store, part)
            assert own is not None
            one = program.part_of(request, pubs)
            fit = partial(_fit_part, program, pubs)
            self._obtained.append(self._obtain_job(one, fit, f"{self._name()}p{part}", own, again))

    def _divide(self, program: TaskProgram, request: JobRequest, store: CallStore) -> Split | None:
        """Split the input over jobs, as an earlier leg or try has; None where one job takes all."""
        stored = Split.read(store)
        if stored is not None and (self._is_known or request.is_asked_by(stored.fingerprint)):
            if len(stored.jobs) > 1:
                self._parts.machine.fit(program, request)
            return stored if len(stored.jobs) > 1 else None
        single = SubmissionRecord.read(store)
        if self._asked.is_single or (single is not None and not single.refused):
            # The same circuits do not make the same number of bytes every time.
            return None
        if program.grows_to_fit:
            self._parts.machine.fit(program, request)
        jobs = program.split()
        if len(jobs) == 1:
            return None
        self._parts.machine.fit(program, request)
        split = Split(request.fingerprint(), tuple(tuple(job) for job in jobs))
        split.write(store)
        log.info("%s of the loop is split over %s jobs.", str(self.call).capitalize(), len(jobs))
        return split

    def _obtain_job(
        self,
        request: JobRequest,
        fit: Callable[[JobRequest, Backend], JobRequest],
        name: str,
        store: StateStore,
        again: bool,
    ) -> ObtainedJob:
        parts = self._parts
        handle = parts.attached.pop(name, None) or parts.add_handle(name, store)
        self._handles.append(handle)
        if self._is_known and handle.record is not None:
            # Its fingerprint may be another one: the last bits of numbers, the backend, the limit.
            request = replace(request, same_as=handle.record.fingerprint)

        def prepare(asked: JobRequest) -> JobRequest:
            ready = parts.machine.complete(asked, fit)
            expected = parts.machine.expected_seconds(ready)
            others = sum(seconds for other, seconds in parts.expected.items() if other != name)
            parts.limits.check(parts.submitted_jobs, parts.journal.seconds, others + expected)
            parts.expected[name] = expected
            if handle.job_id is not None:
                # Last, as the record of the earlier job is overwritten now.
                parts.journal.count_dropped(1, self._seconds_of_replaced(handle.job_id))
                handle.job_id, handle.record, handle.ended = None, None, False
            return ready

        job = None if again else self._returned(handle, request) or handle.submitter.resume(request)
        sessions = 0
        while job is None:
            try:
                job = handle.submitter.obtain(request, prepare_unless_killed(parts.jobs, prepare))
            except SubmissionRateLimitedError as full:
                parts.turn.wait(full)
            except errors.ApiError as error:
                sessions += 1
                if error.code != SESSION_CLOSED or sessions >= MOST_SESSIONS or not parts.machine.renew_session(None):
                    raise
        handle.job_id, handle.record = job.job_id, job.record
        if job.how is JobOrigin.SUBMITTED:
            parts.turn.over()
        parts.expected.setdefault(name, parts.machine.expected_seconds(request))
        parts.jobs.stop_if_killed()
        parts.submitted(job)
        return job

    def _returned(self, handle: JobHandle, request: JobRequest) -> ObtainedJob | None:
        """Return a job whose wait has just ended in the triggerer: however it has ended, no other is submitted."""
        record = handle.record
        if handle.job_id is None or record is None or handle.job_id not in self._parts.returned:
            return None
        if not request.is_asked_by(record.fingerprint):
            return None
        return ObtainedJob(
            handle.job_id, JobOrigin.REATTACHED, record.submitted_at, record.backend, None, record=record
        )

    def _completed(self, outcome: WaitOutcome) -> list[Job]:
        """Return the completed jobs of the call.

        Raises:
            CallFailedError: One has not completed.
            CallUnreadError: Nobody can say how one stands.
        """
        client = self._parts.machine.service.client
        if outcome.ending is Ending.TIMED_OUT:
            raise CallFailedError(f"{str(self.call).capitalize()}: {self._too_late(outcome)}")
        if outcome.job is None or outcome.ending is not Ending.FINAL:
            raise CallUnreadError(
                f"{str(self.call).capitalize()}: {outcome.message}",
                is_for_good=outcome.ending is Ending.ELSEWHERE,
            )
        if outcome.job.status is not JobStatus.COMPLETED:
            self._parts.jobs.find(outcome.job.id).ended = True
            self._parts.lost_seconds += self._seconds_of(outcome.job) or 0.0
            own_session = self._parts.machine.has_session
            raise CallFailedError(
                f"{str(self.call).capitalize()}: {explain_failure(client, outcome.job, own_session=own_session)}",
                retry_can_help=retry_can_help(outcome.job.state, own_session=own_session),
            )
        done = outcome.job
        with self._reading():
            jobs = [done if job.job_id == done.id else client.job(job.job_id) for job in self._obtained]
        for job in jobs:
            if job.status is not JobStatus.COMPLETED:
                return self._completed(WaitOutcome(Ending.FINAL, job.id, job))
        return jobs

    def _too_late(self, outcome: WaitOutcome) -> str:
        """See to jobs whose timeout has passed; return what became of them."""
        if not self._parts.rules.cancel_on_timeout:
            for handle in self._handles:
                handle.submitter.kept()
                handle.ended = True
            return f"{outcome.message} It goes on and is charged: cancel_on_timeout is off."
        # Once more if the trigger has done so already.
        fates = self._cancel()
        said = outcome.message if outcome.cancelled else f"{outcome.message} {fates}"
        return f"{said} A retry submits a new job, unless this one has completed."

    def _cancel(self) -> str:
        """Cancel the jobs of the call, and note that they are given up; return what became of them."""
        fates = []
        for handle in self._handles:
            if handle.job_id is None:
                continue
            try:
                fates.append(cancel_job(self._parts.machine.service.client, handle.job_id))
            except errors.QiskitRuntimeError as error:
                fates.append(f"Job {handle.job_id} could not be cancelled and may still run and be charged: {error}")
            handle.submitter.abandoned()
            handle.ended = True
        return " ".join(fates)

    def _keep(self, jobs: Sequence[Job]) -> None:
        split = None if self._split is None else self._split.jobs
        finished = CallJobs(self._parts, self._parts.slots.take(self.call), jobs, split)
        with self._reading():
            result: Any = finished.fetch() if self._asked.kind == "run" else self._asked.reader.read(finished)
        if self._asked.kind == "run":
            answer, shown = result.encode(), None
        else:
            answer = pack(result, {"job_id": jobs[0].id, "backend": jobs[0].backend})
            shown = (shown_estimate if self._asked.kind == "estimate" else shown_counts)(result[0])
        self._entry = self._parts.journal.keep(
            Entry(
                self.call,
                {},
                tuple(JobOfCall(job.id, job.backend, self._seconds_of(job)) for job in jobs),
                shown,
                time.time(),
                jobs[0].program_id or self._program.program_id,
            ),
            answer,
        )
        self._let_go()
        log.info(
            "%s: %s (job %s, %.1f s of QPU time so far)",
            str(self.call).capitalize(),
            in_words(shown),
            ", ".join(job.id for job in jobs),
            self._parts.journal.seconds,
        )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn a refused or failed read of a job that has completed into an error that leaves it to a retry.

        Raises:
            CallUnreadError: The service did not give out the job or its result.
        """
        try:
            yield
        except errors.InternalError:
            raise
        except errors.QiskitRuntimeError as error:
            raise CallUnreadError(
                f"{str(self.call).capitalize()}: the result of {', '.join(self.job_ids)} could not be read. {error}"
            ) from error

    def _seconds_of_replaced(self, job_id: str) -> float:
        """Return the QPU seconds of a job that did not complete; 0 if the service does not say."""
        try:
            return self._seconds_of(self._parts.machine.service.client.job(job_id)) or 0.0
        except errors.InternalError:
            raise
        except errors.QiskitRuntimeError as error:
            log.warning("The QPU seconds of job %s are not known, so they are not counted: %s", job_id, error)
            return 0.0

    def _seconds_of(self, job: Job) -> float | None:
        """Return the QPU seconds of a job; as long as IBM has not settled them, what it expected."""
        settled = job.usage.seconds if job.usage is not None else None
        return job.estimated_running_seconds if settled is None else settled

    def _let_go(self) -> None:
        """Leave the slot and the place among the jobs under way to others."""
        self._parts.remove_handles(self._handles)
        name = self._name()
        for known in [one for one in self._parts.expected if one == name or one.startswith(f"{name}p")]:
            del self._parts.expected[known]
        self._parts.slots.free(self.call.number)

    def _read(self, entry: Entry) -> Any:
        if GIVEN_UP in entry.answer:
            raise CallFailedError(
                f"{str(self.call).capitalize()}: the function returned without its answer in an earlier try, so its "
                "job was cancelled.",
                retry_can_help=False,
            )
        content = self._parts.journal.answer_of(entry)
        if self._asked.kind == "run":
            return read_any_result(entry.program_id, content.decode())
        result = unpack(self._asked.kind, content)
        return result[0] if self._asked.is_single else result

    def _name(self) -> str:
        """Return the name of the call's job in its tag."""
        return f"{self._parts.journal.head.run}c{self.call.number}"


def _alternative(program: TaskProgram, request: JobRequest) -> JobRequest | None:
    other = program.alternative()
    return None if other is None else replace(request, program_id=other.program_id, input=other.build())


def _fit_part(program: TaskProgram, pubs: Sequence[int], request: JobRequest, _: Backend) -> JobRequest:
    return replace(request, input=program.fit_part(request.input, pubs))
