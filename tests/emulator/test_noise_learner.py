"""The program ``noise-learner`` returns the noise that the emulator makes."""

from __future__ import annotations

import base64
import io
import json
import math

import numpy as np
import pytest

from airflow_provider_qrt.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BLOB = {"circuit_b64": "x", "qpy_version": 17}
OPTIONS = {"layer_pair_depths": [0, 1, 4], "num_randomizations": 4, "shots_per_randomization": 8}


@pytest.fixture(scope="module")
def noisy():
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, noise=True, seed=2) as emulator:
        yield emulator


def learn(api, *circuits, backend="ibm_fez", **options):
    params = {"version": 2, "circuits": list(circuits), "options": {"support_qiskit": True, **options}}
    return api.send("POST", "/jobs", json={"program_id": "noise-learner", "backend": backend, "params": params})


def learned(api, *circuits, **options):
    answer = learn(api, *circuits, **options)
    assert answer.status_code == 200, answer.text
    return api.result(answer.json()["id"])


def layers(result):
    """The qubits of each layer."""
    return [layer["__value__"]["qubits"] for layer in result["data"]]


def rate(api, gate, *qubits):
    """The rate that follows from the calibration: all strings on the qubits of a depolarized gate have the same."""
    gates = api.get("/backends/ibm_fez/properties").json()["gates"]
    (found,) = (one for one in gates if one["gate"] == gate and one["qubits"] == list(qubits))
    error = {parameter["name"]: parameter["value"] for parameter in found["parameters"]}["gate_error"]
    size = 2 ** len(qubits)
    return -math.log(1 - error * size / (size - 1)) / size**2


def boxes(pairs=((0, 1),), measured=True, width=156):
    """The boxes of a layer of cz gates and of the measurements after it."""
    from qiskit import QuantumCircuit
    from samplomatic import Twirl
    from samplomatic.transpiler import generate_boxing_pass_manager
    from samplomatic.utils import find_unique_box_instructions

    circuit = QuantumCircuit(width)
    for pair in pairs:
        circuit.cz(*pair)
    if measured:
        circuit.measure_active()
    boxed = generate_boxing_pass_manager(enable_gates=True, enable_measures=True).run(circuit)
    return find_unique_box_instructions(
        boxed, normalize_annotations=lambda annotations: [one for one in annotations if isinstance(one, Twirl)]
    )


def qpy_of(*instructions):
    from ibm_quantum_schemas.common.annotation_serializer import AnnotationSerializer
    from qiskit import QuantumCircuit, qpy

    qubits = list(dict.fromkeys(qubit for one in instructions for qubit in one.qubits))
    clbits = list(dict.fromkeys(clbit for one in instructions for clbit in one.clbits))
    circuit = QuantumCircuit(qubits, clbits)
    for one in instructions:
        circuit.append(one, one.qubits, one.clbits)
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=17, annotation_factories={"samplomatic": AnnotationSerializer})
    return {"circuit_b64": base64.b64encode(buffer.getvalue()).decode(), "qpy_version": 17}


def learn_boxes(api, instructions, version="v0.3"):
    params = {"schema_version": version, "version": 3, "instructions": instructions, "options": OPTIONS}
    return api.send("POST", "/jobs", json={"program_id": "noise-learner", "backend": "ibm_fez", "params": params})


def test_each_layer_is_learned_once_and_the_most_frequent_comes_first(api):
    twice = f"{api.qasm} cz $0, $1; sx $0; cz $2, $3; barrier $0, $1, $2, $3; cz $1, $2; barrier $1, $2; cz $1, $2;"
    result = learned(api, twice, twirling_strategy="active")
    assert layers(result) == [[1, 2], [0, 1, 2, 3]]
    assert layers(learned(api, twice, twirling_strategy="active", max_layers_to_learn=1)) == [[1, 2]]
    assert layers(learned(api, twice, max_layers_to_learn=0)) == []
    assert layers(learned(api, f"{api.qasm} sx $0;")) == []


@pytest.mark.parametrize(
    ("strategy", "qubits"),
    [
        ("active", [[0, 1], [2, 3]]),
        ("active-accum", [[0, 1], [0, 1, 2, 3]]),
        ("active-circuit", [[0, 1, 2, 3], [0, 1, 2, 3]]),
        ("all", [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]),
    ],
)
def test_the_strategy_says_which_qubits_are_twirled(api, strategy, qubits):
    text = f"{api.qasm} cz $0, $1; barrier $0, $1, $2, $3; cz $2, $3; rz(0) $5;"
    assert layers(learned(api, text, twirling_strategy=strategy)) == qubits


