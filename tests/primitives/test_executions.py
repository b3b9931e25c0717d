"""The number of circuit executions of a job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_qrt.primitives import (
    InvalidInputError,
    coerce_estimator_pubs,
    coerce_pubs,
    estimator_params,
    sampler_params,
)
from airflow_provider_qrt.primitives.inputs.executions import count_bases, estimator_executions, sampler_executions
from airflow_provider_qrt.primitives.inputs.shots import estimator_shots, read_mitigation

TWO_QUBITS = 'OPENQASM 3.0; include "stdgates.inc"; bit[2] c; x $0; c[0] = measure $0; c[1] = measure $1;'
TURN = 'OPENQASM 3.0; include "stdgates.inc"; input float a; bit[1] c; rz(a) $0; c[0] = measure $0;'
ANSATZ = 'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit[2] q; rz(a) q[0]; cz q[0], q[1];'


@pytest.mark.parametrize(
    ("circuits", "options", "expected"),
    [
        ([TWO_QUBITS], {}, 4096),
        ([TWO_QUBITS], {"default_shots": 10}, 10),
        ([(TWO_QUBITS, None, 100), TWO_QUBITS], {"default_shots": 10}, 110),
        ([(TURN, [[0.1], [0.2], [0.3]], 100)], {}, 300),
    ],
    ids=["default", "options", "PUBs", "sweep"],
)
def test_a_samplers_executions_are_shots_times_parameter_sets(circuits, options, expected):
    assert sampler_executions(coerce_pubs(circuits), options=options) == expected


@pytest.mark.parametrize(
    ("terms", "bases"),
    [(["ZZ"], 1), (["ZZ", "IZ", "ZI", "II"], 1), (["ZZ", "XX"], 2), (["ZI", "IX", "ZX", "XZ"], 2), (["II"], 1)],
)
def test_strings_that_agree_are_measured_together(terms, bases):
    assert count_bases(iter(terms)) == bases


@pytest.mark.parametrize(
    ("pub", "more", "expected"),
    [
        ((ANSATZ, "ZZ", [0.1]), {}, 4096),
        ((ANSATZ, "ZZ", [0.1], 0.1), {}, 100),
        ((ANSATZ, {"ZZ": 1, "XX": 1}, [0.1], 0.1), {}, 200),
        ((ANSATZ, "ZZ", [[0.1], [0.2], [0.3]], 0.1), {}, 300),
        ((ANSATZ, "ZZ", [0.1]), {"options": {"default_precision": 0.1}}, 100),
        ((ANSATZ, "ZZ", [0.1]), {"options": {"default_shots": 7, "default_precision": 0.1}}, 7),
        ((ANSATZ, ["ZZ", "ZI", "IZ"], [[0.1], [0.2], [0.3]], 0.1), {}, 300),
        ((ANSATZ, [["ZZ"], ["XX"]], [[0.1], [0.2], [0.3]], 0.1), {}, 600),
    ],
    ids=["default", "precision", "bases", "sweep", "default precision", "default shots", "pairs", "all pairs"],
)
def test_an_estimators_executions_follow_precision_bases_and_sets(pub, more, expected):
    assert estimator_executions(coerce_estimator_pubs([pub]), resilience_level=0, **more) == expected


TWIRLED = {"twirling": {"num_randomizations": 1000, "shots_per_randomization": 1000}}
PEC = {"pec_mitigation": True}
LEARNING = 4 * 9 * 6 * 32 * 128


@pytest.mark.parametrize(
    ("precision", "level", "options", "expected"),
    [
        # 32 randomizations of 128 shots, and as many that calibrate the readout.
        (None, 1, {}, 4096 + 32 * 128),
        (None, None, {}, 4096 + 32 * 128),
        # 1234 shots become 20 randomizations of 64.
        (1 / 1234**0.5, 1, {}, 1280 + 32 * 64),
        (None, 1, {"resilience": {"measure_noise_learning": {"num_randomizations": 3}}}, 4096 + 3 * 128),
        (None, 1, {"resilience": {"measure_mitigation": False}}, 4096),
        (None, 2, {}, 3 * 4096 + 32 * 128),
        (None, 2, {"resilience": {"zne": {"noise_factors": [1, 2]}}}, 2 * 4096 + 32 * 128),
        (None, 1, TWIRLED, 1_000_000 + 32 * 1000),
        (0.1, 1, TWIRLED, 1_000_000 + 32 * 1000),
        (None, 0, TWIRLED, 4096),
        (None, 1, {**TWIRLED, "default_shots": 100}, 1_000_000 + 32 * 1000),
        (None, 0, {"twirling": {"enable_gates": True}, "default_shots": 100}, 128),
        (0.1, 0, {"resilience": PEC}, 100 * 128 + LEARNING),
        (0.1, 0, {"resilience": {**PEC, "pec": {"max_overhead": 2}, "layer_noise_model": []}}, 2 * 128),
        (0.1, 0, {"resilience": {**PEC, "pec": {"max_overhead": None}}}, None),
        (0.1, 0, {"resilience": {**PEC, "layer_noise_learning": {"max_layers_to_learn": None}}}, None),
        (0.1, 2, {"resilience": {"zne": {"amplifier": "pea"}}}, 3 * 128 + 32 * 64 + LEARNING),
    ],
)
def test_mitigation_adds_to_an_estimators_executions(precision, level, options, expected):
    pubs = coerce_estimator_pubs([(ANSATZ, "ZZ", [0.1], precision)])
    assert estimator_executions(pubs, options=options, resilience_level=level) == expected


def _twirling(number, each, **more):
    return {"twirling": {"enable_measure": True, "num_randomizations": number, "shots_per_randomization": each}, **more}


@pytest.mark.parametrize(
    ("own", "options", "expected"),
    [
        (None, _twirling(1000, 1000), 1_000_000),
        (None, _twirling(1000, 1000, default_shots=100), 1_000_000),
        (100, _twirling(1000, 1000), 100),
        (None, _twirling("auto", "auto"), 4096),
        (None, _twirling("auto", "auto", default_shots=1234), 1280),
        (1234, _twirling("auto", "auto"), 1234),
        (None, _twirling(10, "auto"), 4100),
        (None, _twirling("auto", 100), 4100),
        (None, {"twirling": {"num_randomizations": 1000, "shots_per_randomization": 1000}}, 4096),
    ],
)
def test_twirling_decides_on_a_samplers_shots(own, options, expected):
    assert sampler_executions(coerce_pubs([(TWO_QUBITS, None, own)]), options=options) == expected


def test_shots_for_which_the_randomizations_have_no_room_are_refused():
    with pytest.raises(
        InvalidInputError, match=r"circuits\[0\]: asks for 7 shots, and options.twirling has room for 2 times 3"
    ):
        sampler_params([(TWO_QUBITS, None, 7)], options=_twirling(2, 3))
    with pytest.raises(InvalidInputError, match=r"a precision of 0.1, which takes 100 shots, .* room for 9 times 11"):
        estimator_params([(ANSATZ, "ZZ", [0.1], 0.1)], options=_twirling(9, 11))
    sampler_params([(TWO_QUBITS, None, 6)], options=_twirling(2, 3))


@given(
    asked=st.integers(1, 100_000),
    number=st.one_of(st.just("auto"), st.integers(1, 500)),
    each=st.one_of(st.just("auto"), st.integers(1, 500)),
    pec=st.booleans(),
)
def test_shots_are_dealt_out_as_by_the_official_client(asked, number, each, pec):
    from qiskit_ibm_runtime.executor.calculate_twirling_shots import calculate_twirling_shots
    from qiskit_ibm_runtime.executor_estimator.pec import calculate_pec_twirling_shots

    theirs = calculate_pec_twirling_shots if pec else calculate_twirling_shots
    options = _twirling(number, each, default_shots=asked, resilience={"pec_mitigation": pec})
    ours = estimator_shots(None, options, read_mitigation(options, 0))
    assert (ours.randomizations, ours.each) == theirs(asked, number, each)
