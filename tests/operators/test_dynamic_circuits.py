"""Control flow, measurements in the middle, delays, stretches and boxes, over both programs. Against the emulator."""

from __future__ import annotations

import sys

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
FEEDBACK = f"{HEAD}bit[2] c; x $0; c[0] = measure $0; if (c[0]) {{ x $1; }} c[1] = measure $1;"
TWO_BITS = f"{HEAD}bit[2] c; bit[1] d; x $0; c[0] = measure $0; c[1] = measure $1; "
LOOP = f"{HEAD}bit[1] c; x $0; c[0] = measure $0; while (c[0]) {{ x $0; c[0] = measure $0; }}"
STRETCH = (
    f"{HEAD}bit[1] c; stretch a; barrier $0, $1; x $0; delay[a] $0; x $0; delay[2*a + 40dt] $0; x $0; barrier $0, $1; "
    "c[0] = measure $0;"
)
SWITCH = f"{TWO_BITS}switch (c) {{ case 1, 2 {{ x $2; }} default {{ }} }} d[0] = measure $2;"
BOX = f"{HEAD}bit[1] c; box {{ x $0; }} c[0] = measure $0;"
SINGLE_BITS = (
    f"{HEAD}bit d; bit a; bit b; x $0; x $1; a = measure $0; b = measure $1; if (a) {{ if (b) {{ x $2; x $2; }} }} "
    "if (b == 0) { x $2; } d = measure $2;"
)
TEXTS = {
    "if": (FEEDBACK, "11"),
    "else": (FEEDBACK.replace("if (c[0]) { x $1; }", "if (c[0] == 0) { } else { x $1; }"), "11"),
    "if of a register": (f"{TWO_BITS}if (c == 1) {{ x $2; }} d[0] = measure $2;", "101"),
    "and": (f"{TWO_BITS}if (c[0] && !c[1]) {{ x $2; }} d[0] = measure $2;", "101"),
    "or": (f"{TWO_BITS}if (c[1] || c != 1) {{ }} else {{ x $2; }} d[0] = measure $2;", "101"),
    "if inside an if": (f"{TWO_BITS}if (c[0]) {{ if (c != 3) {{ x $2; }} }} d[0] = measure $2;", "101"),
    "if of single bits": (SINGLE_BITS, "110"),
    "for": (f"{HEAD}bit[1] c; for int i in [0:2] {{ x $0; }} c[0] = measure $0;", "1"),
    "for of a set": (f"{HEAD}bit[1] c; for uint i in {{0, 2, 4}} {{ x $0; }} c[0] = measure $0;", "1"),
    "switch": (SWITCH, "101"),
    "switch of a number": (SWITCH.replace("(c)", "(int(c))"), "101"),
    "switch of a bit": (SWITCH.replace("(c)", "(c[0])").replace("1, 2", "1"), "101"),
    "default": (SWITCH.replace("1, 2 { x $2; } default { }", "0 { } default { x $2; }"), "101"),
    "reset": (f"{HEAD}bit[2] c; x $0; c[0] = measure $0; reset $0; c[1] = measure $0;", "01"),
    "measurement twice": (f"{HEAD}bit[2] c; x $0; c[0] = measure $0; x $0; c[1] = measure $0;", "01"),
    "delay in ns": (f"{HEAD}bit[1] c; x $0; delay[100ns] $0; c[0] = measure $0;", "1"),
    "delay in dt": (f"{HEAD}bit[1] c; x $0; delay[100dt] $0; c[0] = measure $0;", "1"),
    "duration": (f"{HEAD}const duration d = 100ns; bit[1] c; x $0; delay[2*d] $0; c[0] = measure $0;", "1"),
    "delay in a branch": (FEEDBACK.replace("x $1;", "delay[100dt] $1; x $1;"), "11"),
    "stretch": (STRETCH, "1"),
}


def feedback():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 0)) as otherwise:
        circuit.sx(1)
    with otherwise:
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit, "11"


def loop():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(3)):
        circuit.x(0)
    circuit.measure(0, 0)
    return circuit, "1"


def switch():
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    bits, last = ClassicalRegister(2, "c"), ClassicalRegister(1, "d")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), bits, last)
    circuit.x(0)
    circuit.measure([0, 1], bits)
    with circuit.switch(bits) as case:
        with case(1):
            circuit.x(2)
        with case(case.DEFAULT):
            pass
    circuit.measure(2, last[0])
    return circuit, "101"


def reset():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.reset(0)
    circuit.measure(0, 1)
    return circuit, "01"


def delay():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(100, 0, "ns")
    circuit.delay(100, 0, "dt")
    circuit.measure(0, 0)
    return circuit, "1"


