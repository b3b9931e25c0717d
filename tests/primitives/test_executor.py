"""A sampler's input through the program executor gives the same counts; unsupported input is refused."""

from __future__ import annotations

import base64
import io
import json
import math
import subprocess
import sys
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ibm_quantum_schemas.common import CompressedTensorModel
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm3, qpy, transpile
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.random import random_circuit
from qiskit.primitives import BitArray

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
from airflow_provider_qrt.primitives import (
    InvalidInputError,
    InvalidResultError,
    coerce_pubs,
    decode_sampler_result,
    sampler_params,
)
from airflow_provider_qrt.primitives.arrays.tensors import read_bits, write_floats
from airflow_provider_qrt.primitives.errors import ProgramUnfitError
from airflow_provider_qrt.primitives.inputs.executor import executor_identity, executor_params
from airflow_provider_qrt.primitives.results.decoding import Budget
from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result

HEAD = 'OPENQASM 3.0; include "stdgates.inc";\n'
ONE = f"{HEAD}bit[1] c; x $0; c[0] = measure $0;"
REGISTERS = f"{HEAD}bit[9] zeta; bit[2] alpha; bit[1] mid; x $0; zeta[8] = measure $0; alpha[0] = measure $0;"
SWEPT = (
    f"{HEAD}input float[64] b; input float[64] a; bit[2] c; rx(a) $0; rx(b) $1; c[0] = measure $0; c[1] = measure $1;"
)
ENTANGLED = f"""{HEAD}
input float[64] b; input float[64] a; bit[2] low; bit[1] high;
rx(a) $0; sx $1; cz $0, $1; rz(b) $1; sx $1; cz $1, $2; rx(b) $2; cz $1, $2; rx(0.7) $1;
low[0] = measure $0; low[1] = measure $1; high[0] = measure $2;
"""
SHOTS = 4000


@pytest.fixture
def client(emulator):
    where = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    with QiskitRuntimeClient(where) as client:
        yield client


@pytest.fixture
def run(client):
    """Run circuits with a program and return the text of the result."""

    def run(circuits, program="executor", **more):
        build = {"executor": executor_params, "sampler": sampler_params}[program]
        params = json.loads(json.dumps(build(coerce_pubs(circuits), **more)))
        job = client.submit_job(program_id=program, backend="ibm_fez", params=params)
        while not (state := client.job(job.id)).status.is_final:
            time.sleep(0.01)
        assert state.status.value == "Completed", client.job_logs(job.id)
        return client.job_result(job.id)

    return run


@pytest.fixture
def both(run):
    """Return the results of both programs for the same input."""

    def both(circuits, **more):
        return (
            decode_executor_result(run(circuits, **more)),
            decode_sampler_result(run(circuits, "sampler", **more)),
        )

    return both


def quantum(name="bell", values=False):
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(1, "u"), ClassicalRegister(2, "v"), name=name)
    circuit.x(0)
    if values:
        vector = ParameterVector("t", 11)
        for angle in vector:
            circuit.rx(angle, 1)
    circuit.measure(0, 1)
    circuit.measure(1, 2)
    return circuit


# Over HTTP, next to the program sampler


@pytest.mark.parametrize(
    "circuits",
    [
        ONE,
        REGISTERS,
        [ONE, REGISTERS, ONE],
        [(SWEPT, {"a": math.pi, "b": 0.0})],
        [(SWEPT, {"a": [0.0, math.pi, math.pi], "b": [math.pi, 0.0, math.pi]}), REGISTERS],
        [(SWEPT, [[[0.0, math.pi], [0.0, 0.0]], [[math.pi, 0.0], [math.pi, math.pi]]])],
        [(SWEPT, {"a": [[0.0], [math.pi]], "b": [0.0, math.pi, 0.0]})],
        [f"{HEAD}qubit[2] q; bit[17] c; x q[1]; c[16] = measure q[1]; c[7] = measure q[1];"],
    ],
    ids=["one", "registers", "several", "values", "sweep", "list", "broadcast", "virtual"],
)
def test_circuits_without_chance_give_the_very_result_of_the_sampler(both, circuits):
    ours, theirs = both(circuits, shots=20)
    assert ours.to_xcom_results() == theirs.to_xcom_results()
    for own, other in zip(ours, theirs, strict=True):
        assert list(own.registers) == list(other.registers)
        assert own.shape == other.shape
        assert own.get_bitstrings() == other.get_bitstrings()


