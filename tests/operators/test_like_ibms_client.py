"""The operators refuse everything that IBM's client refuses; the emulator fails it if it is sent anyway."""

from __future__ import annotations

import time

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter

from airflow_provider_qrt.primitives import coerce_estimator_pubs, coerce_pubs

PAIR, UNCOUPLED = (0, 1), (0, 5)
ANGLE = Parameter("theta")


def registers(name, size=1):
    circuit = QuantumCircuit(QuantumRegister(1), ClassicalRegister(size, name), ClassicalRegister(1, "last"))
    circuit.x(0)
    circuit.measure(0, circuit.num_clbits - 1)
    return circuit


def dynamic():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def of(build, width=6, clbits=1):
    circuit = QuantumCircuit(width, clbits)
    build(circuit)
    if clbits:
        circuit.measure(0, 0)
    return circuit


DECOUPLED = {"dynamical_decoupling": {"enable": True}}
SAMPLES = {
    "a register of size 0": (registers("none", 0), None),
    "a register with a space in its name": (registers("a b"), None),
    "a register named by a number": (registers("0"), None),
    "a register named by a keyword": (registers("class"), None),
    "decoupling with if": (dynamic(), DECOUPLED),
    "a fixed angle of rzz": (of(lambda circuit: circuit.rzz(2.0, *PAIR)), None),
    "an angle of rzz by its value": ((of(lambda circuit: circuit.rzz(ANGLE, *PAIR)), [2.0]), None),
    "an angle of rzz by an expression": ((of(lambda circuit: circuit.rzz(2 * ANGLE, *PAIR)), [1.0]), None),
    "an angle of rzz in a sweep": ((of(lambda circuit: circuit.rzz(ANGLE, *PAIR)), {ANGLE: [0.1, -0.1]}), None),
    "too many qubits": (of(lambda circuit: circuit.x(0), width=157), None),
    "a gate that is none of the backend's": (of(lambda circuit: circuit.h(0)), None),
    "qubits that are not coupled": (of(lambda circuit: circuit.cz(*UNCOUPLED)), None),
    "a qubit out of service": (of(lambda circuit: circuit.x(3)), None),
    "measuring a qubit out of service": (of(lambda circuit: circuit.measure(3, 0)), None),
    "a gate out of service": (of(lambda circuit: circuit.cz(1, 2)), None),
}
ESTIMATES = {
    "readout errors learned and not mitigated": (
        (of(lambda circuit: circuit.x(0), clbits=0), "I" * 6),
        {"resilience": {"measure_mitigation": False, "measure_noise_learning": {"num_randomizations": 8}}},
    ),
    "zero-noise extrapolation and cancellation at once": (
        (of(lambda circuit: circuit.x(0), clbits=0), "I" * 6),
        {"resilience": {"zne_mitigation": True, "pec_mitigation": True}},
    ),
    "too few noise factors": (
        (of(lambda circuit: circuit.x(0), clbits=0), "I" * 6),
        {"resilience": {"zne": {"noise_factors": [1], "extrapolator": "linear"}}},
    ),
    "an angle of rzz by its value": ((of(lambda circuit: circuit.rzz(ANGLE, *PAIR), clbits=0), "I" * 6, [2.0]), None),
    "a qubit out of service": ((of(lambda circuit: circuit.x(3), clbits=0), "I" * 6), None),
}


@pytest.fixture
def emulator(emulator):
    emulator.configure(backends={"ibm_fez": {"faulty_qubits": [3], "faulty_gates": [["cz", [1, 2]]]}})
    return emulator


@pytest.fixture
def backend(emulator):
    return emulator.qiskit_service().backend("ibm_fez", use_fractional_gates=None)


@pytest.mark.parametrize("case", SAMPLES)
def test_neither_client_submits_a_sampler_job_that_fails(task, emulator, backend, case):
    from qiskit_ibm_runtime import SamplerV2

    pub, options = SAMPLES[case]
    with pytest.raises(Exception, match=r"."):
        SamplerV2(mode=backend, options=options).run([pub])
    with pytest.raises(Exception, match=r"^(circuits\[0\]|options)"):
        task.run(circuits=[pub], options=options, shots=10)
    assert emulator.jobs() == []


