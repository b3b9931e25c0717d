"""How a wait ended, in a form that can travel from the triggerer to a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus


class Ending(StrEnum):
    """Why there is nothing more to wait for."""

    FINAL = "final"
    """The job has ended, as completed, failed or cancelled."""
    TIMED_OUT = "timed_out"
    """The deadline passed first."""
    REFUSED = "refused"
    """The service would not tell for minutes: wrong credentials, no right, or no such job. The job may go on."""
    ELSEWHERE = "elsewhere"
    """The connection does not name the instance any more that the job was submitted to. The job may go on there."""
    BROKEN = "broken"
    """This package made a mistake, or does not fit the installed Airflow. The job may go on."""
    UNKNOWN_STATE = "unknown_state"
    """The service reports a state that this version does not know."""


@dataclass(frozen=True)
class WaitOutcome:
    """The end of a wait.

    Attributes:
        ending: Why it ended.
        job_id: The job waited for.
        job: The job as last read, without its input; None if it could not be read.
        message: For people; empty for a job that has ended.
        cancelled: Whether whoever waited has cancelled the job already, and says so in the message.
        completed: Of several jobs those that have completed, this one included; None if that is not known.
    """

    ending: Ending
    job_id: str
    job: Job | None = None
    message: str = ""
    cancelled: bool = False
    completed: tuple[str, ...] | None = None

    @property
    def is_unread(self) -> bool:
        """Whether the wait ended because the job could not be read, which says nothing about the job."""
        return self.ending in (Ending.REFUSED, Ending.ELSEWHERE, Ending.BROKEN)

    @property
    def is_completion(self) -> bool:
        """Whether the job has completed."""
        return self.ending is Ending.FINAL and self.job is not None and self.job.status is JobStatus.COMPLETED

    def to_event(self) -> dict[str, Any]:
        """Return a small JSON object, the same wherever the wait took place."""
        return {
            "ending": self.ending.value,
            "job_id": self.job_id,
            "job": self.job.to_json() if self.job else None,
            "message": self.message,
            "cancelled": self.cancelled,
            **({"completed": list(self.completed)} if self.completed is not None else {}),
        }

    @classmethod
    def from_event(cls, event: Any) -> WaitOutcome:
        """Read what :meth:`to_event` wrote.

        Raises:
            ValueError: If it is something else; a wait that ended in a way nobody understands is not a success.
        """
        try:
            job, completed = event["job"], event.get("completed")
            return cls(
                ending=Ending(event["ending"]),
                job_id=str(event["job_id"]),
                job=Job.from_json(job) if isinstance(job, Mapping) else None,
                message=str(event.get("message") or ""),
                cancelled=bool(event.get("cancelled")),
                completed=tuple(map(str, completed)) if isinstance(completed, list) else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError(f"The trigger sent an event that is not understood: {event!r}") from None
