"""``use_fractional_gates``: circuits that are transpiled for ``rx`` and ``rzz`` as well. Against the emulator."""

from __future__ import annotations

import base64
import io
import zlib

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.primitives import InvalidInputError

TURN = (
    'OPENQASM 3.0; include "stdgates.inc"; gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; } '
    "qubit[2] q; bit[2] c; rx(0.7) q[0]; rzz(0.3) q[0], q[1]; rx(0.7) q[1]; c = measure q;"
)
ISING = TURN.replace(" bit[2] c;", "").replace(" c = measure q;", "")
RANDOMIZING = [
    ({"options": {"twirling": {"enable_gates": True}}}, "options.twirling.enable_gates"),
    ({"options": {"twirling": {"enable_gates": True, "group": "pauli"}}}, "options.twirling.enable_gates"),
    ({"options": {"twirling": {"enable_gates": True}}, "program_id": "sampler"}, "options.twirling.enable_gates"),
]
AMPLIFYING = [
    ({"resilience_level": 2}, "resilience_level=2"),
    ({"resilience_level": 2, "program_id": "estimator"}, "resilience_level=2"),
    ({"options": {"twirling": {"enable_gates": True}}}, "options.twirling.enable_gates"),
    ({"options": {"resilience": {"pec_mitigation": True}}, "program_id": "estimator"}, "pec_mitigation"),
    ({"options": {"resilience": {"pec_mitigation": True}}, "noise_model": "learn"}, "pec_mitigation"),
    (
        {"options": {"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}}, "noise_model": "learn"},
        "amplifier='pea'",
    ),
    ({"options": {"resilience": {"zne_mitigation": True}}, "program_id": "executor"}, "does not fold fractional"),
    ({"options": {"twirling": {"group": "local_pauli"}}, "resilience_level": 2, "program_id": "executor"}, "fold"),
]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", str(tmp_path / "circuits"))


@pytest.fixture
def estimate(task):
    task.operator_class = "QiskitRuntimeEstimatorOperator"
    task.defaults = {"circuits": ISING, "observables": "ZZ"}
    return task


def gates(job):
    """The gates of the only circuit of a job."""
    from qiskit import qpy

    http = QiskitRuntimeHook().client._http
    params = http.get_json(f"/jobs/{job['id']}", params={"exclude_params": "false"})["params"]
    program = params.get("quantum_program")
    text = program["circuits"]["b64_data"] if program else params["pubs"][0][0]["__value__"]
    (circuit,) = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(text))))
    return set(circuit.count_ops()) - {"measure", "barrier"}


@pytest.mark.parametrize("program_id", ["executor", "sampler"])
@pytest.mark.parametrize("asked", [True, "true", "{{ params.shots == 33 }}"])
def test_a_circuit_is_transpiled_for_fractional_gates(task, emulator, program_id, asked):
    task.run(circuits=TURN, optimization_level=1, use_fractional_gates=asked, program_id=program_id)
    [job] = emulator.jobs()
    assert gates(job) == {"rx", "rzz"}


def test_without_it_there_are_no_fractional_gates(task, emulator):
    task.run(circuits=TURN, optimization_level=1)
    [job] = emulator.jobs()
    assert gates(job) == {"rz", "sx", "cz"}


def test_estimates_are_made_of_fractional_gates(estimate):
    value = estimate.run(optimization_level=1, use_fractional_gates=True, precision=0.05)
    assert abs(value["results"][0]["evs"] - 0.585) < 0.3


def test_the_backend_must_have_fractional_gates(task, emulator):
    with pytest.raises(AirflowFailException, match="backend ibm_miami has no fractional gates"):
        task.run(circuits=TURN, optimization_level=1, use_fractional_gates=True, backend="ibm_miami")
    assert emulator.jobs() == []


