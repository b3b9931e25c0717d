"""Turns measured bits into quasi-probabilities, as the sampler's readout mitigation did.

Bits are misread at the rates in the calibration. The mitigation knows these rates and solves for the distribution that
would give the measured counts. For outcomes that never happen, the solution scatters around zero, so some
quasi-probabilities are slightly negative; they still sum to one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_OUTCOMES = 1024
"""Largest number of different outcomes that are mitigated; with more, most outcomes happened only once."""

SECONDS_PER_OUTCOME = 2.5e-4
"""Invented mitigation time per outcome, so that equal jobs have equal results."""

Misreads = Sequence[tuple[float, float]]
"""For each bit, the probabilities that it is read as 1 when it is 0, and as 0 when it is 1."""


@dataclass(frozen=True)
class Quasi:
    """The quasi-probabilities of one circuit.

    Attributes:
        probabilities: The quasi-probability of each outcome; the outcome is a number, bit 0 the least significant.
        overhead: The factor by which the mitigation raises the variance; 1 for no mitigation.
        seconds: Duration of the mitigation.
    """

    probabilities: dict[int, float]
    overhead: float = 1.0
    seconds: float = 0.0


def count(bits: NDArray[np.uint8]) -> dict[int, int]:
    """Count outcomes.

    Args:
        bits: An array of shape ``(shots, bits)``, bit 0 first.
    """
    outcomes, counts = np.unique(bits, axis=0, return_counts=True)
    return dict(sorted(zip(map(_number, outcomes), map(int, counts), strict=True)))


def misread(bits: NDArray[np.uint8], misreads: Misreads, seed: int | None) -> NDArray[np.uint8]:
    """Add a machine's readout errors to bits.

    Args:
        bits: An array of shape ``(shots, bits)``.
        misreads: The readout errors of each bit.
        seed: Seed of the errors.
    """
    up, down = np.array(misreads, dtype=float).reshape(-1, 2).T
    wrong = np.random.default_rng(seed).random(bits.shape) < np.where(bits == 1, down, up)
    flipped: NDArray[np.uint8] = bits ^ wrong.astype(np.uint8)
    return flipped


def mitigate(bits: NDArray[np.uint8], misreads: Misreads) -> Quasi:
    """Mitigate readout errors.

    Args:
        bits: The measured bits, of shape ``(shots, bits)``.
        misreads: The readout errors of each bit.
    """
    outcomes, counts = np.unique(bits, axis=0, return_counts=True)
    shares = counts / counts.sum()
    if len(outcomes) > MOST_OUTCOMES:
        return Quasi(_by_number(outcomes, shares))
    chances = np.ones((len(outcomes), len(outcomes)))
    for place, (up, down) in enumerate(misreads):
        read_of_true = np.array([[1 - up, down], [up, 1 - down]])
        column = outcomes[:, place]
        chances *= read_of_true[column][:, column]
    # Only measured outcomes are used, and each column is rescaled to sum to one.
    solved = np.linalg.solve(chances / chances.sum(axis=0), shares)
    overhead = math.prod(_overhead(up, down) for up, down in misreads)
    return Quasi(_by_number(outcomes, solved), overhead, SECONDS_PER_OUTCOME * len(outcomes))


def _overhead(up: float, down: float) -> float:
    """Return the square of the 1-norm of the inverse of one bit's readout matrix."""
    norm: float = (1 + abs(up - down)) / (1 - up - down)
    return norm**2


def _by_number(outcomes: NDArray[np.uint8], values: NDArray[np.float64]) -> dict[int, float]:
    return dict(sorted(zip(map(_number, outcomes), map(float, values), strict=True)))


def _number(outcome: Any) -> int:
    return int.from_bytes(np.packbits(outcome, bitorder="little").tobytes(), "little")
