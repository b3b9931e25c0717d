"""Reading the service's answers into checked values: whatever is wrong with one is an :class:`InvalidAnswer`.

Nothing that an answer holds is trusted: not that a number is finite, that a text is short, that an id is one, or that
the whole is not nested so deep that a program which walks through it would fall over.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_provider_qrt.client.errors import InvalidAnswer
from airflow_provider_qrt.untrusted import json_text
from airflow_provider_qrt.untrusted.blotter import readable

T = TypeVar("T")

LARGEST = 1e18
"""Larger numbers stand for nothing that the service could mean: nanoseconds of thirty years are less."""
LONGEST_NAME = 1000
"""Characters of a name, a mode, a tag and the like."""
LONGEST_REASON = 4000
"""Characters of what the service says to people."""

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_=.-]{0,126}[A-Za-z0-9_=-])?")


def is_id(value: object) -> bool:
    """Whether something may be the id of a job, session or other thing of the service.

    Ids become parts of addresses, of file names and of keys. So they hold no slash, do not begin with a dot, and are at
    most 128 characters long.
    """
    return isinstance(value, str) and _ID.fullmatch(value) is not None and ".." not in value


def parse_json(text: str | bytes, *, strict: bool = True) -> Any:
    """Parse JSON that the service, or whoever answered in its place, wrote.

    Args:
        text: The JSON.
        strict: Whether to refuse NaN and infinities, which JSON does not know, and whole numbers that are too long.

    Raises:
        InvalidAnswer: It is JSON, and more than can be meant.
        ValueError: It is no JSON.
    """
    try:
        return json_text.parse_json(text, strict=strict)
    except json_text.UnfitJson as error:
        raise InvalidAnswer(f"The answer cannot be read: {error}.") from None


def read(reader: Callable[[Mapping[str, Any]], T], data: Any) -> T:
    """Apply a ``from_json``.

    Raises:
        InvalidAnswer: If a field that must be there is missing or is of another kind.
    """
    try:
        return reader(read_object(data))
    except KeyError as error:
        raise InvalidAnswer(f"The service's answer lacks the field {error}.") from None


def read_object(answer: Any) -> Mapping[str, Any]:
    """Return the answer, which must be an object.

    Raises:
        InvalidAnswer: If it is something else.
    """
    if not isinstance(answer, Mapping):
        raise InvalidAnswer(f"The service answered with {type(answer).__name__} instead of an object.")
    return answer


def read_list(answer: Any, name: str, request: str) -> list[Any]:
    """Return the list ``name`` of an answer.

    Raises:
        InvalidAnswer: If there is none.
    """
    listed = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(listed, list):
        raise InvalidAnswer(f"{request}: the answer holds no list of {name}.")
    return listed


# Values


def read_id(value: Any) -> str:
    """Return an id.

    Raises:
        InvalidAnswer: It is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not is_id(value):
        raise InvalidAnswer("The service's answer holds an id that is none: ids are letters, digits, - _ . and =.")
    return str(value)


def read_optional_id(value: Any) -> str | None:
    """Return an id, or None where there is none.

    Raises:
        InvalidAnswer: It is something else.
    """
    return None if value in (None, "") else read_id(value)


def read_number(value: Any) -> float | None:
    """Return a number of seconds, jobs or the like: finite and not negative; None if there is none.

    The service sends some as text (``usage_allocation_seconds`` of an instance).

    Raises:
        InvalidAnswer: It is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidAnswer(f"A number in the service's answer is {_kind(value)}.")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise InvalidAnswer("A number in the service's answer is none, or is too large.") from None
    if not math.isfinite(number) or not 0 <= number <= LARGEST:
        raise InvalidAnswer("A number in the service's answer is negative, too large, or not finite.")
    return number


def read_whole(value: Any) -> int | None:
    """Return a whole number as :func:`read_number` does; what follows the point is cut off.

    Raises:
        InvalidAnswer: It is something else.
    """
    number = read_number(value)
    if isinstance(value, int) or number is None:
        return value if number is not None else None
    return int(number)


def read_text(value: Any, longest: int = LONGEST_NAME) -> str | None:
    """Return a text, or a number as text; None if there is none.

    Raises:
        InvalidAnswer: It is something else, or too long.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidAnswer(f"A text in the service's answer is {_kind(value)}.")
    text = _whole_characters(str(value))
    if len(text) > longest:
        raise InvalidAnswer(
            f"A text in the service's answer has {len(text):,} characters; at most {longest:,} are read."
        )
    return text


def read_reason(value: Any) -> str | None:
    """Return what the service says to people, in whatever kind, fit to be shown; None if it says nothing."""
    if value in (None, "", [], {}):
        return None
    return readable(value if isinstance(value, str) else json.dumps(value, default=str), LONGEST_REASON) or None


def read_tags(value: Any) -> tuple[str, ...]:
    """Return a list of tags.

    Raises:
        InvalidAnswer: It is something else.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(
        isinstance(tag, str) and len(tag) <= LONGEST_NAME for tag in value
    ):
        raise InvalidAnswer("The tags in the service's answer are no list of texts.")
    return tuple(map(_whole_characters, value))


def read_mapping(value: Any) -> Mapping[str, Any]:
    """Return an object; an empty one if there is none.

    Raises:
        InvalidAnswer: It is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidAnswer(f"An object in the service's answer is {_kind(value)}.")
    return value


def read_name(value: Any) -> str:
    """Return a name.

    Raises:
        InvalidAnswer: There is none, or it is something else.
    """
    name = read_text(value)
    if name is None:
        raise InvalidAnswer("A name in the service's answer is empty.")
    return name


def read_figures(value: Any) -> Mapping[str, Any] | None:
    """Keep the figures that are some; one that is odd is no reason not to know the backend."""
    if not isinstance(value, Mapping):
        return None
    return {str(name): part for name, part in value.items() if part is None or _is_figure(part)}


def _is_figure(value: Any) -> bool:
    try:
        return read_number(value) is not None and not isinstance(value, str)
    except InvalidAnswer:
        return False


def _whole_characters(text: str) -> str:
    """Replace halves of characters, which JSON can hold and no file, database or page can."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _kind(value: Any) -> str:
    return {bool: "true or false", dict: "an object", list: "a list", str: "a text"}.get(type(value), "something else")