def test_it_is_another_request_and_a_retry_goes_on_with_its_job(task, emulator):
    task.run(circuits=TURN, optimization_level=1)
    emulator.add_fault(method="GET", path="/jobs/*/results", status=403)
    with pytest.raises(AirflowException):
        task.run(circuits=TURN, optimization_level=1, use_fractional_gates=True)
    task.run(circuits=TURN, optimization_level=1, use_fractional_gates=True)
    assert len(emulator.jobs()) == 2


@pytest.mark.parametrize("level", [None, 1])
def test_the_default_leaves_the_identity_of_a_job_as_it_was(task, level):
    program = task.operator(circuits=TURN, optimization_level=level, use_fractional_gates=False).make_program()
    program.build()
    assert "use_fractional_gates" not in program.build().identity


def test_circuits_that_are_sent_as_they_are_stay_the_same_request(task):
    plain, fractional = (
        task.operator(circuits=TURN, use_fractional_gates=asked).make_program().build() for asked in (False, True)
    )
    assert plain == fractional


@pytest.mark.parametrize("level", [None, 1])
@pytest.mark.parametrize(("arguments", "says"), RANDOMIZING)
def test_a_sampler_refuses_it_with_randomized_gates(task, emulator, level, arguments, says):
    with pytest.raises(AirflowFailException, match=says) as caught:
        task.run(circuits=TURN, optimization_level=level, use_fractional_gates=True, **arguments)
    assert "Leave out use_fractional_gates" in str(caught.value)
    assert emulator.jobs() == []


@pytest.mark.parametrize("level", [None, 1])
@pytest.mark.parametrize(("arguments", "says"), AMPLIFYING)
def test_an_estimator_refuses_it_with_what_changes_gates(estimate, emulator, level, arguments, says):
    with pytest.raises(AirflowFailException, match=says) as caught:
        estimate.run(optimization_level=level, use_fractional_gates=True, **arguments)
    assert "Leave out use_fractional_gates" in str(caught.value)
    assert emulator.jobs() == []


@pytest.mark.parametrize(
    "options",
    [
        {"twirling": {"enable_gates": True, "group": "local_pauli"}},
        {"twirling": {"enable_measure": True}},
        {"dynamical_decoupling": {"enable": True}},
    ],
    ids=["local_pauli", "measurements", "decoupling"],
)
def test_what_suits_fractional_gates_goes_through(task, emulator, options):
    value = task.run(
        circuits=TURN, optimization_level=1, use_fractional_gates=True, options=options, program_id="executor"
    )
    assert sum(value["results"][0]["counts"].values()) >= 20


def test_zero_noise_extrapolation_goes_to_the_servers_estimator(estimate, emulator):
    options = {"resilience": {"zne_mitigation": True}}
    value = estimate.run(optimization_level=1, use_fractional_gates=True, options=options)
    assert value["program_id"] == "estimator"


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "object"])
def test_rzz_that_is_sent_as_it_is_does_not_go_with_zne_over_the_executor(estimate, emulator, as_text):
    """IBM's client would leave it as it is in each of the circuits that are to have more and more noise."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2)
    circuit.rzz(0.3, 0, 1)
    options = {"resilience": {"zne_mitigation": True}}
    given = ISING if as_text else circuit
    with pytest.raises(AirflowFailException, match="the circuit has the gate rzz"):
        estimate.run(circuits=given, options=options, program_id="executor")
    assert emulator.jobs() == []
    assert estimate.run(circuits=given, options=options)["program_id"] == "estimator"


def test_a_noise_learner_refuses_it(task, emulator):
    task.operator_class, task.operator_module = "QiskitRuntimeNoiseLearnerOperator", "noise_learner"
    task.defaults = {"circuits": ISING}
    with pytest.raises(AirflowFailException, match="which do not go together with fractional gates"):
        task.run(optimization_level=1, use_fractional_gates=True)
    assert emulator.jobs() == []


@pytest.mark.parametrize("wrong", ["perhaps", 1, None])
def test_anything_but_a_flag_is_refused_when_the_dag_is_read(task, wrong):
    with pytest.raises(InvalidInputError, match="use_fractional_gates: expected True or False"):
        task.operator(use_fractional_gates=wrong)
