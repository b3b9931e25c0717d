"""Reading values that a template may have made text of: numbers, flags, and nothing at all."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInput

NOTHING = (None, "", "None")
"""What a template makes of a value that is not there, besides the value itself."""


def is_nothing(value: Any) -> bool:
    """Tell whether a value is as good as left out."""
    return value is None or (isinstance(value, str) and value.strip() in NOTHING)


def whole_number(name: str, value: Any, *, at_least: int = 1, at_most: int | None = None) -> int | None:
    """Read a whole number, also from text; None for what templates make of nothing.

    Raises:
        InvalidInput: If it is something else, too small or too large; the message starts with ``name``.
    """
    if is_nothing(value):
        return None
    try:
        number = int(value)
        # int() drops a fraction, of text it does not.
        if isinstance(value, bool) or not (isinstance(value, str) or number == value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(f"{name}: expected a whole number, got {value!r}.") from None
    if number < at_least:
        raise InvalidInput(f"{name}: must be at least {at_least}, got {number}.")
    if at_most is not None and number > at_most:
        raise InvalidInput(f"{name}: must be at most {at_most}, got {number}.")
    return number


def flag(name: str, value: Any) -> bool:
    """Read a yes or no.

    Raises:
        InvalidInput: If it is something else; the message starts with ``name``.
    """
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise InvalidInput(f"{name}: expected True or False, got {value!r}.")
    return text == "true"
