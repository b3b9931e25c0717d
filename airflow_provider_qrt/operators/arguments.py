"""Reading operator arguments after templates were rendered, when numbers may have become text."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInput


def whole_number(name: str, value: Any, *, at_least: int = 1, at_most: int | None = None) -> int | None:
    """Read a whole number or None (also ``"None"`` and empty text, which templates produce).

    Raises:
        InvalidInput: If it is something else, too small or too large.
    """
    if value is None or (isinstance(value, str) and value.strip() in ("", "None")):
        return None
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        number = int(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name}: expected a whole number, got {value!r}.") from None
    if number < at_least:
        raise InvalidInput(f"{name}: must be at least {at_least}, got {number}.")
    if at_most is not None and number > at_most:
        raise InvalidInput(f"{name}: must be at most {at_most}, got {number}.")
    return number


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
    text = "" if value is None else str(value).strip()
    return None if text in ("", "None") else text


def flag(name: str, value: Any) -> bool:
    """Read a yes or no; templates make text of them.

    Raises:
        InvalidInput: If it is something else.
    """
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise InvalidInput(f"{name}: expected True or False, got {value!r}.")
    return text == "true"
