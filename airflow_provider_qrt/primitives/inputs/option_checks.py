"""Checks options against a closed schema and produces the error messages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError, ProgramUnfitError, did_you_mean

Check = Callable[[Any], str | None]
"""A check, which returns the expected kind of value if the value does not fit, otherwise None."""

Schema = Mapping[str, "Check | Schema"]
"""The check of each option; a nested schema is a group of options."""


class Unfit(str):
    """The problem of a value that is right for another program of the service."""

    __slots__ = ()


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer; booleans are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite real number; booleans are not."""
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def boolean(value: Any) -> str | None:
    """Accept true or false."""
    return None if isinstance(value, bool) else "expected true or false"


def positive_integer(value: Any) -> str | None:
    """Accept 1, 2, ..."""
    return None if is_whole(value) and value > 0 else "expected a whole number, 1 or more"


def positive_integer_or_auto(value: Any) -> str | None:
    """Accept 1, 2, ... or ``auto``, which leaves the choice to the service."""
    return None if value == "auto" or positive_integer(value) is None else "expected a whole number or 'auto'"


def seconds(value: Any) -> str | None:
    """Accept a finite duration."""
    return None if is_number(value) and value >= 0 else "expected a number of seconds, 0 or more"


def passed_through(value: Any) -> str | None:
    """Accept any mapping that can be written as JSON; the service checks its content."""
    return json_problem(value) if isinstance(value, Mapping) else "expected a mapping"


def json_problem(value: Any) -> str | None:
    """Return the reason why a value cannot be sent as JSON; None if it can."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"expected what can be written as JSON ({error})"
    return None


def one_of(*allowed: str) -> Check:
    """Accept one of these words."""

    def check(value: Any) -> str | None:
        if value in allowed:
            return None
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        return f"expected one of {', '.join(map(repr, allowed))}, not {value!r}{hint or '.'}"

    return check


OF_THE_OPERATOR: Mapping[str, str] = {
    **dict.fromkeys(
        ("backend", "circuits", "observables", "session_id", "tags", "private", "max_execution_time", "dry_run"),
        "this is an argument of the operator, not an option",
    ),
    "job_tags": "this is the operator's argument tags",
    "environment": (
        "its fields are arguments of the operator: tags for job_tags, private, max_execution_time; log_level and image "
        "have none"
    ),
    "instance": "the instance belongs to the connection",
    "result_path": "this is an argument of the operator, not an option",
}
"""Names that users expect among the options of any program, and where they belong."""


def native(value: Any) -> Any:
    """Convert numpy numbers and arrays in a value, at any depth, to Python numbers and lists."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [native(one) for one in value]
    return {name: native(one) for name, one in value.items()} if isinstance(value, Mapping) else value


def check_closed(given: Any, schema: Schema, *, program: str, elsewhere: Mapping[str, str]) -> dict[str, Any]:
    """Check options against a closed schema and return them as a new plain dictionary.

    Args:
        given: The user's options.
        schema: The allowed options.
        program: ``sampler`` or ``estimator``, for messages.
        elsewhere: Names that users expect among the options, and where they belong.

    Raises:
        InvalidInputError: A name is unknown (the message suggests the most similar one) or a value has the wrong type;
            the message starts with the full dotted path.
        ProgramUnfitError: An option is one of another program.
    """
    if isinstance(given, Mapping):
        places = {**OF_THE_OPERATOR, **elsewhere}
        for name in given:
            if name in places and name not in schema:
                raise InvalidInputError(f"options.{name}: not an option of the {program}: {places[name]}.")
    return _check(given, schema, "options")


def _check(given: Any, schema: Schema, path: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"{path}: expected a mapping of names to values, got {type(given).__name__}.")
    checked: dict[str, Any] = {}
    for name, value in native(given).items():
        here = f"{path}.{name}"
        rule = schema.get(name)
        if rule is None:
            hint = did_you_mean(str(name), schema) or f"; known are {', '.join(schema)}."
            raise InvalidInputError(f"{here}: unknown{hint}")
        if isinstance(rule, Mapping):
            checked[name] = _check(value, rule, here)
        elif problem := rule(value):
            kind = ProgramUnfitError if isinstance(problem, Unfit) else InvalidInputError
            if not problem.endswith((".", "?")):
                problem += f", not {value!r}." if "expected" in problem else "."
            raise kind(f"{here}: {problem}")
        else:
            checked[name] = dict(value) if isinstance(value, Mapping) else value
    return checked
