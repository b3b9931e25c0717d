"""Amplifies the noise of circuits by folding gates, and extrapolates values to a machine without noise."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.mitigation import BACK, FRONT, Zne

MOST_ERROR = 1.0
MOST_VALUE = 2.0
"""An extrapolation of a Pauli string's value succeeds if it is not above these; the value itself is at most 1."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Extrapolated:
    """The extrapolation of one value.

    Attributes:
        value: The value without noise, by the first extrapolator that succeeds.
        error: Its standard error.
        by: The name of that extrapolator.
        values: The value of each extrapolator at each of the noise factors asked for; NaN if it could not be fitted.
        errors: Their standard errors.
    """

    value: float
    error: float
    by: str
    values: Array
    errors: Array


def fold(circuit: Any, factor: float, amplifier: str, random: np.random.Generator) -> Any:
    """Return a circuit in which two-qubit gates are followed by their inverse and themselves, some times over.

    Args:
        circuit: The circuit, in Qiskit's standard gates.
        factor: How many two-qubit gates there are to be for each one of the circuit, at least one.
        amplifier: Whether gates at random, at the front or at the back are folded once more than others.
        random: The source of the choice.
    """
    places = [place for place, one in enumerate(circuit.data) if _is_pair(one)]
    each, more = divmod(round(len(places) * (factor - 1) / 2), len(places)) if places else (0, 0)
    if amplifier == FRONT:
        once_more = set(places[:more])
    elif amplifier == BACK:
        once_more = set(places[len(places) - more :])
    else:
        once_more = set(random.choice(places, more, replace=False).tolist()) if more else set()
    folded = circuit.copy_empty_like()
    for place, instruction in enumerate(circuit.data):
        folded.append(instruction)
        for _ in range((each + (place in once_more)) if _is_pair(instruction) else 0):
            folded.append(instruction.operation.inverse(), instruction.qubits)
            folded.append(instruction)
    return folded


def extrapolate(values: Sequence[float], errors: Sequence[float], shots: int, zne: Zne) -> Extrapolated:
    """Extrapolate a Pauli string's values at several noise factors.

    Args:
        values: The values, one for each noise factor.
        errors: Their standard errors.
        shots: The shots of each, which say how small an error can be.
        zne: The noise factors and the extrapolators.
    """
    factors, measured = np.array(zne.noise_factors), np.array(values)
    spread = np.maximum(errors, 1 / shots)
    points = np.array([0.0, *zne.evaluated])
    fits = [_fit(name, factors, measured, spread, points) for name in zne.extrapolators]
    good = [number for number, (found, error) in enumerate(fits) if _succeeds(found[0], error[0])]
    if good:
        chosen, (found, error) = zne.extrapolators[good[0]], fits[good[0]]
    else:
        chosen, (found, error) = "fallback", _fit("fallback", factors, measured, spread, points)
    return Extrapolated(
        float(found[0]),
        float(error[0]),
        chosen,
        np.array([one[1:] for one, _ in fits]),
        np.array([one[1:] for _, one in fits]),
    )


def _is_pair(instruction: Any) -> bool:
    return len(instruction.qubits) == 2 and instruction.operation.name not in ("barrier", "delay")


def _succeeds(value: float, error: float) -> bool:
    return math.isfinite(value) and math.isfinite(error) and error <= MOST_ERROR and abs(value) <= MOST_VALUE


def _fit(name: str, factors: Array, values: Array, errors: Array, points: Array) -> tuple[Array, Array]:
    """Return an extrapolator's values at some noise factors, and their standard errors; NaN if it cannot be fitted."""
    if name == "fallback":
        least = int(np.argmin(factors))
        return np.full(points.shape, values[least]), np.full(points.shape, errors[least])
    if np.ptp(values) == 0:
        # Nothing depends on the noise; a fit would only add its own inaccuracy.
        error = 1 / math.sqrt(float(np.sum(1 / errors**2)))
        return np.full(points.shape, values[0]), np.full(points.shape, error)
    if name in ("exponential", "double_exponential"):
        return _fit_decays(1 if name == "exponential" else 2, factors, values, errors, points)
    degree = 1 if name == "linear" else int(name.rpartition("_")[2])
    powers = np.vander(factors, degree + 1) / errors[:, None]
    covariance = np.linalg.pinv(powers.T @ powers)
    coefficients = covariance @ powers.T @ (values / errors)
    at = np.vander(points, degree + 1)
    return at @ coefficients, np.sqrt(np.clip(np.einsum("ij,jk,ik->i", at, covariance, at), 0, None))


def _fit_decays(terms: int, factors: Array, values: Array, errors: Array, points: Array) -> tuple[Array, Array]:
    """Fit a sum of exponentials that decay with the noise."""
    from scipy.optimize import curve_fit

    def decays(noise: Array, *parameters: float) -> Array:
        pairs = zip(parameters[::2], parameters[1::2], strict=True)
        total: Array = np.sum([height * np.exp(-rate * noise) for height, rate in pairs], axis=0)
        return total

    sign = 1.0 if values.sum() >= 0 else -1.0
    slope, height = np.polyfit(factors, np.log(np.maximum(sign * values, 1e-6)), 1)
    rate = max(-slope, 1e-3)
    start = [part for term in range(terms) for part in (sign * math.exp(min(height, 1.0)) / terms, rate * (1 + term))]
    bounds = ([-np.inf, 0.0] * terms, [np.inf, np.inf] * terms)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, covariance = curve_fit(
                decays, factors, values, p0=start, sigma=errors, absolute_sigma=True, bounds=bounds
            )
    except (RuntimeError, ValueError, np.linalg.LinAlgError):
        return np.full(points.shape, np.nan), np.full(points.shape, np.nan)
    return decays(points, *found), _errors(decays, found, covariance, points)


def _errors(function: Callable[..., Array], found: Array, covariance: Array, points: Array) -> Array:
    """Return the standard errors of a fitted function, by its slope in each parameter."""
    here = function(points, *found)
    slopes = []
    for number, step in enumerate(1e-6 * np.maximum(np.abs(found), 1.0)):
        moved = found.copy()
        moved[number] += step
        slopes.append((function(points, *moved) - here) / step)
    spread: Array = np.sqrt(np.clip(np.einsum("ji,jk,ki->i", np.array(slopes), covariance, np.array(slopes)), 0, None))
    return spread
