"""Quasi-distributions: what version 1 of the sampler returns of a circuit in place of counts.

A quasi-probability belongs to an outcome, a whole number whose binary digits are the classical bits, element 0
rightmost. Readout mitigation makes some of them negative and others larger than one; together they are one.
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
"""Decimal digits of an outcome: 1,300 classical bits."""
LARGEST = 1e300
"""A quasi-probability is about one; what is larger than this is no number that can be worked with."""
MAX_SHOTS = 10**12
"""More shots than that are a mistake: IBM takes ten million a job."""


@dataclass(frozen=True, eq=False)
class QuasiDistribution(Mapping[str, float]):
    """The quasi-probability of each outcome: a read-only mapping with the service's own keys, ``"0"``, ``"5"``.

    Outcomes that are not there have the quasi-probability 0.

    Attributes:
        values_by_outcome: The quasi-probabilities, by outcome as a decimal number.
        shots: The shots they were derived from; None if the service did not say.
        mitigation_overhead: By how much readout mitigation enlarges the variance; 1 without mitigation.
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
        """No quasi-probability has a larger standard error than this; None if the shots are not known."""
        return math.sqrt(self.mitigation_overhead / self.shots) if self.shots else None

    def binary_probabilities(self, num_bits: int | None = None) -> dict[str, float]:
        """Return the same with bitstrings as keys, element 0 of the classical bits rightmost.

        Args:
            num_bits: Length of the strings: the service does not say how many bits a circuit has. None: as many as the
                largest outcome takes.

        Raises:
            ValueError: An outcome takes more bits.
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
        """Return Qiskit's ``QuasiDistribution``.

        Raises:
            ImportError: Qiskit is not installed, or has no such class any more.
        """
        from airflow_provider_qrt.primitives.results.qiskit_result import quasi_distribution

        return quasi_distribution(self)


def nearest_probability_distribution(quasi: Mapping[Outcome, float]) -> dict[Outcome, float]:
    """Return the probability distribution that is nearest to a quasi-distribution, by Euclidean distance.

    The algorithm of Smolin, Gambetta and Smith, https://arxiv.org/abs/1106.5458: the smallest values go first, and what
    is negative of them is taken evenly from those that stay. Only outcomes that are there take part, and those that
    come to 0 are left out, as in Qiskit.

    Args:
        quasi: Quasi-probabilities by outcome, finite. If their sum is not 1, the difference is spread evenly as well.

    Returns:
        Probabilities above 0 in the order of ``quasi``; their sum is 1. Nothing of nothing.
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
    """Check a quasi-distribution as JSON holds it.

    Args:
        values: Quasi-probabilities by outcome.
        metadata: What the service said about the circuit: its ``shots`` and ``readout_mitigation_overhead``.

    Raises:
        ValueError: An outcome is no whole number in decimal digits, or a value no finite number.
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
    """Return the shots that the service's metadata name; None if they name none."""
    shots = metadata.get("shots")
    return shots if isinstance(shots, int) and not isinstance(shots, bool) and 0 < shots <= MAX_SHOTS else None
