"""Read durations: seconds, a timedelta, or text such as ``90s``, ``2h`` and ``1h30m``. Internal."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any

from airflow_provider_qrt.client.limits import MAX_EXECUTION_SECONDS
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.templated import is_nothing

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_WORDS = {
    "millisecond": "ms",
    "sec": "s",
    "second": "s",
    "min": "m",
    "minute": "m",
    "hr": "h",
    "hour": "h",
    "day": "d",
    "week": "w",
}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
EXPECTED = "expected seconds, a timedelta, or text such as '90s', '2h' or '1h30m'"


def read_seconds(value: Any) -> float | None:
    """Return a duration in seconds; None if the value is not a duration."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return _read_text(value) if isinstance(value, str) else None


def _read_text(text: str) -> float | None:
    rest, seconds, largest = text.strip().lower(), 0.0, math.inf
    while rest:
        part = _PART.match(rest)
        if part is None:
            return None
        word = part[2] if part[2] in UNITS else _WORDS.get(part[2].removesuffix("s"), "")
        unit = UNITS.get(word)
        # Larger units come first, each once; anything else is a mistake.
        if unit is None or unit >= largest:
            return None
        seconds, largest, rest = seconds + float(part[1]) * unit, unit, rest[part.end() :]
    return None if math.isinf(largest) else seconds


def seconds(name: str, value: Any) -> float:
    """Read a duration above zero.

    Raises:
        InvalidInputError: If it is something else; the message starts with ``name``.
    """
    number = read_seconds(value)
    if number is None:
        raise InvalidInputError(f"{name}: {EXPECTED}, got {value!r}.")
    if not 0 < number < math.inf:
        raise InvalidInputError(f"{name}: must be more than 0 seconds, got {value!r}.")
    return number


def seconds_or_zero(name: str, value: Any) -> float:
    """Read a duration that may be 0.

    Raises:
        InvalidInputError: If it is something else; the message starts with ``name``.
    """
    return 0.0 if read_seconds(value) == 0 else seconds(name, value)


def whole_seconds(name: str, value: Any, *, at_most: int | None = None) -> int | None:
    """Read a duration of whole seconds, at least one; None if the template rendered to an empty value.

    Raises:
        InvalidInputError: If it is something else, or too long; the message starts with ``name``.
    """
    if is_nothing(value):
        return None
    number = read_seconds(value)
    if number is None:
        raise InvalidInputError(f"{name}: {EXPECTED}, got {value!r}.")
    if not math.isfinite(number) or number != int(number):
        raise InvalidInputError(f"{name}: expected whole seconds, got {value!r}.")
    if number < 1:
        raise InvalidInputError(f"{name}: must be at least 1, got {value!r}.")
    if at_most is not None and number > at_most:
        raise InvalidInputError(f"{name}: must be at most {at_most}, got {value!r}.")
    return int(number)


def execution_time(name: str, value: Any) -> int | None:
    """Read a job's maximum QPU time in seconds; None if the template rendered to an empty value.

    Raises:
        InvalidInputError: If it is not a whole number of seconds, or more than IBM allows.
    """
    return whole_seconds(name, value, at_most=MAX_EXECUTION_SECONDS)
