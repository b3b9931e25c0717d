"""Facts about completed jobs: when they ran, what they were charged, how the backend was calibrated."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.client.models import JobMetrics, Usage, parse_time
from airflow_provider_qrt.config import usage_wait_seconds
from airflow_provider_qrt.jobs.submit.identity import fingerprint_of
from airflow_provider_qrt.primitives.results.timing import execution_times

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
"""Seconds before the second look at a bill; each pause after that is twice as long."""
ALWAYS_USED = ("airflow-provider-qrt", "apache-airflow", "apache-airflow-task-sdk", "numpy")
USED_WITH_QISKIT = ("qiskit", "qiskit-ibm-runtime")


@dataclass(frozen=True)
class JobFacts:
    """Facts about a job beside its result.

    Attributes:
        job: The job.
        metrics: Its times and its bill, as the service's metrics or its result tell them; None if they could not be
            read.
        calibrated: When the backend had last been calibrated when the job ran; None if that was not asked for, or is
            not known.
        estimated_seconds: QPU seconds that the task's jobs were expected to take when its budget was checked; None
            without a budget.
    """

    job: Job
    metrics: JobMetrics | None = None
    calibrated: datetime | None = None
    estimated_seconds: float | None = None

    @classmethod
    def read(cls, client: QiskitRuntimeClient, job: Job, *, with_calibration: bool) -> JobFacts:
        """Ask the service. What it does not tell is missing, and costs nothing but a line in the log.

        A bill that is open is waited for, ``[qiskit_runtime] usage_wait_seconds`` at most.

        Args:
            client: The API.
            job: The job, completed.
            with_calibration: Ask for the backend's calibration too, which is one more request.
        """
        metrics = _read_metrics(client, job) if client.channel.offers(Feature.METRICS) else None
        with_calibration = with_calibration and client.channel.offers(Feature.BACKEND_DETAILS)
        calibrated = read_calibration(client, job, metrics) if with_calibration else None
        return cls(job, metrics, calibrated)

    @classmethod
    def with_result(cls, client: QiskitRuntimeClient, job: Job, result: Any) -> JobFacts:
        """Take the facts from the job as it was last read and from its result; ask the service if they lack any.

        This mostly saves the request for the metrics. The job's answer has its settled charge; the result tells when
        the circuits ran, which is up to some seconds after the service picked the job up, and before it declared it
        ended.

        Args:
            client: The API.
            job: The job, completed.
            result: Decoded; its ``metadata``, if it has any, may tell when the circuits ran.
        """
        times = execution_times(getattr(result, "metadata", None))
        if job.usage is None or not job.usage.complete or job.created is None or times is None:
            return cls.read(client, job, with_calibration=False)
        began, ended = times
        return cls(job, JobMetrics(created=job.created, running=began, finished=ended, usage=job.usage))

    @property
    def usage(self) -> Usage:
        """QPU time charged."""
        known = (self.metrics.usage if self.metrics else None) or self.job.usage
        return known or Usage(None, complete=False)

    def summary(self, program_id: str) -> dict[str, Any]:
        """Return what an operator's value says of its job, plain JSON."""
        metrics, usage = self.metrics, self.usage
        return {
            "job_id": self.job.id,
            "backend": self.job.backend,
            "program_id": program_id,
            "status": self.job.status.value,
            "session_id": self.job.session_id,
            "created": _iso(self.job.created or (metrics.created if metrics else None)),
            "finished": _iso(metrics.finished if metrics else None),
            "usage_seconds": usage.seconds,
            "usage_complete": usage.complete,
            **({} if self.estimated_seconds is None else {"estimated_seconds": self.estimated_seconds}),
            "result_path": None,
        }

    def provenance(self, summary: Mapping[str, Any], *, used_qiskit: bool) -> dict[str, Any]:
        """Return where a result came from, plain JSON.

        Args:
            summary: Of :meth:`summary`.
            used_qiskit: Whether the task's circuits are Qiskit's work.
        """
        return {
            **{key: part for key, part in summary.items() if key not in ("status", "result_path")},
            "calibrated": _iso(self.calibrated),
            "input_fingerprint": fingerprint_of(self.job.tags),
            "software": software(used_qiskit=used_qiskit),
        }


