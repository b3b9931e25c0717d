"""Requests and results pass IBM's published pydantic models of its programs' inputs and outputs."""

from __future__ import annotations

import base64
import io
import json
import zlib

import numpy as np
import pytest


def encoded(values):
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values, dtype=float), allow_pickle=False)
    return {"__type__": "ndarray", "__value__": base64.b64encode(zlib.compress(buffer.getvalue())).decode()}


def qpy_circuit(measured):
    from qiskit import QuantumCircuit, qpy
    from qiskit.circuit import Parameter

    circuit = QuantumCircuit(2, 2)
    circuit.rx(Parameter("a"), 0)
    circuit.cz(0, 1)
    if measured:
        circuit.measure([0, 1], [0, 1])
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=13)
    value = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    return {"__type__": "QuantumCircuit", "__value__": value}


def rotated(api):
    return f"{api.qasm}input float[64] a; bit[2] c; rx(a) $0; cz $0, $1; c[0] = measure $0; c[1] = measure $1;"


def ask(api, program, params):
    answer = api.send("POST", "/jobs", json={"program_id": program, "backend": "ibm_fez", "params": params})
    assert answer.status_code == 200, answer.text
    return json.dumps(api.result(answer.json()["id"]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"execution": {"meas_type": "kerneled"}},
        {"execution": {"meas_type": "avg_kerneled"}},
        {"default_shots": 9, "execution": {"init_qubits": True, "meas_type": "classified", "rep_delay": 0.0001}},
        {
            "twirling": {"enable_gates": False, "enable_measure": True, "num_randomizations": "auto"},
            "dynamical_decoupling": {"enable": True},
        },
    ],
)
@pytest.mark.parametrize("as_qpy", [True, False])
def test_sampler_input_and_tagged_result_pass_ibms_models(api, options, as_qpy):
    from ibm_quantum_schemas.sampler.version_0_1 import ParamsModel, PrimitiveResultWrapperModel

    circuit = qpy_circuit(True) if as_qpy else rotated(api)
    pubs = [[circuit, encoded([[0.1], [0.2]]), 7], [circuit, encoded([0.3]), 5]]
    params = {"version": 2, "support_qiskit": True, "pubs": pubs, "options": options}
    ParamsModel.model_validate(params)
    result = PrimitiveResultWrapperModel.model_validate_json(ask(api, "sampler", params)).value_
    assert [pub.value_.data.value_.shape for pub in result.pub_results] == [(2,), ()]
    [span] = result.metadata.execution.execution_spans.value_.spans
    assert span.value_.data_slices == {0: [[2, 7], 0, 2, 0, 7], 1: [[5], 0, 1, 0, 5]}


def test_the_official_decoder_reads_when_each_shot_was_taken(api):
    from qiskit_ibm_runtime import RuntimeDecoder

    params = {"version": 2, "support_qiskit": True, "pubs": [[rotated(api), [[0.1], [0.2]], 7]]}
    spans = json.loads(ask(api, "sampler", params), cls=RuntimeDecoder).metadata["execution"]["execution_spans"]
    assert spans.stop >= spans.start
    assert spans[0].size == 14


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"default_precision": 0.1, "seed_estimator": 3, "execution": {"init_qubits": True}},
        {"resilience": {"zne_mitigation": True, "zne": {"noise_factors": [1, 3], "extrapolator": "linear"}}},
    ],
)
@pytest.mark.parametrize("as_qpy", [True, False])
def test_estimator_input_and_tagged_result_pass_ibms_models(api, options, as_qpy):
    from ibm_quantum_schemas.estimator.version_0_1 import ParamsModel, PrimitiveResultWrapperModel

    text = f"{api.qasm}input float[64] a; rx(a) $0; cz $0, $1;"
    circuit = qpy_circuit(False) if as_qpy else text
    pubs = [
        [circuit, {"ZZ": 1.0, "IX": 0.5}, encoded([0.3]), 0.1],
        [circuit, [{"ZZ": 1.0}, {"XX": 1.0}], encoded([[0.1], [0.2]]), None],
    ]
    params = {"version": 2, "support_qiskit": True, "pubs": pubs, "options": options, "resilience_level": 1}
    ParamsModel.model_validate(params)
    result = PrimitiveResultWrapperModel.model_validate_json(ask(api, "estimator", params)).value_
    assert [pub.value_.data.value_.shape for pub in result.pub_results] == [(), (2,)]
    assert result.pub_results[0].value_.metadata.target_precision == 0.1


