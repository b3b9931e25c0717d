"""Access to the older generations, and their separation."""

from __future__ import annotations

import pytest

from .older import FLIP, PROVIDER, First

SAMPLE = {"circuits": [FLIP]}


def refused(answer):
    body = answer.json()
    assert set(body) == {"errors", "trace"}
    assert {"code", "message", "solution", "more_info"} <= set(body["errors"][0])
    return answer.status_code, body["errors"][0]["code"]


ROUTES = [
    ("GET", "/backends"),
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("GET", "/jobs/x"),
    ("GET", "/jobs/x/results"),
    ("GET", "/jobs/x/metrics"),
    ("GET", "/jobs/x/logs"),
    ("POST", "/jobs/x/cancel"),
    ("DELETE", "/sessions/x/close"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [{"Authorization": None}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}],
    ids=["none", "unknown", "basic"],
)
def test_every_route_asks_for_credentials(cloud, method, path, headers):
    assert refused(cloud.send(method, path, headers=headers, json={})) == (401, 1201)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_unknown_login_is_refused_everywhere(classic, method, path):
    assert refused(classic.send(method, path, headers={"x-access-token": "nonsense"}, json={})) == (401, 1201)


def test_a_missing_crn_is_a_bad_request_and_another_instance_is_not_found(cloud):
    assert cloud.get("/backends", headers={"Service-CRN": None}).status_code == 400
    elsewhere = cloud.emulator.instance.replace("us-east", "eu-de")
    assert cloud.get("/backends", headers={"Service-CRN": elsewhere}).status_code == 404


def test_the_api_key_is_no_token_of_ibm_cloud(cloud):
    key = {"Authorization": f"Bearer {cloud.emulator.api_key}"}
    assert refused(cloud.get("/backends", headers=key)) == (401, 1201)


def test_a_lapsed_token_and_a_lapsed_login_are_told_from_unknown_ones(cloud, classic):
    cloud.emulator.revoke_tokens()
    assert refused(cloud.get("/backends")) == (401, 1219)
    assert refused(classic.get("/backends")) == (401, 1219)


def test_a_login_lapses_with_time(classic):
    classic.emulator.advance(3601)
    assert refused(classic.get("/backends")) == (401, 1219)


def test_a_login_with_a_wrong_token_or_none_is_refused(classic):
    assert classic.send("POST", "/api/users/loginWithToken", json={"apiToken": "wrong"}).status_code == 401
    for body in ({}, {"apiToken": 1}, []):
        assert classic.send("POST", "/api/users/loginWithToken", json=body).status_code == 400


def test_after_a_logout_the_login_is_no_longer_good(classic):
    answer = classic.send("POST", "/api/users/logout")
    assert (answer.status_code, answer.text) == (200, "")
    assert refused(classic.get("/backends")) == (401, 1219)
    assert refused(classic.send("POST", "/api/users/logout")) == (401, 1219)


def test_a_login_is_a_secret_that_the_journal_does_not_show(classic):
    classic.get("/backends")
    assert classic.headers["x-access-token"] not in str(classic.emulator.requests())


def test_a_job_is_seen_in_its_own_generation_only(api, cloud, classic, first):
    ids = {
        cloud: cloud.submit("sampler", SAMPLE)["id"],
        classic: classic.submit("sampler", SAMPLE)["id"],
        first: first.submit("runtime-simple", {"iterations": 1})["id"],
    }
    for mine, job_id in ids.items():
        assert api.get(f"/jobs/{job_id}").status_code == 404
        for other in ids:
            status = other.get(f"/jobs/{job_id}/results").status_code
            assert (status == 404) is (other is not mine)
    assert api.get("/jobs").json()["count"] == 0
    assert api.get("/workloads").json()["total_count"] == 0
    assert [job["id"] for job in cloud.get("/jobs").json()["jobs"]] == [ids[cloud]]
    present = api.submit((api.bell(), None, 1))
    assert cloud.get(f"/jobs/{present}").status_code == 404
    assert len(api.emulator.jobs()) == 4
    assert [job["generation"] for job in api.emulator.jobs()] == [
        "ibm_cloud",
        "ibm_quantum",
        "api_token",
        "ibm_quantum_platform",
    ]


