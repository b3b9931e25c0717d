"""How often a job runs circuits."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.primitives import coerce_estimator_pubs, coerce_pubs
from airflow_provider_qrt.primitives.inputs.executions import count_bases, estimator_executions, sampler_executions

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
        ((ANSATZ, "ZZ", [0.1], 0.1), {"resilience_level": 2}, 300),
        ((ANSATZ, "ZZ", [0.1]), {"options": {"default_precision": 0.1}}, 100),
        ((ANSATZ, "ZZ", [0.1]), {"options": {"default_shots": 7, "default_precision": 0.1}}, 7),
        ((ANSATZ, ["ZZ", "ZI", "IZ"], [[0.1], [0.2], [0.3]], 0.1), {}, 300),
        ((ANSATZ, [["ZZ"], ["XX"]], [[0.1], [0.2], [0.3]], 0.1), {}, 600),
    ],
    ids=["default", "precision", "bases", "sweep", "zne", "default precision", "default shots", "pairs", "all pairs"],
)
def test_an_estimators_executions_follow_precision_bases_and_sets(pub, more, expected):
    assert estimator_executions(coerce_estimator_pubs([pub]), **more) == expected
