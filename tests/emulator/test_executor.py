"""The program behind the newer primitives: circuits with tensors of arguments, bits of every shot."""

from __future__ import annotations

import base64
import io
import math
import zlib

import numpy as np
import pytest

NOTHING = {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "f64"}
ROTATED = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] a; bit[2] m; rx(a) $0; m[0] = measure $0;'


def tensor(values):
    array = np.asarray(values, dtype="<f8")
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"data": data, "shape": list(array.shape), "dtype": "f64"}


def bits(result, register, item=0):
    found = result["data"][item]["results"][register]
    assert found["dtype"] == "bool"
    raw = np.frombuffer(zlib.decompress(base64.b64decode(found["data"])), dtype=np.uint8)
    return np.unpackbits(raw, count=math.prod(found["shape"]), bitorder="little").reshape(found["shape"])


def item(arguments=None, shape=(), **more):
    given = NOTHING if arguments is None else tensor(arguments)
    return {"item_type": "circuit", "circuit_arguments": given, "shape": list(shape), "chunk_size": "auto", **more}


def program(*texts, items=None, shots=10, **more):
    items = [item() for _ in texts] if items is None else items
    whole = {"shots": shots, "meas_level": "classified", "circuits": {"data": list(texts)}, "items": items, **more}
    return {"schema_version": "v2.0", "quantum_program": whole, "options": {}}


def qpy_blob(*circuits):
    from qiskit import qpy

    buffer = io.BytesIO()
    qpy.dump(list(circuits), buffer, version=13)
    data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    return {"b64_data": data, "qpy_version": 13, "num_programs": len(circuits)}


@pytest.fixture
def post(api):
    def send(params, **body):
        whole = {"program_id": "executor", "backend": "ibm_fez", "params": params, **body}
        return api.send("POST", "/jobs", json=whole)

    return send


@pytest.fixture
def run(api, post):
    def send(params, **body):
        answer = post(params, **body)
        assert answer.status_code == 200, answer.text
        return api.result(answer.json()["id"])

    return send


@pytest.fixture
def failure(api, post):
    def send(params):
        answer = post(params)
        assert answer.status_code == 200, answer.text
        job = api.wait(answer.json()["id"])
        assert job["state"]["status"] == "Failed"
        return job["state"]

    return send


def test_the_last_axis_of_a_register_is_the_number_of_the_bit(run, api):
    text = f"{api.qasm}bit[2] m; x $0; m[0] = measure $0; m[1] = measure $1;"
    found = bits(run(program(text, shots=3)), "m")
    assert found.tolist() == [[1, 0]] * 3


def test_every_item_is_answered_in_order_with_all_its_registers(run, api):
    first = f"{api.qasm}bit[1] m; m[0] = measure $0;"
    second = f"{api.qasm}bit[9] low; bit[1] high; x $2; low[8] = measure $2; high[0] = measure $2;"
    result = run(program(first, second, shots=2))
    assert bits(result, "m").tolist() == [[0], [0]]
    assert bits(result, "low", item=1).tolist() == [[0] * 8 + [1]] * 2
    assert bits(result, "high", item=1).tolist() == [[1], [1]]


def test_the_answer_has_the_shape_that_the_reference_gives(run, api):
    result = run(program(f"{api.qasm}bit[1] m; m[0] = measure $0;"))
    assert set(result) == {"schema_version", "data", "metadata", "passthrough_data", "semantic_role"}
    assert result["schema_version"] == "v2.0"
    assert result["data"][0]["metadata"] == {"scheduler_timing": None, "stretch_values": None}
    [chunk] = result["metadata"]["chunk_timing"]
    assert chunk["start"] <= chunk["stop"]
    assert chunk["parts"] == [{"idx_item": 0, "size": 1, "permutation": [], "element_range": [0, 1, 1]}]


def test_passthrough_data_comes_back_untouched(run, api):
    data = {"dag": ["a", {"b": None, "c": 1.5}], "nested": [[True]]}
    result = run(program(f"{api.qasm}bit[1] m; m[0] = measure $0;", passthrough_data=data, semantic_role="mine"))
    assert result["passthrough_data"] == data
    assert result["semantic_role"] == "mine"


def test_arguments_of_any_shape_make_a_sweep(run):
    found = bits(run(program(ROTATED, items=[item([[[0.0], [math.pi]], [[math.pi], [0.0]]])], shots=4)), "m")
    assert found.shape == (2, 2, 4, 2)
    assert found[..., 0].tolist() == [[[0] * 4, [1] * 4], [[1] * 4, [0] * 4]]


def test_an_items_shape_adds_repetitions_that_are_drawn_anew(run):
    found = bits(run(program(ROTATED, items=[item([[0.0], [math.pi / 2]], shape=[3, 2])], shots=50)), "m")
    assert found.shape == (3, 2, 50, 2)
    assert not found[:, 0].any()
    halves = found[:, 1, :, 0]
    assert not (halves[0] == halves[1]).all()
    assert 0.2 < halves.mean() < 0.8


