"""Reading the service's answers: what is missing or of another kind is an :class:`UnexpectedAnswer`, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from airflow_provider_qrt.client import errors

T = TypeVar("T")


def read(reader: Callable[[Mapping[str, Any]], T], data: Any) -> T:
    """Apply a ``from_json``.

    Raises:
        UnexpectedAnswer: If a field that must be there is missing or is of another kind.
    """
    try:
        return reader(read_object(data))
    except KeyError as error:
        raise errors.UnexpectedAnswer(f"The service's answer lacks the field {error}.") from None
    except (AttributeError, TypeError, ValueError):
        raise errors.UnexpectedAnswer("A field of the service's answer is of another kind than described.") from None


def read_object(answer: Any) -> Mapping[str, Any]:
    """Return the answer, which must be an object.

    Raises:
        UnexpectedAnswer: If it is something else.
    """
    if not isinstance(answer, Mapping):
        raise errors.UnexpectedAnswer(f"The service answered with {type(answer).__name__} instead of an object.")
    return answer


def read_list(answer: Any, name: str, request: str) -> list[Any]:
    """Return the list ``name`` of an answer.

    Raises:
        UnexpectedAnswer: If there is none.
    """
    listed = answer.get(name) if isinstance(answer, Mapping) else None
    if not isinstance(listed, list):
        raise errors.UnexpectedAnswer(f"{request}: the answer holds no list of {name}.")
    return listed