@pytest.mark.parametrize("case", ESTIMATES)
def test_neither_client_submits_an_estimator_job_that_fails(task, emulator, backend, case):
    from qiskit_ibm_runtime import EstimatorV2

    pub, options = ESTIMATES[case]
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {}
    with pytest.raises(Exception, match=r"."):
        EstimatorV2(mode=backend, options=options).run([pub])
    with pytest.raises(Exception, match=r"^(circuits\[0\]|options)"):
        task.run(circuits=[pub], options=options)
    assert emulator.jobs() == []


@pytest.mark.parametrize("case", SAMPLES)
def test_the_emulator_fails_such_a_job(task, emulator, case):
    pub, options = SAMPLES[case]
    params = {"version": 2, "pubs": [coerced.to_json() for coerced in coerce_pubs([pub], shots=5)]}
    status = submitted(emulator, "sampler", {**params, **({"options": options} if options else {})})
    assert status == "Failed"


@pytest.mark.parametrize("case", ["an angle of rzz by its value", "a qubit out of service"])
def test_the_emulator_fails_such_a_job_of_an_estimator(task, emulator, case):
    pub, _ = ESTIMATES[case]
    params = {"version": 2, "pubs": [coerced.to_json() for coerced in coerce_estimator_pubs([pub])]}
    assert submitted(emulator, "estimator", params) == "Failed"


def submitted(emulator, program, params):
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    with QiskitRuntimeHook() as hook:
        job = hook.client.submit_job(program_id=program, backend="ibm_fez", params=params)
        while not (found := hook.client.job(job.id)).status.is_final:
            time.sleep(0.02)
    return found.status


RZZ = "gate rzz(t0) a, b { cx a, b; rz(t0) b; cx a, b; }"
FRACTIONAL = f'OPENQASM 3.0; include "stdgates.inc"; {RZZ} bit c; rzz(0.3) $0, $1; c = measure $0;'


def test_fractional_gates_are_not_twirled(task, emulator):
    twirled = {"twirling": {"enable_gates": True}}
    with pytest.raises(Exception, match=r"rzz on \$0, \$1: .* does not go together with options.twirling.enable_gates"):
        task.run(circuits=FRACTIONAL, options=twirled)
    assert emulator.jobs() == []
    params = {"version": 2, "pubs": [[FRACTIONAL, None, 5]], "options": twirled}
    assert submitted(emulator, "sampler", params) == "Failed"
    assert task.run(circuits=FRACTIONAL, options={"twirling": {"enable_measure": True}})["status"] == "Completed"


def test_fractional_gates_do_not_go_with_an_estimator_that_twirls(task, emulator):
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {}
    circuit = f'OPENQASM 3.0; include "stdgates.inc"; {RZZ} rzz(0.3) $0, $1;'
    for refused in ({"resilience_level": 2}, {"options": {"resilience": {"pec_mitigation": True}}}):
        with pytest.raises(Exception, match="does not go together with"):
            task.run(circuits=circuit, observables="ZZ", **refused)
    assert task.run(circuits=circuit, observables="ZZ", resilience_level=1)["status"] == "Completed"


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("qubit", [0, 1, 3])
def test_circuits_are_transpiled_around_what_is_out_of_service(task, emulator, monkeypatch, tmp_path, level, qubit):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", str(tmp_path / "cache"))
    emulator.configure(backends={"ibm_fez": {"faulty_qubits": [qubit], "faulty_gates": []}})
    ghz = QuantumCircuit(5)
    ghz.h(0)
    for place in range(4):
        ghz.cx(place, place + 1)
    ghz.measure_all()
    value = task.run(circuits=ghz, optimization_level=level, shots=50)
    assert set(value["results"][0]["counts"]) <= {"00000", "11111"}


def test_check_isa_switches_the_look_at_the_calibration_off(task, emulator):
    emulator.clear_requests()
    with pytest.raises(Exception, match="failed"):
        task.run(circuits='OPENQASM 3.0; include "stdgates.inc"; bit c; x $3; c = measure $3;', check_isa=False)
    assert not [one for one in emulator.requests() if one["path"].endswith("/properties")]
