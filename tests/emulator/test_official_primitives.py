"""IBM's official primitives get the same results from the emulator as Qiskit computes locally.

The tests cover both forms: the one that runs on the service (programs ``sampler`` and ``estimator``), and the newer one
that does the work on the client's side and sends ``executor`` programs.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SHOTS = 2048
FORMS = ["server-side", "client-side"]
MODES = ["job", "Session", "Batch"]
ANGLES = [[0.3, 1.1], [2.0, -0.7], [0.0, 3.0]]


@pytest.fixture(scope="module")
def service():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=5) as emulator:
        yield emulator.qiskit_service()


@pytest.fixture(scope="module")
def backend(service):
    return service.backend("ibm_fez")


def ansatz():
    """Three entangled qubits with two parameters, not symmetric in anything."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    first, second = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(3)
    circuit.ry(first, 0)
    circuit.cx(0, 1)
    circuit.rx(second, 2)
    circuit.cz(1, 2)
    circuit.ry(first + second, 1)
    circuit.cx(2, 1)
    return circuit


def primitive(kind, form):
    if form == "server-side":
        from qiskit_ibm_runtime import EstimatorV2, SamplerV2

        return {"sampler": SamplerV2, "estimator": EstimatorV2}[kind]
    from qiskit_ibm_runtime.executor_estimator import Estimator
    from qiskit_ibm_runtime.executor_sampler import Sampler

    return {"sampler": Sampler, "estimator": Estimator}[kind]


def run(kind, form, mode, backend, pubs, options=None, **arguments):
    import qiskit_ibm_runtime

    chosen = primitive(kind, form)
    if mode == "job":
        return chosen(backend, options=options).run(pubs, **arguments).result()
    with getattr(qiskit_ibm_runtime, mode)(backend=backend) as opened:
        return chosen(opened, options=options).run(pubs, **arguments).result()


def assert_same_distribution(found, exact, shots):
    for outcome in {*found, *exact}:
        chance = exact.get(outcome, 0.0)
        allowed = 5 * math.sqrt(max(chance * (1 - chance), 1 / shots) / shots)
        assert found.get(outcome, 0) / shots == pytest.approx(chance, abs=allowed), outcome


def exact_distribution(circuit, values):
    from qiskit.quantum_info import Statevector

    return Statevector(circuit.assign_parameters(values)).probabilities_dict()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_a_samplers_sweep_is_distributed_as_the_statevector_says(backend, form, mode):
    from qiskit import transpile

    circuit = ansatz()
    measured = transpile(circuit.measure_all(inplace=False), backend, seed_transpiler=1)
    result = run("sampler", form, mode, backend, [(measured, ANGLES)], shots=SHOTS)
    bits = result[0].data.meas
    assert bits.shape == (3,)
    for index, values in enumerate(ANGLES):
        assert_same_distribution(bits.get_counts(index), exact_distribution(circuit, values), SHOTS)


@pytest.mark.parametrize("form", FORMS)
def test_twirling_changes_no_distribution(backend, form):
    from qiskit import transpile

    circuit = ansatz()
    measured = transpile(circuit.measure_all(inplace=False), backend, seed_transpiler=1)
    options = {"twirling": {"enable_gates": True, "enable_measure": True}}
    counts = run("sampler", form, "job", backend, [(measured, ANGLES[0])], options, shots=SHOTS)[
        0
    ].data.meas.get_counts()
    assert_same_distribution(counts, exact_distribution(circuit, ANGLES[0]), sum(counts.values()))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_an_estimators_values_are_the_statevectors(backend, form, mode):
    from qiskit import transpile
    from qiskit.primitives import StatevectorEstimator
    from qiskit.quantum_info import SparsePauliOp

    circuit = ansatz()
    observables = [SparsePauliOp(["ZZI", "IXX"], [1.0, 0.5]), SparsePauliOp("YIZ"), SparsePauliOp("IIZ")]
    exact = StatevectorEstimator().run([(circuit, [[one] for one in observables], ANGLES)]).result()[0].data.evs
    isa = transpile(circuit, backend, seed_transpiler=1)
    mapped = [[one.apply_layout(isa.layout)] for one in observables]
    found = run("estimator", form, mode, backend, [(isa, mapped, ANGLES)], {"resilience_level": 0}, precision=0.02)[
        0
    ].data.evs
    assert found.shape == exact.shape == (3, 3)
    assert np.abs(found - exact).max() < 5 * 0.02 * 1.5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("level", [1, 2])
def test_error_mitigation_finds_nothing_to_mitigate(backend, form, level):
    from qiskit import transpile
    from qiskit.primitives import StatevectorEstimator
    from qiskit.quantum_info import SparsePauliOp

    circuit, observable = ansatz(), SparsePauliOp(["ZZI", "IXX"], [1.0, 0.5])
    exact = StatevectorEstimator().run([(circuit, observable, ANGLES[0])]).result()[0].data.evs
    isa = transpile(circuit, backend, seed_transpiler=1)
    pub = (isa, observable.apply_layout(isa.layout), ANGLES[0])
    data = run("estimator", form, "job", backend, [pub], {"resilience_level": level}, precision=0.02)[0].data
    assert data.evs == pytest.approx(exact, abs=max(5 * float(data.stds), 0.1))
