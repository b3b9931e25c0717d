"""Read the service's answers into checked values; anything wrong raises :class:`InvalidAnswerError`.

Nothing in an answer is trusted: numbers may be infinite, texts too long, ids malformed, or the whole nested so deeply
that recursive code would fail.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_provider_qrt.client.errors import InvalidAnswerError
from airflow_provider_qrt.untrusted import json_text
from airflow_provider_qrt.untrusted.blotter import readable

T = TypeVar("T")

LARGEST = 1e18
"""Larger numbers are implausible: thirty years in nanoseconds are less."""
LONGEST_NAME = 1000
"""Maximum number of characters of a name, a mode, a tag and the like."""
LONGEST_REASON = 4000
"""Maximum number of characters of a message for people."""

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_=.-]{0,126}[A-Za-z0-9_=-])?")


def is_id(value: object) -> bool:
    """Return whether a value is a plausible id of a job, session or other object of the service.

    Ids become parts of URLs, file names and keys. So they contain no slash, do not begin with a dot, and have at most
    128 characters.
    """
    return isinstance(value, str) and _ID.fullmatch(value) is not None and ".." not in value


def parse_json(text: str | bytes, *, strict: bool = True) -> Any:
    """Parse JSON from the service, or from something that answered in its place.

    Args:
        text: The JSON.
        strict: Whether to reject NaN and infinities, which are not valid JSON, and integers that are too long.

    Raises:
        InvalidAnswerError: It is JSON with implausible content.
        ValueError: It is not JSON.
    """
    try:
        return json_text.parse_json(text, strict=strict)
    except json_text.UnfitJsonError as error:
        raise InvalidAnswerError(f"The answer cannot be read: {error}.") from None


def read(reader: Callable[[Mapping[str, Any]], T], data: Any) -> T:
    """Apply a ``from_json``.

    Raises:
        InvalidAnswerError: If a required field is missing or has the wrong type.
    """
    try:
        return reader(read_object(data))
    except KeyError as error:
        raise InvalidAnswerError(f"The service's answer lacks the field {error}.") from None


def read_object(answer: Any) -> Mapping[str, Any]:
    """Return the answer, which must be an object.

    Raises:
        InvalidAnswerError: If it is not an object.
    """
    if not isinstance(answer, Mapping):
        raise InvalidAnswerError(f"The service answered with {type(answer).__name__} instead of an object.")
    return answer


def read_list(answer: Any, name: str, request: str) -> list[Any]:
    """Return the list ``name`` of an answer.

    Raises:
        InvalidAnswerError: If there is none.
    """
    listed = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(listed, list):
        raise InvalidAnswerError(f"{request}: the answer holds no list of {name}.")
    return listed


# Values


def read_id(value: Any) -> str:
    """Return an id.

    Raises:
        InvalidAnswerError: If the value is not an id.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not is_id(value):
        raise InvalidAnswerError("The service's answer holds an invalid id: ids are letters, digits, - _ . and =.")
    return str(value)


def read_optional_id(value: Any) -> str | None:
    """Return an id, or None if there is none.

    Raises:
        InvalidAnswerError: It is something else.
    """
    return None if value in (None, "") else read_id(value)


def read_number(value: Any) -> float | None:
    """Return a finite, non-negative number of seconds, jobs or the like; None if there is none.

    The service sends some numbers as text (``usage_allocation_seconds`` of an instance).

    Raises:
        InvalidAnswerError: It is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidAnswerError(f"A number in the service's answer is {_kind(value)}.")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise InvalidAnswerError("A number in the service's answer is malformed or too large.") from None
    if not math.isfinite(number) or not 0 <= number <= LARGEST:
        raise InvalidAnswerError("A number in the service's answer is negative, too large, or not finite.")
    return number


def read_whole(value: Any) -> int | None:
    """Return an integer, as :func:`read_number` does; decimals are cut off.

    Raises:
        InvalidAnswerError: It is something else.
    """
    number = read_number(value)
    if isinstance(value, int) or number is None:
        return value if number is not None else None
    return int(number)


def read_text(value: Any, longest: int = LONGEST_NAME) -> str | None:
    """Return a text, or a number as text; None if there is none.

    Raises:
        InvalidAnswerError: It is something else, or too long.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidAnswerError(f"A text in the service's answer is {_kind(value)}.")
    text = _whole_characters(str(value))
    if len(text) > longest:
        raise InvalidAnswerError(
            f"A text in the service's answer has {len(text):,} characters; at most {longest:,} are read."
        )
    return text


def read_reason(value: Any) -> str | None:
    """Return a message for people as redacted text, whatever its type; None if it is empty."""
    if value in (None, "", [], {}):
        return None
    return readable(value if isinstance(value, str) else json.dumps(value, default=str), LONGEST_REASON) or None


def read_tags(value: Any) -> tuple[str, ...]:
    """Return a list of tags.

    Raises:
        InvalidAnswerError: It is something else.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(
        isinstance(tag, str) and len(tag) <= LONGEST_NAME for tag in value
    ):
        raise InvalidAnswerError("The tags in the service's answer are no list of texts.")
    return tuple(map(_whole_characters, value))


def read_mapping(value: Any) -> Mapping[str, Any]:
    """Return an object; an empty one if there is none.

    Raises:
        InvalidAnswerError: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidAnswerError(f"An object in the service's answer is {_kind(value)}.")
    return value


def read_name(value: Any) -> str:
    """Return a name.

    Raises:
        InvalidAnswerError: There is none, or it is something else.
    """
    name = read_text(value)
    if name is None:
        raise InvalidAnswerError("A name in the service's answer is empty.")
    return name


def read_figures(value: Any) -> Mapping[str, Any] | None:
    """Return the valid figures and drop the others; an invalid figure must not make the backend unreadable."""
    if not isinstance(value, Mapping):
        return None
    return {str(name): part for name, part in value.items() if part is None or _is_figure(part)}


def _is_figure(value: Any) -> bool:
    try:
        return read_number(value) is not None and not isinstance(value, str)
    except InvalidAnswerError:
        return False


def _whole_characters(text: str) -> str:
    """Replace lone surrogates, which JSON can contain but files, databases and pages cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _kind(value: Any) -> str:
    return {bool: "true or false", dict: "an object", list: "a list", str: "a text"}.get(type(value), "something else")
