"""A record of what becomes known about a task's jobs: sent to metrics and traces at once, kept for lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.execution.job_info import SplitJobFacts
from airflow_provider_qrt.jobs.submit.identity import fingerprint_of
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin
from airflow_provider_qrt.observability import traces
from airflow_provider_qrt.observability.best_effort import best_effort
from airflow_provider_qrt.observability.metrics import Metric, count, time_taken

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.trace import Span

    from airflow_provider_qrt.client.models import Job, Usage
    from airflow_provider_qrt.execution.job_info import JobFacts
    from airflow_provider_qrt.jobs.submit.identity import JobRequest
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob


@dataclass
class JobReport:
    """One leg of a task, which knows of its jobs what it has been told here.

    Nothing here fails the task: each call is harmless.

    Attributes:
        dag_id: The task's DAG.
        program_id: What runs; None until it is known.
        request: The request; None when the task returns from the triggerer.
        job_ids: The jobs that were obtained or seen.
        backend: Their backend.
        session_id: Their session or batch.
        fingerprint: Digest of the input, as their tags have it.
        status: How the last one seen stands.
        usage: QPU time charged.
        calibrated: When the backend had last been calibrated when they ran.
        result_path: The file with the whole result.
        findings: Facts from the result itself for the events of assets, ready for JSON.
    """

    dag_id: str
    program_id: str | None = None
    request: JobRequest | None = None
    job_ids: list[str] = field(default_factory=list)
    backend: str | None = None
    session_id: str | None = None
    fingerprint: str | None = None
    status: str | None = None
    usage: Usage | None = None
    calibrated: datetime | None = None
    result_path: str | None = None
    findings: dict[str, Any] = field(default_factory=dict)
    _facts: JobFacts | None = None
    _is_delivered: bool = False
    _span: Span | None = None

    @best_effort
    def asked(self, request: JobRequest) -> None:
        """Note that the task begins to obtain its jobs."""
        self.request, self._span, self.program_id = request, traces.current(), request.program_id

    @best_effort
    def obtained(self, job: ObtainedJob) -> None:
        """Note that a job was submitted, or that an earlier job is resumed."""
        self._know(job.job_id, job.backend, job.session_id)
        if job.how is JobOrigin.SUBMITTED:
            count(Metric.SUBMITTED, self._tags())
        elif job.how is JobOrigin.ADOPTED:
            count(Metric.ADOPTED, self._tags())
        traces.annotate(self._span, submission=job.how.value, **self._attributes())

    @best_effort
    def seen(self, job: Job) -> None:
        """Note a job that was read."""
        self._know(job.id, job.backend, job.session_id)
        self.program_id = job.program_id or self.program_id
        self.fingerprint = fingerprint_of(job.tags) or self.fingerprint
        self.status = job.status.value
        self.usage = job.usage or self.usage
        traces.annotate(self._span, **self._attributes())

    @best_effort
    def failed(self, job: Job) -> None:
        """Note a job that failed or was cancelled."""
        count(Metric.FAILED, {**self._tags(), "status": job.status.value.lower()})
        self._charge()

    @best_effort
    def read(self, facts: JobFacts) -> None:
        """Note the facts of a completed job, or of several."""
        self._facts, self.usage = facts, facts.usage
        self.calibrated = facts.calibrated
        if isinstance(facts, SplitJobFacts):
            self.fingerprint = facts.fingerprint[:16]

    @best_effort
    def found(self, facts: Mapping[str, Any]) -> None:
        """Note facts that the result itself tells, for the events of assets."""
        self.findings |= facts

    @best_effort
    def delivered(self, job_ids: Sequence[str], value: Any) -> None:
        """Note that the task returns its result; counted once."""
        if self._is_delivered:
            return
        self._is_delivered = True
        self.job_ids = list(job_ids)
        if isinstance(value, Mapping):
            self.result_path = value.get("result_path")
        count(Metric.COMPLETED, self._tags(), len(job_ids))
        for one in self._facts.each if isinstance(self._facts, SplitJobFacts) else [self._facts]:
            metrics = one.metrics if one is not None else None
            if metrics is not None and metrics.created is not None and metrics.running is not None:
                queued = max(timedelta(), metrics.running - metrics.created)
                time_taken(Metric.QUEUE_DURATION, queued, self._tags())
        self._charge()
        traces.annotate(self._span, **self._attributes())

    def _charge(self) -> None:
        if self.usage is not None and self.usage.seconds is not None:
            count(Metric.QPU_SECONDS, self._tags(), self.usage.seconds)

    def _know(self, job_id: str, backend: str | None, session_id: str | None) -> None:
        if job_id not in self.job_ids:
            self.job_ids.append(job_id)
        self.backend = backend or self.backend
        self.session_id = session_id or self.session_id

    def _tags(self) -> dict[str, str | None]:
        return {"dag_id": self.dag_id, "program_id": self.program_id, "backend": self.backend}

    def _attributes(self) -> dict[str, str | float | None]:
        return {
            "job_id": ",".join(self.job_ids),
            "program_id": self.program_id,
            "backend": self.backend,
            "session_id": self.session_id,
            "status": self.status,
            "usage_seconds": self.usage.seconds if self.usage is not None else None,
        }
