"""Circuits and options that are valid separately but fail together."""

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from airflow_provider_qrt.primitives import (
    InvalidInputError,
    check_estimator_options,
    coerce_pubs,
    estimator_params,
    executor_params,
    gate_randomizer,
    sampler_params,
)

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '


def with_register(name, size=1):
    circuit = QuantumCircuit(QuantumRegister(1), ClassicalRegister(size, name), ClassicalRegister(1, "last"))
    circuit.measure(0, circuit.num_clbits - 1)
    return circuit


@pytest.mark.parametrize("name", ["class", "from", "None", "lambda"])
def test_registers_named_like_keywords_of_python_are_refused(name):
    message = rf"^circuits\[1\]: the classical register '{name}' has the name of a Python keyword.*{name}_"
    for circuit in (with_register(name), f"{HEAD}bit[1] {name}; {name}[0] = measure $0;"):
        with pytest.raises(InvalidInputError, match=message):
            sampler_params([with_register("good"), circuit])


@pytest.mark.parametrize("name", ["a b", "0", "a-b", "a.b", ""])
def test_registers_without_an_identifier_for_a_name_are_refused(name):
    with pytest.raises(InvalidInputError, match="a name that is not an identifier"):
        sampler_params(with_register(name))


def test_empty_registers_are_refused():
    for circuit in (with_register("none", 0), f"{HEAD}bit[0] none; bit c; c = measure $0;"):
        with pytest.raises(InvalidInputError, match="the classical register 'none' has no bits"):
            sampler_params(circuit)


@pytest.mark.parametrize("name", ["c", "C", "_c", "ψ", "size", "match", "esc_C"])
def test_other_registers_are_taken(name):
    sampler_params([with_register(name), f"{HEAD}bit[1] {name}; {name}[0] = measure $0;"])


def dynamic():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


LOOPS = [
    "if (c[0]) { x $1; }",
    "for int i in [0:2] { x $1; }",
    "while (c[0]) { x $1; c[0] = measure $1; }",
    "box { x $1; }",
]
DECOUPLED = {"dynamical_decoupling": {"enable": True}}


@pytest.mark.parametrize("flow", [*LOOPS, None])
def test_decoupling_does_not_go_with_control_flow(flow):
    circuit = dynamic() if flow is None else f"{HEAD}bit[2] c; c[0] = measure $0; {flow}"
    with pytest.raises(InvalidInputError, match=r"^circuits\[0\]: the circuit has control flow .*dynamical_decoupling"):
        sampler_params(circuit, options=DECOUPLED)
    sampler_params(circuit, options={"dynamical_decoupling": {"enable": False, "sequence_type": "XX"}})
    sampler_params(circuit)
    with pytest.raises(InvalidInputError, match="control flow"):
        estimator_params((f"{HEAD}bit[2] c; {LOOPS[0]}", "ZZ"), options=DECOUPLED)


def test_words_of_control_flow_in_comments_and_names_are_none():
    text = f"{HEAD}bit[1] iff; // if this for while\n/* switch */ x $0; iff[0] = measure $0;"
    sampler_params(text, options=DECOUPLED)


def test_boxes_do_not_go_over_the_executor():
    text = f"{HEAD}bit c; box {{ x $0; }} c = measure $0;"
    with pytest.raises(InvalidInputError, match=r"^circuits\[0\]: the circuit has a box"):
        executor_params(text)
    sampler_params(text)


def test_readout_errors_that_are_not_mitigated_are_not_learned():
    learning = {"measure_noise_learning": {"num_randomizations": 8}}
    for mitigated in ({}, {"measure_mitigation": False}):
        with pytest.raises(
            InvalidInputError, match=r"^options.resilience.measure_noise_learning: .*measure_mitigation"
        ):
            check_estimator_options({"resilience": {**learning, **mitigated}})
    check_estimator_options({"resilience": {**learning, "measure_mitigation": True}})
    check_estimator_options({"resilience": {"measure_noise_learning": {}, "measure_mitigation": False}})


@pytest.mark.parametrize(
    ("options", "level", "found"),
    [
        ({}, None, None),
        ({}, 1, None),
        ({}, 2, "resilience_level=2"),
        ({"twirling": {"enable_gates": False}}, 2, None),
        ({"twirling": {"enable_gates": True}}, None, "options.twirling.enable_gates"),
        ({"twirling": {"enable_measure": True}}, None, None),
        ({"resilience": {"pec_mitigation": True}}, None, "options.resilience.pec_mitigation"),
        ({"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}}, 0, "amplifier"),
        ({"resilience": {"zne_mitigation": False, "zne": {"amplifier": "pea"}}}, 0, None),
    ],
)
def test_options_that_randomize_gates_are_known(options, level, found):
    by = gate_randomizer(options, resilience_level=level)
    assert by is found is None or found in by


def test_a_byte_order_mark_is_not_sent():
    [pub] = coerce_pubs("\ufeff" + HEAD + "bit c; c = measure $0;")
    assert pub.circuit.startswith("OPENQASM")
    [pub] = coerce_pubs("\ufeff" + HEAD + "bit c; c = measure $0;" + " " * 260_000)
    assert pub.circuit.startswith("OPENQASM")
