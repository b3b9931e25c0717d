"""The input of version 1 of the primitives."""

import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from airflow_provider_qrt.primitives import (
    InvalidInputError,
    coerce_v1_circuits,
    coerce_v1_estimates,
    estimator_v1_params,
    largest_quasi_dists_bytes,
    sampler_v1_params,
)
from airflow_provider_qrt.primitives.circuits.qpy import dump_circuit

OLD = '\nOPENQASM 3;\ninclude "stdgates.inc";\nqreg q[1];\ncreg c[1];\nx q[0];\nc[0] = measure q[0]; \n'
"""As people wrote it then."""
TWO = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
BARE = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];'
INPUT = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; qubit q; bit[1] c; rx(theta) q; c[0] = measure q;'


def bell():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit


# The sampler


def test_a_sampler_is_sent_circuits_and_nothing_that_was_not_asked_for():
    assert sampler_v1_params(OLD) == {"circuits": [OLD]}
    assert sampler_v1_params([OLD] * 5) == {"circuits": [OLD] * 5}


def test_shots_are_those_of_the_job():
    assert sampler_v1_params([OLD, TWO], shots=100) == {"circuits": [OLD, TWO], "run_options": {"shots": 100}}
    assert sampler_v1_params([(OLD, None, 7), (OLD, None, 7)])["run_options"] == {"shots": 7}
    assert sampler_v1_params([(OLD, None, 7), OLD], shots=7)["run_options"] == {"shots": 7}


@pytest.mark.parametrize("circuits", [[(OLD, None, 7), (OLD, None, 8)], [(OLD, None, 7), OLD]])
def test_circuits_that_differ_in_shots_are_refused(circuits):
    with pytest.raises(InvalidInputError, match=r"circuits\[1\]: asks for .* and circuits\[0\] for 7 shots; version 1"):
        sampler_v1_params(circuits)


def test_a_quantum_circuit_is_sent_as_text():
    circuit = bell()
    circuit.measure_all()
    (text,) = sampler_v1_params(circuit)["circuits"]
    again = qasm3.loads(text)
    assert dict(again.count_ops()) == dict(circuit.count_ops())
    assert sampler_v1_params(coerce_v1_circuits(circuit)) == {"circuits": [text]}


@pytest.mark.parametrize("values", [{"theta": 0.5}, {"theta": [0.1, 0.2]}, [0.5]])
def test_sweeps_are_refused_with_what_to_do(values):
    with pytest.raises(InvalidInputError, match=r"circuits\[0\]: the circuit has the inputs theta.*assign_parameters"):
        sampler_v1_params((INPUT, values))


def test_values_for_a_circuit_without_inputs_are_refused_too():
    with pytest.raises(
        InvalidInputError, match=r"circuits\[1\]: the PUB has parameter values.*neither inputs nor sweeps"
    ):
        sampler_v1_params([OLD, (OLD, {"theta": 1.0})])


def test_a_quantum_circuit_with_parameters_is_refused():
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("phi"), 0)
    circuit.measure(0, 0)
    with pytest.raises(InvalidInputError, match="the inputs phi"):
        sampler_v1_params(circuit)


def test_qpy_is_refused_with_what_to_do():
    circuit = bell()
    circuit.measure_all()
    with pytest.raises(InvalidInputError, match=r"takes circuits as OpenQASM 3 text.*qiskit\.qpy\.load"):
        sampler_v1_params(dump_circuit(circuit, ""))


@pytest.mark.parametrize(
    ("circuits", "said"),
    [
        ([], "the list is empty"),
        ([3], r"circuits\[0\]: expected OpenQASM 3 text"),
        (OLD.replace("c[0] = measure q[0];", ""), "no measurement is written"),
        ((OLD, None, 0), r"circuits\[0\]: shots: expected a whole number"),
        ("bell.qasm", "looks like the name of a file"),
    ],
)
def test_what_version_2_would_refuse_is_refused(circuits, said):
    with pytest.raises(InvalidInputError, match=said):
        sampler_v1_params(circuits)


