"""Where a job was submitted to, and what to say when its connection has come to lead elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_qrt.client import errors

if TYPE_CHECKING:
    from airflow_provider_qrt.client.settings import ClientSettings

ELSEWHERE = (errors.NotFoundError, errors.ForbiddenError, errors.UnauthorizedError)
"""Errors that a service gives when it is asked for a job of another instance."""


def place_of(settings: ClientSettings) -> str:
    """Name instance, region and host of a connection, never the account: it is kept with the job."""
    return f"{settings.place} at {urlsplit(settings.base_url).netloc}"


def describe_elsewhere(job_id: str, submitted_to: str, asked: str) -> str:
    """Say where a job is that the connection's service does not know."""
    return (
        f"Job {job_id} was submitted to {submitted_to}, and the connection leads to {asked} by now. The job was not "
        "cancelled: it goes on where it is and may be charged. Point the connection back and clear the task to fetch "
        "the result, or cancel the job there."
    )
