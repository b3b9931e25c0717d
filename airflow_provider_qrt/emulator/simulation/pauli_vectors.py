"""Computes small groups of qubits exactly, for all parameter sets at once.

The state of n qubits is a vector of the expectation values of all 4^n Pauli strings. A gate is a real matrix on the
letters of its qubits, and depolarization a factor, so noise costs nothing extra and nothing is sampled before the end.
Learning a machine's noise takes thousands of deep circuits on two qubits, which differ in their angles only.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.simulation.components import FIXED, ROTATIONS, Component, angles_of
from airflow_provider_qrt.emulator.simulation.noise import Noise
from airflow_provider_qrt.emulator.simulation.standard_gates import standard_gates

MOST_QUBITS = 4
MOST_NOISY_QUBITS = 6
"""With noise, the other simulator computes each shot by itself and is slower."""
MOST_NUMBERS = 1 << 21
"""The largest number of expectation values that are in memory at a time."""

_PAIRS = frozenset({"cx", "cy", "cz", "ch", "swap", "iswap", "ecr", "dcx"})
_TURNED_PAIRS = {"rzz": "ZZ", "rxx": "XX", "ryy": "YY"}
_PLANES = {"X": (2, 3), "Y": (3, 1), "Z": (1, 2)}
"""The two letters that a rotation around an axis mixes: I, X, Y and Z are 0 to 3."""

Array = NDArray[np.float64]


def suits(part: Component, noisy: bool) -> bool:
    """Return whether this module can compute a group: known gates on few qubits, then at most one measurement of each.

    Args:
        part: The group.
        noisy: Whether the machine has noise.
    """
    if len(part.qubits) > (MOST_NOISY_QUBITS if noisy else MOST_QUBITS):
        return False
    measured: set[Any] = set()
    written: set[Any] = set()
    for instruction in part.instructions:
        name = instruction.operation.name
        if measured & set(instruction.qubits):
            return False
        if name == "measure":
            if written & set(instruction.clbits):
                return False
            measured.update(instruction.qubits)
            written.update(instruction.clbits)
        elif not _is_known(instruction.operation):
            return False
    return True


def sample(
    part: Component,
    circuit: Any,
    values: dict[Any, Array],
    sets: int,
    shots: int,
    noise: Noise | None,
    random: np.random.Generator,
) -> dict[Any, NDArray[np.bool_]]:
    """Sample the bits that a group is measured into.

    Args:
        part: A group that suits.
        circuit: The circuit that it is of.
        values: The values of every parameter, by parameter.
        sets: The number of parameter sets.
        shots: Shots for each set.
        noise: The device's noise, or None.
        random: The source of the samples.

    Returns:
        The samples by bit, of shape ``(sets, shots)``.
    """
    place = {circuit.qubits[index]: position for position, index in enumerate(part.qubits)}
    measured = {
        instruction.clbits[0]: place[instruction.qubits[0]]
        for instruction in part.instructions
        if instruction.operation.name == "measure"
    }
    found = {bit: np.zeros((sets, shots), dtype=np.bool_) for bit in measured}
    if not measured:
        return found
    for start, chances in _in_steps(part, place, measured, values, sets, noise):
        for row, edge in enumerate(np.cumsum(chances, axis=1), start):
            drawn = np.searchsorted(edge[:-1] / edge[-1], random.random(shots), side="right")
            for order, bit in enumerate(measured):
                found[bit][row] = (drawn >> (len(measured) - 1 - order)) & 1
    return found


def _in_steps(
    part: Component,
    place: dict[Any, int],
    measured: dict[Any, int],
    values: dict[Any, Array],
    sets: int,
    noise: Noise | None,
) -> Iterator[tuple[int, Array]]:
    """Return the probabilities of the outcomes of as many sets at a time as fit into memory, and where they begin."""
    step = max(1, MOST_NUMBERS >> (2 * len(part.qubits)))
    for start in range(0, sets, step):
        stop = min(start + step, sets)
        own = {parameter: column[start:stop] for parameter, column in values.items()}
        state = _evolve(part, place, own, stop - start, noise)
        yield start, _chances(state, list(measured.values()), part.qubits, noise)


def _is_known(operation: Any) -> bool:
    if len(operation.params) > 1:
        return False
    turned = operation.name in ROTATIONS or operation.name in _TURNED_PAIRS
    return turned or (operation.name in FIXED | _PAIRS and not operation.params)


def _evolve(part: Component, place: dict[Any, int], values: dict[Any, Array], sets: int, noise: Noise | None) -> Array:
    """Return the expectation values of all Pauli strings after all gates, of shape ``(sets, 4, 4, ...)``."""
    state = np.ones((sets, 1))
    for _ in part.qubits:
        state = (state[..., None] * np.array([1.0, 0.0, 0.0, 1.0])).reshape(sets, -1)
    state = state.reshape(sets, *[4] * len(part.qubits))
    # The gates on each qubit since its last gate with another one, as one matrix for each set.
    pending: dict[int, Array] = {}
    for instruction in part.instructions:
        operation = instruction.operation
        name = operation.name
        if name == "measure":
            continue
        places = [place[qubit] for qubit in instruction.qubits]
        gate = _matrix(operation, values, sets)
        if noise is not None and (chance := noise.depolarization(name, [part.qubits[one] for one in places])):
            gate = gate.copy()
            gate[..., 1:, :] *= 1 - chance
        if len(places) == 1:
            pending[places[0]] = gate @ pending[places[0]] if places[0] in pending else gate
            continue
        for one in places:
            if one in pending:
                state = _apply_one(state, pending.pop(one), one)
        state = _apply_two(state, gate, places)
    for one, gate in pending.items():
        state = _apply_one(state, gate, one)
    return state


def _apply_one(state: Array, gate: Array, place: int) -> Array:
    shape = state.shape
    flat = state.reshape(shape[0], 4**place, 4, -1)
    turned: Array = np.matmul(gate.reshape(-1, 1, 4, 4), flat).reshape(shape)
    return turned


def _apply_two(state: Array, gate: Array, places: list[int]) -> Array:
    axes = [place + 1 for place in places]
    moved = np.moveaxis(state, axes, (1, 2))
    flat = np.ascontiguousarray(moved).reshape(state.shape[0], 16, -1)
    turned: Array = np.matmul(gate, flat).reshape(moved.shape)
    return np.moveaxis(turned, (1, 2), axes)


def _chances(state: Array, measured: list[int], qubits: list[int], noise: Noise | None) -> Array:
    """Return the probabilities of the outcomes, whose highest bit is that of the first measured qubit."""
    for place in range(len(qubits)):
        # A qubit that is not measured may be in any state: only strings with I there count.
        letters = [0, 3] if place in measured else [0]
        state = np.take(state, letters, axis=place + 1)
    for place, qubit in enumerate(qubits):
        if place in measured:
            up, down = (0.0, 0.0) if noise is None else noise.readout(qubit)
            read = np.array([[1 - up, down], [up, 1 - down]]) @ np.array([[0.5, 0.5], [0.5, -0.5]])
            state = np.moveaxis(np.moveaxis(state, place + 1, -1) @ read.T, -1, place + 1)
    others = [place + 1 for place in range(len(qubits)) if place not in measured]
    state = np.moveaxis(np.squeeze(state, tuple(others)), _ranks(measured), range(1, len(measured) + 1))
    return np.clip(state.reshape(state.shape[0], -1), 0, None)


def _ranks(measured: list[int]) -> list[int]:
    """Return the axis of each measured qubit among the measured ones."""
    order = sorted(measured)
    return [order.index(place) + 1 for place in measured]


def _matrix(operation: Any, values: dict[Any, Array], sets: int) -> Array:
    name = operation.name
    if name not in ROTATIONS and name not in _TURNED_PAIRS:
        return _fixed(name)
    angles = angles_of(operation.params[0], values, sets)
    cosine, sine = np.cos(angles), np.sin(angles)
    if name in ROTATIONS:
        first, second = _PLANES[ROTATIONS[name]]
        found = np.zeros((sets, 4, 4))
        found[:, range(4), range(4)] = 1
        found[:, first, first] = found[:, second, second] = cosine
        found[:, second, first], found[:, first, second] = sine, -sine
        return found
    # exp(-i a P / 2) turns each string Q that does not commute with P into cos(a) Q + sin(a) i[Q, P] / 2.
    keeps, turns = _generator(_TURNED_PAIRS[name])
    kept = np.where(keeps, 1.0, cosine[:, None])
    return kept[:, :, None] * np.eye(16) + sine[:, None, None] * turns


def _strings() -> list[NDArray[np.complex128]]:
    """Return the matrices of the 16 Pauli strings; the first letter is that of the first qubit, the lowest one."""
    letters = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
    return [np.kron(second, first).astype(complex) for first in letters for second in letters]


@cache
def _fixed(name: str) -> Array:
    """Return the matrix of a gate without parameters on the Pauli strings of its qubits."""
    unitary = np.asarray(standard_gates()[name].to_matrix())
    strings = _strings() if len(unitary) == 4 else [one[:2, :2] for one in _strings()[::4]]
    turned = [unitary @ one @ unitary.conj().T for one in strings]
    found = np.array([[np.trace(row @ column).real for column in turned] for row in strings]) / len(unitary)
    found.setflags(write=False)
    return found


@cache
def _generator(letters: str) -> tuple[NDArray[np.bool_], Array]:
    """Return which strings commute with a string of two equal letters, and how the others are turned by it."""
    strings = _strings()
    axis = strings["IXYZ".index(letters[0]) * 5]
    commutators = [1j * (one @ axis - axis @ one) / 2 for one in strings]
    turns = np.array([[np.trace(row @ column).real for column in commutators] for row in strings]) / 4
    return np.array([not commutator.any() for commutator in commutators]), turns
