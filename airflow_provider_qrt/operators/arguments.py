"""Reading operator arguments after templates were rendered, when numbers may have become text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_qrt.jobs.rendered import flag, is_nothing, whole_number
from airflow_provider_qrt.primitives.errors import InvalidInput

__all__ = ["flag", "optional_text", "seconds", "whole_number"]


def seconds(name: str, value: Any) -> float:
    """Read a duration above zero: seconds, or a ``timedelta``.

    Raises:
        InvalidInput: If it is something else.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name}: expected seconds or a timedelta, got {value!r}.") from None
    if not 0 < number < float("inf"):
        raise InvalidInput(f"{name}: must be more than 0 seconds, got {value!r}.")
    return number


def optional_text(value: Any) -> str | None:
    """Read a text; None for what templates make of nothing."""
    text = str(value).strip()
    return None if is_nothing(text) else text
