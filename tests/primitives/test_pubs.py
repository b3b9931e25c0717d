"""Circuits, values and shots in every form that users write."""

import base64
import io
import json
import zlib

import numpy as np
import pytest

from airflow_provider_qrt.primitives import InvalidInputError, SamplerPub, coerce_pubs, sampler_params
from airflow_provider_qrt.primitives.circuits import reader
from airflow_provider_qrt.primitives.circuits.outline import outline

PLAIN = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
INPUTS = (
    'OPENQASM 3.0; include "stdgates.inc"; input float[64] b; input float[64] a; bit[1] c; '
    "rz(a) $0; rz(b) $0; c[0] = measure $0;"
)
ONE_INPUT = 'OPENQASM 3.0; include "stdgates.inc"; input angle turn; bit c; rz(turn) $0; c = measure $0;'


def sent(circuits, **more):
    pubs = sampler_params(circuits, **more)["pubs"]
    assert json.loads(json.dumps(pubs)) == pubs
    return pubs


def quantum_circuit():
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter, ParameterVector

    circuit = QuantumCircuit(2, 2)
    vector, single = ParameterVector("v", 11), Parameter("a")
    circuit.rx(single, 0)
    for element in vector:
        circuit.rx(element, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit, single, vector


@pytest.mark.parametrize(
    ("circuits", "expected"),
    [
        (PLAIN, [[PLAIN]]),
        ([PLAIN], [[PLAIN]]),
        ([PLAIN, PLAIN], [[PLAIN], [PLAIN]]),
        ((PLAIN,), [[PLAIN]]),
        ((PLAIN, None, 5), [[PLAIN, None, 5]]),
        ([(PLAIN, None, 5)], [[PLAIN, None, 5]]),
        ([[PLAIN, None, 5], PLAIN], [[PLAIN, None, 5], [PLAIN]]),
        ([[PLAIN, {}]], [[PLAIN]]),
        ([[PLAIN, []]], [[PLAIN]]),
        ((INPUTS, {"a": 1, "b": 2}), [[INPUTS, {"a": 1.0, "b": 2.0}]]),
    ],
)
def test_a_list_is_many_pubs_and_a_tuple_is_one(circuits, expected):
    assert sent(circuits) == expected


def test_checked_pubs_can_be_passed_again():
    once = coerce_pubs([(INPUTS, {"a": 1, "b": [1, 2]}), (PLAIN, None, 3)])
    assert coerce_pubs(once, shots=7) == coerce_pubs(list(once), shots=7)
    assert [pub.shots for pub in coerce_pubs(once, shots=7)] == [7, 3]
    assert once[0].sweep_size == 2
    assert isinstance(once[0], SamplerPub)


def test_shots_of_the_pub_go_before_shots_of_the_task():
    assert sent([PLAIN, (PLAIN, None, np.int64(5))], shots=9) == [[PLAIN, None, 9], [PLAIN, None, 5]]


@pytest.mark.parametrize("shots", [0, -1, True, 1.5, "100"])
def test_shots_are_whole_positive_numbers(shots):
    with pytest.raises(InvalidInputError, match=r"^circuits\[0\]: shots: expected a whole number"):
        coerce_pubs([(PLAIN, None, shots)])
    with pytest.raises(InvalidInputError, match=r"^shots: expected a whole number"):
        coerce_pubs([PLAIN], shots=shots)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": 0.5, "b": 1}, {"b": 1.0, "a": 0.5}),
        ({"a": [0.5, 1.5], "b": 1}, {"b": [1.0, 1.0], "a": [0.5, 1.5]}),
        ({"a": np.zeros((2, 1)), "b": np.ones(2)}, {"a": [[0.0, 0.0]] * 2, "b": [[1.0, 1.0]] * 2}),
        ({"a": np.float32(0.5), "b": np.int8(1)}, {"a": 0.5, "b": 1.0}),
        ([1, 2], {"a": 1.0, "b": 2.0}),
        ([[1, 2], [3, 4]], {"a": [1.0, 3.0], "b": [2.0, 4.0]}),
        (np.array([1.0, 2.0]), {"a": 1.0, "b": 2.0}),
    ],
)
def test_values_of_a_text_are_sent_by_name_and_lists_are_in_the_order_of_names(values, expected):
    assert sent([(INPUTS, values)]) == [[INPUTS, expected]]


@pytest.mark.parametrize(("values", "expected"), [([0.5], 0.5), ([1, 2, 3], [1.0, 2.0, 3.0]), ([[1], [2]], [1.0, 2.0])])
def test_the_axis_of_a_single_parameter_may_be_left_out(values, expected):
    assert sent([(ONE_INPUT, values)]) == [[ONE_INPUT, {"turn": expected}]]