def test_the_order_of_bits_registers_and_sweep_is_qiskits(run):
    result = decode_executor_result(run([(SWEPT, {"a": [[0.0, math.pi]], "b": 0.0}), REGISTERS], shots=3))
    assert result[0].shape == (1, 2)
    assert result[0].get_counts((0, 0)) == {"00": 3}
    assert result[0].get_counts((0, 1)) == {"01": 3}
    assert result.get_counts(1) == {"0" + "01" + "100000000": 3}
    assert list(result[1].registers) == ["zeta", "alpha", "mid"]


def test_a_sweep_keeps_its_shape_also_with_axes_of_one_point(run):
    result = decode_executor_result(run([(SWEPT, {"a": [[0.0], [math.pi]], "b": 0.0})], shots=2))
    assert result[0].shape == (2, 1)
    assert result[0].get_counts((1, 0)) == {"01": 2}


def agree(mine, other, shots):
    """Two samples of one distribution: no frequency differs by more than five standard errors."""
    assert sum(mine.values()) == sum(other.values()) == shots
    for key in {*mine, *other}:
        p = (mine.get(key, 0) + other.get(key, 0)) / 2 / shots
        assert abs(mine.get(key, 0) - other.get(key, 0)) / shots <= 5 * math.sqrt(2 * p * (1 - p) / shots)


@pytest.mark.parametrize(
    "values", [{"a": 0.4, "b": 1.3}, {"a": [0.1, 2.0, -1.0], "b": [1.0, 0.3, 2.2]}], ids=["point", "sweep"]
)
def test_circuits_of_chance_have_the_distribution_of_the_sampler(both, values):
    ours, theirs = both([(ENTANGLED, values)], shots=SHOTS)
    for loc in np.ndindex(ours[0].shape):
        mine = ours[0].get_counts(loc or None)
        assert len(mine) >= 6
        agree(mine, theirs[0].get_counts(loc or None), SHOTS)


def test_random_circuits_in_one_job_have_the_distribution_of_the_sampler(both):
    from qiskit_ibm_runtime.fake_provider import FakeFez

    target = FakeFez().target
    circuits = [random_circuit(4, 5, max_operands=2, measure=True, seed=seed) for seed in range(8)]
    isa = transpile(circuits, target=target, optimization_level=1, seed_transpiler=3)
    ours, theirs = both([qasm3.dumps(circuit) for circuit in isa], shots=SHOTS)
    assert len(ours) == len(circuits)
    assert sum(len(pub.get_counts()) > 4 for pub in ours) >= 4
    for own, other in zip(ours, theirs, strict=True):
        agree(own.get_counts(), other.get_counts(), SHOTS)


def test_circuit_objects_go_as_one_file_and_come_back_in_order(both):
    values = np.zeros((2, 11))
    values[1, 10] = math.pi  # The last element of the vector, which a plain sort would put third.
    ours, theirs = both([quantum(), (quantum(values=True), values), quantum("other")], shots=5)
    assert ours.to_xcom_results() == theirs.to_xcom_results()
    assert ours[0].get_counts() == {"010": 5}
    assert [ours[1].get_counts(point) for point in (0, 1)] == [{"010": 5}, {"110": 5}]


def test_texts_beside_circuit_objects_go_as_qpy(both):
    ours, theirs = both([(SWEPT, {"a": [0.0, math.pi], "b": 0.0}), quantum(), REGISTERS], shots=5)
    assert ours.to_xcom_results() == theirs.to_xcom_results()


def test_a_circuit_that_came_encoded_is_sent_as_it_is(run):
    [pub] = coerce_pubs(quantum())
    params = executor_params([pub.circuit], shots=4)
    assert params["quantum_program"]["circuits"]["b64_data"] == pub.circuit["__value__"]
    assert decode_executor_result(run([pub.circuit], shots=4)).get_counts() == {"010": 4}


# Against IBM's own schemas and the official client