def test_the_rates_follow_from_the_calibration(noisy, connect):
    api = connect(noisy)
    (layer,) = learned(api, f"{api.qasm} cz $0, $1; rz(0) $2;", twirling_strategy="all")["data"]
    error = layer["__value__"]["error"]["__value__"]
    labels = error["generators"]["__value__"]["data"]
    from qiskit_ibm_runtime import RuntimeDecoder

    found = dict(zip(labels, json.loads(json.dumps(error["rates"]), cls=RuntimeDecoder), strict=True))
    # Nine two-letter strings for each pair of neighbours, and three for each of three qubits.
    assert len(found) == 2 * 9 + 3 * 3
    pair = rate(api, "cz", 0, 1)
    assert found["IXY"] == found["IZZ"] == pytest.approx(pair)
    for qubit, label in enumerate(("IIX", "IYI", "ZII")):
        own = 2 * rate(api, "sx", qubit)
        assert found[label] == pytest.approx(own + pair if qubit < 2 else own)
    assert found["XXI"] == found["ZYI"] == 0


def test_a_machine_without_noise_has_none(api):
    from ibm_quantum_schemas.noise_learner_v2.version_0_1 import ResultsModel

    result = learned(api, f"{api.qasm} cz $0, $1;", **OPTIONS)
    ResultsModel.model_validate_json(json.dumps(result))
    assert result["metadata"] == {
        "backend": "ibm_fez",
        "input_options": {**OPTIONS, "max_layers_to_learn": 4, "twirling_strategy": "active-accum"},
    }
    from qiskit_ibm_runtime.decoders.noise_learner import NoiseLearnerResultDecoder

    (layer,) = NoiseLearnerResultDecoder.decode(json.dumps(result)).data
    assert layer.circuit.count_ops() == {"cz": 1}
    assert not layer.error.rates.any()


def test_boxes_of_gates_and_of_measurements_are_learned(noisy, connect):
    from ibm_quantum_schemas.noise_learner_v3.version_0_3 import NoiseLearnerV3ResultsModel

    api = connect(noisy)
    answer = learn_boxes(api, qpy_of(*boxes()))
    result = api.result(answer.json()["id"])
    assert result["schema_version"] == "v0.3"
    gates, readings = NoiseLearnerV3ResultsModel.model_validate_json(json.dumps(result)).data
    assert (gates.metadata.learning_protocol, readings.metadata.learning_protocol) == ("lindblad", "trex")
    assert gates.num_qubits == readings.num_qubits == 2
    found = {
        (letters, *places): value
        for [(letters, places)], value in zip(gates.generators_sparse, gates.rates.to_numpy(), strict=True)
    }
    assert found["XY", 0, 1] == pytest.approx(rate(api, "cz", 0, 1))
    assert found["Z", 1] == pytest.approx(rate(api, "cz", 0, 1) + 2 * rate(api, "sx", 1))
    assert not gates.rates_std.to_numpy().any()
    properties = api.get("/backends/ibm_fez/properties").json()["qubits"]
    for [(letters, [qubit])], value in zip(readings.generators_sparse, readings.rates.to_numpy(), strict=True):
        known = {fact["name"]: fact["value"] for fact in properties[qubit]}
        assert letters == "X"
        assert math.exp(-2 * value) == pytest.approx(1 - known["prob_meas1_prep0"] - known["prob_meas0_prep1"])


@pytest.mark.parametrize("version", ["v0.1", "v0.2", "v0.3"])
def test_the_result_has_the_schema_of_the_request(api, version):
    result = api.result(learn_boxes(api, qpy_of(*boxes()), version).json()["id"])
    assert result["schema_version"] == version


@pytest.mark.parametrize(
    ("gates", "code"),
    [("h $0; cz $0, $1;", 7000), ("cz $0, $5;", 7001), ("rzz(1) $0, $1;", 1002), ("cx", 1002)],
)
def test_circuits_that_cannot_run_or_be_twirled_fail_the_job(api, gates, code):
    job = api.wait(learn(api, f"{api.qasm} {gates}").json()["id"])
    assert (job["state"]["status"], job["state"]["reason_code"]) == ("Failed", code)


