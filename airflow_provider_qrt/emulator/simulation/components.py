"""Splits a circuit into groups of qubits that do not interact, so that each group is simulated separately.

The official client's twirling sends circuits with a rotation and a measurement on each of a machine's 156 qubits. Such
a circuit is 156 circuits on one qubit, which need no simulator because two amplitudes describe each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.simulation import circuits
from airflow_provider_qrt.emulator.simulation.noise import Noise
from airflow_provider_qrt.emulator.simulation.standard_gates import standard_gates

ROTATIONS = {"rz": "Z", "p": "Z", "rx": "X", "ry": "Y"}
"""The axes of single-qubit rotations, up to a global phase, which measurements cannot detect."""

FIXED = frozenset({"x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "t", "tdg", "id"})

_PAULI = {
    "X": np.array([[0, 1], [1, 0]], dtype=complex),
    "Y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "Z": np.array([[1, 0], [0, -1]], dtype=complex),
}


@dataclass
class Component:
    """A group of qubits of a circuit that interact with each other and with no other qubits.

    Attributes:
        qubits: Their indices in the circuit, in order.
        instructions: The instructions on them, in order.
    """

    qubits: list[int]
    instructions: list[Any] = field(default_factory=list)


def split(circuit: Any, with_idle: bool = False) -> list[Component]:
    """Split a circuit into components, without the instructions that do not affect the outcome.

    A circuit with variables or control flow stays whole, because any part of it may depend on any other.

    Args:
        circuit: The circuit.
        with_idle: Whether to include measurements of qubits that no gate touches; with readout errors they matter.
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
        # Two qubits that are measured into the same bit belong together.
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
    """Return the bits that a single-qubit component is measured into, or None when it is not simple.

    A simple component has only gates that this module knows, then measurements, and nothing after them.
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
    """Return, for each parameter set, the probability that a simple component is read as one.

    Args:
        part: A component for which :func:`single_qubit_bits` is not None.
        values: The values of every parameter, by parameter.
        sets: The number of parameter sets.
        noise: The device's noise, or None.
    """
    standard = standard_gates()
    state = np.zeros((sets, 2, 1), dtype=complex)
    state[:, 0] = 1
    for instruction in part.instructions:
        name = instruction.operation.name
        if name in ROTATIONS:
            half = angles_of(instruction.operation.params[0], values, sets)[:, None, None] / 2
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


def angles_of(angle: Any, values: dict[Any, NDArray[np.float64]], sets: int) -> NDArray[np.float64]:
    """Return the value of an angle for each parameter set.

    Args:
        angle: A number, a parameter or an expression of parameters.
        values: The values of every parameter, by parameter.
        sets: The number of parameter sets.
    """
    if isinstance(angle, int | float):
        return np.full(sets, float(angle))
    if angle in values:
        return values[angle]
    used = [*angle.parameters]
    return np.array([float(angle.bind({one: values[one][row] for one in used})) for row in range(sets)])