def test_older_backends_are_not_among_the_present_ones(api, cloud):
    present = {device["name"] for device in api.get("/backends").json()["devices"]}
    assert not present & set(cloud.get("/backends").json()["devices"])
    assert api.post_job((api.bell(), None, 1), backend="ibm_algiers").status_code == 404
    assert cloud.post_job("sampler", SAMPLE, "ibm_fez").status_code == 404


def test_older_jobs_are_not_charged(api, cloud):
    cloud.wait(cloud.submit("sampler", SAMPLE, "ibm_algiers", start_session=True)["id"])
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 0


def test_the_first_generation_has_no_state_no_list_no_sessions_and_no_backends(first):
    job_id = first.submit("runtime-simple", {"iterations": 1})["id"]
    for method, path in [
        ("GET", f"/jobs/{job_id}"),
        ("GET", f"/jobs/{job_id}/metrics"),
        ("GET", "/jobs"),
        ("GET", "/backends"),
        ("DELETE", f"/sessions/{job_id}/close"),
    ]:
        assert first.send(method, path).status_code == 404


@pytest.mark.parametrize("name", ["hub", "group", "project"])
def test_hub_group_and_project_must_be_named(classic, first, name):
    for client, program, params in ((classic, "sampler", SAMPLE), (first, "runtime-simple", {"iterations": 1})):
        body = client.body(program, client.simulator, params)
        del body[name]
        answer = client.send("POST", "/jobs", json=body)
        assert answer.status_code == 400
        assert name in answer.json()["errors"][0]["message"]


def test_a_field_of_another_generation_is_refused(cloud, classic, first):
    assert cloud.post_job("sampler", SAMPLE, **PROVIDER).status_code == 400
    assert classic.post_job("sampler", SAMPLE, start_session=True).status_code == 400
    assert first.post_job("runtime-simple", {"iterations": 1}, tags=["a"]).status_code == 400


@pytest.mark.parametrize("application", [None, "mine", "qiskit-version-2/0.39.3/mine"])
def test_only_ibm_cloud_insists_on_the_prefix_of_the_application(cloud, classic, application):
    headers = {"x-qx-client-application": application}
    body = cloud.body("sampler", "ibmq_qasm_simulator", SAMPLE)
    assert cloud.send("POST", "/jobs", json=body, headers=headers).status_code == 400
    body = classic.body("sampler", "ibmq_qasm_simulator", SAMPLE)
    assert classic.send("POST", "/jobs", json=body, headers=headers).status_code == 200


def test_programs_are_listed_to_anyone_and_in_detail_to_an_api_token(first):
    short = first.get("/programs", headers={"Authorization": None}).json()
    assert set(short) == {"programs"}
    assert isinstance(First(first.emulator).get("/programs").json(), list)
    assert first.get("/programs", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_faults_rules_and_the_journal_are_for_the_older_routes_too(cloud):
    emulator = cloud.emulator
    fault = emulator.add_fault(method="POST", path="/jobs", status=503)["id"]
    assert cloud.post_job("sampler", SAMPLE).status_code == 503
    emulator.add_rule(tag="doomed", status="Failed", reason="By the rule.")
    job = cloud.wait(cloud.submit("sampler", SAMPLE, tags=["doomed"])["id"])
    assert job["state"] == {"status": "Failed", "reason": "By the rule."}
    entry = next(one for one in emulator.requests() if one["path"] == "/jobs")
    assert (entry["method"], entry["status"], entry["fault"]) == ("POST", 503, fault)
    assert entry["headers"]["x-qx-client-application"].startswith("qiskit-version-2/0.39.2/")


def test_an_older_backend_can_be_paused(cloud):
    cloud.emulator.configure(backends={"ibm_algiers": {"status": "paused"}})
    job_id = cloud.submit("sampler", SAMPLE, "ibm_algiers")["id"]
    assert cloud.get(f"/jobs/{job_id}").json()["state"] == {"status": "Queued"}
    cloud.emulator.configure(backends={"ibm_algiers": {"status": "online"}})
    assert cloud.wait(job_id)["state"] == {"status": "Completed"}
