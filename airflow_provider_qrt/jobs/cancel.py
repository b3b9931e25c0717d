"""Cancelling a job, whose end may have come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.place import place_of

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient


def cancel_job(client: QiskitRuntimeClient, job_id: str, *, submitted_to: str | None = None) -> str:
    """Cancel a job; one that has ended already is fine.

    Args:
        client: The API.
        job_id: The job.
        submitted_to: Instance, region and host that it was submitted to, if known.

    Returns:
        What became of it, for the log.

    Raises:
        QiskitRuntimeError: If the service could not be asked.
    """
    try:
        client.cancel_job(job_id)
    except errors.ConflictError:
        return f"Job {job_id} has ended or was cancelled already."
    except errors.NotFoundError:
        asked = place_of(client.settings)
        if submitted_to not in (None, asked):
            return (
                f"Job {job_id} was not cancelled: it was submitted to {submitted_to}, and the connection leads to "
                f"{asked} by now. It goes on where it is and may be charged; cancel it there."
            )
        return (
            f"Job {job_id} is not known to {asked}, so it was not cancelled: it was deleted, or belongs to another "
            "instance, where it may run and be charged."
        )
    return f"Job {job_id} was cancelled."
