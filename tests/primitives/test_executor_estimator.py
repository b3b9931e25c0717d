"""An estimator's input through the program executor: sent programs, refused input, and results of other programs."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict
from qiskit import QuantumCircuit

from airflow_provider_qrt.primitives import (
    InvalidInputError,
    InvalidResultError,
    check_executor_estimator_options,
    coerce_estimator_pubs,
    decode_executor_estimates,
    executor_estimator_identity,
    prepare_executor_estimator,
)
from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.inputs.official_program import needs_backend
from airflow_provider_qrt.primitives.qiskit_needed import QiskitMissingError

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
FLIP = HEAD + "x $0;"
IDLE = HEAD + "sx $0; cz $0, $1; sx $0; sx $0; sx $0; sx $0; sx $0; sx $0; cz $0, $1;"
EVERYTHING = {
    "default_precision": 0.01,
    "default_shots": 100,
    "dynamical_decoupling": {
        "enable": False,
        "sequence_type": "XpXm",
        "extra_slack_distribution": "edges",
        "scheduling_method": "asap",
        "skip_reset_qubits": False,
    },
    "execution": {"init_qubits": True, "rep_delay": 0.00025, "scheduler_timing": True, "stretch_values": True},
    "twirling": {
        "enable_gates": True,
        "enable_measure": True,
        "group": "local_c1",
        "num_randomizations": "auto",
        "shots_per_randomization": 64,
        "strategy": "active-circuit",
    },
    "resilience": {
        "measure_mitigation": True,
        "measure_noise_learning": {"num_randomizations": "auto"},
        "zne_mitigation": True,
        "zne": {
            "amplifier": "gate_folding_back",
            "noise_factors": [1, 1.5, 2, 3],
            "extrapolator": ["double_exponential", "linear"],
            "extrapolated_noise_factors": [0, 0.5],
        },
        "pec_mitigation": False,
        "pec": {"max_overhead": None, "noise_gain": "auto"},
    },
    "experimental": {"anything": {"goes": [1]}},
}
NOT_OURS = {
    (): {"simulator", "environment", "resilience_level", "max_execution_time"},
    ("resilience",): {"layer_noise_model"},
}
"""Other options in the official client's model: arguments of the operator, simulator options, and Python objects."""


def prepare(circuits=FLIP, observables="Z", precision=0.1, **more):
    return prepare_executor_estimator(
        coerce_estimator_pubs(circuits, observables=observables, precision=precision), **more
    )


def program_of(prepared):
    """The program and its options as the official client reads them."""
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import quantum_program_from_2_0

    return quantum_program_from_2_0(ParamsModel.model_validate(json.loads(json.dumps(prepared.params))))


@pytest.fixture(scope="module")
def fez():
    from qiskit_ibm_runtime.fake_provider import FakeFez

    backend = FakeFez()
    described = [
        json.loads((Path(backend.dirname) / name).read_text())
        for name in (backend.conf_filename, backend.props_filename)
    ]
    return BackendSnapshot("ibm_fez", *described)


# What is sent


def test_the_program_passes_ibms_schema_and_claims_no_role_of_ibms_clients():
    prepared = prepare([(FLIP, "Z"), (FLIP, ["X", "Y"])])
    program, _ = program_of(prepared)
    # Each circuit, and the calibration of the readout.
    assert len(program.items) == 3
    assert prepared.params["quantum_program"]["semantic_role"] is None
    assert program.passthrough_data["post_processor"]["num_pubs"] == 2


@pytest.mark.parametrize(
    ("more", "executions"),
    [
        ({"resilience_level": 0}, 100),
        # Two randomizations of 64, for the circuit and for the readout.
        ({"resilience_level": 1}, 2 * 2 * 64),
        ({"resilience_level": None}, 2 * 2 * 64),
        # Three noise factors.
        ({"resilience_level": 2}, 2 * 64 * (3 + 1)),
        ({"options": {"default_shots": 10}, "resilience_level": 0}, 100),
        ({"options": {"default_shots": 10}, "resilience_level": 0, "precision": None}, 10),
        ({"options": {"default_precision": 0.5}, "resilience_level": 0, "precision": None}, 4),
        ({"resilience_level": 0, "precision": None}, 4096),
    ],
)
def test_executions_are_counted_as_they_will_be_run(more, executions):
    prepared = prepare(**more)
    program, _ = program_of(prepared)
    assert prepared.executions == executions == program.shots * sum(item.size() for item in program.items)


