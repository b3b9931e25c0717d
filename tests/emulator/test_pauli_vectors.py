"""Small groups of qubits are computed as vectors of Pauli strings, and come out as Qiskit says."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from airflow_provider_qrt.emulator.simulation import components, pauli_vectors

SINGLES = ("x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "t", "tdg", "id")
TURNS = ("rz", "rx", "ry", "p")
PAIRS = ("cx", "cy", "cz", "ch", "swap", "iswap", "ecr", "dcx")
TURNED_PAIRS = ("rzz", "rxx", "ryy")
SHOTS = 20_000
CASES = range(12)


class SomeNoise:
    """A noise with readout errors that differ by qubit."""

    def __init__(self, chances):
        self.chances = chances

    def depolarization(self, gate, qubits):
        return self.chances.get(gate, 0.0)

    def readout(self, qubit):
        return 0.01 * (1 + qubit), 0.03 * (1 + qubit)


def drawn(case):
    """A random circuit with two parameters, of up to four qubits of which not all are measured, in any order."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    random = np.random.default_rng(case)
    first, second = Parameter("a"), Parameter("b")
    width = 1 + case % 4
    circuit = QuantumCircuit(width, width)
    for _ in range(30):
        angle = (first, second, first + 2 * second, 0.7)[random.integers(4)]
        qubits = [int(one) for one in random.permutation(width)]
        match random.integers(4):
            case 0:
                getattr(circuit, random.choice(SINGLES))(qubits[0])
            case 1:
                getattr(circuit, random.choice(TURNS))(angle, qubits[0])
            case 2 if width > 1:
                getattr(circuit, random.choice(PAIRS))(*qubits[:2])
            case 3 if width > 1:
                getattr(circuit, random.choice(TURNED_PAIRS))(angle, *qubits[:2])
    bits = random.permutation(width)
    measured = [int(one) for one in random.permutation(width)[: max(1, width - 1)]]
    values = {parameter: random.normal(size=3) for parameter in (first, second)}
    return circuit, dict(zip(measured, map(int, bits), strict=False)), values


def sampled(circuit, measured, values, noise=None, sets=3):
    whole = circuit.copy()
    for qubit, bit in measured.items():
        whole.measure(qubit, bit)
    part = components.Component(list(range(circuit.num_qubits)), list(whole.data))
    assert pauli_vectors.suits(part, noise is not None)
    random = np.random.default_rng(1)
    found = pauli_vectors.sample(part, whole, values, sets, SHOTS, noise, random)
    return {whole.find_bit(bit).index: ones for bit, ones in found.items()}


def shares(found, order, row):
    """How often each outcome came; the first bit of the order is the lowest."""
    numbers = sum(found[bit][row].astype(int) << place for place, bit in enumerate(order))
    return np.bincount(numbers, minlength=1 << len(order)) / SHOTS


def assert_close(found, exact):
    allowed = 5 * np.sqrt(np.maximum(exact * (1 - exact), 1 / SHOTS) / SHOTS)
    assert (np.abs(found - exact) <= allowed).all()


@pytest.mark.parametrize("case", CASES)
def test_outcomes_are_distributed_as_the_statevector_says(case):
    from qiskit.quantum_info import Statevector

    circuit, measured, values = drawn(case)
    found = sampled(circuit, measured, values)
    for row in range(3):
        bound = circuit.assign_parameters({one: values[one][row] for one in circuit.parameters})
        exact = Statevector(bound).probabilities(list(measured))
        assert_close(shares(found, list(measured.values()), row), exact)


@pytest.mark.parametrize("case", CASES)
def test_noise_is_that_of_the_density_matrix(case):
    from qiskit.quantum_info import DensityMatrix, SuperOp
    from qiskit_aer.noise import depolarizing_error

    circuit, measured, values = drawn(case)
    noise = SomeNoise({"sx": 0.1, "cz": 0.2, "ecr": 0.15, "rx": 0.05, "rzz": 0.3, "h": 0.02})
    found = sampled(circuit, measured, values, noise)
    for row in range(3):
        state = DensityMatrix.from_label("0" * circuit.num_qubits)
        for instruction in circuit.assign_parameters({one: values[one][row] for one in circuit.parameters}).data:
            qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
            state = state.evolve(instruction.operation, qubits)
            if chance := noise.depolarization(instruction.operation.name, qubits):
                state = state.evolve(SuperOp(depolarizing_error(chance, len(qubits))), qubits)
        exact = state.probabilities(list(measured)).reshape([2] * len(measured))
        # The last qubit is the first axis.
        for axis, qubit in enumerate(reversed(measured)):
            up, down = noise.readout(qubit)
            exact = np.moveaxis(np.tensordot([[1 - up, down], [up, 1 - down]], exact, (1, axis)), 0, axis)
        assert_close(shares(found, list(measured.values()), row), exact.reshape(-1))


def test_memory_is_used_in_steps(monkeypatch):
    circuit, measured, values = drawn(2)
    whole = sampled(circuit, measured, values)
    monkeypatch.setattr(pauli_vectors, "MOST_NUMBERS", 1)
    stepwise = sampled(circuit, measured, values)
    assert all((whole[bit] == stepwise[bit]).all() for bit in whole)


def test_a_group_without_a_measurement_has_no_bits():
    circuit, _, values = drawn(1)
    assert sampled(circuit, {}, values) == {}


@pytest.mark.parametrize("kind", ["later gate", "same bit", "reset", "unknown gate", "three qubits", "wide"])
def test_other_groups_are_left_to_the_other_simulator(kind):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(8, 8)
    circuit.h(0)
    if kind == "later gate":
        circuit.measure(0, 0)
        circuit.x(0)
    elif kind == "same bit":
        circuit.measure([0, 1], [0, 0])
    elif kind == "reset":
        circuit.reset(0)
    elif kind == "unknown gate":
        circuit.u(0.1, 0.2, 0.3, 0)
    elif kind == "three qubits":
        circuit.ccx(0, 1, 2)
    width = 7 if kind == "wide" else 3
    part = components.Component(list(range(width)), list(circuit.data))
    assert not pauli_vectors.suits(part, noisy=True)


def test_noise_allows_for_more_qubits_than_none():
    part = SimpleNamespace(qubits=list(range(6)), instructions=[])
    assert pauli_vectors.suits(part, noisy=True)
    assert not pauli_vectors.suits(part, noisy=False)


def test_a_sweep_over_a_deep_circuit_is_not_simulated_one_by_one(monkeypatch):
    from airflow_provider_qrt.emulator.simulation import aer, circuits, sampling
    from airflow_provider_qrt.emulator.simulation.noise import Machine

    def refuse(*_, **__):
        raise AssertionError("each circuit is simulated by itself")

    monkeypatch.setattr(aer, "run", refuse)
    deep = "rz(a) $0; sx $0; cz $0, $1; sx $1; rz(a) $1; " * 60
    head = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] a; bit[2] m;'
    circuit = circuits.read_openqasm(f"{head} {deep} m[0] = measure $0; m[1] = measure $1;", "it")
    rows = np.linspace(0, 2 * math.pi, 500)[:, None]
    bits = sampling.measure(circuit, rows, 3, 1, Machine(None, 24, SomeNoise({"cz": 0.1})), "it")
    assert bits.shape == (500, 3, 2)
