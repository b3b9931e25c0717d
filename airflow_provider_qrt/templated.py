"""Read values that a template may have rendered as text: numbers, flags, and missing values. Internal."""

from __future__ import annotations

from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError

NOTHING = (None, "", "None")
"""Renderings of a missing value."""


def is_nothing(value: Any) -> bool:
    """Return whether a value counts as missing."""
    return value is None or (isinstance(value, str) and value.strip() in NOTHING)


def whole_number(name: str, value: Any, *, at_least: int = 1, at_most: int | None = None) -> int | None:
    """Read an integer, also from text; None if the template rendered to an empty value.

    Raises:
        InvalidInputError: If it is something else, too small or too large; the message starts with ``name``.
    """
    if is_nothing(value):
        return None
    try:
        number = int(value)
        # int() truncates a float, but rejects text with a fraction.
        if isinstance(value, bool) or not (isinstance(value, str) or number == value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"{name}: expected a whole number, got {value!r}.") from None
    if number < at_least:
        raise InvalidInputError(f"{name}: must be at least {at_least}, got {number}.")
    if at_most is not None and number > at_most:
        raise InvalidInputError(f"{name}: must be at most {at_most}, got {number}.")
    return number


def flag(name: str, value: Any) -> bool:
    """Read a boolean, also from text.

    Raises:
        InvalidInputError: If it is something else; the message starts with ``name``.
    """
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise InvalidInputError(f"{name}: expected True or False, got {value!r}.")
    return text == "true"


def one_of_or_flag(name: str, value: Any, word: str) -> bool | str:
    """Read a boolean, also from text, or a word that stands for something else.

    Raises:
        InvalidInputError: If it is something else; the message starts with ``name``.
    """
    if isinstance(value, str) and value.strip().lower() == word:
        return word
    try:
        return flag(name, value)
    except InvalidInputError:
        raise InvalidInputError(f"{name}: expected True, False or {word!r}, got {value!r}.") from None


def standard_error(name: str, value: Any) -> Any:
    """Read a precision that may be text; its value is checked later, with the PUBs.

    Raises:
        InvalidInputError: The text is not a number.
    """
    if not isinstance(value, str):
        return value
    text = optional_text(value)
    try:
        return None if text is None else float(text)
    except ValueError:
        raise InvalidInputError(
            f"{name}: expected a standard error such as 0.015625, or None; not {value!r}."
        ) from None


def optional_text(value: Any) -> str | None:
    """Read a text; None if the template rendered to an empty value."""
    text = str(value).strip()
    return None if is_nothing(text) else text
