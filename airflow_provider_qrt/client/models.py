"""Frozen dataclasses for the service's backends, jobs, sessions and accounts.

Each class reads one JSON object of the API (``from_json``) and keeps the documented fields; other fields are ignored.
Times are aware datetimes in UTC, durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_qrt.client.errors import InvalidAnswerError
from airflow_provider_qrt.client.reading import (
    parse_json,
    read_figures,
    read_id,
    read_list,
    read_mapping,
    read_name,
    read_number,
    read_optional_id,
    read_reason,
    read_tags,
    read_text,
    read_whole,
)
from airflow_provider_qrt.client.states import JobState, JobStatus

__all__ = [
    "Backend",
    "BackendStatus",
    "Instance",
    "InstanceUsage",
    "Job",
    "JobMetrics",
    "Program",
    "Session",
    "SubmittedJob",
    "Usage",
    "Workload",
]

FIRST_YEAR, LAST_YEAR = 1970, 2500
"""Years outside this range are implausible and ignored."""


def parse_time(value: Any) -> datetime | None:
    """Parse an RFC 3339 timestamp, in UTC if it has no offset; None if it is missing or malformed."""
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # Adding to a time near the end of the calendar would overflow.
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None


@dataclass(frozen=True)
class Usage:
    """QPU time charged for a job.

    Attributes:
        seconds: QPU seconds; None until the service has settled the charge.
        complete: Whether the figure is final. A zero that is ``pending`` does not mean that the job was free.
    """

    seconds: float | None
    complete: bool

    @classmethod
    def from_json(cls, owner: Mapping[str, Any]) -> Usage | None:
        """Read ``usage`` of a job or of its metrics, in the format before or after API version 2026-03-15."""
        usage = owner.get("usage")
        usage = usage if isinstance(usage, Mapping) else {}
        if "qpu_charge_time_seconds" in usage or "status" in usage:
            complete = str(usage.get("status", "complete")).lower() != "pending"
            return cls(read_number(usage.get("qpu_charge_time_seconds")) if complete else None, complete)
        old = usage.get("quantum_seconds", usage.get("seconds"))
        if old is None and isinstance(owner.get("bss"), Mapping):
            old = owner["bss"].get("seconds")
        return cls(read_number(old), True) if old is not None else None


@dataclass(frozen=True)
class Backend:
    """A quantum computer as ``GET /backends`` lists it.

    Attributes:
        name: For instance ``ibm_fez``.
        status: ``online``, ``paused`` or ``offline``; ``unknown`` if the service lists names only.
        status_reason: ``available`` if it can be used.
        queue_length: Number of waiting jobs.
        num_qubits: Number of qubits, or None if not given.
        processor_type: Family, revision and segment.
        wait_time_seconds: Average, p50 and p95, if requested with ``fields``.
        performance_metrics: Error figures as the service returns them.
        is_simulator: Whether it is a simulator.
        is_mock: Whether it is the mock twin of a backend, which checks jobs and runs none.
    """

    name: str
    status: str
    status_reason: str | None = None
    queue_length: int = 0
    num_qubits: int | None = None
    processor_type: Mapping[str, Any] = field(default_factory=dict)
    wait_time_seconds: Mapping[str, Any] | None = None
    performance_metrics: Mapping[str, Any] = field(default_factory=dict)
    is_simulator: bool = False
    is_mock: bool = False

    @property
    def is_available(self) -> bool:
        """Whether it runs jobs from its queue now."""
        return self.status == "online" and self.status_reason in (None, "available")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Backend:
        """Read one of ``devices``."""
        status = data.get("status")
        status = status if isinstance(status, Mapping) else {"name": status}
        qubits = data.get("qubits", data.get("physical_qubits"))
        return cls(
            name=read_name(data["name"]),
            status=read_text(status.get("name")) or "unknown",
            status_reason=read_reason(status.get("reason")),
            queue_length=read_whole(data.get("queue_length")) or 0,
            num_qubits=read_whole(qubits),
            processor_type=read_mapping(data.get("processor_type")),
            wait_time_seconds=read_figures(data.get("wait_time_seconds")),
            performance_metrics=read_mapping(data.get("performance_metrics")),
            is_simulator=bool(data.get("is_simulator")),
            is_mock=data.get("class") == "mock",
        )


@dataclass(frozen=True)
class BackendStatus:
    """Answer of ``GET /backends/{name}/status``.

    Attributes:
        operational: Whether it is ready to run jobs.
        message: ``available``, or the reason why it is not.
        queue_length: Number of waiting jobs.
        backend_version: Version of the device's configuration.
    """

    operational: bool
    message: str
    queue_length: int
    backend_version: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BackendStatus:
        """Read the answer."""
        return cls(
            operational=bool(data.get("state")),
            message=read_reason(data.get("message")) or "",
            queue_length=read_whole(data.get("length_queue")) or 0,
            backend_version=read_text(data.get("backend_version")),
        )


@dataclass(frozen=True)
class SubmittedJob:
    """Answer of ``POST /jobs``."""

    id: str
    backend: str | None = None
    session_id: str | None = None
    private: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SubmittedJob:
        """Read the answer."""
        return cls(
            id=read_id(data["id"]),
            backend=read_text(data.get("backend")),
            session_id=read_optional_id(data.get("session_id")),
            private=bool(data.get("private")),
        )


@dataclass(frozen=True)
class Job:
    """A job as ``GET /jobs/{id}`` and ``GET /jobs`` describe it.

    Attributes:
        id: The job's id.
        state: Its :class:`~airflow_provider_qrt.client.states.JobState`.
        backend: Name of the backend.
        program_id: ``sampler``, ``estimator``, ...
        created: When it was submitted.
        tags: Its tags.
        session_id: Session or batch it belongs to.
        usage: QPU time charged, once it is known.
        estimated_running_seconds: Expected QPU time, without waiting time.
        max_execution_seconds: ``cost``: the QPU time after which it is stopped.
        private: Whether results can be read only once.
        params: Its input, if requested.
    """

    id: str
    state: JobState
    backend: str | None = None
    program_id: str | None = None
    created: datetime | None = None
    tags: tuple[str, ...] = ()
    session_id: str | None = None
    usage: Usage | None = None
    estimated_running_seconds: float | None = None
    max_execution_seconds: int | None = None
    private: bool = False
    params: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def status(self) -> JobStatus:
        """Shorthand for ``state.status``."""
        return self.state.status

    def to_json(self) -> dict[str, Any]:
        """Return the job without its input, in the format that ``from_json`` reads."""
        usage = self.usage
        return {
            "id": self.id,
            "state": {
                "status": self.state.word,
                "reason": self.state.reason,
                "reason_code": self.state.reason_code,
                "reason_solution": self.state.reason_solution,
            },
            "backend": self.backend,
            "program": {"id": self.program_id},
            "created": self.created.isoformat() if self.created else None,
            "tags": list(self.tags),
            "session_id": self.session_id,
            "usage": {
                "qpu_charge_time_seconds": usage.seconds,
                "status": "complete" if usage.complete else "pending",
            }
            if usage
            else None,
            "estimated_running_time_seconds": self.estimated_running_seconds,
            "cost": self.max_execution_seconds,
            "private": self.private,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Read one job."""
        program = data.get("program")
        return cls(
            id=read_id(data["id"]),
            state=JobState.from_json(data),
            backend=read_text(data.get("backend")),
            program_id=read_text(program.get("id")) if isinstance(program, Mapping) else read_text(program),
            created=parse_time(data.get("created")),
            tags=read_tags(data.get("tags")),
            session_id=read_optional_id(data.get("session_id")),
            usage=Usage.from_json(data),
            estimated_running_seconds=read_number(data.get("estimated_running_time_seconds")),
            max_execution_seconds=read_whole(data.get("cost")),
            private=bool(data.get("private")),
            params=data["params"] if isinstance(data.get("params"), Mapping) else None,
        )