@pytest.mark.parametrize(
    "circuits",
    [[ONE], [(SWEPT, {"a": [0.1, 0.2], "b": 3.0}), REGISTERS], [quantum()], [quantum(), ONE]],
    ids=["text", "sweep", "object", "mixed"],
)
def test_the_input_passes_ibms_schema_and_says_the_same_circuits(circuits):
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel

    params = json.loads(json.dumps(executor_params(circuits, shots=7)))
    model = ParamsModel.model_validate(params)
    assert model.quantum_program.shots == 7
    read = model.quantum_program.circuits.to_python()
    wanted = [circuit[0] if isinstance(circuit, tuple) else circuit for circuit in circuits]
    texts = [qasm3.dumps(qasm3.loads(one) if isinstance(one, str) else one) for one in wanted]
    assert [qasm3.dumps(circuit) for circuit in read] == texts


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2)])
def test_arguments_are_those_that_the_official_client_sends(shape):
    from qiskit_ibm_runtime.options_models.executor import ExecutorOptions
    from qiskit_ibm_runtime.quantum_program import QuantumProgram
    from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import quantum_program_to_2_0
    from samplomatic.quantum_program import CircuitItem

    rng = np.random.default_rng(3)
    circuit = quantum(values=True)
    circuit.rx(Parameter("s") + Parameter("u"), 1)
    values = rng.normal(size=(*shape, circuit.num_parameters))
    item = CircuitItem(circuit, circuit_arguments=values)
    theirs = quantum_program_to_2_0(QuantumProgram(9, [item]), ExecutorOptions()).model_dump(mode="json")
    ours = executor_params([(circuit, values)], shots=9)
    assert ours["quantum_program"]["items"] == theirs["quantum_program"]["items"]
    assert ours["quantum_program"]["shots"] == theirs["quantum_program"]["shots"]
    # And by name, in whatever order.
    named = {parameter: values[..., index] for index, parameter in reversed([*enumerate(circuit.parameters)])}
    assert executor_params([(circuit, named)], shots=9)["quantum_program"]["items"] == ours["quantum_program"]["items"]


def test_the_inputs_of_a_text_are_in_the_order_of_qiskits_parameters():
    names = ["b", "B", "_a", "θ", "a10", "a2"]
    declared = "".join(f"input float[64] {name}; " for name in names)
    used = "".join(f"rz({name}) $0; " for name in names[1:])  # One is declared and not used.
    text = f"{HEAD}{declared}bit[1] c; {used}c[0] = measure $0;"
    values = {name: float(index) for index, name in enumerate(names)}
    [item] = executor_params([(text, values)])["quantum_program"]["items"]
    sent = CompressedTensorModel.model_validate(item["circuit_arguments"]).to_numpy()
    assert sent.tolist() == [values[parameter.name] for parameter in qasm3.loads(text).parameters]


def test_values_by_name_for_an_encoded_circuit_take_qiskits_order():
    circuit = quantum(values=True)
    [pub] = coerce_pubs([(circuit, np.arange(11.0))])
    named = {parameter.name: float(index) for index, parameter in enumerate(circuit.parameters)}
    shuffled = dict(sorted(named.items()))
    assert list(shuffled) != list(named)
    [item] = executor_params([(pub.circuit, shuffled)])["quantum_program"]["items"]
    assert item["circuit_arguments"] == write_floats(np.arange(11.0))


@pytest.mark.parametrize("circuits", [[REGISTERS, ONE], [(ENTANGLED, [[0.1, 0.2], [1.0, 2.0]])]])
def test_the_result_is_read_as_the_official_client_reads_it(run, circuits):
    from ibm_quantum_schemas.executor.version_2_0 import QuantumProgramResultModel
    from qiskit_ibm_runtime.decoders.executor.converters import quantum_program_result_from_2_0
    from qiskit_ibm_runtime.decoders.executor_sampler.decoder import ClientSideSamplerResultDecoder

    text = run(circuits, shots=50)
    ours = decode_executor_result(text)
    marked = {"version": "v0.1", "twirling": False, "meas_type": "classified", "shots": 50, "options": {}}
    document = {**json.loads(text), "semantic_role": "sampler_v2", "passthrough_data": {"post_processor": marked}}
    official = quantum_program_result_from_2_0(QuantumProgramResultModel.model_validate(document))
    theirs = ClientSideSamplerResultDecoder.decode(official)
    assert len(ours) == len(theirs) == len(circuits)
    for own, other in zip(ours.to_qiskit(), theirs, strict=True):
        assert list(own.data) == list(other.data)
        assert all(own.data[name] == other.data[name] for name in other.data)
        assert own.metadata == other.metadata