@pytest.mark.parametrize(
    ("pub", "message"),
    [
        (INPUTS, "the circuit has inputs and no values were given: b, a"),
        ((INPUTS, {"a": 1}), "no value for the input 'b'"),
        ((INPUTS, {"a": 1, "b": 2, "aa": 3}), r"no input 'aa'; did you mean 'a'\? \(declared: b, a\)"),
        ((PLAIN, {"a": 1}), r"no input 'a' \(declared: none\)"),
        ((PLAIN, [1]), "declares no inputs, but values were given"),
        ((INPUTS, {"a": "1", "b": 2}), "parameter 'a': expected real numbers, found '1' \\(str\\)"),
        ((INPUTS, {"a": [1, True], "b": 2}), "parameter 'a': expected real numbers, found True"),
        ((INPUTS, {"a": 1j, "b": 2}), "expected real numbers, found 1j"),
        ((INPUTS, {"a": np.array([1j]), "b": 2}), "expected real numbers, found complex128"),
        ((INPUTS, {"a": np.array([True]), "b": 2}), "expected real numbers, found bool"),
        ((INPUTS, {"a": float("nan"), "b": 2}), "finite numbers"),
        ((INPUTS, {"a": [1, float("inf")], "b": 2}), "finite numbers"),
        ((INPUTS, {"a": None, "b": 2}), "found None"),
        ((INPUTS, {"a": {"x": 1}, "b": 2}), "expected real numbers"),
        ((INPUTS, {"a": [[1, 2], [3]], "b": 2}), "different lengths"),
        ((INPUTS, {"a": [1, 2], "b": [1, 2, 3]}), r"shapes .* do not go together: a \(2,\), b \(3,\)"),
        ((INPUTS, {"a": [[]], "b": 2}), "empty list"),
        ((INPUTS, [1, 2, 3]), "2 inputs, in the order of their names a, b; .* their shape is \\(3,\\)"),
        ((INPUTS, 5), "2 inputs"),
        (3, "expected OpenQASM 3 text, a QuantumCircuit, or .*, not a int"),
        ({"__type__": "Parameter", "__value__": ""}, "not a mapping of type 'Parameter'"),
        ({"a": 1}, "belong to the circuit before it"),
        ((), "a PUB has one to three items"),
        ((PLAIN, None, 1, None), "a PUB has one to three items, .* this has 4"),
        ((None, PLAIN), "the first item of a PUB is the circuit.*not a NoneType"),
        ((PLAIN, PLAIN), "this is another circuit.*circuits=\\[first, second\\]"),
        ("OPENQASM 2.0;", "OpenQASM 2"),
    ],
)
def test_what_is_wrong_is_said_with_the_index_of_the_pub(pub, message):
    with pytest.raises(InvalidInputError, match=r"^circuits\[1\]: .*" + message):
        coerce_pubs([PLAIN, pub])


@pytest.mark.parametrize("beside", [{"theta": 0.3}, [0.3], 0.3, None])
def test_values_beside_their_circuit_are_sent_into_a_tuple(beside):
    with pytest.raises(InvalidInputError, match=r"circuits\[1\]: .*Then put the two into one tuple"):
        coerce_pubs([INPUTS, beside])


def test_an_empty_list_is_refused():
    with pytest.raises(InvalidInputError, match="give at least one circuit"):
        coerce_pubs([])


def test_more_executions_than_ibm_takes_are_refused():
    sweep = (ONE_INPUT, [0.1] * 1001)
    with pytest.raises(InvalidInputError, match=r"circuits\[1\]: .*10,010,000 executions .* 10,000 times 1,001"):
        sampler_params([(PLAIN, None, 1000), (*sweep, 10_000)])
    sampler_params([sweep])
    with pytest.raises(InvalidInputError, match="executions"):
        sampler_params([sweep], options={"default_shots": 10_000})
    sampler_params([sweep], shots=100, options={"default_shots": 10_000})


def test_many_large_texts_share_one_budget_for_the_slow_parser(monkeypatch):
    parsed = []
    monkeypatch.setattr(
        "airflow_provider_qrt.primitives.circuits.syntax._parse", lambda text, where: parsed.append(where)
    )
    monkeypatch.setattr(reader, "STRICT_PARSE_MAX_CHARS", len(outline(PLAIN)) + len(outline(ONE_INPUT)) - 1)
    coerce_pubs([PLAIN, PLAIN, (ONE_INPUT, [1])])
    assert parsed == ["circuits[0]"]


def test_params_ask_for_the_compact_encoding_and_carry_options_only_when_given():
    assert sampler_params(PLAIN) == {"version": 2, "support_qiskit": True, "pubs": [[PLAIN]]}
    options = {"twirling": {"enable_measure": True}}
    assert sampler_params(PLAIN, options=options)["options"] == options
    with pytest.raises(InvalidInputError, match=r"options\.foo"):
        sampler_params(PLAIN, options={"foo": 1})


def test_a_quantum_circuit_becomes_qpy_that_qiskit_reads_back():
    from qiskit import qpy

    circuit, _, _ = quantum_circuit()
    values = {"a": 0.5, **{f"v[{i}]": float(i) for i in range(11)}}
    (pub,) = coerce_pubs((circuit, values, 3))
    assert pub.info.registers == (("c", 2),)
    assert pub.info.num_qubits == 2
    data = zlib.decompress(base64.b64decode(pub.circuit["__value__"]))
    assert data[6] <= 17
    assert qpy.load(io.BytesIO(data))[0] == circuit
    assert pub.to_json()[1:] == [[0.5, *map(float, range(11))], 3]


