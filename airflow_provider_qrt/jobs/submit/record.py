"""The record that a task keeps about its job from one try to the next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

STORE_KEY = "qiskit_runtime_job"


class StateStore(Protocol):
    """Where a task keeps its state across tries; Airflow's task state store is one."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return what was stored, or ``default``."""

    def set(self, key: str, value: Any) -> None:
        """Store a JSON value."""


@dataclass(frozen=True)
class SubmissionRecord:
    """The entry in the state store about a task's job.

    Attributes:
        fingerprint: Digest of the input.
        number: Counts this task's submissions, from 1.
        max_tries: Airflow's ``ti.max_tries`` at the time: a clear raises it, a retry does not.
        submitted_at: Epoch seconds of the intent.
        tag: The job's identity tag.
        try_number: Airflow's number of the try that submitted.
        refused: Whether the service has said no since, so that there is no job to look for.
        job_id: None until the service has answered.
        backend: The backend chosen; None until then.
        delivered: Whether Airflow has the job's result (or, where the task does not wait, its id).
        abandoned: Whether the task has given the job up and asked for its cancellation, which takes a moment.
        clear_number: Airflow's count of how often something in the DAG run was cleared; None if it did not say.
        connection: The connection, rendered.
        place: Instance, region and host that the job was submitted to.
        cancel: Whether the job is to be cancelled when the task stops.
        unsure: Whether it was submitted although an earlier submission with the same tag may have made a job.
        unread: Whether the task failed because the job could not be read, and left it running.
        missing_since: Since when the service says that it does not know the job, or its result, epoch seconds; None if
            it does not say so. It may be wrong for a while.
        estimated_seconds: QPU seconds that the job was expected to take when its budget was checked; None without one.
    """

    fingerprint: str
    number: int
    max_tries: int
    submitted_at: float
    tag: str
    try_number: int = 1
    refused: bool = False
    job_id: str | None = None
    backend: str | None = None
    delivered: bool = False
    abandoned: bool = False
    clear_number: int | None = None
    connection: str | None = None
    place: str | None = None
    cancel: bool = False
    unsure: bool = False
    unread: bool = False
    missing_since: float | None = None
    estimated_seconds: float | None = None

    @classmethod
    def read(cls, store: StateStore | None) -> SubmissionRecord | None:
        """Read the record; None if there is none, or no store. What a later version added is left aside."""
        stored = store.get(STORE_KEY) if store is not None else None
        if not isinstance(stored, dict):
            return None
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def write(self, store: StateStore | None) -> None:
        """Store the record, if there is where to."""
        if store is not None:
            store.set(STORE_KEY, asdict(self))