def test_options_go_beside_the_circuits():
    options = {"run_options": {"init_qubits": False}, "resilience_settings": {"level": 1}, "transpilation_settings": {}}
    assert sampler_v1_params(OLD, shots=9, options=options) == {
        "circuits": [OLD],
        "run_options": {"init_qubits": False, "shots": 9},
        "resilience_settings": {"level": 1},
        "transpilation_settings": {},
    }
    assert options["run_options"] == {"init_qubits": False}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"twirling": {}}, r"options\.twirling: .*belongs to version 2"),
        ({"default_shots": 5}, r"options\.default_shots: .*write shots on the task"),
        ({"run_option": {}}, r"options\.run_option: unknown; did you mean 'run_options'"),
        ({"run_options": 5}, r"options\.run_options: expected a mapping"),
        ({"run_options": {"shots": 5}}, r"options\.run_options\.shots: 5 here and 9 as an argument of the task"),
    ],
)
def test_options_of_version_2_and_misspelt_ones_are_refused(options, said):
    with pytest.raises(InvalidInputError, match=said):
        sampler_v1_params(OLD, shots=9, options=options)


def test_the_largest_result_has_as_many_outcomes_as_shots_or_bitstrings():
    few, many = coerce_v1_circuits([OLD]), coerce_v1_circuits([TWO.replace("[2]", "[60]")], shots=1000)
    assert largest_quasi_dists_bytes(few) == 2 * (1 + 30)
    assert largest_quasi_dists_bytes(many) == 1000 * (len(str(2**60)) + 30)
    assert largest_quasi_dists_bytes(coerce_v1_circuits([TWO.replace("[2]", "[60]")]), default_shots=10) == 10 * 49


# The estimator


def test_an_estimator_is_sent_circuits_and_a_pauli_string_for_each():
    assert estimator_v1_params((BARE, "ZZ")) == {"circuits": [BARE], "observables": ["ZZ"]}
    assert estimator_v1_params([BARE, (BARE, "X0")], observables="ZZ") == {
        "circuits": [BARE, BARE],
        "observables": ["ZZ", "IX"],
    }
    params = estimator_v1_params((bell(), SparsePauliOp("XX")), options={"run_options": {"shots": 50}})
    assert (params["observables"], params["run_options"]) == (["XX"], {"shots": 50})
    assert params["circuits"][0].startswith("OPENQASM 3")


def test_the_level_goes_into_its_settings():
    assert estimator_v1_params((BARE, "ZZ"), resilience_level=1)["resilience_settings"] == {"level": 1}
    with pytest.raises(InvalidInputError, match="expected 0, 1 or 2"):
        estimator_v1_params((BARE, "ZZ"), resilience_level=3)


@pytest.mark.parametrize(
    ("circuits", "said"),
    [
        ((BARE, {"ZZ": 0.5}), "a weighted sum; version 1 of the estimator"),
        ((BARE, {"ZZ": 1.0, "XX": 1.0}), "a weighted sum"),
        ((BARE, ["ZZ", "XX"]), r"an array of observables; .*circuits=\[\(circuit, 'ZZ'\), \(circuit, 'XX'\)\]"),
        ((BARE, "ZZ", None, 0.1), r"circuits\[0\]: version 1 of the estimator takes shots and no precision"),
        ((BARE, "ZZZ"), "has 3 letters"),
        (BARE, "there is nothing to measure"),
        ((TWO, "ZZ"), "the circuit measures"),
        ((INPUT.replace("c[0] = measure q;", ""), "Z", {"theta": 1}), "has the inputs theta"),
    ],
)
def test_what_version_1_of_the_estimator_does_not_know_is_refused(circuits, said):
    with pytest.raises(InvalidInputError, match=said):
        coerce_v1_estimates(circuits)
