"""Rules for future jobs, which set how long they wait and run, and how they end."""

from __future__ import annotations

import fnmatch
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_qrt.emulator.errors import RAN_TOO_LONG, bad_request
from airflow_provider_qrt.emulator.jobs import RAN_TOO_LONG_STATUS, Outcome, State
from airflow_provider_qrt.emulator.rulebook import RuleBook
from airflow_provider_qrt.emulator.submission import Submission

__all__ = ["JobRule"]

ENDS = (State.FAILED.value, State.CANCELLED.value, RAN_TOO_LONG_STATUS)
DEFAULT_CODES = {State.FAILED.value: 5203, State.CANCELLED.value: 5202, RAN_TOO_LONG_STATUS: RAN_TOO_LONG}
"""Codes in IBM's reference for a job that failed to run, was cancelled, or ran too long."""

MOST_SECONDS = 1e9


@dataclass
class JobRule:
    """A job rule. It is applied to a number of matching jobs when they are submitted, and then expires.

    Attributes:
        id: Its number.
        tag: fnmatch pattern that a tag of the job must match; None for any job.
        backend: The job's backend; None for any.
        program_id: The job's program; None for any.
        times: Number of jobs that it still applies to; None for no limit.
        skip: Number of matching jobs that it lets pass first.
        queue_seconds: Seconds that the job is Queued.
        run_seconds: Seconds that the job is then Running.
        status: The final status of the job: ``Failed``, ``Cancelled`` or ``Cancelled - Ran too long``; None lets the
            simulation decide.
        reason: The reason that the user sees.
        reason_code: The number of the reason.
        reason_solution: The advice that the user sees.
        applied: Number of jobs that it was applied to.
    """

    id: int
    tag: str | None = None
    backend: str | None = None
    program_id: str | None = None
    times: int | None = None
    skip: int = 0
    queue_seconds: float | None = None
    run_seconds: float | None = None
    status: str | None = None
    reason: str | None = None
    reason_code: int | None = None
    reason_solution: str | None = None
    applied: int = 0

    def matches(self, submission: Submission) -> bool:
        """Return whether the rule matches a job."""
        return (
            self.backend in (None, submission.backend)
            and self.program_id in (None, submission.program_id)
            and (self.tag is None or any(fnmatch.fnmatchcase(tag, self.tag) for tag in submission.tags))
        )

    def strikes(self) -> bool:
        """Return True, because a job rule always applies when it matches."""
        return True

    def outcome(self) -> Outcome | None:
        """Return the outcome that the rule sets, or None."""
        if self.status is None:
            return None
        return Outcome(
            self.status,
            self.reason or f"A rule of the emulator ended the job: {self.status}.",
            DEFAULT_CODES[self.status] if self.reason_code is None else self.reason_code,
            self.reason_solution or "Submit the job again.",
        )

    def view(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        return asdict(self)


class JobRules(RuleBook[JobRule]):
    """The active job rules."""

    def __init__(self) -> None:
        super().__init__(_read)

    def take(self, submission: Submission) -> JobRule | None:
        """Return the oldest rule that applies to this job, and count it."""
        return self.take_first(lambda rule: rule.matches(submission))


_TEXTS = ("tag", "backend", "program_id", "status", "reason", "reason_solution")
_COUNTS = ("times", "skip", "reason_code")
_SECONDS = ("queue_seconds", "run_seconds")


def _read(rule: Any, number: int) -> JobRule:
    known = (*_TEXTS, *_COUNTS, *_SECONDS)
    if not isinstance(rule, dict) or set(rule) - set(known):
        raise bad_request(f"A rule is an object of {', '.join(known)}.")
    given = {name: value for name, value in rule.items() if value is not None}
    for name, value in given.items():
        if name in _TEXTS and not isinstance(value, str):
            raise bad_request(f"{name} must be text.")
        if name in _COUNTS and (
            isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_SECONDS
        ):
            raise bad_request(f"{name} must be a whole number.")
        if name in _SECONDS and not seconds(value):
            raise bad_request(f"{name} must be a number of seconds.")
    if given.get("status", ENDS[0]) not in ENDS:
        raise bad_request(f"status must be one of {', '.join(ENDS)}.")
    if not set(given) & {"status", *_SECONDS}:
        raise bad_request("A rule needs queue_seconds, run_seconds or a status.")
    return JobRule(number, **given)


def seconds(value: Any) -> bool:
    """Return whether a JSON value is a duration."""
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= MOST_SECONDS