def stretch():
    from qiskit import QuantumCircuit
    from qiskit.circuit.classical import expr

    circuit = QuantumCircuit(2, 1)
    length = circuit.add_stretch("a")
    circuit.barrier()
    circuit.x(0)
    circuit.delay(expr.mul(2, length), 0)
    circuit.barrier()
    circuit.measure(0, 0)
    return circuit, "1"


def with_a_stretch():
    """A circuit for an estimator."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2)
    length = circuit.add_stretch("a")
    circuit.x(0)
    circuit.delay(length, 0)
    circuit.barrier()
    return circuit


def box():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    with circuit.box(duration=200, unit="ns"):
        circuit.x(0)
    circuit.measure(0, 0)
    return circuit, "1"


def forever():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.measure(0, 0)
    return circuit, "0"


OBJECTS = (feedback, loop, switch, reset, delay, stretch)
DECOUPLED = {"dynamical_decoupling": {"enable": True}}
TWIRLED = {"twirling": {"enable_gates": True}}


def refused(task, emulator, says, **arguments):
    with pytest.raises(AirflowFailException, match=says) as caught:
        task.run(**arguments)
    assert emulator.jobs() == []
    return str(caught.value)


# As they are


@pytest.mark.parametrize("program_id", ["executor", "sampler"])
@pytest.mark.parametrize(("text", "bits"), TEXTS.values(), ids=TEXTS)
def test_a_text_runs_as_it_is_without_qiskit(task, monkeypatch, program_id, text, bits):
    for module in ("qiskit", "qiskit_ibm_runtime", "qiskit_qasm3_import"):
        monkeypatch.setitem(sys.modules, module, None)
    value = task.run(circuits=text, program_id=program_id)
    assert value["program_id"] == program_id
    assert value["results"][0]["counts"] == {bits: 20}


@pytest.mark.parametrize("program_id", ["executor", "sampler"])
@pytest.mark.parametrize("make", OBJECTS)
def test_a_quantum_circuit_runs_as_it_is(task, program_id, make):
    circuit, bits = make()
    value = task.run(circuits=circuit, program_id=program_id)
    assert value["results"][0]["counts"] == {bits: 20}


@pytest.mark.parametrize("make", [feedback, loop, switch, reset, delay, stretch])
def test_a_quantum_circuit_is_transpiled(task, make):
    circuit, bits = make()
    value = task.run(circuits=circuit, optimization_level=1)
    assert value["results"][0]["counts"] == {bits: 20}


@pytest.mark.parametrize("name", ["if", "else", "if of single bits", "for", "reset", "delay in ns"])
def test_a_text_is_transpiled(task, name):
    text, bits = TEXTS[name]
    value = task.run(circuits=text, optimization_level=1)
    assert value["results"][0]["counts"] == {bits: 20}


# Boxes


@pytest.mark.parametrize("circuit", [BOX, BOX.replace("box", "box[200ns]"), box], ids=["text", "timed", "object"])
def test_a_box_runs_over_the_servers_program(task, circuit):
    value = task.run(circuits=circuit()[0] if callable(circuit) else circuit)
    assert value["program_id"] == "sampler"
    assert value["results"][0]["counts"] == {"1": 20}


@pytest.mark.parametrize("circuit", [BOX, box], ids=["text", "object"])
def test_the_executor_refuses_a_box(task, emulator, circuit):
    given = circuit()[0] if callable(circuit) else circuit
    refused(task, emulator, "takes only from programs that twirl", circuits=given, program_id="executor")


# What the backend does not have


@pytest.mark.parametrize("program_id", ["executor", "sampler"])
@pytest.mark.parametrize(
    ("circuit", "backend", "word"),
    [
        (LOOP, "ibm_fez", "while"),
        (forever, "ibm_fez", "while"),
        (TEXTS["for"][0], "ibm_boston", "for"),
        (loop, "ibm_boston", "for"),
        (SWITCH, "ibm_boston", "switch"),
        (switch, "ibm_boston", "switch"),
        (FEEDBACK, "ibm_miami", "if"),
        (feedback, "ibm_miami", "if"),
    ],
)
def test_control_flow_that_a_backend_does_not_list_is_refused(task, emulator, program_id, circuit, backend, word):
    given = circuit()[0] if callable(circuit) else circuit
    message = refused(
        task,
        emulator,
        f"{backend} does not support '{word}'. Transpiling does not change that",
        circuits=given,
        backend=backend,
        program_id=program_id,
    )
    assert "in supported_instructions" in message


@pytest.mark.parametrize("text", [LOOP, SWITCH.replace("$2", "$1")], ids=["while", "switch"])
def test_the_service_does_not_run_it_either(task, text):
    with pytest.raises(AirflowFailException, match="7000"):
        task.run(circuits=text, check_isa=False, backend="ibm_boston")


# With decoupling and twirling


@pytest.mark.parametrize("program_id", ["auto", "executor", "sampler"])
@pytest.mark.parametrize("circuit", [FEEDBACK, feedback], ids=["text", "object"])
def test_circuits_with_control_flow_are_not_decoupled(task, emulator, program_id, circuit):
    given = circuit()[0] if callable(circuit) else circuit
    refused(task, emulator, "Switch decoupling off", circuits=given, options=DECOUPLED, program_id=program_id)


@pytest.mark.parametrize("circuit", [STRETCH, stretch], ids=["text", "object"])
def test_circuits_with_a_stretch_are_not_decoupled_over_the_executor(task, emulator, circuit):
    given = circuit()[0] if callable(circuit) else circuit
    refused(task, emulator, "the circuit has a stretch", circuits=given, options=DECOUPLED, program_id="executor")
    assert task.run(circuits=given, options=DECOUPLED)["program_id"] == "sampler"


@pytest.mark.parametrize("circuit", [FEEDBACK, feedback], ids=["text", "object"])
def test_circuits_with_control_flow_are_twirled_by_the_servers_program(task, emulator, circuit):
    given = circuit()[0] if callable(circuit) else circuit
    refused(task, emulator, "Switch twirling off", circuits=given, options=TWIRLED, program_id="executor")
    assert task.run(circuits=given, options=TWIRLED)["program_id"] == "sampler"


def test_a_text_that_qiskit_cannot_read_is_twirled_by_the_servers_program(task, emulator):
    refused(task, emulator, "Give a QuantumCircuit", circuits=STRETCH, options=TWIRLED, program_id="executor")
    assert task.run(circuits=STRETCH, options=TWIRLED)["program_id"] == "sampler"


@pytest.mark.parametrize(
    ("make", "options"),
    [(reset, DECOUPLED), (reset, TWIRLED), (delay, DECOUPLED), (delay, TWIRLED), (stretch, TWIRLED)],
)
def test_circuits_without_control_flow_are_prepared_for_the_executor(task, make, options):
    circuit, bits = make()
    value = task.run(circuits=circuit, options=options, program_id="executor")
    counts = value["results"][0]["counts"]
    assert set(counts) == {bits}


@pytest.mark.parametrize("text", ["switch", "duration", "stretch"])
def test_a_text_that_qiskit_cannot_read_is_not_transpiled(task, emulator, text):
    refused(task, emulator, "or give a QuantumCircuit", circuits=TEXTS[text][0], optimization_level=1)


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "object"])
def test_an_estimator_of_a_circuit_with_a_stretch_is_the_servers(task, emulator, as_text):
    task.operator_class = "QiskitRuntimeEstimatorOperator"
    text = f"{HEAD}stretch a; x $0; delay[a] $0; barrier $0, $1;"
    task.defaults = {"circuits": text if as_text else with_a_stretch(), "observables": "ZZ"}
    refused(task, emulator, "IBM's client does not take in an estimator", program_id="executor")
    value = task.run()
    assert (value["program_id"], value["results"][0]["evs"]) == ("estimator", -1)


# Metadata


def test_timing_and_stretch_values_reach_xcom(task, emulator):
    """The emulator does not compute them, so its answer is completed here."""
    task.run(circuits=STRETCH, program_id="executor")
    [job] = emulator.jobs()
    result = QiskitRuntimeHook().client._http.get_json(f"/jobs/{job['id']}/results")
    timing = {"timing": "main,barrier,Qubit 0,0,4,barrier", "circuit_duration": 1_600}
    lengths = [{"name": "a", "value": 8, "remainder": 4, "expanded_values": [[20, 8], [40, 16]]}]
    result["data"][0]["metadata"] = {"scheduler_timing": timing, "stretch_values": lengths}
    emulator.add_fault(method="GET", path="/jobs/*/results", status=200, body=result)
    task.clear()
    value = task.run(
        circuits=STRETCH,
        program_id="executor",
        options={"execution": {"scheduler_timing": True, "stretch_values": True}},
    )
    assert value["results"][0]["metadata"]["compilation"] == {"scheduler_timing": timing, "stretch_values": lengths}


def test_the_server_program_has_no_such_metadata(task, emulator):
    refused(
        task,
        emulator,
        "options.execution.stretch_values",
        circuits=STRETCH,
        program_id="sampler",
        options={"execution": {"stretch_values": True}},
    )
