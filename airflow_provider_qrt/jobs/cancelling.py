"""Cancelling a job, whose end may have come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient


def cancel_job(client: QiskitRuntimeClient, job_id: str) -> str:
    """Cancel a job; one that has ended already is fine.

    Returns:
        What became of it, for the log.

    Raises:
        QiskitRuntimeError: If the service could not be asked.
    """
    try:
        client.cancel_job(job_id)
    except errors.Conflict:
        return f"Job {job_id} has ended or was cancelled already."
    except errors.NotFound:
        return f"Job {job_id} is not known to the service; there was nothing to cancel."
    return f"Job {job_id} was cancelled."
