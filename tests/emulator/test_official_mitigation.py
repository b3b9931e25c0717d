"""IBM's client-side error mitigation brings the values of a noisy emulated machine nearer to the exact ones."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LAYERS = 8
PRECISION = 0.01
LEARNING = {"layer_pair_depths": [0, 4, 16, 32]}
FACTORS = [1, 1.5, 2, 2.5, 3]


@pytest.fixture(scope="module")
def backend():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=9, noise=True) as emulator:
        yield emulator.qiskit_service().backend("ibm_fez")


@pytest.fixture(scope="module")
def problem(backend):
    """A circuit on three qubits, three observables, and the exact values of these."""
    from qiskit import QuantumCircuit, transpile
    from qiskit.primitives import StatevectorEstimator
    from qiskit.quantum_info import SparsePauliOp

    circuit = QuantumCircuit(3)
    circuit.rx(0.4, range(3))
    for _ in range(LAYERS):
        circuit.cz(0, 1)
        circuit.cz(1, 2)
        circuit.rz(0.1, range(3))
    observables = [SparsePauliOp("IZZ"), SparsePauliOp("ZZI"), SparsePauliOp(["IIZ", "ZZZ"], [0.5, 0.5])]
    exact = StatevectorEstimator().run([(circuit, observables)]).result()[0].data.evs
    # The gates cancel in part, so nothing may be optimized away.
    isa = transpile(circuit, backend, initial_layout=[0, 1, 2], optimization_level=0)
    return (isa, [one.apply_layout(isa.layout) for one in observables]), exact


def estimator(backend, **resilience):
    from qiskit_ibm_runtime.executor_estimator import Estimator

    twirling = {"enable_gates": True, "num_randomizations": 400, "shots_per_randomization": 64}
    options = {"resilience_level": 1, "resilience": resilience, "twirling": twirling}
    return Estimator(backend, options=options)


@pytest.fixture(scope="module")
def raw_error(backend, problem):
    pub, exact = problem
    error = mean_error(estimator(backend).run([pub], precision=PRECISION).result()[0].data.evs, exact)
    # There is something to mitigate.
    assert error > 0.1
    return error


def mean_error(values, exact):
    return float(np.abs(values - exact).mean())


@pytest.fixture(scope="module")
def noise(backend, problem):
    """The layers of the circuit, and the noise that the client's learner finds in them."""
    from qiskit_ibm_runtime.executor_noise_learner import NoiseLearnerV3

    pub, _ = problem
    layers = estimator(backend, pec_mitigation=True).find_unique_layers([pub])
    found = NoiseLearnerV3(backend, options=LEARNING).run(layers).result()
    return list(zip(layers, found.to_pauli_lindblad_maps(), strict=True))


def test_zero_noise_extrapolation_with_folded_gates(backend, problem, raw_error):
    pub, exact = problem
    chosen = estimator(backend, zne_mitigation=True, zne={"noise_factors": FACTORS})
    data = chosen.run([pub], precision=PRECISION).result()[0].data
    assert mean_error(data.evs, exact) < 0.5 * raw_error
    assert data.evs_noise_factors.shape == (3, len(FACTORS))
    # Values fall as noise grows.
    assert (data.evs_noise_factors[:, 0] > data.evs_noise_factors[:, -1]).all()


def test_probabilistic_error_amplification_with_a_learned_noise(backend, problem, raw_error, noise):
    pub, exact = problem
    zne = {"noise_factors": FACTORS, "amplifier": "pea"}
    chosen = estimator(backend, zne_mitigation=True, zne=zne, layer_noise_model=noise)
    data = chosen.run([pub], precision=PRECISION).result()[0].data
    assert mean_error(data.evs, exact) < 0.5 * raw_error
    assert (data.evs_noise_factors[:, 0] > data.evs_noise_factors[:, -1]).all()


def test_probabilistic_error_cancellation_with_a_learned_noise(backend, problem, raw_error, noise):
    pub, exact = problem
    chosen = estimator(backend, pec_mitigation=True, layer_noise_model=noise)
    data = chosen.run([pub], precision=PRECISION).result()[0].data
    assert mean_error(data.evs, exact) < 0.5 * raw_error