def test_options_reach_the_executor_and_the_post_processing():
    prepared = prepare(options=EVERYTHING)
    assert prepared.params["options"] == {**EVERYTHING["execution"], "experimental": EVERYTHING["experimental"]}
    asked = prepared.params["quantum_program"]["passthrough_data"]["post_processor"]["options"]
    assert asked["twirling"] == EVERYTHING["twirling"]
    assert asked["resilience"]["zne"] == EVERYTHING["resilience"]["zne"]


def test_decoupling_fills_idle_times_with_pulses_of_the_backends_timing(fez):
    def names(decoupled):
        options = {"dynamical_decoupling": {"enable": decoupled}}
        assert needs_backend(options) is decoupled
        program, _ = program_of(
            prepare(IDLE, "ZZ", resilience_level=0, options=options, backend=fez if decoupled else None)
        )
        [item] = program.items
        return item.circuit.count_ops()

    plain, decoupled = names(decoupled=False), names(decoupled=True)
    assert "x" not in plain
    assert "delay" not in plain
    assert decoupled["x"] >= 2
    assert decoupled["delay"] >= 3
    assert {name: decoupled[name] for name in ("cz", "measure")} == {name: plain[name] for name in ("cz", "measure")}


# The identity


def test_the_identity_is_of_what_is_asked_and_the_programs_bytes_are_not():
    def ask():
        circuit = QuantumCircuit(2)
        circuit.sx(0)
        circuit.cz(0, 1)
        pubs = coerce_estimator_pubs(circuit, observables="ZZ", precision=0.1)
        options = {"resilience": {"zne": {"noise_factors": [1, 1.2, 3]}}}
        return (
            executor_estimator_identity(pubs, resilience_level=2, options=options),
            prepare_executor_estimator(pubs, resilience_level=2, options=options),
        )

    (first, program), (second, again) = ask(), ask()
    assert json.dumps(first) == json.dumps(second)
    assert program.params != again.params
    assert program.executions == again.executions


def test_what_cannot_be_served_is_found_before_there_is_a_backend():
    differing = coerce_estimator_pubs([(FLIP, "Z", None, 0.1), (FLIP, "Z", None, 0.2)])
    for pubs, more, says in (
        (differing, {}, r"^circuits\[1\]: asks for a precision of 0\.2"),
        (differing[:1], {"resilience_level": 3}, "^resilience_level: expected 0, 1 or 2"),
        (differing[:1], {"options": {"seed_estimator": 1}}, r"^options\.seed_estimator"),
    ):
        with pytest.raises(InvalidInputError, match=says):
            executor_estimator_identity(pubs, **more)
        with pytest.raises(InvalidInputError, match=says):
            prepare_executor_estimator(pubs, **more)


# Options


def test_every_option_of_the_official_clients_model_is_known_and_no_other():
    from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions

    def names(model, path=()):
        found = {}
        for name, one in model.model_fields.items():
            if name in NOT_OURS.get(path, ()):
                continue
            group = one.annotation
            found[name] = names(group, (*path, name)) if hasattr(group, "model_fields") else None
        return found

    def ours(given):
        return {
            name: ours(part) if isinstance(part, dict) and name != "experimental" else None
            for name, part in given.items()
        }

    assert ours(EVERYTHING) == names(EstimatorOptions)
    assert check_executor_estimator_options(EVERYTHING) == EVERYTHING
    EstimatorOptions(**EVERYTHING)


@pytest.mark.parametrize(
    "method",
    [
        {"pec_mitigation": True, "zne_mitigation": False, "pec": {"max_overhead": 5.0, "noise_gain": 0.5}},
        {"zne": {**EVERYTHING["resilience"]["zne"], "amplifier": "pea"}},
    ],
    ids=["pec", "pea"],
)
def test_with_a_noise_model_pec_and_pea_are_options_too(method):
    from qiskit_ibm_runtime.options_models.estimator import EstimatorOptions

    options = {**EVERYTHING, "resilience": {**EVERYTHING["resilience"], **method}}
    assert check_executor_estimator_options(options, with_noise_model=True) == options
    EstimatorOptions(**options)
    with pytest.raises(InvalidInputError, match="noise model"):
        check_executor_estimator_options(options)