def test_values_of_a_quantum_circuit_may_be_given_by_its_own_objects_and_by_vector():
    circuit, single, vector = quantum_circuit()
    expected = [[0.5, *map(float, range(11))]] * 2
    for key in (vector, "v"):
        (pub,) = coerce_pubs([(circuit, {single: [0.5, 0.5], key: np.arange(11)})])
        assert pub.parameter_values == expected
        assert pub.sweep_size == 2
    (pub,) = coerce_pubs([(circuit, expected)])
    assert pub.parameter_values == expected
    with pytest.raises(InvalidInputError, match=r"'v' is a vector of 11 elements"):
        coerce_pubs([(circuit, {"a": 1, "v": 2})])


def test_a_quantum_circuit_that_measures_nothing_is_refused():
    from qiskit import QuantumCircuit

    for circuit in (QuantumCircuit(1), QuantumCircuit(1, 1)):
        with pytest.raises(InvalidInputError, match=r"circuits\[0\]: .*measure_all"):
            coerce_pubs(circuit)


def test_a_quantum_circuit_qpy_cannot_hold_is_refused():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, metadata={"not json": object()})
    circuit.measure_all()
    with pytest.raises(InvalidInputError, match="QPY cannot hold"):
        coerce_pubs(circuit)


def test_a_circuit_already_encoded_passes_with_its_values_checked_as_numbers():
    tagged = {"__type__": "QuantumCircuit", "__value__": "eJw="}
    assert sent([tagged, (tagged, np.array([[1, 2], [3, 4]]), 5)]) == [[tagged], [tagged, [[1.0, 2.0], [3.0, 4.0]], 5]]
    assert sent([(tagged, {"a": [1, 2], "b": 0})]) == [[tagged, {"a": [1.0, 2.0], "b": [0.0, 0.0]}]]
    assert coerce_pubs([(tagged, [[1, 2], [3, 4]])])[0].sweep_size == 2
    with pytest.raises(InvalidInputError, match="expected real numbers"):
        coerce_pubs([(tagged, ["x"])])


ARRAYS = [
    0.5,
    [0.5],
    [1, 2, 3],
    [[1], [2]],
    [[1, 2]],
    [[1, 2], [3, 4], [5, 6]],
    np.arange(12.0).reshape(2, 3, 2),
    np.arange(6.0).reshape(2, 3, 1),
    {"a": 1, "b": 2},
    {"a": [1, 2], "b": [3, 4]},
    {"a": np.ones((2, 3)), "b": np.arange(6).reshape(2, 3)},
    {("a", "b"): [[1, 2], [3, 4]]},
    {("b", "a"): [[1, 2], [3, 4]]},
    {("b", "a"): [1, 2]},
    {"b": [7, 8], ("a",): [[1], [2]]},
    {"theta": 0.5},
    {"theta": [1, 2]},
    {"theta": np.ones((2, 3))},
]


@pytest.mark.parametrize("form", ["text", "object"])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("values", ARRAYS, ids=[str(index) for index in range(len(ARRAYS))])
def test_values_have_the_shape_and_meaning_that_qiskits_pub_gives_them(values, number, form):
    from qiskit import qasm3
    from qiskit.primitives.containers.sampler_pub import SamplerPub as QiskitPub

    one = 'OPENQASM 3.0; include "stdgates.inc"; input float theta; bit[1] c; rz(theta) $0; c[0] = measure $0;'
    text = INPUTS if number == 2 else one
    circuit = qasm3.loads(text)
    try:
        theirs = QiskitPub.coerce((circuit, values), shots=1).parameter_values
    except ValueError:
        with pytest.raises(InvalidInputError):
            coerce_pubs([(text if form == "text" else circuit, values)])
        return
    expected = theirs.as_array([parameter.name for parameter in circuit.parameters])
    (pub,) = coerce_pubs([(text if form == "text" else circuit, values)])
    assert pub.sweep_size == theirs.size
    if form == "text":
        names = [parameter.name for parameter in circuit.parameters]
        ours = np.stack([np.asarray(pub.parameter_values[name]) for name in names], axis=-1)
    else:
        ours = np.asarray(pub.parameter_values)
    assert ours.tolist() == expected.tolist()


def test_several_parameters_under_one_key_need_an_axis_of_their_own():
    with pytest.raises(InvalidInputError, match=r"parameter 'a, b' is a vector of 2 elements; .*shape is \(3,\)"):
        coerce_pubs([(INPUTS, {("a", "b"): [1, 2, 3]})])
    with pytest.raises(InvalidInputError, match="no input 'x'"):
        coerce_pubs([(INPUTS, {("a", "b", "x"): [1, 2, 3]})])


@pytest.mark.parametrize("nothing", [np.array([]), np.zeros(0), [], ()])
def test_an_empty_array_is_no_values(nothing):
    assert sent([(PLAIN, nothing)]) == [[PLAIN]]
    with pytest.raises(InvalidInputError, match="the circuit has inputs and no values were given"):
        coerce_pubs((ONE_INPUT, nothing))