@dataclass(frozen=True)
class SplitJobFacts(JobFacts):
    """The facts of the first job, with what all of them used and when the last of them ended.

    Attributes:
        each: Of all jobs, in their order.
        fingerprint: Digest of the task's whole input.
    """

    each: tuple[JobFacts, ...] = ()
    fingerprint: str = ""

    @classmethod
    def read_all(
        cls, client: QiskitRuntimeClient, jobs: Sequence[Job], fingerprint: str, *, with_calibration: bool
    ) -> SplitJobFacts:
        """Ask the service; the arguments are those of :meth:`JobFacts.read`, and the input's digest."""
        # They ran on one backend; when it was calibrated is asked for once.
        each = [
            JobFacts.read(client, job, with_calibration=with_calibration and place == 0)
            for place, job in enumerate(jobs)
        ]
        return cls(each[0].job, each[0].metrics, each[0].calibrated, None, tuple(each), fingerprint)

    @property
    def usage(self) -> Usage:
        """QPU time charged for all jobs; not known as long as one is not known."""
        known = [facts.usage for facts in self.each]
        seconds = [usage.seconds for usage in known if usage.seconds is not None]
        return Usage(
            sum(seconds) if len(seconds) == len(known) else None, complete=all(usage.complete for usage in known)
        )

    def summary(self, program_id: str) -> dict[str, Any]:
        """Return what an operator's value says of its jobs, plain JSON."""
        value = super().summary(program_id)
        ends = [facts.summary(program_id)["finished"] for facts in self.each]
        finished = max(ends) if all(ends) else None
        job_ids = [facts.job.id for facts in self.each]
        return {"job_id": value.pop("job_id"), "job_ids": job_ids, **value, "finished": finished}

    def provenance(self, summary: Mapping[str, Any], *, used_qiskit: bool) -> dict[str, Any]:
        """Return where a result came from, plain JSON."""
        return {**super().provenance(summary, used_qiskit=used_qiskit), "input_fingerprint": self.fingerprint[:16]}


def software(*, used_qiskit: bool) -> dict[str, str]:
    """Return the versions of what made the result, by distribution."""
    found = {"python": python_version()}
    for name in (*ALWAYS_USED, *(USED_WITH_QISKIT if used_qiskit else ())):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read_metrics(client: QiskitRuntimeClient, job: Job) -> JobMetrics | None:
    """Read the metrics, again as long as the bill is open, in growing pauses."""
    end = time.monotonic() + usage_wait_seconds()
    pause = FIRST_PAUSE
    metrics: JobMetrics | None = None
    while True:
        try:
            metrics = client.job_metrics(job.id)
        except errors.QiskitRuntimeError as error:
            log.warning("The metrics of job %s could not be read: %s", job.id, error)
            return metrics
        left = end - time.monotonic()
        if metrics.usage is None or metrics.usage.complete or left <= 0:
            return metrics
        time.sleep(min(pause, left))
        pause *= 2


def read_calibration(client: QiskitRuntimeClient, job: Job, metrics: JobMetrics | None = None) -> datetime | None:
    """Ask when a job's backend had last been calibrated when it ran; None if that is not known.

    Args:
        client: The API.
        job: The job.
        metrics: Its times, if they are known.
    """
    if job.backend is None:
        return None
    ran = (metrics.running or metrics.finished if metrics else None) or job.created
    try:
        properties = client.backend_properties(job.backend, updated_before=ran)
    except errors.NotFoundError:
        # It was never calibrated, as simulators are not.
        return None
    except errors.QiskitRuntimeError as error:
        log.warning("The calibration of %s at the time of job %s could not be read: %s", job.backend, job.id, error)
        return None
    return parse_time(properties.get("last_update_date"))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
