"""Estimator PUBs in every form that users write, their broadcasting as in Qiskit, and the form that is sent."""

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives.containers.estimator_pub import EstimatorPub as QiskitPub

from airflow_provider_qrt.primitives import (
    EstimatorPub,
    InvalidInputError,
    check_circuit,
    coerce_estimator_pubs,
    estimator_params,
    largest_estimates_bytes,
)

BELL = 'OPENQASM 3.0; include "stdgates.inc"; rz(pi/2) $0; sx $0; cz $0, $1;'
INPUTS = (
    'OPENQASM 3.0; include "stdgates.inc"; input float[64] b; input float[64] a; qubit[2] q; rz(a) q[0]; rz(b) q[1];'
)
ZZ, XX = {"ZZ": 1.0}, {"XX": 1.0}


def sent(circuits, **more):
    pubs = estimator_params(circuits, **more)["pubs"]
    assert json.loads(json.dumps(pubs, allow_nan=False)) == pubs
    return pubs


def ansatz(*names):
    circuit = QuantumCircuit(2)
    for name in names or ("a",):
        circuit.rx(Parameter(name), 0)
    return circuit


@pytest.mark.parametrize(
    ("circuits", "observables", "expected"),
    [
        (BELL, "ZZ", [[BELL, ZZ]]),
        ([BELL], ["ZZ", "XX"], [[BELL, [ZZ, XX]]]),
        ([BELL, BELL], "ZZ", [[BELL, ZZ], [BELL, ZZ]]),
        ((BELL, "ZZ"), None, [[BELL, ZZ]]),
        ([(BELL, "ZZ"), (BELL, ["XX"])], None, [[BELL, ZZ], [BELL, [XX]]]),
        ([[BELL, "ZZ", None, 0.1], BELL], "XX", [[BELL, ZZ, None, 0.1], [BELL, XX]]),
        ([(BELL, None, None, 0.1)], "XX", [[BELL, XX, None, 0.1]]),
        ([(BELL,)], "XX", [[BELL, XX]]),
        ((INPUTS, "ZZ", {"a": 1, "b": [2, 3]}), None, [[INPUTS, ZZ, {"a": [1.0, 1.0], "b": [2.0, 3.0]}]]),
        ((INPUTS, "ZZ", [1, 2]), None, [[INPUTS, ZZ, {"a": 1.0, "b": 2.0}]]),
    ],
)
def test_a_pub_brings_its_own_observables_or_takes_the_tasks(circuits, observables, expected):
    assert sent(circuits, observables=observables) == expected


def test_precision_of_the_pub_goes_before_precision_of_the_task():
    assert sent([(BELL, "ZZ"), (BELL, "ZZ", None, np.float64(0.5))], precision=0.1) == [
        [BELL, ZZ, None, 0.1],
        [BELL, ZZ, None, 0.5],
    ]


def test_checked_pubs_can_be_passed_again():
    once = coerce_estimator_pubs([(BELL, "ZZ"), (BELL, "XX", None, 0.5)])
    again = coerce_estimator_pubs(once, precision=0.1)
    assert [pub.precision for pub in again] == [0.1, 0.5]
    assert coerce_estimator_pubs(list(once)) == once
    assert isinstance(once[0], EstimatorPub)


def test_params_carry_what_was_asked_for_and_nothing_else():
    assert estimator_params((BELL, "ZZ")) == {"version": 2, "support_qiskit": True, "pubs": [[BELL, ZZ]]}
    options = {"default_precision": 0.1}
    params = estimator_params((BELL, "ZZ"), resilience_level=0, options=options)
    assert (params["resilience_level"], params["options"]) == (0, options)


def test_a_quantum_circuit_is_sent_as_qpy_with_values_in_its_order():
    [pub] = coerce_estimator_pubs([(ansatz("b", "a"), "ZZ", {"a": [1, 2], "b": 0})])
    assert pub.to_json()[0]["__type__"] == "QuantumCircuit"
    assert pub.to_json()[2] == [[1.0, 0.0], [2.0, 0.0]]
    assert pub.shape == (2,)


def test_the_same_circuit_built_again_asks_for_the_same_thing():
    first, second = (coerce_estimator_pubs([(ansatz(), "ZZ", [0.5])])[0] for _ in range(2))
    assert first.identity() == second.identity()
    other = [
        coerce_estimator_pubs([(ansatz(), *rest)])[0]
        for rest in (("XX", [0.5]), ("ZZ", [0.6]), ("ZZ", [0.5], 0.1), ({"ZZ": 2}, [0.5]))
    ]
    assert first.identity() not in [pub.identity() for pub in other]


