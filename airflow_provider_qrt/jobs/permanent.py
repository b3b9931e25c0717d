"""Errors that the same call, made again, meets again."""

from __future__ import annotations

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.budget import OverBudget
from airflow_provider_qrt.jobs.identity import InvalidTags
from airflow_provider_qrt.jobs.sessions import SessionUnusable
from airflow_provider_qrt.jobs.submission import JobGone
from airflow_provider_qrt.primitives.errors import InvalidInput

INPUT = (InvalidInput, InvalidTags, errors.InvalidSettings)
"""What is asked for, or the connection, is wrong; nothing was sent."""
REFUSALS = (
    errors.BadRequest,
    errors.Unauthorized,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.ApiVersionNotHonoured,
    JobGone,
    SessionUnusable,
    OverBudget,
)
"""The service says no."""
