"""Random circuits through the operators give what Qiskit's own primitives give, over both programs.

Twenty circuits go as one job, half of them as text, each with a sweep of its parameters. A sample is compared with a
sample of ``StatevectorSampler``, an expectation value with the exact one of ``StatevectorEstimator``; both may differ
by five standard errors.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Parameter
from qiskit.primitives import StatevectorEstimator, StatevectorSampler

from airflow_provider_qrt.primitives import EstimatorResult, SamplerResult

CIRCUITS = 20
QUBITS = 3
POINTS = 3
SHOTS = 2000
PRECISION = 0.04
KINDS = {"transpiled": 1, "as they are": None}
"""Circuits of any gates with an optimization level; and circuits of the backend's gates, sent as they are."""


@pytest.fixture(autouse=True)
def circuits_in_a_cache_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def circuits(kind):
    rng = np.random.default_rng([2026, list(KINDS).index(kind)])
    return [random_circuit(rng, kind) for _ in range(CIRCUITS)]


def random_circuit(rng, kind):
    """A circuit with two angles, and three values for each of them."""
    angles = [Parameter("omega"), Parameter("delta")]
    circuit = QuantumCircuit(QUBITS)
    for step in range(16):
        qubit = int(rng.integers(QUBITS))
        # Neighbours, in ascending order: those are coupled on the backend.
        first = int(rng.integers(QUBITS - 1))
        angle = angles[step % 2] if step in (7, 10) else float(rng.uniform(0, 2 * math.pi))
        if step % 3 == 0:
            circuit.cx(first, first + 1) if kind == "transpiled" else circuit.cz(first, first + 1)
        elif kind == "transpiled":
            (circuit.ry if rng.integers(2) else circuit.rx)(angle, qubit)
        else:
            circuit.sx(qubit)
            circuit.rz(angle, qubit)
            circuit.sx(qubit)
    assert {parameter.name for parameter in circuit.parameters} == {"omega", "delta"}
    values = rng.uniform(0, 2 * math.pi, size=(POINTS, 2))
    return circuit, {"omega": values[:, 0].tolist(), "delta": values[:, 1].tolist()}


def half_as_text(circuits, kind):
    written = []
    for number, circuit in enumerate(circuits):
        if number % 2:
            written.append(circuit)
            continue
        text = qasm3.dumps(circuit)
        if kind != "transpiled":
            text = re.sub(rf"qubit\[{QUBITS}\] q;\n", "", text)
            text = re.sub(r"\bq\[(\d)\]", r"$\1", text)
        written.append(text)
    return written


def submit(task, kind, circuits, program, **arguments):
    value = task.run(circuits=circuits, program_id=program, optimization_level=KINDS[kind], **arguments)
    assert value["program_id"] == program
    return value


@pytest.mark.parametrize("program", ["sampler", "executor"])
def test_counts_are_distributed_as_those_of_the_statevector_sampler(task, emulator, circuits, kind, program):
    measured = [circuit.measure_all(inplace=False) for circuit, _ in circuits]
    sweeps = [values for _, values in circuits]
    theirs = StatevectorSampler(seed=1).run(list(zip(measured, sweeps, strict=True)), shots=SHOTS).result()

    ours = list(zip(half_as_text(measured, kind), sweeps, strict=True))
    value = submit(task, kind, ours, program, shots=SHOTS)

    assert len(emulator.jobs()) == 1
    for mine, other in zip(SamplerResult.from_xcom(value), theirs, strict=True):
        assert mine.shape == (POINTS,)
        for point in range(POINTS):
            assert_same_distribution(mine.get_counts(point), other.data.meas.get_counts(point))


def assert_same_distribution(mine, other):
    assert sum(mine.values()) == sum(other.values()) == SHOTS
    assert len(mine) > 1
    for outcome in {*mine, *other}:
        chance = (mine.get(outcome, 0) + other.get(outcome, 0)) / 2 / SHOTS
        error = math.sqrt(2 * chance * (1 - chance) / SHOTS)
        assert abs(mine.get(outcome, 0) - other.get(outcome, 0)) / SHOTS <= 5 * error, outcome


@pytest.mark.parametrize("program", ["estimator", "executor"])
def test_values_are_those_of_the_statevector_estimator(task, emulator, circuits, kind, program):
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {}
    rng = np.random.default_rng(9)
    observables = [random_observables(rng) for _ in circuits]
    sweeps = [values for _, values in circuits]

    def exact(each):
        pubs = [(circuit, [[one] for one in each[index]], values) for index, (circuit, values) in enumerate(circuits)]
        return [pub.data.evs for pub in StatevectorEstimator().run(pubs).result()]

    bare = half_as_text([circuit for circuit, _ in circuits], kind)
    ours = [
        (circuit, [[one] for one in each], values)
        for circuit, each, values in zip(bare, observables, sweeps, strict=True)
    ]
    # Over the executor every randomization is a circuit of its own for the emulator; two still twirl the readout.
    options = {"twirling": {"num_randomizations": 2}}
    value = submit(task, kind, ours, program, precision=PRECISION, options=options)

    assert len(emulator.jobs()) == 1
    expected, errors = exact(observables), standard_errors(observables, exact)
    for mine, right, error in zip(EstimatorResult.from_xcom(value), expected, errors, strict=True):
        assert mine.shape == right.shape == (2, POINTS)
        assert (np.abs(mine.evs - right) <= 5 * error + 1e-9).all()
        assert np.ptp(mine.evs) > 0
        assert mine.metadata["target_precision"] == PRECISION


def random_observables(rng):
    """A Pauli string, and a sum of two that cannot be measured together, so that their errors are independent."""
    one, two, three = ("".join(letters) for letters in rng.choice(list("IXYZ"), (3, QUBITS - 1)))
    return ["XYZ"[rng.integers(3)] + one, {f"X{two}": 0.8, f"Z{three}": -1.7}]


def standard_errors(observables, exact):
    """Errors of the values of all circuits, at the precision asked for: a Pauli string of value v has 1 - v**2."""
    single = exact([[one, *two] for one, two in observables])
    errors = []
    for (_, weights), values in zip(observables, single, strict=True):
        spread = 1 - values**2
        both = sum(weight**2 * spread[index] for index, weight in enumerate(weights.values(), start=1))
        errors.append(PRECISION * np.sqrt(np.maximum([spread[0], both], 0)))
    return errors
