"""Expectation values: their numbers, their format, and errors."""

from __future__ import annotations

import json

import pytest


def pair(api):
    """A Bell pair without measurements, two qubits wide."""
    return f"{api.qasm}{api.h(0)}{api.h(1)}cz $0, $1; {api.h(1)}"


def estimated(api, *pub, **options):
    return api.result(api.submit(pub, program_id="estimator", **options))["results"][0]


def test_a_bell_pair_is_correlated_and_its_halves_are_not(api):
    data = estimated(api, pair(api), ["ZZ", "XX", "YY", "ZI"])["data"]
    assert data["evs"][:3] == [1, 1, -1]
    assert abs(data["evs"][3]) < 0.1
    assert data["stds"][0] == 0
    assert data["stds"][3] == pytest.approx(0.015625, rel=0.05)


def test_the_rightmost_letter_is_qubit_zero(api):
    source = f"{api.qasm}x $0; rz(0) $1;"
    assert estimated(api, source, ["IZ", "ZI"])["data"]["evs"] == [-1, 1]


def test_one_observable_gives_one_number(api):
    data = estimated(api, pair(api), {"ZZ": 0.5, "XX": 2, "II": 1})["data"]
    assert data["evs"] == 3.5


def test_observables_and_parameters_broadcast(api):
    source = f"{api.qasm}input float[64] a; rx(a) $0;"
    data = estimated(api, source, [["Z"], ["I"]], {"a": [0, 3.14159265, 0]})["data"]
    assert data["evs"] == [[1, -1, 1], [1, 1, 1]]


def test_a_pubs_precision_sets_the_number_of_shots(api):
    metadata = estimated(api, pair(api), "ZZ", None, 0.1)["metadata"]
    # A hundred, rounded up to two randomizations of 64.
    assert metadata["shots"] == 128
    assert metadata["target_precision"] == 0.1


def test_the_jobs_precision_comes_before_the_options(api):
    params = {"precision": 0.1, "options": {"default_precision": 0.5}}
    assert estimated(api, pair(api), "ZZ", params=params)["metadata"]["target_precision"] == 0.1


def test_the_official_decoder_reads_tagged_estimates(api):
    from qiskit_ibm_runtime import RuntimeDecoder

    pub = (pair(api), ["ZZ", "XX"])
    job_id = api.submit(pub, program_id="estimator", params={"support_qiskit": True})
    api.wait(job_id)
    result = json.loads(api.get(f"/jobs/{job_id}/results").text, cls=RuntimeDecoder)
    assert result[0].data.evs.tolist() == [1, 1]


def test_two_qubits_of_156_cost_two_though_the_observable_has_156_letters(api):
    source = f"{api.qasm}rx(pi) $155; rx(0.1) $154;"
    assert estimated(api, source, "Z" + "I" * 155)["data"]["evs"] == pytest.approx(-1)


@pytest.mark.parametrize("observable", ["Z", "ZQ", [["ZZ"], "ZZ"], {"ZZ": "one"}, [{}]])
def test_observables_that_do_not_fit_fail_the_job(api, observable):
    assert api.failure((pair(api), observable), program_id="estimator")["reason_code"] == 1002


def test_a_circuit_that_measures_fails_the_job(api):
    assert "measure" in api.failure((api.bell(), "ZZ"), program_id="estimator")["reason"]


@pytest.mark.parametrize(
    "params",
    [
        {"pubs": [["OPENQASM 3.0;"]]},
        {"precision": 0},
        {"precision": 10**400},
        {"resilience_level": 3},
        {"options": {"resilience": {"unknown": 1}}},
        {"options": {"resilience": {"zne_mitigation": True, "pec_mitigation": True}}},
        {"shots": 5},
    ],
)
def test_malformed_params_are_a_bad_request(api, params):
    assert api.refusal(api.post_job((pair(api), "ZZ"), program_id="estimator", params=params))[0] == 400
