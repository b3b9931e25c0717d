"""An estimator's options that mitigate errors of gates: zero-noise extrapolation (ZNE) and error cancellation (PEC).

IBM's REST API reference and the documentation of its client's options: the two exclude each other. ZNE measures at
several amplifications of the noise and extrapolates to none; an extrapolator needs at least as many of them as it has
parameters. Resilience level 2 switches ZNE on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.emulator import checks
from airflow_provider_qrt.emulator.errors import bad_request

FOLDING, FRONT, BACK, PEA = "gate_folding", "gate_folding_front", "gate_folding_back", "pea"
AMPLIFIERS = (FOLDING, FRONT, BACK, PEA)
LEAST_FACTORS = {
    "exponential": 2,
    "linear": 2,
    "double_exponential": 4,
    "fallback": 1,
    **{f"polynomial_degree_{degree}": degree + 1 for degree in range(1, 8)},
}
"""The extrapolators, and the least number of noise factors that each one needs."""

_ZNE_KEYS = frozenset({"amplifier", "noise_factors", "extrapolator", "extrapolated_noise_factors"})
_PEC_KEYS = frozenset({"max_overhead", "noise_gain"})
_AUTO = "auto"


@dataclass(frozen=True)
class Zne:
    """Zero-noise extrapolation.

    Attributes:
        amplifier: How noise is amplified.
        noise_factors: By how much.
        extrapolators: The extrapolators, in the order in which they are tried.
        evaluated: The noise factors at which each extrapolator is evaluated.
    """

    amplifier: str
    noise_factors: tuple[float, ...]
    extrapolators: tuple[str, ...]
    evaluated: tuple[float, ...]


@dataclass(frozen=True)
class Pec:
    """Probabilistic error cancellation.

    Attributes:
        max_overhead: The most executions for one without PEC, or None for no limit.
        noise_gain: The share of the noise that stays, or None for as little as the overhead allows.
    """

    max_overhead: float | None
    noise_gain: float | None


def read_mitigation(resilience: dict[str, Any], level: int | None) -> Zne | Pec | None:
    """Read the options of ZNE and PEC.

    Args:
        resilience: The options under ``resilience``.
        level: The resilience level, or None.

    Raises:
        ApiError: 400 for what is malformed, for both at once, and for too few noise factors.
    """
    extrapolates = resilience.get("zne_mitigation")
    if extrapolates and resilience.get("pec_mitigation"):
        raise bad_request("zne_mitigation and pec_mitigation exclude each other.")
    zne, pec = _zne(resilience.get("zne") or {}), _pec(resilience.get("pec") or {})
    if resilience.get("pec_mitigation"):
        return pec
    return zne if (level == 2 if extrapolates is None else extrapolates) else None


def _zne(given: Any) -> Zne:
    where = "params.options.resilience.zne"
    group = checks.mapping(given, where)
    checks.refuse_unknown(group, _ZNE_KEYS, where)
    amplifier = group.get("amplifier", FOLDING)
    if amplifier not in AMPLIFIERS:
        raise bad_request(f"{where}.amplifier must be one of {', '.join(AMPLIFIERS)}.")
    factors = _numbers(group.get("noise_factors", _AUTO), (1.0, 3.0, 5.0), 1, f"{where}.noise_factors")
    names = group.get("extrapolator", ["exponential", "linear"])
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(name in LEAST_FACTORS for name in map(str, names)):
        raise bad_request(f"{where}.extrapolator must be one or several of {', '.join(LEAST_FACTORS)}.")
    for name in names:
        if len(set(factors)) < LEAST_FACTORS[name]:
            raise bad_request(f"{where}: {name} needs at least {LEAST_FACTORS[name]} noise factors.")
    asked = group.get("extrapolated_noise_factors", _AUTO)
    evaluated = _numbers(asked, (0.0, *factors), 0, f"{where}.extrapolated_noise_factors")
    return Zne(amplifier, factors, tuple(names), evaluated)


def _pec(given: Any) -> Pec:
    where = "params.options.resilience.pec"
    group = checks.mapping(given, where)
    checks.refuse_unknown(group, _PEC_KEYS, where)
    most, gain = group.get("max_overhead", 100), group.get("noise_gain", _AUTO)
    if most is not None and (not _is_number(most) or most <= 0):
        raise bad_request(f"{where}.max_overhead must be a number above 0, or null.")
    if gain != _AUTO and (not _is_number(gain) or gain < 0):
        raise bad_request(f"{where}.noise_gain must be a number from 0 on, or auto.")
    return Pec(most, None if gain == _AUTO else float(gain))


def _numbers(given: Any, otherwise: tuple[float, ...], least: float, where: str) -> tuple[float, ...]:
    if given is None or given == _AUTO:
        return otherwise
    if not isinstance(given, list) or not given or not all(_is_number(one) and one >= least for one in given):
        raise bad_request(f"{where} must be a list of numbers from {least:g} on, or auto.")
    return tuple(float(one) for one in given)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
