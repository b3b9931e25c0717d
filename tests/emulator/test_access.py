"""Tokens, CRNs, versions of the API, and the submission limit."""

from __future__ import annotations

import base64
import json

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator

GRANT = "urn:ibm:params:oauth:grant-type:apikey"


def ask_for_token(emulator, **form):
    return requests.post(f"{emulator.iam_url}/identity/token", data=form, timeout=10)


def test_a_token_looks_like_iams_and_says_when_it_lapses(emulator):
    answer = ask_for_token(emulator, grant_type=GRANT, apikey=emulator.api_key).json()
    part = answer["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 3600
    assert answer["expiration"] == claims["exp"]
    assert (answer["token_type"], answer["refresh_token"]) == ("Bearer", "not_supported")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": GRANT, "apikey": "another"}, "BXNIM0415E"),
        ({"grant_type": GRANT}, "BXNIM0109E"),
        ({"apikey": "emulator-api-key"}, "BXNIM0109E"),
        ({"grant_type": "password", "apikey": "emulator-api-key"}, "BXNIM0106E"),
    ],
)
def test_iam_refuses_in_its_own_error_shape(emulator, form, code):
    answer = ask_for_token(emulator, **form)
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == code
    assert set(answer.json()["context"]) == {"requestId", "url"}


def test_iam_takes_a_form_and_not_json(emulator):
    body = {"grant_type": GRANT, "apikey": emulator.api_key}
    assert requests.post(f"{emulator.iam_url}/identity/token", json=body, timeout=10).status_code == 400


@pytest.mark.parametrize("value", [None, "Bearer nonsense", "apikey emulator"])
def test_only_a_known_bearer_token_is_let_in(api, value):
    assert api.refusal(api.get("/backends", headers={"Authorization": value})) == (401, 1201)


def test_a_token_that_lapsed_is_refused(connect):
    with Emulator(token_lifetime=600) as emulator:
        api = connect(emulator)
        emulator.advance(500)
        assert api.get("/backends").status_code == 200
        emulator.advance(100)
        assert api.refusal(api.get("/backends")) == (401, 1219)


def test_revoked_tokens_are_refused_and_a_new_one_is_good(api):
    api.emulator.revoke_tokens()
    assert api.refusal(api.get("/backends")) == (401, 1219)
    assert api.get("/backends", headers={"Authorization": f"Bearer {api.token()}"}).status_code == 200


@pytest.mark.parametrize("crn", [None, "nonsense", "crn:v1:bluemix:public:quantum-computing:us-east:a/0:0"])
def test_a_missing_or_cut_crn_is_a_bad_request(api, crn):
    assert api.refusal(api.get("/backends", headers={"Service-CRN": crn}))[0] == 400


@pytest.mark.parametrize(("old", "new"), [("us-east", "eu-de"), ("-000000000000::", "-000000000001::")])
def test_an_instance_of_another_region_or_owner_is_not_found(api, old, new):
    crn = api.emulator.instance.replace(old, new)
    assert api.refusal(api.get("/backends", headers={"Service-CRN": crn}))[0] == 404


def test_versions_need_no_token(emulator):
    versions = requests.get(f"{emulator.url}/versions", timeout=10).json()["versions"]
    assert versions[0] == "2024-01-01"
    assert versions[-1] == "2026-04-15"


@pytest.mark.parametrize("version", [None, "2024-01-01", "2031-01-01", "soon"])
def test_devices_are_strings_in_the_oldest_shape_which_also_answers_unknown_dates(api, version):
    devices = api.get("/backends", headers={"IBM-API-Version": version}).json()["devices"]
    assert "ibm_fez" in devices


@pytest.mark.parametrize("version", ["2025-01-01", "2025-05-01", "2026-04-15"])
def test_devices_are_objects_from_2025_on(api, version):
    devices = api.get("/backends", headers={"IBM-API-Version": version}).json()["devices"]
    assert "ibm_fez" in [device["name"] for device in devices]


def test_usage_is_seconds_before_march_2026_and_qpu_charge_time_after(api):
    job_id = api.submit((api.bell(), None, 1))
    api.wait(job_id)
    old = api.job(job_id, headers={"IBM-API-Version": "2026-02-15"})["usage"]
    new = api.job(job_id, headers={"IBM-API-Version": "2026-03-15"})["usage"]
    assert set(old) == {"quantum_seconds", "seconds"}
    assert set(new) == {"qpu_charge_time_seconds", "status"}


def test_execution_time_moves_to_the_top_of_the_metrics_in_april_2026(api):
    job_id = api.submit((api.bell(), None, 1))
    api.wait(job_id)
    march = api.get(f"/jobs/{job_id}/metrics", headers={"IBM-API-Version": "2026-03-15"}).json()
    april = api.get(f"/jobs/{job_id}/metrics").json()
    assert "circuits_execution_time_ns" in march["usage"]
    assert "circuits_execution_time_ns" not in march
    assert "circuits_execution_time_ns" in april
    assert "circuits_execution_time_ns" not in april["usage"]


def test_the_sixth_submission_within_a_minute_is_told_when_to_come_back(connect):
    with Emulator() as emulator:
        api = connect(emulator)
        for _ in range(5):
            api.submit((api.bell(), None, 1))
        answer = api.post_job((api.bell(), None, 1))
        assert api.refusal(answer) == (429, 1202)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert len(emulator.jobs()) == 5


def test_after_the_time_it_named_the_limit_lets_a_submission_in(connect):
    with Emulator() as emulator:
        api = connect(emulator)
        for _ in range(5):
            api.submit((api.bell(), None, 1))
        wait = int(api.post_job((api.bell(), None, 1)).headers["Retry-After"])
        emulator.advance(wait)
        assert api.post_job((api.bell(), None, 1)).status_code == 200


def test_an_unknown_route_and_a_wrong_method_are_refused_in_the_apis_shape(api):
    assert api.refusal(api.get("/nothing"))[0] == 404
    assert api.refusal(api.send("PUT", "/jobs"))[0] == 405
