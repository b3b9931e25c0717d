"""Reading operator arguments after templates were rendered, when numbers may have become text."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.client.limits import MAX_EXECUTION_SECONDS
from airflow_provider_qrt.jobs.durations import seconds, whole_seconds
from airflow_provider_qrt.jobs.rendered import flag, is_nothing, whole_number
from airflow_provider_qrt.primitives.errors import InvalidInput

__all__ = ["execution_time", "flag", "optional_text", "seconds", "standard_error", "whole_number", "whole_seconds"]


def execution_time(name: str, value: Any) -> int | None:
    """Read the QPU time that a job is allowed, in seconds; None for what templates make of nothing.

    Raises:
        InvalidInput: If it is no whole number of seconds, or more than IBM allows.
    """
    return whole_seconds(name, value, at_most=MAX_EXECUTION_SECONDS)


def standard_error(name: str, value: Any) -> Any:
    """Read a precision that a template made text; what else is wrong with it is found with the PUBs.

    Raises:
        InvalidInput: The text is no number.
    """
    if not isinstance(value, str):
        return value
    text = optional_text(value)
    try:
        return None if text is None else float(text)
    except ValueError:
        raise InvalidInput(f"{name}: expected a standard error such as 0.015625, or None; not {value!r}.") from None


def optional_text(value: Any) -> str | None:
    """Read a text; None for what templates make of nothing."""
    text = str(value).strip()
    return None if is_nothing(text) else text