def test_what_is_sent_passes_ibms_own_model_of_an_estimators_input():
    from ibm_quantum_schemas.estimator.version_0_1 import ParamsModel

    array = {"__type__": "ndarray", "__value__": "AAAA"}
    params = estimator_params(
        [(ansatz(), ["ZZ", {"XX": 0.5}], [0.5], 0.1), (BELL, "Z0")], resilience_level=2, options={"default_shots": 5}
    )
    # The model knows IBM's own client only, which always sends four items and arrays for values.
    for pub in params["pubs"]:
        pub[:] = [*pub, None, None][:4]
        pub[2] = array
    ParamsModel.model_validate(params)


@settings(deadline=None, derandomize=True, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([(), (1,), (2,), (3,), (2, 1), (3, 1), (1, 3), (2, 3), (4, 1, 1)]),
    st.sampled_from([None, (), (1,), (2,), (3,), (1, 1), (2, 3), (4, 1)]),
)
def test_observables_and_values_broadcast_as_in_qiskit(observables, sweep):
    circuit = QuantumCircuit(2) if sweep is None else ansatz("a", "b")
    array = np.full(observables, "ZZ").tolist()
    values = None if sweep is None else np.ones((*sweep, 2))
    try:
        theirs = QiskitPub.coerce((circuit, array, values)).shape
    except ValueError:
        with pytest.raises(InvalidInputError, match="cannot broadcast"):
            coerce_estimator_pubs([(circuit, array, values)])
        return
    [ours] = coerce_estimator_pubs([(circuit, array, values)])
    assert ours.shape == theirs


MEASURES = 'OPENQASM 3.0;\ninclude "stdgates.inc"; bit[1] c;\n// measure $5\nx $0;\nc[0] = measure $0;'
LOOP = QuantumCircuit(2, 1)
with LOOP.for_loop(range(2)):
    LOOP.measure(0, 0)


@pytest.mark.parametrize(
    ("pub", "message"),
    [
        (BELL, "there is nothing to measure. Set observables on the task"),
        ((BELL, None), "there is nothing to measure"),
        ((MEASURES, "Z"), "the circuit measures, in line 5.*leave them out"),
        ((LOOP, "ZZ"), "measures. An estimator adds the measurements.*remove_final_measurements"),
        ((QuantumCircuit(), "Z"), "has no qubits"),
        (("OPENQASM 3.0; int a;", "Z"), "has no qubits"),
        ((BELL, "ZZZ"), "observables: 'ZZZ' has 3 letters, and the circuit has 2 qubits"),
        ((BELL, ["ZZ", "XQ"]), r"observables\[1\]: 'XQ' is no Pauli string"),
        ((ansatz(), "Z", [1]), "'Z' has 1 letters, and the circuit has 2 qubits.*apply_layout"),
        (
            (INPUTS, "ZZ"),
            "the circuit has inputs and no values were given: b, a. Give them with the circuit, in a tuple",
        ),
        (
            (INPUTS, {"a": 1, "b": 2}),
            "the second item of an estimator's PUB holds observables, and these are parameter",
        ),
        ((INPUTS, {"ZQ": 1}, {"a": 1, "b": 2}), "observables: 'ZQ' is no Pauli string"),
        ((INPUTS, "ZZ", {"a": 1, "c": 2}), "no input 'c'"),
        (
            (INPUTS, ["ZZ", "XX"], {"a": 1, "b": [1, 2, 3]}),
            r"\(2,\) and the parameter values \(3,\).*\[\['ZZ'\], \['XX'\]",
        ),
        ((BELL, BELL), "this is another circuit.*circuits=\\[first, second\\]"),
        ((BELL, ansatz()), "this is another circuit"),
        ("ZZ", "'ZZ' is an observable and stands where a circuit should.*circuits=\\[\\(circuit, 'ZZ'\\)\\]"),
        ("z0 Z1", "is an observable and stands where a circuit should"),
        ((BELL, "ZZ", None, 0), "precision: expected a standard error above 0.*not 0"),
        ((BELL, "ZZ", None, -0.1), "precision: expected a standard error"),
        ((BELL, "ZZ", None, 1024), "precision: .*use options.default_shots"),
        ((BELL, "ZZ", None, "0.1"), "precision: expected a standard error.*not '0.1'"),
        ((BELL, "ZZ", None, True), "precision: expected a standard error"),
        ((BELL, "ZZ", None, float("nan")), "precision: expected a standard error"),
        ((BELL, "ZZ", None, np.array([0.1])), "precision: expected a standard error"),
        ((BELL, "ZZ", None, 0.1, 5), "one to four items, .* this has 5"),
        ((), "one to four items"),
        ((3, "ZZ"), "the first item of a PUB is the circuit.*not a int"),
        ({"ZZ": 1}, "not a dict. Is this meant to belong to the circuit before it"),
        (("bell.qasm", "ZZ"), "no such file was found"),
    ],
    # The same in every process: without the addresses of objects.
    ids=lambda value: re.sub(r" at 0x[0-9a-f]+", "", str(value)),
)
def test_what_is_wrong_is_said_with_the_index_of_the_pub(pub, message):
    with pytest.raises(InvalidInputError, match=r"^circuits\[1\]: .*" + message):
        coerce_estimator_pubs([(BELL, "ZZ"), pub])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"circuits": []}, "circuits: the list is empty"),
        ({"circuits": BELL, "observables": "ZZZ"}, r"circuits\[0\]: the task's observables: 'ZZZ' has 3 letters"),
        ({"circuits": BELL, "observables": []}, "the task's observables: the list of observables is empty"),
        ({"circuits": BELL, "observables": "ZZ", "precision": 2}, "^precision: expected"),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_tasks_own_is_said_so(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        coerce_estimator_pubs(**arguments)


@pytest.mark.parametrize("level", [3, -1, True, 1.5, "1"])
def test_there_are_three_resilience_levels(level):
    with pytest.raises(InvalidInputError, match=r"^resilience_level: expected 0, 1 or 2, or None"):
        estimator_params((BELL, "ZZ"), resilience_level=level)


def test_a_term_named_like_a_parameter_is_still_a_term():
    circuit = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] Z; qubit q; rx(Z) q;'
    assert sent((circuit, {"Z": 2}, {"Z": 0.5})) == [[circuit, {"Z": 2.0}, {"Z": 0.5}]]


