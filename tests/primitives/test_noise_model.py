"""A noise model as JSON, in XCom and in files; the layers of circuits; and the result that a model is made of."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit

from airflow_provider_qrt.primitives import (
    InvalidInputError,
    InvalidResultError,
    NoiseModel,
    coerce_estimator_pubs,
    decode_noise_model,
    prepare_executor_estimator,
)
from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.inputs.noise_learning import (
    DEFAULT_TWIRLING,
    check_noise_learner_options,
    coerce_learning_circuits,
    find_layers,
    prepare_noise_learner,
    twirling_of,
)
from airflow_provider_qrt.primitives.noise_model import LearnedLayer, check_model_format, digest_of
from airflow_provider_qrt.primitives.results.result_file import ResultFormat

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
PAIR = HEAD + "sx $0; cz $0, $1; sx $1;"
LEARNED = "2026-11-20T10:00:00+00:00"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUICKLY = {"num_randomizations": 2, "shots_per_randomization": 4, "layer_pair_depths": [0, 2]}
FIRST = LearnedLayer("r1A", (0, 1), (("cz", (0, 1)),), (("X", (0,), 0.001), ("ZZ", (0, 1), 0.002)))
SECOND = LearnedLayer("r2A", (1, 2), (("cz", (1, 2)),), (("Y", (1,), 0.25),))
MODEL = NoiseModel(
    "ibm_fez",
    "2026-11-20T09:00:00+00:00",
    LEARNED,
    DEFAULT_TWIRLING,
    (FIRST, SECOND),
    (("abc", {"__type__": "QuantumCircuit", "__value__": "eA=="}),),
    {"job_id": "j"},
)


@pytest.fixture(scope="module")
def fez():
    from qiskit_ibm_runtime.fake_provider import FakeFez

    backend = FakeFez()
    described = [
        json.loads((Path(backend.dirname) / name).read_text())
        for name in (backend.conf_filename, backend.props_filename)
    ]
    return BackendSnapshot("ibm_fez", *described)


def circuit_of(*pairs, width=3):
    circuit = QuantumCircuit(width)
    for pair in pairs:
        circuit.sx(pair[0])
        circuit.cz(*pair)
    return circuit


def same(one, other):
    assert one.to_json() == other.to_json()
    assert one.layers == other.layers
    assert one.digest() == other.digest()


# Round trips


def test_a_model_goes_through_json_as_it_is():
    value = json.loads(json.dumps(MODEL.to_json(), allow_nan=False))
    same(NoiseModel.from_json(value), MODEL)
    assert NoiseModel.from_json(value, {"job_id": "k"}).job == {"job_id": "k"}


def test_a_model_goes_through_xcom_with_the_keys_of_its_task():
    value = json.loads(json.dumps({"job_id": "j", "results": MODEL.to_xcom_results()}))
    found = NoiseModel.from_xcom(value)
    same(found, MODEL)
    assert found.job == {"job_id": "j"}
    same(NoiseModel.from_xcom(value["results"]), MODEL)


def test_a_model_goes_into_a_file(tmp_path):
    with (tmp_path / "model.json").open("wb") as file:
        MODEL.write(file, ResultFormat.JSON, {"job_id": "j"})
    found = NoiseModel.from_file(tmp_path / "model.json")
    same(found, MODEL)
    assert found.job == {"job_id": "j"}


@pytest.mark.parametrize("result_format", [one for one in ResultFormat if one is not ResultFormat.JSON])
def test_a_model_is_written_as_json_only(result_format, tmp_path):
    message = f"^result_format: a noise model is written as json, not as {result_format}"
    with pytest.raises(InvalidInputError, match=message):
        check_model_format(result_format)
    with (tmp_path / "model").open("wb") as file, pytest.raises(InvalidInputError, match=message):
        MODEL.write(file, result_format, {})


def test_the_size_is_that_of_the_json():
    assert MODEL.estimated_xcom_bytes() == len(json.dumps(MODEL.to_xcom_results()))


def test_a_manifest_names_the_layers_and_is_no_model():
    manifest = json.loads(json.dumps(MODEL.manifest()))
    assert [layer["gates"] for layer in manifest["layers"]] == [[["cz", [0, 1]]], [["cz", [1, 2]]]]
    assert all(layer["terms"] is None for layer in manifest["layers"])
    with pytest.raises(InvalidResultError, match=r"manifest.*result_path"):
        NoiseModel.from_json(manifest)


def test_times_of_another_zone_are_read_as_the_same_moment():
    value = {**MODEL.to_json(), "learned": "2026-11-20T12:00:00+02:00"}
    assert NoiseModel.from_json(value).learned == LEARNED


# Damage


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.pop("layers"), "no list of layers"),
        (lambda value: value.update(layers={}), "no list of layers"),
        (lambda value: value.update(format=2), "has the format 2, not 1"),
        (lambda value: value.update(format="x" * 500), "has the format x{20}, not 1"),
        (lambda value: value.pop("backend"), "damaged: KeyError"),
        (lambda value: value.update(learned="yesterday"), "damaged: ValueError"),
        (lambda value: value.update(learned=3), "damaged: TypeError"),
        (lambda value: value.update(twirling={"strategy": "all"}), "damaged: KeyError"),
        (lambda value: value.update(circuits=[3]), "damaged: TypeError"),
        (lambda value: value.update(circuits=[{"asked": "a", "circuit": 3}]), "damaged"),
        (lambda value: value["layers"].append(None), "damaged"),
        (lambda value: value["layers"][0].update(qubits=["a"]), "damaged: ValueError"),
        (lambda value: value["layers"][0].update(gates=[["cz"]]), "damaged: ValueError"),
        (lambda value: value["layers"][0].update(terms=[["X", [0], "much"]]), "damaged: ValueError"),
        (lambda value: value["layers"][0].update(terms=[["X", [0]]]), "damaged: ValueError"),
    ],
)
def test_a_damaged_model_is_refused(change, message):
    value = copy.deepcopy(MODEL.to_json())
    change(value)
    with pytest.raises(InvalidResultError, match=message):
        NoiseModel.from_json(value)


def test_a_model_that_is_nested_without_end_is_refused():
    value = MODEL.to_json()
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InvalidResultError):
        NoiseModel.from_json({**value, "circuits": deep})


@pytest.mark.parametrize("value", [None, 3, "model", [MODEL.to_json()]])
def test_something_else_in_xcom_is_refused(value):
    with pytest.raises(InvalidResultError, match="expected the whole value of a QiskitRuntimeNoiseLearnerOperator"):
        NoiseModel.from_xcom(value)


@pytest.mark.parametrize("text", ["", "[]", "3", '{"results": 3}', '{"job_id": "j"}', "{"])
def test_a_file_of_something_else_is_refused(text, tmp_path):
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(InvalidResultError):
        NoiseModel.from_file(tmp_path / "model.json")


# Whether it fits


def fits(fez, **more):
    given = {"twirling": DEFAULT_TWIRLING, "max_age": None, "now": NOW, **more}
    NoiseModel(**{**vars(MODEL), "calibrated": fez.calibrated_at, **given.pop("model", {})}).check_fits(fez, **given)


def test_a_model_of_the_present_calibration_fits(fez):
    fits(fez)
    fits(fez, max_age=timedelta(hours=2))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"model": {"backend": "ibm_boston"}}, "learned on ibm_boston, and the job is for ibm_fez"),
        ({"model": {"calibrated": None}}, "learned under the calibration of None"),
        ({"twirling": {"strategy": "all", "group": "pauli"}}, "twirling.strategy='active-accum', not 'all'"),
        ({"twirling": {"strategy": "active-accum", "group": "local_c1"}}, "twirling.group='pauli', not 'local_c1'"),
        ({"max_age": timedelta(hours=1, minutes=59)}, "learned 2:00:00 ago, and noise_model_max_age is 1:59:00"),
    ],
)
def test_a_model_that_does_not_fit_says_what_differs(fez, more, message):
    with pytest.raises(InvalidInputError, match=rf"^noise_model: it was .*{message}.* Learn the noise again"):
        fits(fez, **more)


def test_missing_layers_are_named():
    MODEL.check_layers([SECOND, FIRST])
    third = LearnedLayer("r1A", (0, 2), (("cz", (0, 2)),))
    with pytest.raises(
        InvalidInputError, match=r"1 of the 2 layers .* not in it \(cz\[0, 2\]\); it has cz\[0, 1\]; cz"
    ):
        MODEL.check_layers([FIRST, third])


def test_circuits_are_found_by_their_digest():
    assert MODEL.transpiled("abc") == {"__type__": "QuantumCircuit", "__value__": "eA=="}
    assert MODEL.transpiled("abd") is None


# Digests


def test_a_model_with_another_rate_calibration_or_circuit_is_another():
    others = [
        NoiseModel(**{**vars(MODEL), **change})
        for change in (
            {"layers": (FIRST,)},
            {"layers": (FIRST, LearnedLayer("r2A", (1, 2), (("cz", (1, 2)),), (("Y", (1,), 0.26),)))},
            {"calibrated": None},
            {"circuits": ()},
            {"learned": "2026-11-20T10:00:01+00:00"},
        )
    ]
    assert len({one.digest() for one in (MODEL, *others)}) == 1 + len(others)
    assert NoiseModel(**{**vars(MODEL), "job": {"job_id": "k"}}).digest() == MODEL.digest()


def test_a_circuit_is_known_by_its_text_however_it_was_encoded():
    encoded = {"__type__": "QuantumCircuit", "__value__": "eA=="}
    assert digest_of(PAIR, None) == digest_of(encoded, PAIR) != digest_of(encoded, None)
    [text] = coerce_learning_circuits(PAIR)
    assert text.digest == digest_of(PAIR, None)


# Layers


def layers_of(*circuits, **twirling):
    return [layer for _, layer in find_layers(circuits, {**DEFAULT_TWIRLING, **twirling})]


def test_layers_are_found_once_each_in_all_circuits():
    found = layers_of(circuit_of((0, 1), (1, 2), (0, 1)), circuit_of((1, 2), (0, 1)), strategy="active")
    assert [layer.gates for layer in found] == [(("cz", (0, 1)),), (("cz", (1, 2)),)]
    assert [layer.terms for layer in found] == [(), ()]


def test_the_same_gates_beside_another_idle_qubit_are_another_layer():
    one, _, other = layers_of(circuit_of((0, 1), (1, 2), (0, 1)))
    assert (one.gates, one.qubits, other.gates, other.qubits) == (other.gates, (0, 1), one.gates, (0, 1, 2))
    with pytest.raises(InvalidInputError, match="1 of the 1 layers"):
        NoiseModel(**{**vars(MODEL), "layers": (one,)}).check_layers([other])


def test_the_direction_of_a_gate_without_one_does_not_matter():
    [one], [other] = layers_of(circuit_of((0, 1))), layers_of(circuit_of((1, 0)))
    assert one.key == other.key


def test_circuits_without_gates_of_two_qubits_have_no_layers():
    circuit = QuantumCircuit(2)
    circuit.sx([0, 1])
    assert layers_of(circuit) == []


def with_rates(layers, rate=0.001):
    return tuple(
        LearnedLayer(layer.ref, layer.qubits, layer.gates, (("X", (0,), rate * (1 + number)),))
        for number, layer in enumerate(layers)
    )


def rates_sent(circuit, layers):
    """The rates that an estimator with PEC sends, by the gates of the layer: those of a fresh process."""
    pubs = coerce_estimator_pubs(circuit, observables="Z" * circuit.num_qubits, precision=0.2)
    params = prepare_executor_estimator(
        pubs,
        options={"resilience": {"pec_mitigation": True}},
        noise_model=NoiseModel(**{**vars(MODEL), "layers": layers}),
    ).params
    [item, *_] = params["quantum_program"]["items"]
    maps = {name: one["sparse_terms"] for name, one in item["samplex_arguments"].items() if "lindblad_map" in name}
    return {
        layer.gates: [rate for _, _, rate in maps[f"pauli_lindblad_maps.{layer.ref}"]] for layer in layers_of(circuit)
    }


def test_a_layer_has_its_noise_whatever_ibms_client_calls_it_in_this_process(monkeypatch):
    from samplomatic.transpiler.passes.add_inject_noise import AddInjectNoise

    circuit = circuit_of((0, 1), (1, 2))
    learned = with_rates(layers_of(circuit))
    expected = {layer.gates: [layer.terms[0][2]] for layer in learned}
    assert rates_sent(circuit, learned) == expected
    # Another process has seen other layers, whose digests begin alike.
    monkeypatch.setattr(AddInjectNoise, "_BOX_KEYS", {})
    monkeypatch.setattr(AddInjectNoise, "_REFS", {layer.ref for layer in learned})
    assert not {layer.ref for layer in layers_of(circuit)} & {layer.ref for layer in learned}
    assert rates_sent(circuit, learned) == expected


def test_a_layer_that_has_the_name_of_another_does_not_get_its_noise():
    circuit = circuit_of((0, 1), (1, 2))
    first, second = with_rates(layers_of(circuit))
    swapped = (
        LearnedLayer(second.ref, first.qubits, first.gates, first.terms),
        LearnedLayer(first.ref, second.qubits, second.gates, second.terms),
    )
    assert rates_sent(circuit, swapped) == {layer.gates: [layer.terms[0][2]] for layer in (first, second)}


# Input


def test_the_twirling_is_that_of_the_options_or_ibms_default():
    assert twirling_of({}) == {"strategy": "active-accum", "group": "pauli"}
    assert twirling_of({"twirling": {"group": "local_c1", "enable_gates": True}}) == {
        "strategy": "active-accum",
        "group": "local_c1",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_randomizations": 0}, r"options\.num_randomizations: expected"),
        ({"shots_per_randomization": "auto"}, r"options\.shots_per_randomization: expected"),
        ({"layer_pair_depths": []}, r"options\.layer_pair_depths: expected a list"),
        ({"layer_pair_depths": 3}, r"options\.layer_pair_depths: expected a list"),
        ({"layer_pair_depths": [1.5]}, r"options\.layer_pair_depths: expected a list"),
        (
            {"bit_flip_checks": {"pre_circuit": {"enable": 1}}},
            r"options\.bit_flip_checks\.pre_circuit\.enable: expected",
        ),
        ({"bit_flip_checks": {"post_circuit": {"x_pulse_type": "x"}}}, "expected one of .*xslow"),
        ({"twirling": {"strategy": "most"}}, r"options\.twirling\.strategy: expected one of"),
        ({"execution": {"meas_type": "kerneled"}}, r"options\.execution\.meas_type: unknown"),
        ({"shots": 3}, "write shots_per_randomization"),
        ({"simulator": {}}, "knows no such options"),
    ],
)
def test_wrong_options_are_refused_with_their_path(options, message):
    with pytest.raises(InvalidInputError, match=message):
        check_noise_learner_options(options)


def test_options_are_returned_as_a_copy():
    assert check_noise_learner_options(None) == {}
    given = {"layer_pair_depths": [0, 2], "experimental": {"a": 1}}
    assert check_noise_learner_options(given) == given
    assert check_noise_learner_options(given) is not given


def test_circuits_may_be_those_of_an_estimator():
    read = coerce_learning_circuits([PAIR, (PAIR, "ZZ"), (circuit_of((0, 1)), ["ZZZ"], None, 0.1)])
    assert [one.digest for one in read[:2]] == [digest_of(PAIR, None)] * 2
    assert read[2].parameter_values is None
    assert coerce_learning_circuits(read) == read


def test_circuits_with_control_flow_or_measurements_are_refused():
    dynamic = QuantumCircuit(1, 1)
    with dynamic.if_test((dynamic.clbits[0], 1)):
        dynamic.x(0)
    with pytest.raises(InvalidInputError, match=r"^circuits\[1\]: the layers of a circuit with control flow"):
        coerce_learning_circuits([PAIR, dynamic])
    with pytest.raises(InvalidInputError, match=r"^circuits\[0\]: .*measure"):
        coerce_learning_circuits(HEAD + "bit c; c = measure $0;")


@pytest.fixture(scope="module")
def prepared(fez):
    circuits = coerce_learning_circuits(PAIR)
    return prepare_noise_learner(circuits, [PAIR], options=QUICKLY, backend=fez)


def test_the_program_passes_ibms_schema_and_carries_the_model(prepared):
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel

    program, layers = prepared
    params = ParamsModel.model_validate(json.loads(json.dumps(program.params)))
    assert params.quantum_program.semantic_role is None
    kept = program.params["quantum_program"]["passthrough_data"]["airflow_provider_qrt"]["noise_model"]
    assert [LearnedLayer.from_json(one) for one in kept["layers"]] == layers
    assert kept["circuits"][0]["asked"] == digest_of(PAIR, None)
    # Nine bases at two depths, and the readout.
    assert program.executions == 2 * 4 * (9 * 2 + 1)
    assert program.qubits == {0, 1}


def test_circuits_without_layers_are_refused(fez):
    flip = HEAD + "sx $0;"
    with pytest.raises(InvalidInputError, match="no layer of two-qubit gates"):
        prepare_noise_learner(coerce_learning_circuits(flip), [flip], options={}, backend=fez)


# Results


def answer(program):
    """The service's answer to a learning program: zeros throughout."""
    from ibm_quantum_schemas.common import CompressedTensorModel
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import quantum_program_from_2_0

    quantum, _ = quantum_program_from_2_0(ParamsModel.model_validate(json.loads(json.dumps(program.params))))
    data = []
    for item in quantum.items:
        results = {}
        for register in item.circuit.cregs:
            results[register.name] = np.zeros((*item.shape, quantum.shots, register.size), dtype=bool)
            results[f"measurement_flips.{register.name}"] = np.zeros((*item.shape, 1, register.size), dtype=bool)
        tensors = {
            name: CompressedTensorModel.from_numpy(array).model_dump(mode="json") for name, array in results.items()
        }
        data.append({"results": tensors, "metadata": {"scheduler_timing": None, "stretch_values": None}})
    return {
        "schema_version": "v2.0",
        "data": data,
        "metadata": {"chunk_timing": []},
        "passthrough_data": program.params["quantum_program"]["passthrough_data"],
        "semantic_role": None,
    }