def within(path, value):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("seed_estimator", 3, "takes no seed"),
        ("simulator", {"seed_simulator": 1}, "no such options"),
        ("resilience.pec_mitigation", True, "noise model"),
        ("resilience.pec_mitigation", 1, "expected true or false"),
        ("resilience.zne.amplifier", "pea", "noise model"),
        ("resilience.zne.amplifier", "gate_fold", "expected one of"),
        ("resilience.layer_noise_model", [], "the argument noise_model"),
        ("resilience.layer_noise_learning", {}, "is learned by a job of its own"),
        (
            "resilience.measure_noise_learning.shots_per_randomization",
            64,
            "leave it out, or leave program_id='estimator'",
        ),
        ("twirling.group", "paulis", "expected one of"),
        ("execution.scheduler_timing", "yes", "expected true or false"),
        ("resilience.zne.noise_factors", [1, 2], "at least"),
        ("default_precison", 0.1, "default_precision"),
    ],
)
def test_options_that_cannot_be_served_are_named_by_their_path(path, value, says):
    options = within(path, value)
    if path.endswith("noise_factors"):
        options["resilience"]["zne"]["extrapolator"] = "double_exponential"
    before = copy.deepcopy(options)
    with pytest.raises(InvalidInputError, match=says) as refused:
        check_executor_estimator_options(options)
    assert str(refused.value).startswith(f"options.{path.removesuffix('.noise_factors')}")
    assert options == before


def test_an_option_that_a_later_official_client_has_dropped_is_named(monkeypatch):
    class Later(BaseModel):
        model_config = ConfigDict(extra="forbid")

    monkeypatch.setattr("qiskit_ibm_runtime.options_models.estimator.EstimatorOptions", Later)
    with pytest.raises(InvalidInputError, match=r"^options\.default_shots: the official client takes no such option"):
        prepare(options={"default_shots": 5})


# Circuits


@pytest.mark.parametrize(
    ("circuits", "precision", "says"),
    [
        ([(FLIP, "Z", None, 0.1), FLIP], None, r"^circuits\[1\]: asks for no precision of its own and circuits\[0\]"),
        ([(FLIP, "Z", None, 0.1), (FLIP, "Z", None, 0.2)], None, r"one precision"),
        (FLIP, 1e-4, r"comes to 200,000,000 executions"),
        (HEAD + "cal { } x $0;", 0.1, r"^circuits\[0\]: Qiskit cannot read .* Give a QuantumCircuit\.$"),
        (
            {"__type__": "QuantumCircuit", "__value__": "bm9uZQ=="},
            0.1,
            r"^circuits\[0\]: expected one circuit as base64",
        ),
    ],
)
def test_circuits_that_cannot_be_prepared_are_refused(circuits, precision, says):
    with pytest.raises(InvalidInputError, match=says):
        prepare(circuits, precision=precision)


def test_what_the_official_client_refuses_is_said_in_its_words():
    boxed = QuantumCircuit(1)
    with boxed.box():
        boxed.x(0)
    with pytest.raises(InvalidInputError, match=r"^circuits: the official client's .* refuses this input: .*box"):
        prepare(boxed)


# Results


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Traceback: the job failed", "no JSON"),
        ('{"results": []}', "no result of an estimator over the program executor"),
        ('{"schema_version": "v2.0", "data": [], "passthrough_data": null}', "no result of an estimator"),
        (
            '{"schema_version": "v9", "data": [], "passthrough_data": {"qiskit_mitigation": [], "post_processor": {}}}',
            "cannot make expectation values of the result: .*v9",
        ),
    ],
)
def test_what_is_no_such_result_is_said_to_be_none(text, says):
    with pytest.raises(InvalidResultError, match=says):
        decode_executor_estimates(text)


@pytest.mark.parametrize("lacking", ["qiskit_ibm_runtime", "qiskit_mitigation"])
def test_a_result_that_is_read_without_the_extra_says_how_to_install_it(monkeypatch, lacking):
    for name in [name for name in sys.modules if "executor_estimator" in name and name.startswith("qiskit_ibm")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, lacking, None)
    text = '{"passthrough_data": {"qiskit_mitigation": [], "post_processor": {}}}'
    with pytest.raises(QiskitMissingError, match=r"program_id='executor'.*pip install"):
        decode_executor_estimates(text)
