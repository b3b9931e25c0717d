"""Kerneled measurements: a point in the IQ plane for each bit and shot, as it is before it is told to be 0 or 1.

The points of a qubit scatter around two centroids at a distance of one, in arbitrary units, along an axis of the
qubit's own. How far they scatter follows from the calibration: a line between the centroids tells the two apart with
the qubit's readout errors. Without noise the two clouds are clearly apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.errors import RESULT_TOO_LARGE
from airflow_provider_qrt.emulator.simulation.noise import Noise
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError

CLASSIFIED, KERNELED, AVERAGED, BOTH = "classified", "kerneled", "avg_kerneled", "both"
POINTS_SUFFIX, AVERAGE_SUFFIX = "_iq", "_avg_iq"
"""The ends of the names under which an executor returns a register's points, and their average over the shots."""

CLEAREST = 1e-9
"""The readout error of a machine without noise."""
MOST_ERROR = 0.499
"""A larger readout error would turn the centroids round."""
TURN = 2.399963
"""The angle in radians between the axes of neighbouring qubits; no two axes of a machine are the same."""

MOST_POINTS = 1 << 22
"""The largest number of points of one job, which are 64 MiB."""


@dataclass(frozen=True)
class Reading:
    """How each bit of a circuit is read.

    Attributes:
        measured: Whether a measurement writes the bit, of shape ``(bits,)``.
        axis: The direction from the centroid of 0 to that of 1, as a number of modulus 1.
        spread: The standard deviation in either direction.
        threshold: Where the line between 0 and 1 crosses the axis, from -1/2 at the centroid of 0 to 1/2 at that of 1.
    """

    measured: NDArray[np.bool_]
    axis: NDArray[np.complex128]
    spread: NDArray[np.float64]
    threshold: NDArray[np.float64]

    def points(self, bits: NDArray[np.uint8], seed: int | None) -> NDArray[np.complex128]:
        """Return a point for each bit; bits that no measurement writes are at 0.

        Args:
            bits: The states of the measured qubits, of shape ``(..., bits)``.
            seed: Seed of the scatter.
        """
        random = np.random.default_rng(seed)
        scatter = random.standard_normal((2, *bits.shape))
        points = self.axis * (bits - 0.5 + self.spread * (scatter[0] + 1j * scatter[1]))
        return np.where(self.measured, points, 0)

    def bits(self, points: NDArray[np.complex128]) -> NDArray[np.bool_]:
        """Tell for each point whether it is a 1."""
        return self.measured & (np.real(points * self.axis.conj()) > self.threshold)


def reading(circuit: Any, noise: Noise | None) -> Reading:
    """Return how the bits of a circuit are read.

    Args:
        circuit: The circuit. If several measurements write a bit, the last one counts.
        noise: The noise of the machine, or None for a perfect one.
    """
    width = len(circuit.clbits)
    qubits = dict(_measurements(circuit, circuit.qubits, circuit.clbits, circuit))
    axis, spread, threshold = np.ones(width, dtype=complex), np.zeros(width), np.zeros(width)
    for bit, qubit in qubits.items():
        up, down = (0.0, 0.0) if noise is None else noise.readout(qubit)
        # Distances from the centroids to the line, in standard deviations.
        low, high = (NormalDist().inv_cdf(1 - min(max(error, CLEAREST), MOST_ERROR)) for error in (up, down))
        axis[bit] = np.exp(1j * TURN * qubit)
        spread[bit] = 1 / (low + high)
        threshold[bit] = low / (low + high) - 0.5
    measured = np.array([bit in qubits for bit in range(width)], dtype=np.bool_)
    return Reading(measured, axis, spread, threshold)


def check_size(points: int) -> None:
    """Refuse a job with more points than a result can hold.

    Raises:
        JobFailedError: Code 5302.
    """
    if points > MOST_POINTS:
        raise JobFailedError(
            f"The result would hold {points} points of kerneled measurements; {MOST_POINTS} are possible.",
            RESULT_TOO_LARGE,
            "Use fewer shots, or average over them.",
        )


def _measurements(block: Any, qubits: Any, bits: Any, whole: Any) -> Iterator[tuple[int, int]]:
    """Return each measurement's bit and qubit, by their indices in the whole circuit.

    Args:
        block: A circuit, or a block of its control flow.
        qubits: The whole circuit's qubits on which the block's are, in order.
        bits: The whole circuit's bits on which the block's are, in order.
        whole: The whole circuit.
    """
    places = {qubit: number for number, qubit in enumerate(block.qubits)}
    bit_places = {bit: number for number, bit in enumerate(block.clbits)}
    for instruction in block.data:
        outer = [qubits[places[qubit]] for qubit in instruction.qubits]
        outer_bits = [bits[bit_places[bit]] for bit in instruction.clbits]
        if instruction.operation.name == "measure":
            for bit, qubit in zip(outer_bits, outer, strict=True):
                yield whole.find_bit(bit).index, whole.find_bit(qubit).index
        for inner in getattr(instruction.operation, "blocks", ()):
            yield from _measurements(inner, outer, outer_bits, whole)