def test_a_circuit_already_encoded_takes_observables_of_any_one_width():
    tagged = {"__type__": "QuantumCircuit", "__value__": "eJw="}
    assert sent([(tagged, ["ZZZ", "XXX"], [[1, 2]])]) == [[tagged, [{"ZZZ": 1.0}, {"XXX": 1.0}], [[1.0, 2.0]]]]
    with pytest.raises(InvalidInputError, match="an observable before it has 3"):
        sent([(tagged, ["ZZZ", "XX"])])


def test_the_width_of_physical_qubits_is_that_of_the_highest():
    far = 'OPENQASM 3.0; include "stdgates.inc"; x $7;'
    [[_, terms]] = sent((far, {"Z7": 1, "Z0": 2}))
    assert terms == {"ZIIIIIII": 1.0, "IIIIIIIZ": 2.0}
    with pytest.raises(InvalidInputError, match=r"the highest that it names is \$7"):
        sent((far, "Z"))


def test_a_sampler_still_wants_measurements():
    with pytest.raises(InvalidInputError, match="no classical bits"):
        check_circuit(BELL)


@pytest.mark.parametrize(
    ("options", "level"),
    [({}, None), ({}, 2), ({"resilience": {"zne_mitigation": True, "zne": {"extrapolated_noise_factors": [0]}}}, None)],
)
def test_the_largest_size_bounds_the_json_of_all_that_ibm_returns(options, level):
    from airflow_provider_qrt.primitives.results.estimator_decoding import pub_result
    from airflow_provider_qrt.primitives.results.estimator_result import EstimatorResult

    sweep = [(INPUTS, [[["ZZ"]], [["XX"]]], {"a": np.ones((3, 4)), "b": 1}), (BELL, "ZZ")]
    pubs = coerce_estimator_pubs(sweep)
    long = -2.2250738585072014e-308
    points = len(options.get("resilience", {}).get("zne", {}).get("extrapolated_noise_factors", [0, 1, 3, 5]))
    read = []
    for pub in pubs:
        fields = dict.fromkeys(("evs", "stds", "ensemble_standard_error"), pub.shape)
        if options or level == 2:
            per_factor = ("evs_noise_factors", "stds_noise_factors", "ensemble_stds_noise_factors")
            fields |= dict.fromkeys(per_factor, (*pub.shape, 3))
            fields |= dict.fromkeys(("evs_extrapolated", "stds_extrapolated"), (*pub.shape, 2, points))
        read.append(pub_result({name: np.full(shape, long) for name, shape in fields.items()}, {}, "here"))
    values = [
        {key: part for key, part in one.items() if key != "metadata"}
        for one in EstimatorResult(tuple(read)).to_xcom_results()
    ]
    real = sum(len(json.dumps(one)) for one in values)
    assert real <= largest_estimates_bytes(pubs, options=options, resilience_level=level) <= 1.1 * real + 200