steady = settings(deadline=None, derandomize=True, max_examples=80, suppress_health_check=list(HealthCheck))


@steady
@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 40), st.sampled_from([(), (2,), (3, 2)]))
def test_tensors_of_bits_are_read_as_qiskit_packs_them(seed, num_bits, shots, sweep):
    bits = np.random.default_rng(seed).integers(0, 2, (*sweep, shots, num_bits)).astype(bool)
    register = read_bits(CompressedTensorModel.from_numpy(bits).model_dump(mode="json"), "c", Budget(1 << 20))
    wanted = BitArray.from_bool_array(bits, order="little")
    assert (register.num_bits, register.shots, register.shape) == (num_bits, shots, sweep)
    assert np.array_equal(register.array, wanted.array)


def test_more_shots_than_are_unpacked_at_a_time_take_no_more_memory_than_they_need():
    bits = np.random.default_rng(1).integers(0, 2, (100_000, 127)).astype(bool)
    tensor = CompressedTensorModel.from_numpy(bits).model_dump(mode="json")
    wanted = BitArray.from_bool_array(bits, order="little").array
    tracemalloc.start()
    register = read_bits(tensor, "c", Budget(1 << 30))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(register.array, wanted)
    assert peak < 5 * wanted.nbytes < bits.nbytes


# Options and shots


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, {}),
        ({"default_shots": 10}, {}),
        ({"execution": {"init_qubits": False, "rep_delay": 2e-4}}, {"init_qubits": False, "rep_delay": 2e-4}),
        ({"execution": {"meas_type": "classified"}}, {}),
        (
            {"execution": {"scheduler_timing": True, "stretch_values": False}},
            {"scheduler_timing": True, "stretch_values": False},
        ),
        ({"dynamical_decoupling": {"enable": False, "sequence_type": "XX"}, "twirling": {"strategy": "all"}}, {}),
        ({"twirling": {"enable_gates": False, "enable_measure": False}, "simulator": {}}, {}),
        ({"experimental": {"flag": 1}}, {"experimental": {"flag": 1}}),
        (
            {"experimental": {"execution": {"scheduler_timing": True, "stretch_values": False}}},
            {
                "experimental": {"execution": {"scheduler_timing": True, "stretch_values": False}},
                "scheduler_timing": True,
            },
        ),
    ],
)
def test_options_that_the_executor_knows_go_over(given, sent):
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel

    params = executor_params(ONE, options=given)
    assert params["options"] == sent
    ParamsModel.model_validate(params)


@pytest.mark.parametrize(
    "given",
    [
        {"dynamical_decoupling": {"enable": True}},
        {"twirling": {"enable_gates": True}},
        {"twirling": {"enable_measure": True, "num_randomizations": 4}},
    ],
)
def test_circuits_that_are_to_be_changed_are_prepared_by_another_function(given):
    with pytest.raises(InvalidInputError, match="prepare_executor_sampler"):
        executor_params(ONE, options=given)


def test_options_of_a_simulator_are_refused_with_a_way_out():
    with pytest.raises(ProgramUnfitError, match=r"^options\.simulator: .*program executor.*program_id='sampler'"):
        executor_params(ONE, options={"simulator": {"seed_simulator": 1}})


def test_options_are_those_of_the_sampler():
    with pytest.raises(InvalidInputError, match=r"options\.exekution"):
        executor_params(ONE, options={"exekution": {}})


@pytest.mark.parametrize(
    ("pubs", "more", "shots"),
    [
        ([ONE], {}, 4096),
        ([ONE], {"options": {"default_shots": 11}}, 11),
        ([ONE], {"shots": 12, "options": {"default_shots": 11}}, 12),
        ([(ONE, None, 13), (ONE, None, 13)], {"shots": 12}, 13),
        ([(ONE, None, 12), ONE], {"options": {"default_shots": 12}}, 12),
    ],
)
def test_shots_come_from_where_the_sampler_takes_them(pubs, more, shots):
    assert executor_params(pubs, **more)["quantum_program"]["shots"] == shots


def test_different_shots_in_one_job_are_refused():
    with pytest.raises(InvalidInputError, match=r"^circuits\[2\]: asks for 1,000 shots and circuits\[0\] for 4,096"):
        executor_params([ONE, ONE, (ONE, None, 1000)])


