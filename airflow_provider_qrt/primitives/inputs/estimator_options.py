"""The options of an estimator job, checked before submission so that a wrong option does not cost a wait in the queue.

Source: the ``EstimatorV2Input`` schema of IBM's REST API. Both the service and this module refuse unknown names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError
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
"""The default standard error: 1/64, which takes 4096 shots."""
LEAST_PRECISION = 1e-6
"""Smallest precision. A precision p takes about 1/p² shots, here 10¹². No QPU can run so many in the three hours that a
job may last (IBM's job limits)."""
NOISE_FACTORS = (1, 3, 5)
"""Noise factors of ZNE, unless ``zne.noise_factors`` is set."""
EXTRAPOLATORS = ("exponential", "linear")
"""Extrapolators of ZNE, unless ``zne.extrapolator`` is set."""
ZNE_AND_PEC = "options.resilience: zne_mitigation and pec_mitigation exclude each other; switch one of them off."
"""The error for two methods at once."""
LEARNED_FOR_NOTHING = (
    "options.resilience.measure_noise_learning: this is used with measure_mitigation only, which has to be set "
    "with it: write 'measure_mitigation': True beside it, or leave measure_noise_learning out."
)
"""The error for readout errors that are learned and not mitigated."""

_POLYNOMIALS = {f"polynomial_degree_{degree}": degree + 1 for degree in range(1, 8)}
_FACTORS_NEEDED = {"linear": 2, "exponential": 2, "double_exponential": 4, "fallback": 2, **_POLYNOMIALS}


def precision_problem(value: Any) -> str | None:
    """Return the problem of a precision (the requested standard error); None if it is valid."""
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
    # A result of the noise learner, or its layers, in IBM's encoding.
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
"""The options of the program ``estimator``. ``executor_estimator_options`` has those of the program ``executor``."""

ELSEWHERE = {
    "transpilation": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "optimization_level": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "resilience_level": "this is an argument of the operator, not an option",
    "precision": "this is an argument of the operator, or use default_precision",
    "shots": "an estimator takes a precision, the argument of the operator, or default_shots",
    **{name: f"write it inside resilience: {{'resilience': {{{name!r}: ...}}}}" for name in RESILIENCE},
}
"""Names that users expect among the options, and where they belong."""


def check_estimator_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check estimator options against IBM's closed schema and return them as a new plain dictionary.

    The contents of ``simulator``, ``experimental`` and ``layer_noise_model`` pass through unchecked.

    Raises:
        InvalidInputError: A name is unknown (the message suggests the most similar one), a value has the wrong type,
            ZNE and PEC are both on, readout errors are learned but not mitigated, or an extrapolator has too few noise
            factors; the message starts with the full dotted path.
    """
    if options is None:
        return {}
    checked = check_closed(options, SCHEMA, program="estimator", elsewhere=ELSEWHERE)
    resilience = checked.get("resilience", {})
    if resilience.get("zne_mitigation") and resilience.get("pec_mitigation"):
        raise InvalidInputError(ZNE_AND_PEC)
    if resilience.get("measure_noise_learning") and not resilience.get("measure_mitigation"):
        raise InvalidInputError(LEARNED_FOR_NOTHING)
    check_enough_factors(resilience.get("zne", {}))
    return checked


def zne_settings(options: Mapping[str, Any], resilience_level: int | None) -> tuple[int, int, int] | None:
    """Return the numbers of noise factors, extrapolators and extrapolated points of ZNE; None when ZNE is off.

    Args:
        options: Checked options.
        resilience_level: The level of the task; level 2 switches ZNE on.
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
    """Refuse extrapolators that need more noise factors.

    Args:
        zne: The checked options under ``resilience.zne``.

    Raises:
        InvalidInputError: There are too few noise factors for an extrapolator.
    """
    factors, extrapolators = _factors_and_extrapolators(zne)
    for extrapolator in extrapolators:
        if len(factors) < _FACTORS_NEEDED[extrapolator]:
            raise InvalidInputError(
                f"options.resilience.zne: the extrapolator {extrapolator!r} needs at least "
                f"{_FACTORS_NEEDED[extrapolator]} noise_factors, and there are {len(factors)}: {factors}."
            )
