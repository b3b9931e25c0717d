"""The service's words for a job's state, and how to read them.

Rules: ``state.status`` takes precedence over ``status``; case does not matter; a word that begins with "cancelled" is
final, since ``Cancelled - Ran too long`` has been seen in both places; an unknown word is UNKNOWN, which never means
"keep waiting".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_qrt.client.errors import InvalidAnswerError
from airflow_provider_qrt.client.reading import read_reason, read_text, read_whole

RAN_TOO_LONG = 1305
"""``reason_code`` of a job that was stopped at its maximum execution time."""


_TOO_LONG = "too long"


class JobStatus(StrEnum):
    """State of a job's lifecycle."""

    QUEUED = "Queued"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"

    @classmethod
    def from_word(cls, word: str) -> JobStatus:
        """Return the status for the service's word."""
        lowered = word.strip().lower()
        if lowered.startswith(("cancelled", "canceled")):
            return cls.CANCELLED
        return next((status for status in cls if status.value.lower() == lowered), cls.UNKNOWN)

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True)
class JobState:
    """A job's state as the service reports it.

    Attributes:
        status: The state.
        word: The service's own word for it.
        reason: IBM's explanation, if the job failed or was cancelled.
        reason_code: IBM's number for the reason, 1000 to 9999.
        reason_solution: The solution that IBM suggests.
    """

    status: JobStatus
    word: str
    reason: str | None = None
    reason_code: int | None = None
    reason_solution: str | None = None

    @property
    def ran_too_long(self) -> bool:
        """Whether the job was stopped at its maximum execution time (and charged up to it)."""
        return self.status is JobStatus.CANCELLED and (
            self.reason_code == RAN_TOO_LONG or _TOO_LONG in self.word.lower()
        )

    @classmethod
    def from_json(cls, job: Mapping[str, Any]) -> JobState:
        """Read the state from the service's description of a job."""
        state = job.get("state")
        state = state if isinstance(state, Mapping) else {}
        status = job.get("status")
        twin = (read_text(status) or "") if not isinstance(status, Mapping) else ""
        word = read_text(state.get("status")) or twin
        if JobStatus.from_word(word) is JobStatus.CANCELLED and _TOO_LONG in twin.lower():
            # Only ``status`` says that the job ran too long.
            word = twin
        code = state.get("reason_code") or state.get("reasonCode")
        try:
            reason_code = read_whole(code)
        except InvalidAnswerError:
            # An invalid reason code must not make the state unreadable.
            reason_code = None
        return cls(
            status=JobStatus.from_word(word),
            word=word,
            reason=read_reason(state.get("reason")),
            reason_code=reason_code,
            reason_solution=read_reason(state.get("reason_solution") or state.get("reasonSolution")),
        )