@dataclass(frozen=True)
class JobMetrics:
    """Answer of ``GET /jobs/{id}/metrics``.

    Attributes:
        created: When it was submitted.
        running: When the service picked it up (not proof that the QPU worked on it).
        finished: When it ended.
        usage: QPU time charged.
        circuits_execution_ns: Time that the circuits themselves took on the QPU, nanoseconds.
        caller: The client application that the service recorded.
    """

    created: datetime | None = None
    running: datetime | None = None
    finished: datetime | None = None
    usage: Usage | None = None
    circuits_execution_ns: int | None = None
    caller: str | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> JobMetrics:
        """Read the answer of any API version."""
        times = data.get("timestamps")
        times = times if isinstance(times, Mapping) else {}
        usage = data.get("usage")
        execution = data.get("circuits_execution_time_ns")
        if execution is None and isinstance(usage, Mapping):
            execution = usage.get("circuits_execution_time_ns")
        return cls(
            created=parse_time(times.get("created")),
            running=parse_time(times.get("running")),
            finished=parse_time(times.get("finished")),
            usage=Usage.from_json(data),
            circuits_execution_ns=read_whole(execution),
            caller=read_text(data.get("caller")),
        )


@dataclass(frozen=True)
class Session:
    """A session (``dedicated``) or batch.

    Attributes:
        id: Its id.
        mode: ``dedicated`` or ``batch``.
        state: ``open``, ``active``, ``inactive`` or ``closed``.
        accepting_jobs: Whether it accepts new jobs.
        backend: Backend that its jobs run on; None before the first job if none was given.
        max_ttl: Maximum lifetime in seconds.
        interactive_ttl: Seconds it may be idle before it loses its priority.
        state_reason: Why it is in this state.
        started_at: When it was opened.
        activated_at: When its first job began.
        closed_at: When it was closed.
        elapsed_seconds: Usage; None while it is open.
    """

    id: str
    mode: str | None
    state: str | None
    accepting_jobs: bool
    backend: str | None = None
    max_ttl: int | None = None
    interactive_ttl: int | None = None
    state_reason: str | None = None
    started_at: datetime | None = None
    activated_at: datetime | None = None
    closed_at: datetime | None = None
    elapsed_seconds: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Session:
        """Read a session."""
        return cls(
            id=read_id(data["id"]),
            mode=read_text(data.get("mode")),
            state=read_text(data.get("state")),
            accepting_jobs=bool(data.get("accepting_jobs")),
            backend=read_text(data.get("backend_name")),
            max_ttl=read_whole(data.get("max_ttl")),
            interactive_ttl=read_whole(data.get("interactive_ttl")),
            state_reason=read_reason(data.get("state_reason")),
            started_at=parse_time(data.get("started_at")),
            activated_at=parse_time(data.get("activated_at")),
            closed_at=parse_time(data.get("closed_at")),
            elapsed_seconds=read_number(data.get("elapsed_time")),
        )