def test_too_many_executions_are_refused():
    with pytest.raises(InvalidInputError, match="executions"):
        executor_params([(SWEPT, {"a": [0.0] * 3000, "b": 0.0})])


def test_timing_that_the_service_returns_stands_where_the_sampler_has_it():
    document = result(c=[[1]])
    document["data"][0]["metadata"] = {
        "scheduler_timing": {"timing": "x", "circuit_duration": 4},
        "stretch_values": None,
    }
    [pub] = decode_executor_result(document)
    assert pub.metadata == {
        "circuit_metadata": {},
        "compilation": {"scheduler_timing": {"timing": "x", "circuit_duration": 4}},
    }


# What another try of a task rebuilds


def test_the_text_alone_gives_the_order_of_the_registers_whatever_order_the_service_writes(run):
    document = json.loads(run([REGISTERS, ONE], shots=3))
    turned = json.loads(json.dumps(document, sort_keys=True))
    assert list(turned["data"][0]["results"]) == ["alpha", "mid", "zeta"]
    assert list(decode_executor_result(json.dumps(turned))[0].registers) == ["zeta", "alpha", "mid"]


def test_a_register_more_or_less_than_asked_for_does_not_lose_the_result():
    document = result(b=[[1]], a=[[0]])
    document["passthrough_data"] = {"airflow_provider_qrt": {"registers": [["gone", "a"]]}}
    assert list(decode_executor_result(document)[0].registers) == ["a", "b"]


def test_the_same_circuits_have_one_identity_though_their_qpy_differs():
    def asked(circuit, **more):
        pubs = coerce_pubs([circuit])
        params = executor_params(pubs, **more)
        identity = executor_identity(coerce_pubs(pubs, shots=more.get("shots")), more.get("options", {}))
        return json.dumps(identity), json.dumps(params)

    def circuit():
        return quantum(values=True), np.zeros(11)

    (first, params), (second, others) = asked(circuit()), asked(circuit())
    assert first == second
    assert params != others
    assert asked((circuit()[0], np.ones(11)))[0] != first
    assert asked(circuit(), shots=5)[0] != first
    assert asked(circuit(), options={"execution": {"init_qubits": False}})[0] != first
    assert asked(ONE)[0] != first
    # However the number of shots was written.
    assert asked((ONE, None, 4096))[0] == asked(ONE)[0]


# What is not a result, or not one that has counts


def result(*, schema="v2.0", **registers):
    tensors = {
        name: CompressedTensorModel.from_numpy(np.asarray(bits, dtype=bool)).model_dump(mode="json")
        for name, bits in registers.items()
    }
    return {
        "schema_version": schema,
        "data": [{"results": tensors, "metadata": {"scheduler_timing": None, "stretch_values": None}}],
        "metadata": {"chunk_timing": []},
        "passthrough_data": None,
        "semantic_role": None,
    }


def damaged(**changes):
    document = result(c=[[1, 0]])
    document["data"][0]["results"]["c"].update(changes)
    return document


def two_in_one_file():
    buffer = io.BytesIO()
    qpy.dump([quantum(), quantum()], buffer, version=17)
    return packed(buffer.getvalue())


def packed(raw):
    return base64.b64encode(zlib.compress(raw)).decode()


