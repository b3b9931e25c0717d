"""Random faults, truncated answers, and tokens that are revoked in between."""

from __future__ import annotations

import pytest
import requests


def struck(api, **rule):
    api.emulator.clear_faults()
    api.emulator.add_fault(path="/backends/ibm_fez/status", status=503, **rule)
    return [api.get("/backends/ibm_fez/status").status_code for _ in range(30)]


def test_a_fault_by_chance_strikes_the_same_requests_for_the_same_seed(api):
    first = struck(api, probability=0.5, seed=7)
    assert set(first) == {200, 503}
    assert struck(api, probability=0.5, seed=7) == first
    assert struck(api, probability=0.5, seed=8) != first


def test_a_fault_by_chance_can_be_limited_in_number(api):
    assert struck(api, probability=0.5, seed=7, times=3).count(503) == 3


@pytest.mark.parametrize(("probability", "status"), [(0, 200), (1, 503)])
def test_the_probabilities_0_and_1_are_certain(api, probability, status):
    assert set(struck(api, probability=probability)) == {status}


def test_an_answer_can_be_cut_short_though_the_server_acted(api):
    api.emulator.add_fault(method="POST", path="/jobs", truncate=5)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        api.post_job((api.bell(), None, 1))
    assert len(api.emulator.jobs()) == 1
    assert api.emulator.requests()[-1]["dropped"] == "truncated"
    assert api.get("/backends").status_code == 200


def test_a_fault_can_revoke_the_tokens_before_the_server_acts(api):
    api.emulator.add_fault(method="POST", path="/jobs", effect="revoke_tokens")
    assert api.refusal(api.post_job((api.bell(), None, 1))) == (401, 1219)
    assert api.emulator.jobs() == []
    api.headers["Authorization"] = f"Bearer {api.token()}"
    assert api.post_job((api.bell(), None, 1)).status_code == 200


@pytest.mark.parametrize("retry_after", [None, 3])
def test_a_fault_can_answer_429_with_and_without_retry_after(api, retry_after):
    api.emulator.add_fault(path="/jobs/*", status=429, retry_after=retry_after)
    answer = api.get("/jobs/x")
    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == (None if retry_after is None else "3")


@pytest.mark.parametrize(
    "rule",
    [
        {"probability": 2, "status": 500},
        {"truncate": -1},
        {"truncate": 1, "status": 500},
        {"effect": "explode"},
        {"seed": "x", "status": 500},
        {"probability": 0.5},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(emulator, rule):
    with pytest.raises(ValueError):
        emulator.add_fault(**rule)
