"""The options of an estimator job: a closed set, checked before a job waits in a queue only to be refused.

Source: the ``EstimatorV2Input`` schema of IBM's REST API. Both the service and this module refuse unknown names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.primitives.inputs.option_checks import (
    Check,
    Schema,
    boolean,
    check_closed,
    is_number,
    is_whole,
    json_problem,
    one_of,
    passed_through,
    positive_integer,
    positive_integer_or_auto,
    seconds,
)
from airflow_provider_qrt.primitives.inputs.options import DYNAMICAL_DECOUPLING, TWIRLING

DEFAULT_PRECISION = 0.015625
"""The standard error aimed at when nothing says another: 1/64, which takes 4096 shots."""
LEAST_PRECISION = 1e-6
"""It takes about one shot over its square: a million million. No QPU gives so many within the three hours that a job
may last (IBM's job limits)."""
NOISE_FACTORS = (1, 3, 5)
"""At which ZNE measures, unless ``zne.noise_factors`` says otherwise."""
EXTRAPOLATORS = ("exponential", "linear")
"""What ZNE fits, unless ``zne.extrapolator`` says otherwise."""

_POLYNOMIALS = {f"polynomial_degree_{degree}": degree + 1 for degree in range(1, 8)}
_FACTORS_NEEDED = {"linear": 2, "exponential": 2, "double_exponential": 4, "fallback": 2, **_POLYNOMIALS}


def precision_problem(value: Any) -> str | None:
    """Say what is wrong with a precision, the standard error that is aimed at; None if nothing is."""
    expected = "expected a standard error above 0 and up to 1, such as 0.015625"
    if not is_number(value) or value <= 0:
        return expected
    if value > 1:
        return f"{expected}: N shots give about 1/sqrt(N). For a number of shots use options.default_shots"
    if value < LEAST_PRECISION:
        return f"{expected}, and at least {LEAST_PRECISION:g}: it takes about 1/precision**2 shots"
    return None


def _zero_or_more(value: Any) -> str | None:
    return None if is_whole(value) and value >= 0 else "expected a whole number, 0 or more"


def _zero_or_more_or_none(value: Any) -> str | None:
    return None if value is None else _then(_zero_or_more(value), " or None, for no limit")


def _overhead(value: Any) -> str | None:
    good = value is None or (is_number(value) and value > 0)
    return None if good else "expected a number above 0, or None, for no limit"


def _noise_gain(value: Any) -> str | None:
    good = value == "auto" or (is_number(value) and value >= 0)
    return None if good else "expected a number, 0 or more, or 'auto'"


def _then(problem: str | None, more: str) -> str | None:
    return problem and problem + more


def _list_of(fits: Callable[[Any], bool], expected: str) -> Check:
    def check(value: Any) -> str | None:
        return None if isinstance(value, list | tuple) and value and all(map(fits, value)) else expected

    return check


factors_problem = _list_of(
    lambda factor: is_number(factor) and factor >= 1, "expected a list of numbers, 1 or more each"
)
_points = _list_of(lambda point: is_number(point) and point >= 0, "expected a list of numbers, 0 or more, or 'auto'")
_depths = _list_of(lambda depth: is_whole(depth) and depth >= 0, "expected a list of whole numbers, 0 or more each")
_extrapolator = one_of(*_FACTORS_NEEDED)


def _points_or_auto(value: Any) -> str | None:
    return None if value == "auto" else _points(value)


def _extrapolators(value: Any) -> str | None:
    if not isinstance(value, list | tuple):
        return _extrapolator(value)
    if not value:
        return "expected at least one extrapolator"
    return next((problem for one in value if (problem := _extrapolator(one))), None)


def _noise_model(value: Any) -> str | None:
    # A result of the noise learner, or its layers, in IBM's own encoding.
    return json_problem(value) if isinstance(value, Mapping | list) else "expected the result of a noise-learner job"


RESILIENCE: Schema = {
    "measure_mitigation": boolean,
    "measure_noise_learning": {
        "num_randomizations": positive_integer,
        "shots_per_randomization": positive_integer_or_auto,
    },
    "zne_mitigation": boolean,
    "zne": {
        "amplifier": one_of("gate_folding", "gate_folding_front", "gate_folding_back", "pea"),
        "noise_factors": factors_problem,
        "extrapolator": _extrapolators,
        "extrapolated_noise_factors": _points_or_auto,
    },
    "pec_mitigation": boolean,
    "pec": {"max_overhead": _overhead, "noise_gain": _noise_gain},
    "layer_noise_learning": {
        "max_layers_to_learn": _zero_or_more_or_none,
        "shots_per_randomization": positive_integer,
        "num_randomizations": positive_integer,
        "layer_pair_depths": _depths,
    },
    "layer_noise_model": _noise_model,
}
SCHEMA: Schema = {
    "default_precision": precision_problem,
    "default_shots": positive_integer,
    "seed_estimator": _zero_or_more,
    "dynamical_decoupling": DYNAMICAL_DECOUPLING,
    "execution": {"init_qubits": boolean, "rep_delay": seconds},
    "twirling": TWIRLING,
    "resilience": RESILIENCE,
    "simulator": passed_through,
    "experimental": passed_through,
}
"""What the program ``estimator`` takes. ``executor_estimator_options`` says where the program ``executor`` differs."""

ELSEWHERE = {
    "transpilation": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "optimization_level": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "resilience_level": "this is an argument of the operator, not an option",
    "precision": "this is an argument of the operator, or use default_precision",
    "shots": "an estimator takes a precision, the argument of the operator, or default_shots",
    **{name: f"write it inside resilience: {{'resilience': {{{name!r}: ...}}}}" for name in RESILIENCE},
}
"""Names that users look for among the options in vain, and where they belong."""


def check_estimator_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check estimator options against IBM's closed schema and return them as a new plain dictionary.

    The contents of ``simulator``, ``experimental`` and ``layer_noise_model`` pass through unchecked.

    Raises:
        InvalidInput: An unknown name (the nearest known one is suggested), a value of the wrong kind, ZNE and PEC at
            the same time, learning of readout errors that are not mitigated, or too few noise factors for an
            extrapolator; the message starts with the full dotted path.
    """
    if options is None:
        return {}
    checked = check_closed(options, SCHEMA, program="estimator", elsewhere=ELSEWHERE)
    resilience = checked.get("resilience", {})
    if resilience.get("zne_mitigation") and resilience.get("pec_mitigation"):
        raise InvalidInput(
            "options.resilience: zne_mitigation and pec_mitigation exclude each other; switch one of them off."
        )
    if resilience.get("measure_noise_learning") and not resilience.get("measure_mitigation"):
        raise InvalidInput(
            "options.resilience.measure_noise_learning: this is used with measure_mitigation only, which has to be set "
            "with it: write 'measure_mitigation': True beside it, or leave measure_noise_learning out."
        )
    check_enough_factors(resilience.get("zne", {}))
    return checked


def zne_settings(options: Mapping[str, Any], resilience_level: int | None) -> tuple[int, int, int] | None:
    """Return how many noise factors, extrapolators and points ZNE works with; None when it is off.

    Args:
        options: Checked options.
        resilience_level: The task's; level 2 switches ZNE on.
    """
    resilience = options.get("resilience", {})
    if not resilience.get("zne_mitigation", resilience_level == 2):
        return None
    factors, extrapolators = _factors_and_extrapolators(resilience.get("zne", {}))
    points = resilience.get("zne", {}).get("extrapolated_noise_factors", "auto")
    return len(factors), len(extrapolators), 1 + len(factors) if points == "auto" else len(points)


def _factors_and_extrapolators(zne: Mapping[str, Any]) -> tuple[list[float], list[str]]:
    extrapolators = zne.get("extrapolator", EXTRAPOLATORS)
    factors = zne.get("noise_factors", "auto")
    return list(NOISE_FACTORS if factors == "auto" else factors), (
        [extrapolators] if isinstance(extrapolators, str) else list(extrapolators)
    )


def check_enough_factors(zne: Mapping[str, Any]) -> None:
    """Refuse extrapolators that have fewer noise factors than they need.

    Args:
        zne: The checked options ``resilience.zne``.

    Raises:
        InvalidInput: An extrapolator has too few.
    """
    factors, extrapolators = _factors_and_extrapolators(zne)
    for extrapolator in extrapolators:
        if len(factors) < _FACTORS_NEEDED[extrapolator]:
            raise InvalidInput(
                f"options.resilience.zne: the extrapolator {extrapolator!r} needs at least "
                f"{_FACTORS_NEEDED[extrapolator]} noise_factors, and there are {len(factors)}: {factors}."
            )