KERNELED = CompressedTensorModel.from_numpy(np.ones((2, 1), dtype=complex)).model_dump(mode="json")
TWIRLED = {**result(c=[[1]]), "passthrough_data": {"post_processor": {"twirling": True}}}
OTHER_NUMBER = {**result(c=[[1]]), "passthrough_data": {"airflow_provider_qrt": {"registers": [["c"], ["c"]]}}}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("", "the result is empty"),
        ("Traceback: the reason", "ends: Traceback: the reason"),
        ("[]", "no result of the program executor"),
        ('{"results": [], "metadata": {}}', "no result of the program executor.*'results'"),
        ('{"__type__": "PrimitiveResult", "__value__": {}}', "no result of the program executor.*'PrimitiveResult'"),
        (result(schema="v1.1", c=[[1]]), "schema 'v1.1'; only v2.0"),
        (result(), r"data\[0\]: the result holds no classical register"),
        ({**result(c=[[1]]), "data": [3]}, r"data\[0\]: the result holds no classical register"),
        (result(a=[[1], [0]], b=[[1]]), "differ in sweep or shots"),
        (TWIRLED, r"data\[0\].c: the shape \(1,\) has no axis of randomizations"),
        (result(**{"c": [[1]], "measurement_flips.c": [[1, 0]]}), r"data\[0\].c: the flips of twirling have the shape"),
        (result(**{"measurement_flips.c": [[1]]}), r"data\[0\]: the result holds no classical register"),
        (OTHER_NUMBER, "1 items, and the job asked for another number"),
        (damaged(**KERNELED), r"data\[0\].c: the register holds numbers of type 'c128'"),
        (damaged(data=3), r"data\[0\].c: expected a tensor"),
        (damaged(shape=[2]), r"data\[0\].c: the shape"),
        (damaged(shape=[1, -2]), r"data\[0\].c: the shape"),
        (damaged(shape=[10**12, 0, 2], data=packed(b"")), r"data\[0\].c: .*there are no shots"),
        (damaged(shape="12"), r"data\[0\].c: the shape"),
        (damaged(shape=[9, 2]), r"data\[0\].c: an array ends after 1 of 3 bytes"),
        (damaged(data=packed(b"\1\1")), r"data\[0\].c: an array holds more data"),
        (damaged(data="!!"), r"data\[0\].c: an array is not base64"),
        (damaged(data=base64.b64encode(b"no").decode()), r"data\[0\].c: an array cannot be decompressed"),
        (damaged(shape=[10**6, 100]), "more than 12 characters can hold"),
        (damaged(shape=[10**12, 0]), r"data\[0\].c: .* of the limit"),
    ],
)
def test_anything_else_is_refused_with_its_place(payload, message):
    with pytest.raises(InvalidResultError, match=message):
        decode_executor_result(payload)


def test_all_registers_together_keep_the_limit():
    document = result(a=np.ones((100, 9)), b=np.ones((100, 9)))
    assert decode_executor_result(document, max_bytes=400)[0].shots == 100
    with pytest.raises(InvalidResultError, match=r"data\[0\].b: .*199 are left"):
        decode_executor_result(document, max_bytes=399)
    twice = {**document, "data": document["data"] * 2}
    with pytest.raises(InvalidResultError, match=r"data\[1\].a"):
        decode_executor_result(twice, max_bytes=500)


@pytest.mark.parametrize(
    "value", ["%%", "bm8=", packed(b"NOT QPY" * 9), packed(b"QISKIT"), two_in_one_file()], ids=range(5)
)
def test_a_broken_encoded_circuit_is_refused(value):
    broken = {"__type__": "QuantumCircuit", "__value__": value}
    with pytest.raises(InvalidInputError, match=r"circuits\[0\]: expected base64 of zlib of QPY"):
        executor_params([broken])
    with pytest.raises(InvalidInputError, match=r"circuits\[1\]: "):
        executor_params([ONE, broken])


def test_text_that_qiskit_cannot_read_beside_circuit_objects_is_refused_by_its_place():
    unknown = f"{HEAD}bit[1] c; int i = 3; c[0] = measure $0;"
    assert executor_params([unknown])["quantum_program"]["circuits"] == {"data": [unknown]}
    with pytest.raises(
        InvalidInputError, match=r"^circuits\[1\]: .*type 'int' are not supported.* all circuits of the job as text"
    ):
        executor_params([quantum(), unknown])


def test_texts_need_no_qiskit_in_either_direction():
    document = json.dumps(result(c=[[1, 0]]))
    code = f"""
import sys
sys.modules["qiskit"] = None
from airflow_provider_qrt.primitives import coerce_pubs
from airflow_provider_qrt.primitives.results.decoding import Budget
from airflow_provider_qrt.primitives.inputs.executor import executor_params
from airflow_provider_qrt.primitives.results.executor_result import decode_executor_result
from airflow_provider_qrt.primitives.errors import InvalidInput
assert 'numpy' not in sys.modules
executor_params([({SWEPT!r}, {{'a': [0, 1], 'b': 0}})])
print(decode_executor_result({document!r}).get_counts())
encoded = {coerce_pubs(quantum())[0].circuit!r}
executor_params([encoded])
try:
    executor_params([encoded, encoded])
except InvalidInput as error:
    print('pip install' in str(error))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["{'01': 1}", "True", ""]