def test_rates_are_made_of_the_text_of_the_result(prepared):
    program, [layer] = prepared
    model = decode_noise_model(json.dumps(answer(program)), learned=NOW)
    assert (model.backend, model.learned) == ("ibm_fez", NOW.isoformat())
    [found] = model.layers
    assert found.key == layer.key
    assert len(found.terms) == 15
    assert all(np.isfinite(rate) for _, _, rate in found.terms)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.update(passthrough_data=None), "no result of a job that learned noise"),
        (lambda one: one["passthrough_data"].pop("airflow_provider_qrt"), "no result of a job that learned noise"),
        (
            lambda one: one["passthrough_data"]["airflow_provider_qrt"]["noise_model"].pop("layers"),
            "no list of layers",
        ),
        (lambda one: one.update(data=[]), "cannot make a noise model of the result"),
        (lambda one: one.update(schema_version="v9"), "cannot make a noise model of the result: .*v9"),
        (
            lambda one: one["passthrough_data"]["airflow_provider_qrt"]["noise_model"]["layers"].clear(),
            "cannot make a noise model of the result: ValueError",
        ),
    ],
)
def test_another_or_a_damaged_result_is_refused(prepared, change, message):
    document = copy.deepcopy(answer(prepared[0]))
    change(document)
    with pytest.raises(InvalidResultError, match=message):
        decode_noise_model(json.dumps(document))


def test_the_reason_of_a_failed_job_is_shown():
    with pytest.raises(InvalidResultError, match="no JSON"):
        decode_noise_model("Traceback: the job failed")


def test_a_result_keeps_the_limit(prepared):
    text = json.dumps(answer(prepared[0]))
    with pytest.raises(InvalidResultError, match="limit"):
        decode_noise_model(text, max_bytes=100)
