"""The result of one sampler PUB: bits, readout points, or the quasi-probabilities of version 1 of the sampler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import NoCountsError
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.primitives.results.bits import BitRegister, join_registers
from airflow_provider_qrt.primitives.results.kerneled import KerneledRegister

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.results.quasi_dists import QuasiDistribution

Location = int | tuple[int, ...] | None


@dataclass(frozen=True, eq=False)
class SamplerPubResult:
    """The result of one PUB.

    Attributes:
        registers: The shots of every classical register by name, in the order of declaration; empty if the service
            returned quasi-probabilities or readout points.
        metadata: The service's metadata of the run, as plain JSON.
        quasi_dists: The quasi-probabilities of version 1 of the sampler; None for version 2.
        asked: The parameter values, as far as the task that fetched the result knew them.
        kerneled: The readout points of every classical register by name, for ``execution.meas_type`` kerneled and
            avg_kerneled; empty otherwise.
    """

    registers: Mapping[str, BitRegister]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    quasi_dists: QuasiDistribution | None = None
    asked: Asked = field(default_factory=Asked)
    kerneled: Mapping[str, KerneledRegister] = field(default_factory=dict)

    @property
    def parameter_values(self) -> Mapping[str, Any]:
        """For each parameter, a number or nested lists in the shape of the sweep; empty if not known."""
        return self.asked.parameter_values

    @property
    def shots(self) -> int | None:
        """Shots for each point of the sweep; None if version 1 of the sampler did not state them, and for averages."""
        if self.quasi_dists is not None:
            return self.quasi_dists.shots
        return self._first.shots

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the sweep; ``()`` without a sweep, as always in version 1 of the sampler."""
        return () if self.quasi_dists is not None else self._first.shape

    @property
    def _first(self) -> BitRegister | KerneledRegister:
        registers: Mapping[str, BitRegister | KerneledRegister] = self.kerneled or self.registers
        return next(iter(registers.values()))

    @cached_property
    def _joined(self) -> BitRegister:
        return join_registers(list(self.registers.values()))

    def join(self) -> BitRegister:
        """Return all registers joined, with the last declared one leftmost, like Qiskit's ``join_data()``.

        Raises:
            NoCountsError: The service returned quasi-probabilities or readout points.
        """
        if self.kerneled:
            raise NoCountsError(
                "this is a result of execution.meas_type kerneled: complex readout points, and no bits or counts. Use "
                "kerneled, such as result[0].kerneled['meas'].array"
            )
        if self.quasi_dists is not None:
            raise NoCountsError(
                "this is a result of the sampler's version 1: quasi-probabilities, and no bits or counts of single "
                "shots. Use quasi_dists, quasi_dists.binary_probabilities(num_bits) for bitstrings, or "
                "quasi_dists.nearest_probability_distribution() for probabilities"
            )
        return self._joined

    def get_counts(self, loc: Location = None) -> dict[str, int]:
        """Return the counts of all registers, joined.

        Args:
            loc: A point of the sweep; None counts all points together, as in Qiskit.

        Raises:
            NoCountsError: The service returned quasi-probabilities or readout points.
        """
        return self.join().counts(loc).to_dict()

    def get_bitstrings(self, loc: Location = None) -> list[str]:
        """Return a string for every shot of all registers, joined; ``loc`` as in ``get_counts``."""
        return self.join().bitstrings(loc)


def has_quasi_dists(pubs: Iterable[SamplerPubResult]) -> bool:
    """Return whether the results of PUBs contain quasi-probabilities."""
    return any(pub.quasi_dists is not None for pub in pubs)


def has_kerneled(pubs: Iterable[SamplerPubResult]) -> bool:
    """Return whether the results of PUBs contain readout points."""
    return any(pub.kerneled for pub in pubs)


def quasi_dists_of(pubs: Iterable[SamplerPubResult]) -> list[QuasiDistribution]:
    """Return the quasi-distributions of all PUBs.

    Raises:
        ValueError: A PUB has counts instead, as in version 2 of the sampler.
    """
    found = []
    for pub in pubs:
        if pub.quasi_dists is None:
            raise ValueError("this is a result of the sampler's version 2, which has counts: use get_counts()")
        found.append(pub.quasi_dists)
    return found
