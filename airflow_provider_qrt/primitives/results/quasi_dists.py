"""Quasi-distributions, which version 1 of the sampler returns for a circuit in place of counts.

A quasi-probability belongs to an outcome, an integer whose binary digits are the classical bits with element 0
rightmost. Readout mitigation makes some of them negative and others larger than one; their sum is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from qiskit.result import QuasiDistribution as QiskitQuasiDistribution

Outcome = TypeVar("Outcome")

LONGEST_OUTCOME = 400
"""Maximum number of decimal digits of an outcome, enough for 1,300 classical bits."""
LARGEST = 1e300
"""Largest accepted quasi-probability. Real ones are at most about one; larger numbers would overflow."""
MAX_SHOTS = 10**12
"""Largest accepted number of shots; IBM allows ten million per job."""


@dataclass(frozen=True, eq=False)
class QuasiDistribution(Mapping[str, float]):
    """The quasi-probability of each outcome: a read-only mapping with the service's keys, such as ``"0"`` and ``"5"``.

    Missing outcomes have the quasi-probability 0.

    Attributes:
        values_by_outcome: The quasi-probabilities, by outcome as a decimal number.
        shots: The shots from which they were derived; None if the service did not state them.
        mitigation_overhead: The factor by which readout mitigation increases the variance; 1 without mitigation.
    """

    values_by_outcome: Mapping[str, float] = field(repr=False)
    shots: int | None = None
    mitigation_overhead: float = 1.0

    def __getitem__(self, key: str) -> float:
        return self.values_by_outcome[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_outcome)

    def __len__(self) -> int:
        return len(self.values_by_outcome)

    def __repr__(self) -> str:
        few = ", ".join(f"{key!r}: {self[key]:.6g}" for key in list(self)[:4])
        return f"QuasiDistribution({{{few}{', ...' if len(self) > 4 else ''}}}, shots={self.shots})"

    @property
    def stddev_upper_bound(self) -> float | None:
        """Upper bound of the standard error of every quasi-probability; None if the shots are not known."""
        return math.sqrt(self.mitigation_overhead / self.shots) if self.shots else None

    def binary_probabilities(self, num_bits: int | None = None) -> dict[str, float]:
        """Return the quasi-probabilities by bitstring, with element 0 of the classical bits rightmost.

        Args:
            num_bits: Length of the strings, which the service does not return. None uses the length of the largest
                outcome.

        Raises:
            ValueError: An outcome has more bits.
        """
        needed = max((int(key).bit_length() for key in self), default=0)
        width = max(1, needed) if num_bits is None else num_bits
        if width < needed:
            raise ValueError(f"num_bits: the outcome {max(map(int, self))} takes {needed} bits, not {num_bits}.")
        return {format(int(key), f"0{width}b"): value for key, value in self.items()}

    def nearest_probability_distribution(self) -> QuasiDistribution:
        """Return the nearest distribution without negative values; see the function of this name."""
        return replace(self, values_by_outcome=nearest_probability_distribution(self))

    def to_qiskit(self) -> QiskitQuasiDistribution:
        """Return Qiskit's ``QuasiDistribution`` with the shots and the bound of the standard error.

        Raises:
            ImportError: Qiskit is not installed, or no longer has this class.
        """
        try:
            from qiskit.result import QuasiDistribution as QiskitQuasiDistribution
        except ImportError as error:
            raise ImportError(
                "to_qiskit() of quasi-probabilities needs the class qiskit.result.QuasiDistribution, and there is "
                "none: install Qiskit with pip install 'airflow-provider-qrt[qiskit]', or an older one if yours has "
                "dropped it. binary_probabilities() and nearest_probability_distribution() do not need it."
            ) from error
        values = {int(outcome): value for outcome, value in self.items()}
        return QiskitQuasiDistribution(values, self.shots, self.stddev_upper_bound)


def nearest_probability_distribution(quasi: Mapping[Outcome, float]) -> dict[Outcome, float]:
    """Return the probability distribution that is nearest to a quasi-distribution in Euclidean distance.

    The algorithm is that of Smolin, Gambetta and Smith, https://arxiv.org/abs/1106.5458: it removes the smallest values
    first and distributes their negative sum evenly over the remaining ones. Only outcomes in the mapping are used, and
    outcomes with the result 0 are left out, as in Qiskit.

    Args:
        quasi: Finite quasi-probabilities by outcome. If their sum is not 1, the difference is also distributed evenly.

    Returns:
        Probabilities above 0 in the order of ``quasi``, with the sum 1; empty if ``quasi`` is empty.
    """
    ascending = sorted(quasi.values())
    excess, left = 1.0 - math.fsum(ascending), len(ascending)
    for value in ascending:
        if value + excess / left >= 0:
            break
        excess += value
        left -= 1
    return {outcome: near for outcome, value in quasi.items() if (near := value + excess / left) > 0}


def read_distribution(values: Any, metadata: Mapping[str, Any]) -> QuasiDistribution:
    """Check a quasi-distribution from JSON.

    Args:
        values: Quasi-probabilities by outcome.
        metadata: The service's metadata of the circuit, with ``shots`` and ``readout_mitigation_overhead``.

    Raises:
        ValueError: An outcome is not a decimal integer, or a value is not a finite number.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"expected quasi-probabilities by outcome, not a {type(values).__name__}")
    read: dict[str, float] = {}
    for key, value in values.items():
        if key == "__int_keys__":
            continue
        outcome = str(key)
        if not (outcome.isascii() and outcome.isdigit() and len(outcome) <= LONGEST_OUTCOME):
            raise ValueError(f"the outcome {outcome[:50]!r} is no whole number in decimal digits")
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST:
            shown = repr(value)[:50] if isinstance(value, str | int | float) else f"a {type(value).__name__}"
            raise ValueError(f"the quasi-probability of the outcome {outcome} is {shown}, not a finite number")
        read[outcome] = float(value)
    overhead = metadata.get("readout_mitigation_overhead")
    known = isinstance(overhead, int | float) and not isinstance(overhead, bool) and 0 < overhead < LARGEST
    return QuasiDistribution(read, read_shots(metadata), float(overhead) if known else 1.0)  # type: ignore[arg-type]


def read_shots(metadata: Mapping[str, Any]) -> int | None:
    """Return the shots in the service's metadata; None if there are none."""
    shots = metadata.get("shots")
    return shots if isinstance(shots, int) and not isinstance(shots, bool) and 0 < shots <= MAX_SHOTS else None
