"""The options of a sampler job: a closed set, checked before a job waits in a queue only to be refused.

Source: the ``SamplerV2Input`` schema of IBM's REST API. Both the service and this module refuse unknown names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInput, did_you_mean

DEFAULT_SHOTS = 4096
"""Shots when neither the PUB, nor the task, nor ``options.default_shots`` says any."""

Check = Callable[[Any], str | None]
"""Returns what was expected when the value does not fit, else None."""


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "expected true or false"


def _positive_integer(value: Any) -> str | None:
    return None if _is_int(value) and value > 0 else "expected a whole number, 1 or more"


def _positive_integer_or_auto(value: Any) -> str | None:
    return None if value == "auto" or _positive_integer(value) is None else "expected a whole number or 'auto'"


def _seconds(value: Any) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if number and math.isfinite(value) and value >= 0 else "expected a number of seconds, 0 or more"


def _passed_through(value: Any) -> str | None:
    return None if isinstance(value, Mapping) else "expected a mapping"


def _one_of(*allowed: str) -> Check:
    def check(value: Any) -> str | None:
        if value in allowed:
            return None
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        return f"expected one of {', '.join(map(repr, allowed))}{hint}"

    return check


def _measurement_type(value: Any) -> str | None:
    if value in ("kerneled", "avg_kerneled"):
        # Such results hold complex readout points instead of bits: there are no counts to hand on.
        return (
            "the sampler operator hands on bits and counts, and this gives complex readout points; "
            "leave it out, or submit the job with QiskitRuntimeHook().client.submit_job"
        )
    return _one_of("classified")(value)


_SCHEMA: dict[str, Check | dict[str, Check]] = {
    "default_shots": _positive_integer,
    "dynamical_decoupling": {
        "enable": _boolean,
        "sequence_type": _one_of("XX", "XpXm", "XY4"),
        "extra_slack_distribution": _one_of("middle", "edges"),
        "scheduling_method": _one_of("alap", "asap"),
        "skip_reset_qubits": _boolean,
    },
    "execution": {
        "init_qubits": _boolean,
        "rep_delay": _seconds,
        "meas_type": _measurement_type,
    },
    "twirling": {
        "enable_gates": _boolean,
        "enable_measure": _boolean,
        "num_randomizations": _positive_integer_or_auto,
        "shots_per_randomization": _positive_integer_or_auto,
        "strategy": _one_of("active", "active-circuit", "active-accum", "all"),
    },
    "simulator": _passed_through,
    "experimental": _passed_through,
}

_ELSEWHERE = {
    "transpilation": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "optimization_level": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "resilience_level": "this belongs to the estimator; a sampler takes dynamical_decoupling and twirling",
    "resilience": "this belongs to the estimator; a sampler takes dynamical_decoupling and twirling",
    "default_precision": "this belongs to the estimator; a sampler takes default_shots",
    "max_execution_time": "this is an argument of the operator, not an option",
    "shots": "this is an argument of the operator, or use default_shots",
}


def check_sampler_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check sampler options against IBM's closed schema and return them as a new plain dictionary.

    The contents of ``simulator`` and ``experimental`` pass through unchecked.

    Raises:
        InvalidInput: An unknown name (the nearest known one is suggested) or a value of the wrong kind; the
            message starts with the full dotted path.
    """
    if options is None:
        return {}
    return _check(options, _SCHEMA, "options")


def _check(given: Any, schema: Mapping[str, Check | dict[str, Check]], path: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{path}: expected a mapping of names to values, got {type(given).__name__}.")
    checked: dict[str, Any] = {}
    for name, value in given.items():
        here = f"{path}.{name}"
        rule = schema.get(name)
        if rule is None:
            if path == "options" and name in _ELSEWHERE:
                raise InvalidInput(f"{here}: not an option of the sampler: {_ELSEWHERE[name]}.")
            hint = did_you_mean(str(name), schema) or f"; known are {', '.join(schema)}"
            raise InvalidInput(f"{here}: unknown{hint}")
        if isinstance(rule, dict):
            checked[name] = _check(value, rule, here)
        elif problem := rule(value):
            raise InvalidInput(f"{here}: {problem}, not {value!r}." if "expected" in problem else f"{here}: {problem}.")
        else:
            checked[name] = dict(value) if isinstance(value, Mapping) else value
    return checked
