"""From the bits that a machine reads to quasi-probabilities, as the sampler's readout mitigation gave them.

Bits are read wrongly as often as calibration says. The mitigation knows these rates and solves for the distribution
that would give what was read. Where an outcome never happens the solution scatters around zero, so some quasi-
probabilities are slightly negative; they sum to one all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_OUTCOMES = 1024
"""With more different outcomes than this, most of which happened once, nothing can be mitigated."""

SECONDS_PER_OUTCOME = 2.5e-4
"""Made up, so that equal jobs have equal results."""

Misreads = Sequence[tuple[float, float]]
"""For each bit, how often it is read as 1 when it is 0, and as 0 when it is 1."""


@dataclass(frozen=True)
class Quasi:
    """The quasi-probabilities of one circuit.

    Attributes:
        probabilities: By outcome as a number, bit 0 the least significant.
        overhead: By how much the mitigation raises the variance; 1 for none.
        seconds: How long it took.
    """

    probabilities: dict[int, float]
    overhead: float = 1.0
    seconds: float = 0.0


def count(bits: NDArray[np.uint8]) -> dict[int, int]:
    """Count outcomes.

    Args:
        bits: Of shape ``(shots, bits)``, bit 0 first.
    """
    outcomes, counts = np.unique(bits, axis=0, return_counts=True)
    return dict(sorted(zip(map(_number, outcomes), map(int, counts), strict=True)))


def misread(bits: NDArray[np.uint8], misreads: Misreads, seed: int | None) -> NDArray[np.uint8]:
    """Read bits as wrongly as a machine does.

    Args:
        bits: Of shape ``(shots, bits)``.
        misreads: Of each bit.
        seed: Makes the errors repeatable.
    """
    up, down = np.array(misreads, dtype=float).reshape(-1, 2).T
    wrong = np.random.default_rng(seed).random(bits.shape) < np.where(bits == 1, down, up)
    flipped: NDArray[np.uint8] = bits ^ wrong.astype(np.uint8)
    return flipped


def mitigate(bits: NDArray[np.uint8], misreads: Misreads) -> Quasi:
    """Undo wrong readings.

    Args:
        bits: As they were read, of shape ``(shots, bits)``.
        misreads: Of each bit.
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
    # Only outcomes that were seen take part; what is left of each column is scaled up to one.
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
