"""IBM's noise learner finds the noise that the emulator makes."""

from __future__ import annotations

import math

import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PAIR = (0, 1)
TWO = {"XX", "XY", "XZ", "YX", "YY", "YZ", "ZX", "ZY", "ZZ"}


@pytest.fixture(scope="module")
def backend():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=3, noise=True) as emulator:
        yield emulator.qiskit_service().backend("ibm_fez")


def layers(backend, pairs=(PAIR,)):
    """The boxes of a layer of cz gates, and of the measurements after it."""
    from qiskit import QuantumCircuit
    from samplomatic import Twirl
    from samplomatic.transpiler import generate_boxing_pass_manager
    from samplomatic.utils import find_unique_box_instructions

    circuit = QuantumCircuit(backend.num_qubits)
    for pair in pairs:
        circuit.cz(*pair)
    circuit.measure_active()
    boxed = generate_boxing_pass_manager(enable_gates=True, enable_measures=True).run(circuit)
    return find_unique_box_instructions(
        boxed, normalize_annotations=lambda annotations: [one for one in annotations if isinstance(one, Twirl)]
    )


def gate_rate(backend, gate, qubits):
    """The Lindblad rate of each Pauli string of a depolarized gate."""
    dimension = 1 << len(qubits)
    chance = backend.properties().gate_error(gate, list(qubits)) * dimension / (dimension - 1)
    # A string's fidelity is exp(-2 * the rates of the strings that it anticommutes with), which are half of all.
    return -math.log(1 - chance) / dimension**2


def by_letters(terms):
    """Rates by the letters on the pair, qubit 0 first."""
    found = {}
    for letters, qubits, rate in terms:
        placed = dict(zip(qubits, letters, strict=True))
        found["".join(placed.get(qubit, "I") for qubit in PAIR)] = rate
    return found


def expected_rates(backend):
    """The rates of a layer: a depolarized cz, and on each qubit the two sx of its random gate before it.

    Only the products of the fidelities of strings that cz turns into each other can be measured. So the learner gives
    both strings the mean of their rates.
    """
    pair = gate_rate(backend, "cz", PAIR)
    first, second = (2 * gate_rate(backend, "sx", [qubit]) for qubit in PAIR)
    return {
        **dict.fromkeys(("XX", "YY", "XY", "YX", "ZZ"), pair),
        **dict.fromkeys(("XI", "XZ", "YI", "YZ"), pair + first / 2),
        **dict.fromkeys(("IX", "ZX", "IY", "ZY"), pair + second / 2),
        "ZI": pair + first,
        "IZ": pair + second,
    }


def test_the_client_side_noise_learner_finds_the_depolarization_of_the_gates_and_the_readout_errors(backend):
    from qiskit_ibm_runtime.executor_noise_learner import NoiseLearnerV3

    options = {"shots_per_randomization": 256, "num_randomizations": 64, "layer_pair_depths": [0, 4, 16, 32]}
    gates, readings = NoiseLearnerV3(backend, options=options).run(layers(backend)).result()
    learned, expected = by_letters(gates.to_pauli_lindblad_map().to_sparse_list()), expected_rates(backend)
    assert set(learned) == set(expected)
    assert sum(learned.values()) == pytest.approx(sum(expected.values()), rel=0.05)
    for letters, rate in expected.items():
        assert learned[letters] == pytest.approx(rate, abs=0.00025), letters
    errors = {letters: rate for letters, _, rate in readings.to_pauli_lindblad_map().to_sparse_list()}
    assert set(errors) == {"X"}
    for _, (qubit,), rate in readings.to_pauli_lindblad_map().to_sparse_list():
        fidelity = 1 - 2 * backend.properties().readout_error(qubit)
        assert math.exp(-2 * rate) == pytest.approx(fidelity, abs=0.01)


def test_without_noise_the_learner_finds_none():
    from qiskit_ibm_runtime.executor_noise_learner import NoiseLearnerV3

    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False) as emulator:
        backend = emulator.qiskit_service().backend("ibm_fez")
        options = {"shots_per_randomization": 16, "num_randomizations": 4, "layer_pair_depths": [0, 2, 4]}
        for found in NoiseLearnerV3(backend, options=options).run(layers(backend)).result():
            assert max(found.to_pauli_lindblad_map().rates) < 1e-9


def test_a_dry_run_of_the_client_side_noise_learner(backend):
    from qiskit_ibm_runtime.executor_noise_learner import NoiseLearnerV3

    options = {"shots_per_randomization": 16, "num_randomizations": 4, "layer_pair_depths": [0, 2, 4]}
    job = NoiseLearnerV3(backend, options=options).run(layers(backend), dry_run=True)
    assert job.backend().is_mock
    job.wait_for_final_state()
    assert job.status() == "DONE"
    # 9 bases at 3 depths, and one circuit for the readout, each 4 times with 16 shots.
    assert job.metrics()["usage"]["qpu_charge_time_seconds"] == pytest.approx(2 + 0.00035 * 28 * 4 * 16, abs=0.5)