@dataclass(frozen=True)
class Instance:
    """Answer of ``GET /instance``: backends and plan of the connection's instance."""

    backends: tuple[str, ...]
    plan_id: str | None
    limit_seconds: float | None
    allocation_seconds: float | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Instance:
        """Read the answer; its two numbers are sent as text."""
        listed = read_list(data, "backends", "GET /instance") if data.get("backends") is not None else []
        return cls(
            backends=tuple(read_name(b.get("name") if isinstance(b, Mapping) else b) for b in listed),
            plan_id=read_text(data.get("plan_id")),
            limit_seconds=read_number(data.get("instance_limit_seconds")),
            allocation_seconds=read_number(data.get("usage_allocation_seconds")),
        )


@dataclass(frozen=True)
class InstanceUsage:
    """Answer of ``GET /instances/usage``: QPU seconds used and allowed in the current period."""

    consumed_seconds: float
    limit_seconds: float | None
    allocation_seconds: float | None
    limit_reached: bool
    period_start: datetime | None
    period_end: datetime | None
    plan_id: str | None = None

    @property
    def remaining_seconds(self) -> float | None:
        """QPU seconds left in this period, or None when there is no limit."""
        limits = [s for s in (self.limit_seconds, self.allocation_seconds) if s is not None]
        return max(0.0, min(limits) - self.consumed_seconds) if limits else None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InstanceUsage:
        """Read the answer."""
        period = data.get("usage_period")
        period = period if isinstance(period, Mapping) else {}
        return cls(
            consumed_seconds=read_number(data.get("usage_consumed_seconds")) or 0.0,
            limit_seconds=read_number(data.get("usage_limit_seconds")),
            allocation_seconds=read_number(data.get("usage_allocation_seconds")),
            limit_reached=bool(data.get("usage_limit_reached")),
            period_start=parse_time(period.get("start_time")),
            period_end=parse_time(period.get("end_time")),
            plan_id=read_text(data.get("plan_id")),
        )


@dataclass(frozen=True)
class Workload:
    """A job, session or batch as ``GET /workloads`` lists it; its status words differ from those of jobs.

    Attributes:
        status: ``pending``, ``in_progress``, ``completed``, ``failed`` or ``canceled`` (one l).
        mode: ``job``, ``session`` or ``batch``.
    """

    id: str
    mode: str | None
    status: str | None
    created: datetime | None = None
    ended: datetime | None = None
    backend: str | None = None
    tags: tuple[str, ...] = ()
    status_reason: str | None = None
    accepting_jobs: bool | None = None
    usage: Usage | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Workload:
        """Read one item."""
        usage = Usage.from_json(data)
        if usage is None and (seconds := read_number(data.get("usage_seconds"))) is not None:
            usage = Usage(seconds, True)
        return cls(
            id=read_id(data["id"]),
            mode=read_text(data.get("mode")),
            status=read_text(data.get("status")),
            created=parse_time(data.get("created")),
            ended=parse_time(data.get("ended")),
            backend=read_text(data.get("backend")),
            tags=read_tags(data.get("tags")),
            status_reason=read_reason(data.get("status_reason")),
            accepting_jobs=None if data.get("accepting_jobs") is None else bool(data["accepting_jobs"]),
            usage=usage,
        )


@dataclass(frozen=True)
class Program:
    """A program of the service, as ``GET /programs`` lists it on channels that have such a list.

    Attributes:
        id: The value of a job's ``program_id``.
        name: Display name; the id if the service gives no other.
        description: What it does.
        cost_seconds: Maximum run time in seconds.
        version: Its version.
        created: When it was added.
        parameters: The service's description of its input: a JSON object, sent as text in the answer.
    """

    id: str
    name: str
    description: str = ""
    cost_seconds: float | None = None
    version: str | None = None
    created: datetime | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Program:
        """Read one program."""
        return cls(
            id=read_name(data["id"]),
            name=read_name(data.get("name") or data["id"]),
            description=(read_reason(data.get("description")) or "").strip(),
            cost_seconds=read_number(data.get("cost")),
            version=read_text(data.get("version")),
            created=parse_time(data.get("creationDate") or data.get("creation_date")),
            parameters=_json_object(data.get("parameters")),
        )


def _json_object(value: Any) -> Mapping[str, Any]:
    """Read a JSON object or the text of one; empty if it is neither."""
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except (ValueError, InvalidAnswerError):
            return {}
    return value if isinstance(value, Mapping) else {}
