"""A circuit as what it is made of: groups of qubits that never meet, each simulated by itself.

A machine's 156 qubits with a rotation and a measurement on each, as the official client's twirling sends, are 156
circuits on one qubit. Those need no simulator: two rows of numbers are enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator import circuits
from airflow_provider_qrt.emulator.noise import Noise

ROTATIONS = {"rz": "Z", "p": "Z", "rx": "X", "ry": "Y"}
"""Rotations of one qubit by an angle, up to a phase that no measurement sees."""

FIXED = frozenset({"x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "t", "tdg", "id"})

_PAULI = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "Z": np.array([[1, 0], [0, -1]], dtype=complex),
}


@dataclass
class Component:
    """Qubits of a circuit that are coupled to one another and to no others.

    Attributes:
        qubits: Their indices in the circuit, in order.
        instructions: What is done to them, in order.
    """

    qubits: list[int]
    instructions: list[Any] = field(default_factory=list)


def split(circuit: Any, with_idle: bool = False) -> list[Component]:
    """Take a circuit apart. What has no effect on the outcome is left out.

    A circuit with variables or control flow is kept whole, for any of its parts may depend on any other.

    Args:
        circuit: The circuit.
        with_idle: Whether measuring a qubit on which nothing was done has an effect, for it may be read wrongly.
    """
    kept = circuits.effective(circuit, with_idle)
    if circuits.is_dynamic(circuit):
        used = {circuit.find_bit(qubit).index for one in kept for qubit in one.qubits}
        return [Component(sorted(used), kept)] if kept else []
    leader = list(range(circuit.num_qubits))
    writer: dict[Any, int] = {}

    def find(qubit: int) -> int:
        while leader[qubit] != qubit:
            leader[qubit] = leader[leader[qubit]]
            qubit = leader[qubit]
        return qubit

    for instruction in kept:
        first, *others = (find(circuit.find_bit(qubit).index) for qubit in instruction.qubits)
        # Two qubits measured into one bit meet there.
        others += [find(writer.setdefault(bit, first)) for bit in instruction.clbits]
        for other in others:
            leader[find(other)] = find(first)
    found: dict[int, Component] = {}
    for instruction in kept:
        indices = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        part = found.setdefault(find(indices[0]), Component([]))
        part.qubits = sorted({*part.qubits, *indices})
        part.instructions.append(instruction)
    return list(found.values())


def single_qubit_bits(part: Component) -> list[Any] | None:
    """Return the bits that a component of one qubit is measured into, or None when it is not as simple as that.

    Simple is: gates of this module's knowledge, then measurements, and nothing after them.
    """
    if len(part.qubits) != 1:
        return None
    bits: list[Any] = []
    for instruction in part.instructions:
        name = instruction.operation.name
        if name == "measure":
            bits += instruction.clbits
        elif bits or not (name in FIXED or name in ROTATIONS) or len(instruction.operation.params) > 1:
            return None
    return bits if len(set(bits)) == len(bits) else None


def chance_of_one(
    part: Component, values: dict[Any, NDArray[np.float64]], sets: int, noise: Noise | None
) -> NDArray[np.float64]:
    """Return, for each set of parameter values, the probability that a simple component is read as one.

    Args:
        part: A component for which :func:`single_qubit_bits` is not None.
        values: The values of every parameter, by parameter.
        sets: How many sets there are.
        noise: The device's noise, or None.
    """
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping()
    state = np.zeros((sets, 2, 1), dtype=complex)
    state[:, 0] = 1
    for instruction in part.instructions:
        name = instruction.operation.name
        if name in ROTATIONS:
            half = _angles(instruction.operation.params[0], values, sets)[:, None, None] / 2
            state = (np.cos(half) * np.eye(2) - 1j * np.sin(half) * _PAULI[ROTATIONS[name]]) @ state
        elif name != "measure":
            state = standard[name].to_matrix() @ state
    chances: NDArray[np.float64] = np.clip(np.abs(state[:, 1, 0]) ** 2, 0, 1)
    if noise is None:
        return chances
    intact = 1.0
    for instruction in part.instructions:
        intact *= 1 - noise.depolarization(instruction.operation.name, part.qubits)
    up, down = noise.readout(part.qubits[0])
    chances = 0.5 + intact * (chances - 0.5)
    return chances * (1 - down) + (1 - chances) * up


def _angles(angle: Any, values: dict[Any, NDArray[np.float64]], sets: int) -> NDArray[np.float64]:
    if isinstance(angle, int | float):
        return np.full(sets, float(angle))
    if angle in values:
        return values[angle]
    used = [*angle.parameters]
    return np.array([float(angle.bind({one: values[one][row] for one in used})) for row in range(sets)])