def tensor(values):
    array = np.asarray(values, dtype="<f8")
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"data": data, "shape": list(array.shape), "dtype": "f64"}


@pytest.mark.parametrize("level", ["kerneled", "avg_kerneled", "both"])
@pytest.mark.parametrize("backend", ["ibm_fez", "mock_fez"])
def test_kerneled_executor_results_pass_ibms_models(api, backend, level):
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel, QuantumProgramResultModel

    item = {"item_type": "circuit", "circuit_arguments": tensor([[0.0], [1.0]]), "shape": [], "chunk_size": "auto"}
    program = {"shots": 9, "meas_level": level, "circuits": {"data": [rotated(api)]}, "items": [item]}
    params = {"schema_version": "v2.0", "quantum_program": program, "options": {}}
    ParamsModel.model_validate(params)
    answer = api.send("POST", "/jobs", json={"program_id": "executor", "backend": backend, "params": params})
    result = QuantumProgramResultModel.model_validate_json(json.dumps(api.result(answer.json()["id"])))
    shapes = {"c": (2, 9, 2), "c_iq": (2, 9, 2), "c_avg_iq": (2, 2)}
    found = {name: one.to_numpy() for name, one in result.data[0].results.items()}
    assert {name: one.shape for name, one in found.items()} == {name: shapes[name] for name in found}
    assert all(found[name].dtype == (np.bool_ if name == "c" else np.complex128) for name in found)


@pytest.mark.parametrize("role", [None, "mine"])
def test_executor_input_and_result_pass_ibms_models(api, role):
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel, QuantumProgramResultModel

    item = {
        "item_type": "circuit",
        "circuit_arguments": tensor([[0.0], [3.14159265]]),
        "shape": [],
        "chunk_size": "auto",
    }
    program = {
        "shots": 9,
        "meas_level": "classified",
        "circuits": {"data": [rotated(api)]},
        "items": [item],
        "passthrough_data": {"a": [1, None, "x"]},
        "semantic_role": role,
    }
    params = {"schema_version": "v2.0", "quantum_program": program, "options": {"scheduler_timing": False}}
    ParamsModel.model_validate(params)
    result = QuantumProgramResultModel.model_validate_json(ask(api, "executor", params))
    bits = result.data[0].results["c"].to_numpy()
    assert bits.shape == (2, 9, 2)
    assert bits[..., 0].tolist() == [[False] * 9, [True] * 9]
    assert result.passthrough_data == {"a": [1, None, "x"]}
    assert result.metadata.chunk_timing[0].parts[0].size == 2


def test_every_type_of_tensor_is_written_and_read_as_ibms_model_does():
    from ibm_quantum_schemas.common import CompressedTensorModel

    from airflow_provider_qrt.emulator.simulation import tensors

    kinds = [*(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8", "c8", "c16", "?"]
    for kind in kinds:
        array = np.arange(15).reshape(3, 5) % 3
        array = (array == 1) if kind == "?" else array.astype(kind)
        written = tensors.encode(array)
        model = CompressedTensorModel.model_validate(written)
        assert (model.to_numpy() == array).all()
        theirs = CompressedTensorModel.from_numpy(array).model_dump()
        assert {**theirs, "shape": list(theirs["shape"])} == written
        assert (tensors.decode(written) == array).all()
        assert tensors.decode(written).dtype == array.dtype
