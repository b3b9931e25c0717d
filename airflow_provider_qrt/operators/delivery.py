"""What a task returns of its job: where it came from, what it used, and the result, in XCom, in a file, or in both."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.operators import results

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job, JobMetrics

log = logging.getLogger(__name__)


class Deliverable(Protocol):
    """A decoded result that can go to XCom."""

    def to_xcom_results(self) -> list[dict[str, Any]]:
        """One plain dictionary for each PUB."""

    def manifest(self) -> list[dict[str, Any]]:
        """The same without the measured values."""

    def estimated_xcom_bytes(self) -> int:
        """Bound the JSON of ``to_xcom_results``, in bytes."""


def read_metrics(client: QiskitRuntimeClient, job: Job) -> JobMetrics | None:
    """When the job ended and what it used: worth a line less in XCom, not worth a failure."""
    try:
        return client.job_metrics(job.id)
    except errors.QiskitRuntimeError as error:
        log.warning("The metrics of job %s could not be read: %s", job.id, error)
        return None


def deliver(
    result: Deliverable, job: Job, metrics: JobMetrics | None, *, program_id: str, result_path: str | None
) -> dict[str, Any]:
    """Return what goes to XCom, and write the whole result to ``result_path`` if there is one.

    The result of a private job, which cannot be read again, goes to XCom if it can go nowhere else.

    Args:
        result: Decoded.
        job: The job it is of.
        metrics: What :func:`read_metrics` returned.
        program_id: What ran.
        result_path: The task's, if it has one.

    Raises:
        AirflowFailException: The result is too large for XCom and has nowhere else to go.
    """
    usage = (metrics.usage if metrics else None) or job.usage
    value: dict[str, Any] = {
        "job_id": job.id,
        "backend": job.backend,
        "program_id": program_id,
        "status": job.status.value,
        "session_id": job.session_id,
        "created": _iso(job.created or (metrics.created if metrics else None)),
        "finished": _iso(metrics.finished if metrics else None),
        "usage_seconds": usage.seconds if usage else None,
        "result_path": None,
    }
    limit = results.max_xcom_bytes()
    size = result.estimated_xcom_bytes()
    if result_path is None and size > limit and not job.private:
        raise results.too_large(job.id, size, limit)
    whole = {**value, "results": result.to_xcom_results()}
    if result_path is None:
        if size > limit:
            log.warning("The result of private job %s can be read once only: XCom takes all of it.", job.id)
        return whole
    whole["result_path"] = results.result_file(result_path, job.id)
    try:
        results.write_json(whole["result_path"], whole)
    except Exception:
        if not job.private:
            raise
        log.exception(
            "The result of private job %s could not be written to %s; it can be read once only, so XCom takes it.",
            job.id,
            whole["result_path"],
        )
        return {**whole, "result_path": None}
    log.info("The result of job %s is in %s.", job.id, whole["result_path"])
    return whole if size <= limit else {**whole, "results": result.manifest()}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
