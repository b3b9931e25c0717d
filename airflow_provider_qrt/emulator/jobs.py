"""A job of the emulator, which is Queued, then Running, then in one of the final states.

A job knows when its state changes next; :mod:`~airflow_provider_qrt.emulator.timeline` makes the change.
"""

from __future__ import annotations

import json
import secrets
import string
import zlib
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider_qrt.emulator.calibrate import CALIBRATE, calibration_result
from airflow_provider_qrt.emulator.errors import (
    INTERNAL_ERROR,
    RAN_TOO_LONG,
    RESULT_TOO_LARGE,
)
from airflow_provider_qrt.emulator.executions import estimated_seconds, executions_of
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.mocks import is_mock
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError, Work, with_times
from airflow_provider_qrt.emulator.submission import Submission

RAN_TOO_LONG_STATUS = "Cancelled - Ran too long"


class State(StrEnum):
    """The words of ``state.status`` in IBM's REST API reference."""

    QUEUED = "Queued"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The part of a submission that is kept; the inputs are dropped after the simulation.

    Attributes:
        cost: The maximum execution time in seconds.
        executions: Shots times parameter sets over all PUBs, on which IBM bases its time estimate.
        circuits: Number of PUBs or of items.
        generation: The generation of the API that it was sent to.
    """

    program_id: str
    backend: str
    cost: int
    session_id: str | None
    calibration_id: str | None
    runtime: str | None
    private: bool
    executions: int
    circuits: int
    generation: str = Generation.PRESENT.value

    @property
    def is_mock(self) -> bool:
        """Whether it is a dry run."""
        return is_mock(self.backend)

    @classmethod
    def of(cls, submission: Submission) -> Ticket:
        """Return the ticket of a submission."""
        program = submission.quantum_program
        circuits = len(submission.pubs) if program is None else len(program.items)
        return cls(
            program_id=submission.program_id,
            backend=submission.backend,
            cost=submission.cost,
            session_id=submission.session_id,
            calibration_id=submission.calibration_id,
            runtime=submission.runtime,
            private=submission.private,
            executions=executions_of(submission),
            circuits=circuits,
            generation=submission.generation.value,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """A final state that a rule has set in place of the simulation's.

    Attributes:
        status: ``Failed``, ``Cancelled`` or ``Cancelled - Ran too long``.
        reason: The reason that the user sees.
        code: The number of the reason.
        solution: The advice that the user sees.
    """

    status: str
    reason: str | None = None
    code: int | None = None
    solution: str | None = None


@dataclass(slots=True)
class Job:
    """One job. Times are in seconds since the epoch, durations in seconds.

    Attributes:
        id: Twenty characters, chosen by the server.
        ordinal: 1 for the first job that the emulator accepted.
        submission: The submission without the inputs.
        body: The body of the submission, compressed; None once a private job has ended.
        created: Time at which it was accepted.
        queue_seconds: Minimum time in the queue.
        run_seconds: Minimum run time.
        limit: Its maximum execution time.
        most_bytes: Maximum size of its result, or None.
        tags: Its tags, which can be replaced.
        caller: The calling application, from ``X-Qx-Client-Application``.
        held_until: Time before which it does not start; infinity for a job that the usage limit holds back.
        outcome: The final state that a rule has set, or None.
        started: Time at which it left the queue, or None.
        ended: Time at which it became final, or None.
        state: Its state.
        status: The older form of ``state``, with one more value.
        reason: The reason why it failed or was cancelled.
        reason_code: The number of the reason.
        reason_solution: Advice for the user.
        charged: QPU seconds used; of a dry run, those that it would have used.
        work: The simulation, which may still be running.
        result: The result as compressed JSON text, as long as it can be read.
    """

    id: str
    ordinal: int
    submission: Ticket
    body: bytes | None
    created: float
    queue_seconds: float
    run_seconds: float
    limit: float
    most_bytes: float | None = None
    tags: tuple[str, ...] = ()
    caller: str = ""
    held_until: float = 0.0
    outcome: Outcome | None = None
    started: float | None = None
    ended: float | None = None
    state: State = State.QUEUED
    status: str = State.QUEUED.value
    reason: str | None = None
    reason_code: int | None = None
    reason_solution: str | None = None
    charged: float = 0.0
    work: Future[Work] | None = field(default=None, repr=False)
    result: bytes | None = field(default=None, repr=False)

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.ended is not None

    @property
    def calibrated(self) -> bool:
        """Whether it has calibrated its machine."""
        asked = self.submission
        return asked.program_id == CALIBRATE and not asked.is_mock and self.state is State.COMPLETED

    @property
    def params(self) -> dict[str, Any] | None:
        """The inputs as they were sent, or None when they were dropped or are private."""
        if self.body is None or self.submission.private:
            return None
        params: dict[str, Any] = json.loads(zlib.decompress(self.body))["params"]
        return params

    @property
    def result_text(self) -> str | None:
        """The result as JSON text, or None."""
        return None if self.result is None else zlib.decompress(self.result).decode()

    @property
    def runs_too_long(self) -> bool:
        """Whether it will exceed its maximum execution time."""
        return self.run_seconds > self.limit

    def due(self, available_since: float | None) -> float | None:
        """Return the time of its next change, or None when that is not known.

        Args:
            available_since: Time since which its backend has taken jobs, or None while it does not.
        """
        if self.started is None:
            if available_since is None:
                return None
            return max(self.created + self.queue_seconds, available_since, self.held_until)
        return self.started + min(self.run_seconds, self.limit)

    def start(self, moment: float) -> None:
        """Leave the queue."""
        self.started = moment
        self.state, self.status = State.RUNNING, State.RUNNING.value

    def finish(self, due: float, now: float) -> bool:
        """End a running job whose time is over, unless its simulation is still running.

        Args:
            due: The time at which it should have ended.
            now: The present time.

        Returns:
            Whether it ended.
        """
        if self.runs_too_long:
            self.end_with(due, _too_long(self.limit))
            return True
        if self.outcome is not None:
            self.end_with(due, self.outcome)
            return True
        if self.work is None or not self.work.done():
            return False
        work = _outcome(self.work)
        moment = max(due, min(work.finished, now))
        if work.failure is not None:
            failure = work.failure
            self.end(moment, State.FAILED, failure.reason, failure.code, failure.solution)
            # The checks refused it before it used any QPU time.
            self.charged = 0.0
            return True
        result = work.result
        if self.submission.program_id == CALIBRATE and self.started is not None:
            result = calibration_result(self.started, moment)
        elif result is not None and self.started is not None:
            result = with_times(result, self.started, moment)
        raw = None if result is None else result.encode()
        if raw is not None and self.most_bytes is not None and len(raw) > self.most_bytes:
            reason = f"The result has {len(raw)} bytes; {self.most_bytes:g} are allowed."
            self.end(moment, State.FAILED, reason, RESULT_TOO_LARGE, "Use fewer shots, or split the job.")
            return True
        self.end(moment, State.COMPLETED)
        if raw is not None:
            self.result = zlib.compress(raw, 1)
        return True

    def end(
        self,
        moment: float,
        state: State,
        reason: str | None = None,
        code: int | None = None,
        solution: str | None = None,
    ) -> None:
        """Make the job final and charge the time used so far."""
        self.state, self.status = state, state.value
        self.ended = moment
        self.reason, self.reason_code, self.reason_solution = reason, code, solution
        self.charged = self._used(moment)
        if self.work is not None:
            self.work.cancel()
        self.work = None
        if self.submission.private:
            self.body = None

    def _used(self, moment: float) -> float:
        if self.submission.is_mock:
            return estimated_seconds(self.submission.executions) if self.state is State.COMPLETED else 0.0
        used = moment - self.started if self.started is not None else 0.0
        return min(max(0.0, used), self.run_seconds)

    def end_with(self, moment: float, outcome: Outcome) -> None:
        """Make the job final with the outcome that a rule has set."""
        state = State.FAILED if outcome.status == State.FAILED else State.CANCELLED
        self.end(moment, state, outcome.reason, outcome.code, outcome.solution)
        self.status = outcome.status

    def hurry(self, now: float) -> None:
        """Skip the rest of the waiting and running time; the simulation must still finish."""
        self.outcome = None
        self.held_until = 0.0
        self.queue_seconds = min(self.queue_seconds, max(0.0, now - self.created))
        self.run_seconds = min(self.run_seconds, max(0.0, now - (now if self.started is None else self.started)))


def new_id() -> str:
    """Return a job id: twenty lower-case letters and digits."""
    alphabet = string.ascii_lowercase + string.digits
    return "d" + "".join(secrets.choice(alphabet) for _ in range(19))


def pack(body: Any) -> bytes:
    """Compress the body of a submission for storage."""
    return zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 1)


def unpack(body: bytes) -> Any:
    """Undo :func:`pack`."""
    return json.loads(zlib.decompress(body))


def _too_long(limit: float) -> Outcome:
    return Outcome(
        RAN_TOO_LONG_STATUS,
        f"The job exceeded its maximum execution time of {limit:g} seconds.",
        RAN_TOO_LONG,
        "Raise the job's maximum execution time, or make the job smaller.",
    )


def _outcome(work: Future[Work]) -> Work:
    error = work.exception()
    if error is not None:
        failure = JobFailedError(f"The emulator failed: {error}", INTERNAL_ERROR, "Look at the emulator's log.")
        return Work(0.0, failure=failure)
    return work.result()
