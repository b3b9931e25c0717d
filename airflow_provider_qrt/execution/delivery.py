"""Delivering a result, with where it came from and what it cost: to XCom, to a file, or to both."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, Protocol

from airflow_provider_qrt.config import max_xcom_bytes
from airflow_provider_qrt.execution import result as results
from airflow_provider_qrt.execution.closing_line import closing_line
from airflow_provider_qrt.storage.files import write_file

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.job_info import JobFacts
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat

log = logging.getLogger(__name__)


class Deliverable(Protocol):
    """A decoded result that can go to XCom and to a file."""

    def to_xcom_results(self) -> Any:
        """Return the result as plain JSON: for PUBs, one dictionary for each."""

    def manifest(self) -> Any:
        """Return the same without the measured values."""

    def estimated_xcom_bytes(self) -> int:
        """Bound the JSON of ``to_xcom_results``, in bytes."""

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write all of it, with what is known of its job."""


def deliver(
    result: Deliverable,
    facts: JobFacts,
    *,
    program_id: str,
    destination: results.Destination | None,
    used_qiskit: bool = False,
) -> dict[str, Any]:
    """Return what goes to XCom, and write the whole result to its file if it has one.

    The result of a private job, which cannot be read again, goes to XCom if it can go nowhere else.

    Args:
        result: Decoded.
        facts: What was read of the job.
        program_id: What ran.
        destination: The file, if the task has one; ``provenance`` stands beside the data in it.
        used_qiskit: Whether the circuits are Qiskit's work, for the provenance.

    Raises:
        AirflowFailException: The result is too large for XCom and has nowhere else to go.
    """
    job, value = facts.job, facts.summary(program_id)
    limit = max_xcom_bytes()

    def done(returned: dict[str, Any]) -> dict[str, Any]:
        log.info(closing_line(facts, returned))
        return returned

    size = result.estimated_xcom_bytes()
    if destination is None:
        if size > limit and not job.private:
            raise results.too_large(job.id, size, limit)
        if size > limit:
            log.warning("The result of private job %s can be read once only: XCom takes all of it.", job.id)
        return done({**value, "results": result.to_xcom_results()})
    path = destination.file(job.id)
    value["result_path"] = path
    try:
        written = {**value, "provenance": facts.provenance(value, used_qiskit=used_qiskit)}
        write_file(path, lambda file: result.write(file, destination.format, written), private=job.private)
    except Exception:
        if not job.private:
            raise
        log.exception(
            "The result of private job %s could not be written to %s; it can be read once only, so XCom takes it.",
            job.id,
            path,
        )
        return done({**value, "result_path": None, "results": result.to_xcom_results()})
    return done({**value, "results": result.to_xcom_results() if size <= limit else result.manifest()})