def broken(kind):
    from qiskit import QuantumCircuit, QuantumRegister
    from qiskit.circuit import BoxOp, CircuitInstruction
    from samplomatic import Twirl

    machine = QuantumRegister(156, "q")
    inner = QuantumCircuit(2)
    qubits = [machine[0], machine[1]]
    annotations = [Twirl()]
    if kind == "no box":
        return CircuitInstruction(QuantumCircuit(1).to_instruction(), [machine[0]])
    if kind == "no twirl":
        annotations = []
    elif kind == "foreign":
        qubits = list(QuantumRegister(2, "other"))
    elif kind == "not coupled":
        qubits = [machine[0], machine[7]]
    elif kind == "two layers":
        inner.cz(0, 1)
    inner.cz(0, 1)
    return CircuitInstruction(BoxOp(inner, annotations=annotations), qubits)


@pytest.mark.parametrize("kind", ["no box", "no twirl", "foreign", "not coupled", "two layers"])
def test_boxes_that_cannot_be_learned_fail_the_job(api, kind):
    job = api.wait(learn_boxes(api, qpy_of(broken(kind))).json()["id"])
    assert job["state"]["status"] == "Failed"
    assert job["state"]["reason_code"] == (7001 if kind == "not coupled" else 1002)


def test_instructions_that_are_no_qpy_fail_the_job(api):
    for text in ("%%%", "QUJD"):
        job = api.wait(learn_boxes(api, {"circuit_b64": text, "qpy_version": 17}).json()["id"])
        assert job["state"]["reason_code"] == 1002


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"version": 1, "circuits": ["x"]},
        {"circuits": []},
        {"circuits": [1]},
        {"circuits": ["x"], "unknown": 1},
        {"circuits": ["x"], "options": {"unknown": 1}},
        {"circuits": ["x"], "options": {"twirling_strategy": "some"}},
        {"circuits": ["x"], "options": {"max_layers_to_learn": -1}},
        {"circuits": ["x"], "options": {"layer_pair_depths": [-1]}},
        {"circuits": ["x"], "options": {"num_randomizations": 0}},
        {"schema_version": "v9", "instructions": {"circuit_b64": "x", "qpy_version": 17}, "options": {}},
        {"schema_version": "v0.3", "instructions": {"circuit_b64": "x"}, "options": {}},
        {"schema_version": "v0.3", "instructions": {"qpy_version": 17}, "options": {}},
        {"schema_version": "v0.3", "instructions": {"circuit_b64": "x", "qpy_version": 17}},
        {
            "schema_version": "v0.3",
            "version": 2,
            "instructions": {"circuit_b64": "x", "qpy_version": 17},
            "options": {},
        },
    ],
)
def test_malformed_inputs_are_refused(api, params):
    body = {"program_id": "noise-learner", "backend": "ibm_fez", "params": params}
    assert api.refusal(api.send("POST", "/jobs", json=body)) == (400, 1002)


def test_the_estimate_counts_the_learning_circuits(api):
    job_id = learn(api, f"{api.qasm} cz $0, $1;", max_layers_to_learn=2, **OPTIONS).json()["id"]
    assert api.job(job_id)["estimated_running_time_seconds"] == pytest.approx(
        2 + 0.00035 * 2 * 9 * 3 * 4 * 8, abs=0.001
    )


def test_a_dry_run_makes_rates_up(api):
    text = f"{api.qasm} cz $0, $1;"
    job_id = learn(api, text, backend="mock_fez").json()["id"]
    (layer,) = api.result(job_id)["data"]
    from qiskit_ibm_runtime import RuntimeDecoder

    rates = json.loads(json.dumps(layer["__value__"]["error"]["__value__"]["rates"]), cls=RuntimeDecoder)
    assert len(np.unique(rates)) == 15
    assert (np.asarray(rates) > 0).all()


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_official_learners_of_the_server_read_the_result(emulator, dry_run):
    from qiskit import QuantumCircuit, transpile
    from qiskit_ibm_runtime.noise_learner import NoiseLearner
    from qiskit_ibm_runtime.noise_learner_v3 import NoiseLearnerV3

    backend = emulator.qiskit_service().backend("ibm_fez")
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    isa = transpile(circuit, backend, initial_layout=[0, 1])
    (layer,) = NoiseLearner(backend).run([isa], dry_run=dry_run).result().data
    assert layer.qubits == [0, 1]
    assert len(layer.error.rates) == 15
    gates, readings = NoiseLearnerV3(backend, options=OPTIONS).run(boxes(), dry_run=dry_run).result().data
    assert len(gates.to_pauli_lindblad_map()) == 15
    assert len(readings.to_pauli_lindblad_map()) == 2
    assert gates.to_pauli_lindblad_map().rates.any() == dry_run