def test_arguments_go_to_the_parameters_by_name(run, api):
    text = (
        f"{api.qasm}input float[64] b; input float[64] a; bit[2] m; rx(a) $0; rx(b) $1; "
        "m[0] = measure $0; m[1] = measure $1;"
    )
    assert bits(run(program(text, items=[item([math.pi, 0.0])], shots=1)), "m").tolist() == [[1, 0]]


def test_circuits_come_as_one_qpy_blob_as_well(run):
    from qiskit import QuantumCircuit

    one, two = QuantumCircuit(1, 1), QuantumCircuit(1, 1)
    two.x(0)
    for circuit in (one, two):
        circuit.measure(0, 0)
    params = program(items=[item(), item()], shots=2)
    params["quantum_program"]["circuits"] = qpy_blob(one, two)
    result = run(params)
    assert [bits(result, "c", item=number).tolist() for number in (0, 1)] == [[[0], [0]], [[1], [1]]]


def test_a_sweep_of_no_points_gives_no_bits(run):
    result = run(program(ROTATED, items=[item(np.zeros((0, 1)))], shots=2))
    assert result["data"][0]["results"]["m"]["shape"] == [0, 2, 2]


def test_a_samplex_of_another_circuit_fails_the_job(failure, api):
    samplex = {
        "item_type": "samplex",
        "samplex": {"ssv": 1, "samplex_json": "{}"},
        "samplex_arguments": {},
        "shape": [],
        "chunk_size": "auto",
    }
    assert "samplex" in failure(program(f"{api.qasm}bit[1] m; m[0] = measure $0;", items=[samplex]))["reason"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"data": "nonsense!", "shape": [1], "dtype": "f64"},
        {"data": "eJwDAAAAAAE=", "shape": [1], "dtype": "f64"},
        {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "text"},
        {"data": "eJwDAAAAAAE=", "shape": [0], "dtype": "u8"},
        {"data": "eJwD", "shape": [0], "dtype": "f64"},
        {"shape": [0]},
        tensor([1.0, 2.0]),
        tensor([math.inf]),
        tensor(1.0),
    ],
)
def test_arguments_that_do_not_fit_fail_the_job(failure, arguments):
    broken = {**item(), "circuit_arguments": arguments}
    assert failure(program(ROTATED, items=[broken]))["reason_code"] == 1002


def test_a_circuit_that_the_machine_cannot_run_fails_the_job(failure, api):
    assert failure(program(f"{api.qasm}bit[1] c; h $0; c[0] = measure $0;"))["reason_code"] == 7000


def test_more_executions_than_allowed_fail_the_job(failure):
    state = failure(program(ROTATED, items=[item([0.0], shape=[10_000, 1000])], shots=2))
    assert state["reason_code"] == 6000


def test_another_number_of_circuits_than_the_blob_holds_fails_the_job(failure):
    from qiskit import QuantumCircuit

    params = program(items=[item(), item()])
    params["quantum_program"]["circuits"] = {**qpy_blob(QuantumCircuit(1, 1)), "num_programs": 2}
    assert "1 circuits" in failure(params)["reason"]


def change(params, **changes):
    return {**params, "quantum_program": {**params["quantum_program"], **changes}}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {**program(ROTATED), "schema_version": "v1.0"},
        {**program(ROTATED), "unknown": 1},
        {**program(ROTATED), "options": {"unknown": 1}},
        {**program(ROTATED), "options": {"init_qubits": 1}},
        {**program(ROTATED), "options": {"rep_delay": "long"}},
        {**program(ROTATED), "options": None},
        change(program(ROTATED), shots=0),
        change(program(ROTATED), shots=None),
        change(program(ROTATED), meas_level=["both"]),
        change(program(ROTATED), meas_level="unknown"),
        change(program(ROTATED), unknown=1),
        change(program(ROTATED), semantic_role=1),
        change(program(ROTATED), items=[]),
        change(program(ROTATED), items=[1]),
        change(program(ROTATED), items=[item(), item()]),
        change(program(ROTATED), items=[item(shape=[-1])]),
        change(program(ROTATED), items=[item(chunk_size=0)]),
        change(program(ROTATED), items=[item(unknown=1)]),
        change(program(ROTATED), items=[item(item_type="other")]),
        change(program(ROTATED), items=[item(item_type=[])]),
        change(program(ROTATED), circuits={"data": "text"}),
        change(program(ROTATED), circuits={"b64_data": "", "qpy_version": 13, "num_programs": 1}),
        change(program(ROTATED), circuits={"b64_data": "eJw", "qpy_version": 1, "num_programs": 1}),
        change(program(ROTATED), circuits={"b64_data": "eJw", "qpy_version": 13, "num_programs": 0}),
        program(ROTATED, ROTATED, items=[item(), item(chunk_size=5)]),
    ],
)
def test_malformed_params_are_a_bad_request(post, api, params):
    assert api.refusal(post(params)) == (400, 1002)


def test_numbered_chunks_are_for_sessions_only(post, run, api):
    params = program(f"{api.qasm}bit[1] m; m[0] = measure $0;", items=[item(chunk_size=5)])
    assert api.refusal(post(params)) == (400, 1002)
    session = api.send("POST", "/sessions", json={"mode": "batch", "backend": "ibm_fez"}).json()["id"]
    assert bits(run(params, session_id=session), "m").shape == (10, 1)
