"""The life of the emulator's jobs: Queued, Running, and one of the ends, all derived from the clock.

No timer moves a job. Whoever looks first settles what has happened up to that moment, so that listing
advances jobs exactly as reading them does.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum

from airflow_provider_qrt.emulator.errors import (
    INTERNAL_ERROR,
    JOB_NOT_FOUND,
    RAN_TOO_LONG,
    ApiError,
)
from airflow_provider_qrt.emulator.outcome import Work
from airflow_provider_qrt.emulator.submission import Submission

RAN_TOO_LONG_STATUS = "Cancelled - Ran too long"


class State(StrEnum):
    """The words of ``state.status`` in IBM's REST API reference."""

    QUEUED = "Queued"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


@dataclass
class Job:
    """One job. Moments are seconds since the epoch, durations seconds.

    Attributes:
        id: Twenty characters, chosen by the server.
        ordinal: 1 for the first job that the emulator accepted.
        submission: What was asked for.
        created: When it was accepted.
        queue_seconds: How long it waits at least.
        run_seconds: How long it runs at least.
        limit: Its maximum execution time.
        tags: Its tags, which can be replaced.
        caller: From ``X-Qx-Client-Application``.
        started: When it left the queue, or None.
        ended: When it became final, or None.
        state: Its state when last settled.
        status: The older twin of ``state``, with one word more.
        reason: Why it failed or was cancelled.
        reason_code: The number of the reason.
        reason_solution: What to do about it.
        charged: QPU seconds used.
        work: The simulation, done or not.
        result: The result as JSON text while there is one to read.
    """

    id: str
    ordinal: int
    submission: Submission
    created: float
    queue_seconds: float
    run_seconds: float
    limit: float
    tags: tuple[str, ...] = ()
    caller: str = ""
    started: float | None = None
    ended: float | None = None
    state: State = State.QUEUED
    status: str = State.QUEUED.value
    reason: str | None = None
    reason_code: int | None = None
    reason_solution: str | None = None
    charged: float = 0.0
    work: Future[Work] = field(default_factory=Future)
    result: str | None = None
    result_read: bool = False

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.ended is not None

    @property
    def executions(self) -> int:
        """Shots over all PUBs, a sweep counted once: the size that IBM's time estimate goes by."""
        return sum(pub.shots for pub in self.submission.pubs)

    def settle(self, now: float, available_since: float | None) -> None:
        """Bring the job up to the present.

        Args:
            now: The present.
            available_since: When its backend last began to take jobs, or None while it does not.
        """
        if self.final:
            return
        if self.started is None:
            if available_since is None:
                return
            ready = max(self.created + self.queue_seconds, available_since)
            if now < ready:
                return
            self.started = ready
            self.state, self.status = State.RUNNING, State.RUNNING.value
        if self.run_seconds > self.limit and now >= self.started + self.limit:
            self.end(
                self.started + self.limit,
                State.CANCELLED,
                f"The job exceeded its maximum execution time of {self.limit:g} seconds.",
                RAN_TOO_LONG,
                "Raise the job's maximum execution time, or make the job smaller.",
            )
            self.status = RAN_TOO_LONG_STATUS
            return
        done = self.started + self.run_seconds
        if now < done or not self.work.done():
            return
        work = _outcome(self.work)
        moment = max(done, min(work.finished, now))
        if work.failure is None:
            self.result = work.result
            self.end(moment, State.COMPLETED)
            self.charged = self.run_seconds
        else:
            failure = work.failure
            self.end(moment, State.FAILED, failure.reason, failure.code, failure.solution)
            # Refused by the checks before any machine worked on it.
            self.charged = 0.0

    def end(
        self,
        moment: float,
        state: State,
        reason: str | None = None,
        code: int | None = None,
        solution: str | None = None,
    ) -> None:
        """Make the job final. What it used so far is charged."""
        self.state, self.status = state, state.value
        self.ended = moment
        self.reason, self.reason_code, self.reason_solution = reason, code, solution
        self.charged = max(0.0, moment - self.started) if self.started is not None else 0.0
        self.work.cancel()

    def hurry(self, now: float) -> None:
        """Skip what is left of waiting and running; the simulation must still finish."""
        self.queue_seconds = min(self.queue_seconds, max(0.0, now - self.created))
        if self.started is None:
            self.started = now
            self.state, self.status = State.RUNNING, State.RUNNING.value
        self.run_seconds = min(self.run_seconds, max(0.0, now - self.started))


class JobStore:
    """Every job of one emulator, in order of submission."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._accepted = 0

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def next_ordinal(self) -> int:
        """Return the number of the job that is about to be added."""
        return self._accepted + 1

    def add(self, job: Job) -> None:
        """Keep a new job."""
        self._accepted = job.ordinal
        self._jobs[job.id] = job

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            ApiError: 404 with code 1291.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise ApiError(404, JOB_NOT_FOUND, "Job not found.", "Check the job id and the instance.")
        return job

    def remove(self, job_id: str) -> None:
        """Forget a job."""
        self._jobs.pop(job_id, None)

    def clear(self) -> None:
        """Forget all jobs and number from one again."""
        for job in self._jobs.values():
            job.work.cancel()
        self._jobs.clear()
        self._accepted = 0


def new_id() -> str:
    """Return a job id: twenty lower-case letters and digits."""
    alphabet = string.ascii_lowercase + string.digits
    return "d" + "".join(secrets.choice(alphabet) for _ in range(19))


def _outcome(work: Future[Work]) -> Work:
    error = work.exception()
    if error is not None:
        from airflow_provider_qrt.emulator.outcome import JobFailure

        failure = JobFailure(f"The emulator failed: {error}", INTERNAL_ERROR, "Look at the emulator's log.")
        return Work(0.0, failure=failure)
    return work.result()
