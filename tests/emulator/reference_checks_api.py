"""Checks of the table's rows about headers, versions, IAM, and every endpoint but those of jobs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator

from .reference_table import check

GRANT = "urn:ibm:params:oauth:grant-type:apikey"


def ask_for_token(api: Any, auth: Any = None, **form: Any) -> requests.Response:
    return requests.post(f"{api.emulator.iam_url}/identity/token", data=form, auth=auth, timeout=10)


def good_form(api: Any) -> dict[str, str]:
    return {"grant_type": GRANT, "apikey": api.emulator.api_key}


def one_job(api: Any, **options: Any) -> str:
    job_id: str = api.submit((api.bell(), None, 1), **options)
    api.wait(job_id)
    return job_id


def opened(api: Any, **body: Any) -> str:
    answer = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez", **body})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def session(api: Any, session_id: str) -> Any:
    return api.get(f"/sessions/{session_id}").json()


def refuses(api: Any, status: int, answer: requests.Response, code: Any = None) -> None:
    found = api.refusal(answer)
    assert found[0] == status
    assert code in (None, found[1])


def dated(api: Any, date: str | None, path: str) -> Any:
    return api.get(path, headers={"IBM-API-Version": date}).json()


# Headers and versions.


@check("R-base-url")
def _(api):
    assert api.emulator.url.endswith("/api/v1")
    assert api.http.get(f"{api.emulator.root_url}/instance", headers=api.headers, timeout=10).status_code == 404


@check("R-region")
def _(api):
    elsewhere = api.emulator.instance.replace("us-east", "eu-de")
    refuses(api, 404, api.get("/backends", headers={"Service-CRN": elsewhere}))


@check("R-bearer")
def _(api):
    for value in (None, "Bearer nonsense"):
        refuses(api, 401, api.get("/backends", headers={"Authorization": value}), 1201)


@check("R-apikey-scheme")
def _(api):
    refuses(api, 401, api.get("/backends", headers={"Authorization": f"apikey {api.emulator.api_key}"}), 1201)


@check("R-crn-missing")
def _(api):
    refuses(api, 400, api.get("/backends", headers={"Service-CRN": None}))


@check("R-crn-shape")
def _(api):
    refuses(api, 400, api.get("/backends", headers={"Service-CRN": api.emulator.instance.rstrip(":")}))


@check("R-crn-unknown")
def _(api):
    other = api.emulator.instance.replace("-000000000000::", "-000000000001::")
    refuses(api, 404, api.get("/backends", headers={"Service-CRN": other}))


@check("R-crn-several")
def _(api):
    both = f"{api.emulator.instance},{api.emulator.instance.replace('us-east', 'eu-de')}"
    assert api.get("/workloads", headers={"Service-CRN": both}).status_code == 200
    refuses(api, 400, api.get("/jobs", headers={"Service-CRN": both}))


@check("R-media-types")
def _(api):
    body = {"mode": "batch"}
    for kind in ("application/json", "text/plain"):
        answer = api.send("POST", "/sessions", data=json.dumps(body), headers={"Content-Type": kind})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"


@check("R-client-application")
def _(api):
    header = {"X-Qx-Client-Application": "qiskit-version-2/2.1.0,0.51.0/airflow/custom"}
    body = {"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": [api.bell()], "shots": 1}}
    job_id = api.send("POST", "/jobs", json=body, headers=header).json()["id"]
    assert api.get(f"/jobs/{job_id}/metrics").json()["caller"] == "airflow/custom"


@check("R-other-headers")
def _(api):
    header = {"Parent-Job-Id": "nothing", "IBM-API-Function-Id": "nothing"}
    assert api.get("/backends", headers=header).status_code == 200


@check("R-version-absent", "R-version-unknown-date")
def _(api):
    for date in (None, "2024-01-01", "2031-01-01", "soon"):
        assert "ibm_fez" in dated(api, date, "/backends")["devices"]


@check("R-version-2025-01-01", "R-version-2025-05-01")
def _(api):
    for date in ("2025-01-01", "2025-05-01"):
        assert "ibm_fez" in [one["name"] for one in dated(api, date, "/backends")["devices"]]


@check("R-version-2026-02-01")
def _(api):
    path = f"/jobs/{one_job(api)}/transpiled_circuits"
    assert "url" in dated(api, "2025-05-01", path)
    refuses(api, 404, api.get(path, headers={"IBM-API-Version": "2026-02-01"}))


@check("R-version-2026-02-15")
def _(api):
    path = f"/jobs/{one_job(api)}"
    assert dated(api, "2026-02-01", path) == dated(api, "2026-02-15", path)


@check("R-version-2026-03-15")
def _(api):
    path = f"/jobs/{one_job(api)}"
    before, after = dated(api, "2026-02-15", f"{path}/metrics"), dated(api, "2026-03-15", f"{path}/metrics")
    assert {"quantum_seconds", "seconds"} <= set(before["usage"])
    assert "bss" in before
    assert {"qpu_charge_time_seconds", "status"} <= set(after["usage"])
    assert "bss" not in after
    for where in (path, "/jobs"):
        usage = [(one.get("jobs") or [one])[0]["usage"] for one in (dated(api, d, where) for d in ("", "2026-03-15"))]
        assert set(usage[0]) == {"quantum_seconds", "seconds"}
        assert set(usage[1]) == {"qpu_charge_time_seconds", "status"}


@check("R-version-2026-04-15")
def _(api):
    path = f"/jobs/{one_job(api)}/metrics"
    name = "circuits_execution_time_ns"
    march, april = dated(api, "2026-03-15", path), dated(api, "2026-04-15", path)
    assert (name in march, name in march["usage"]) == (False, True)
    assert (name in april, name in april["usage"]) == (True, False)


@check("R-version-sunset")
def _(api):
    with Emulator() as emulator:
        emulator.advance(2 * 365 * 86_400)
        later = type(api)(emulator)
        assert later.get("/backends", headers={"IBM-API-Version": "2024-01-01"}).status_code == 200


@check("E-versions", "R-versions-open")
def _(api):
    found = requests.get(f"{api.emulator.url}/versions", timeout=10).json()
    assert found["versions"][0] == "2024-01-01"
    assert found["versions"][-1] == "2026-04-15"


# IAM.


@check("E-iam-token", "R-iam-answer")
def _(api):
    found = ask_for_token(api, **good_form(api)).json()
    assert set(found) == {"access_token", "refresh_token", "token_type", "expires_in", "expiration", "scope"}
    assert (found["refresh_token"], found["token_type"], found["expires_in"]) == ("not_supported", "Bearer", 3600)


@check("R-iam-jwt")
def _(api):
    found = ask_for_token(api, **good_form(api)).json()
    part = found["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert {"iat", "exp", "iam_id", "account"} <= set(claims)
    assert claims["exp"] == found["expiration"]


@check("R-iam-form")
def _(api):
    url = f"{api.emulator.iam_url}/identity/token"
    assert requests.post(url, json=good_form(api), timeout=10).status_code == 400
    assert ask_for_token(api, response_type="cloud_iam", scope="x", **good_form(api)).status_code == 200


@check("R-iam-basic-auth")
def _(api):
    assert ask_for_token(api, auth=("client", "secret"), **good_form(api)).status_code == 200


@check("R-iam-lifetime")
def _(api):
    api.emulator.configure(token_lifetime=600)
    api.headers["Authorization"] = f"Bearer {api.token()}"
    api.emulator.advance(590)
    assert api.get("/backends").status_code == 200
    api.emulator.advance(10)
    refuses(api, 401, api.get("/backends"), 1219)


@check("R-iam-revoked")
def _(api):
    api.emulator.revoke_tokens()
    refuses(api, 401, api.get("/backends"), 1219)
    assert api.get("/backends", headers={"Authorization": f"Bearer {api.token()}"}).status_code == 200


@check("R-iam-bad-key")
def _(api):
    answer = ask_for_token(api, grant_type=GRANT, apikey="another")
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "BXNIM0415E"
    assert answer.json()["errorMessage"] == "Provided API key could not be found."


@check("R-iam-error-shape")
def _(api):
    found = ask_for_token(api).json()
    assert set(found) == {"errorCode", "errorMessage", "context"}
    assert set(found["context"]) == {"requestId", "url"}


@check("R-iam-rate-limit")
def _(api):
    assert {ask_for_token(api, **good_form(api)).status_code for _ in range(30)} == {200}


@check("R-iam-rights")
def _(api):
    api.emulator.add_fault(method="POST", path="/jobs", status=403, body={"errors": [{"code": 1200}], "trace": "t"})
    assert api.post_job((api.bell(), None, 1)).status_code == 403
    assert api.post_job((api.bell(), None, 1)).status_code == 200


# Sessions and batches.


@check("E-sessions-post", "R-session-fields")
def _(api):
    found = session(api, opened(api))
    assert set(found) == {
        *("id", "backend_name", "mode", "state", "state_reason", "accepting_jobs", "max_ttl", "interactive_ttl"),
        *("active_ttl", "started_at", "activated_at", "closed_at", "last_job_started", "last_job_completed"),
        *("timestamps", "user_id", "elapsed_time"),
    }
    assert (found["state"], found["accepting_jobs"], found["elapsed_time"]) == ("open", True, None)


@check("R-session-mode")
def _(api):
    for body in ({}, {"mode": "fast"}, {"mode": "batch", "unknown": 1}):
        refuses(api, 400, api.send("POST", "/sessions", json=body))


@check("R-session-max-ttl")
def _(api):
    assert session(api, opened(api))["max_ttl"] == 28_800
    assert session(api, opened(api, max_ttl=10**6))["max_ttl"] == 28_800
    assert session(api, opened(api, max_ttl=50))["max_ttl"] == 50


@check("R-session-partner-ttls")
def _(api):
    found = session(api, opened(api, interactive_ttl=5, active_ttl=5))
    assert found["interactive_ttl"] == 60


@check("R-session-backend")
def _(api):
    made = api.send("POST", "/sessions", json={"mode": "batch"}).json()
    assert made["backend_name"] is None
    api.submit((api.bell(), None, 1), session_id=made["id"])
    assert session(api, made["id"])["backend_name"] == "ibm_fez"
    refuses(api, 400, api.post_job((api.bell(), None, 1), session_id=made["id"], backend="ibm_boston"))


@check("R-session-open-plan")
def _(api):
    with Emulator(plan="open", rate_limit=False) as emulator:
        on_open_plan = type(api)(emulator)
        refuses(api, 403, on_open_plan.send("POST", "/sessions", json={"mode": "dedicated"}), 1200)
        assert on_open_plan.send("POST", "/sessions", json={"mode": "batch"}).json()["max_ttl"] == 600


@check("E-session-get")
def _(api):
    assert session(api, opened(api))["mode"] == "dedicated"
    refuses(api, 404, api.get("/sessions/nothing"))


@check("R-session-states")
def _(api):
    api.emulator.configure(queue_seconds=100)
    made = opened(api)
    api.submit((api.bell(), None, 1), session_id=made)
    seen = [session(api, made)["state"]]
    api.emulator.advance(101)
    seen.append(session(api, made)["state"])
    api.wait(api.emulator.jobs()[-1]["id"])
    api.emulator.advance(61)
    seen.append(session(api, made)["state"])
    api.emulator.configure(queue_seconds=0)
    api.wait(api.submit((api.bell(), None, 1), session_id=made))
    seen.append(session(api, made)["state"])
    assert seen == ["open", "active", "inactive", "active"]


@check("R-session-priority")
def _(api):
    api.emulator.configure(lanes=1, run_seconds=50)
    made = opened(api)
    first = api.submit((api.bell(), None, 1), session_id=made)
    other = api.submit((api.bell(), None, 1))
    second = api.submit((api.bell(), None, 1), session_id=made)
    api.emulator.advance(50)
    api.wait(first)
    assert (api.job(other)["state"]["status"], api.job(second)["state"]["status"]) == ("Queued", "Running")


@check("E-session-patch", "R-session-graceful")
def _(api):
    api.emulator.configure(queue_seconds=100)
    made = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=made)
    assert api.send("PATCH", f"/sessions/{made}", json={"accepting_jobs": False}).status_code == 204
    refuses(api, 400, api.post_job((api.bell(), None, 1), session_id=made), 4001)
    api.emulator.advance(101)
    assert api.wait(job_id)["state"]["status"] == "Completed"
    assert session(api, made)["state"] == "closed"
    refuses(api, 404, api.send("PATCH", "/sessions/nothing", json={"accepting_jobs": False}))


@check("E-session-close", "R-session-hard")
def _(api):
    made = opened(api)
    api.emulator.configure(run_seconds=100)
    running = api.submit((api.bell(), None, 1), session_id=made)
    assert api.job(running)["state"]["status"] == "Running"
    api.emulator.configure(queue_seconds=1000)
    queued = api.submit((api.bell(), None, 1), session_id=made)
    assert api.send("DELETE", f"/sessions/{made}/close").status_code == 204
    assert session(api, made)["state"] == "closed"
    assert api.job(queued)["state"]["status"] == "Cancelled"
    api.emulator.advance(101)
    assert api.wait(running)["state"]["status"] == "Completed"
    assert api.send("DELETE", f"/sessions/{made}/close").status_code == 204
    refuses(api, 404, api.send("DELETE", "/sessions/nothing/close"))


@check("R-session-closed-4001")
def _(api):
    made = opened(api)
    api.send("DELETE", f"/sessions/{made}/close")
    refuses(api, 400, api.post_job((api.bell(), None, 1), session_id=made), 4001)


@check("R-session-expiry")
def _(api):
    made = opened(api, max_ttl=50)
    api.wait(api.submit((api.bell(), None, 1), session_id=made))
    api.emulator.configure(queue_seconds=100)
    late = api.submit((api.bell(), None, 1), session_id=made)
    api.emulator.advance(200)
    state = api.job(late)["state"]
    assert (state["status"], state["reason_code"]) == ("Failed", 4001)


@check("R-session-charge")
def _(api):
    for mode, least, most in (("dedicated", 60, 75), ("batch", 0, 5)):
        before = api.get("/instances/usage").json()["usage_consumed_seconds"]
        made = opened(api, mode=mode)
        api.wait(api.submit((api.bell(), None, 1), session_id=made))
        api.emulator.advance(300)
        used = api.get("/instances/usage").json()["usage_consumed_seconds"] - before
        assert least <= used <= most


@check("R-session-list")
def _(api):
    made = opened(api)
    opened(api, mode="batch")
    assert [one["id"] for one in api.get("/workloads?mode=session").json()["workloads"]] == [made]
    assert api.get("/sessions").status_code == 405


# Backends.


@check("E-backends", "R-backend-fields")
def _(api):
    for one in api.get("/backends").json()["devices"]:
        assert {"name", "status", "is_simulator", "qubits", "clops", "processor_type", "queue_length"} <= set(one)
        assert {"name", "reason"} == set(one["status"])
        names = {"two_q_error_best", "two_q_error_median", "readout_error_median"}
        assert set(one["performance_metrics"]) == names
        assert "wait_time_seconds" not in one


@check("R-backend-wait-time")
def _(api):
    one = api.get("/backends?fields=wait_time_seconds").json()["devices"][0]
    assert set(one["wait_time_seconds"]) == {"average", "p50", "p95"}


@check("R-backend-states")
def _(api):
    api.emulator.configure(backends={"ibm_fez": {"status": "paused", "reason": "internal", "queue_length": 7}})
    one = next(one for one in api.get("/backends").json()["devices"] if one["name"] == "ibm_fez")
    assert (one["status"], one["queue_length"]) == ({"name": "paused", "reason": "internal"}, 7)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(1000)
    assert api.job(job_id)["state"]["status"] == "Queued"


@check("R-backend-mocks")
def _(api):
    def mocks(query: str) -> list[str]:
        return [one["name"] for one in api.get(f"/backends{query}").json()["devices"] if one.get("class") == "mock"]

    assert mocks("") == []
    assert "mock_fez" in mocks("?include_mocks=true")
    assert api.get("/backends/mock_fez/status").json()["state"] is True


@check("R-mock-plans")
def _(api):
    with Emulator(plan="pay-as-you-go", rate_limit=False) as emulator:
        without = type(api)(emulator)
        assert "mock_fez" not in without.get("/backends?include_mocks=true").text
        refuses(api, 404, without.post_job((api.bell(), None, 1), backend="mock_fez"))


@check("R-mock-jobs")
def _(api):
    job_id = api.submit((api.bell(), None, 1000), backend="mock_fez")
    samples = api.result(job_id)["results"][0]["data"]["meas"]["samples"]
    assert set(samples) == {"0x0", "0x1", "0x2", "0x3"}
    broken = f"{api.qasm} bit[1] c; h $0; c[0] = measure $0;"
    assert api.failure((broken, None, 1), backend="mock_fez")["reason_code"] == 7000


@check("R-mock-listings")
def _(api):
    job_id = api.submit((api.bell(), None, 1), backend="mock_fez")
    for path in ("jobs", "workloads"):
        assert api.get(f"/{path}").json()[path] == []
        assert [one["id"] for one in api.get(f"/{path}?include_mocks=true").json()[path]] == [job_id]


@check("R-mock-usage")
def _(api):
    job = api.wait(api.submit((api.bell(), None, 1000), backend="mock_fez"))
    assert job["usage"]["qpu_charge_time_seconds"] == pytest.approx(2.35)
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 0
    assert api.get("/analytics/usage").json()["jobs"] == 0


@check("R-mock-submission-limit")
def _(api):
    api.emulator.configure(rate_limit=True)
    answers = [api.post_job((api.bell(), None, 1), backend="mock_fez") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


@check("R-mock-sessions")
def _(api):
    session = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez"}).json()
    job_id = api.submit((api.bell(), None, 1), backend="mock_fez", session_id=session["id"])
    assert api.wait(job_id)["session_id"] == session["id"]
    assert api.get(f"/sessions/{session['id']}").json()["state"] == "open"


@check("E-backend-status")
def _(api):
    found = api.get("/backends/ibm_fez/status").json()
    assert set(found) == {"state", "status", "message", "length_queue", "backend_version"}
    assert (found["state"], found["message"]) == (True, "available")
    refuses(api, 404, api.get("/backends/nothing/status"))


@check("E-backend-configuration")
def _(api):
    found = api.get("/backends/ibm_fez/configuration").json()
    assert {"backend_name", "backend_version", "n_qubits", "basis_gates", "coupling_map", "dt"} <= set(found)
    assert {"supported_instructions", "supported_features", "rep_delay_range", "max_shots"} <= set(found)
    refuses(api, 404, api.get("/backends/nothing/configuration"))


@check("R-heron-basis")
def _(api):
    found = api.get("/backends/ibm_fez/configuration").json()
    assert set(found["basis_gates"]) >= {"cz", "id", "rx", "rz", "rzz", "sx", "x"}


@check("E-backend-properties")
def _(api):
    found = api.get("/backends/ibm_fez/properties").json()
    assert {"qubits", "gates", "general", "last_update_date"} <= set(found)
    refuses(api, 404, api.get("/backends/nothing/properties"))


@check("R-calibration-choice")
def _(api):
    path = "/backends/ibm_fez/properties"
    assert api.get(f"{path}?updated_before=2020-01-01T00:00:00Z").json() == {}
    assert api.get(f"{path}?updated_before=2050-01-01T00:00:00Z&calibration_id=x").json() == api.get(path).json()


@check("E-backend-defaults")
def _(api):
    refuses(api, 404, api.get("/backends/ibm_fez/defaults"))


# The instance, the account, workloads, tags, the rest.


@check("E-instance", "R-instance-strings")
def _(api):
    found = api.get("/instance").json()
    assert set(found) == {
        *("backends", "instance_limit", "instance_limit_seconds", "plan_id", "usage_allocation_seconds"),
    }
    assert isinstance(found["instance_limit_seconds"], str)
    assert isinstance(found["usage_allocation_seconds"], str)


@check("E-instance-configuration-get")
def _(api):
    assert set(api.get("/instances/configuration").json()) == {"instance_limit"}


@check("E-instance-configuration-put", "R-limit-within-allocation")
def _(api):
    assert api.send("PUT", "/instances/configuration", json={"instance_limit": 100}).status_code == 204
    assert api.get("/instances/configuration").json() == {"instance_limit": 100}
    refuses(api, 409, api.send("PUT", "/instances/configuration", json={"instance_limit": 10**8}))
    refuses(api, 400, api.send("PUT", "/instances/configuration", json={"instance_limit": "x"}))


@check("E-instance-usage")
def _(api):
    found = api.get("/instances/usage").json()
    assert {"instance_id", "plan_id", "usage_period", "usage_consumed_seconds", "usage_limit_reached"} <= set(found)
    assert set(found["usage_period"]) == {"start_time", "end_time"}


@check("R-usage-period")
def _(api):
    one_job(api)
    api.emulator.configure(run_seconds=5)
    api.submit((api.bell(), None, 1))
    api.emulator.advance(6)
    api.wait(api.emulator.jobs()[-1]["id"])
    used = api.get("/instances/usage").json()["usage_consumed_seconds"]
    api.emulator.advance(29 * 86_400)
    api.headers["Authorization"] = f"Bearer {api.token()}"
    assert used > 0
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 0


@check("E-workloads")
def _(api):
    job_id = one_job(api, tags=["a"])
    found = api.get("/workloads").json()
    assert (found["total_count"], found["limit"]) == (1, 10)
    one = found["workloads"][0]
    assert (one["id"], one["mode"], one["status"], one["tags"]) == (job_id, "job", "completed", ["a"])
    assert {"created", "ended", "backend", "instance", "user_id", "usage"} <= set(one)
    refuses(api, 400, api.get("/workloads?sort=name"))


@check("R-workloads-cursors")
def _(api):
    jobs = [api.submit((api.bell(), None, 1)) for _ in range(3)]
    first = api.get("/workloads?limit=2").json()
    second = api.get(first["next"]["href"].removeprefix("/api/v1")).json()
    assert [one["id"] for one in first["workloads"] + second["workloads"]] == jobs[::-1]
    back = api.get(second["previous"]["href"].removeprefix("/api/v1")).json()
    assert [one["id"] for one in back["workloads"]] == jobs[:0:-1]
    refuses(api, 400, api.get("/workloads?next=nonsense"))
    assert api.get("/workloads?limit=51").json()["limit"] == 10


@check("R-workloads-filters")
def _(api):
    done = one_job(api, tags=["first", "both"])
    api.emulator.configure(queue_seconds=100)
    waiting = api.submit((api.bell(), None, 1), backend="ibm_boston", tags=["both"])
    created = api.job(waiting)["created"]
    for query, wanted in (
        ({"backend": "ibm_boston"}, [waiting]),
        ({"search": "first"}, [done]),
        ({"search": waiting}, [waiting]),
        ({"status[]": "completed"}, [done]),
        ({"status": ["completed", "pending"]}, [waiting, done]),
        ({"tags[]": ["first", "both"]}, [done]),
        ({"created_after": created}, [waiting]),
        ({"created_before": created, "sort": "createdAt"}, [done, waiting]),
        ({"user": "me", "mode": "job"}, [waiting, done]),
        ({"mode": "session"}, []),
    ):
        assert [one["id"] for one in api.get("/workloads", params=query).json()["workloads"]] == wanted


@check("R-workloads-words")
def _(api):
    api.emulator.configure(queue_seconds=10, run_seconds=10)
    job_id = api.submit((api.bell(), None, 1))

    def word() -> Any:
        return api.get("/workloads").json()["workloads"][0]["status"]

    seen = [word()]
    api.emulator.advance(11)
    seen.append(word())
    api.send("POST", f"/jobs/{job_id}/cancel")
    assert [*seen, word()] == ["pending", "in_progress", "canceled"]
    api.emulator.finish(api.submit((api.bell(), None, 1)), status="Failed")
    assert word() == "failed"


def account(api: Any) -> str:
    return str(api.emulator.instance.split(":")[6].removeprefix("a/"))


@check("E-account")
def _(api):
    (plan,) = api.get(f"/accounts/{account(api)}").json()["plans"]
    assert {"plan_id", "usage_allocation_seconds", "usage_limit_seconds", "backends"} <= set(plan)
    assert (plan["max_ttl"], plan["interactive_ttl"]) == (28_800, 60)
    assert api.get(f"/accounts/{account(api)}?plan_id=other").json() == {"plans": []}
    refuses(api, 404, api.get("/accounts/nothing"))


@check("E-analytics-usage", "R-analytics-milliseconds")
def _(api):
    api.emulator.configure(queue_seconds=20, run_seconds=3)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(23)
    api.wait(job_id)
    found = api.get("/analytics/usage").json()
    assert (found["jobs"], found["sessions"], found["individual_jobs"]) == (1, 0, 1)
    assert found["queue_time"] == pytest.approx(20_000, abs=1)
    assert found["usage"] == pytest.approx(3_000, abs=1)
    assert {"avg_queue_time", "max_queue_time", "sessions_usage"} <= set(found)


@check("E-analytics-grouped")
def _(api):
    one_job(api)
    one_job(api, backend="ibm_boston")
    for group in ("instance", "backend", "user_id", "plan", "subscription_id"):
        found = api.get(f"/analytics/usage_grouped?group_by={group}").json()["data"]
        assert sum(one["jobs"] for one in found) == 2
        assert all("key" in one for one in found)
    refuses(api, 400, api.get("/analytics/usage_grouped"))


@check("E-analytics-by-date")
def _(api):
    one_job(api)
    (day,) = api.get("/analytics/usage_grouped_by_date").json()["data"]
    assert day["jobs"] == 1
    assert len(day["date"]) == len("2026-01-01")


@check("E-analytics-filters")
def _(api):
    found = api.get("/analytics/filters").json()
    assert found["instance"] == [api.emulator.instance]
    assert "ibm_fez" in found["backend"]


@check("R-analytics-filters")
def _(api):
    created = api.job(one_job(api))["created"]

    def jobs(**query: Any) -> Any:
        return api.get("/analytics/usage", params=query).json()["jobs"]

    assert jobs(backend=["ibm_fez", "ibm_boston"], interval_start=created, interval_end=created) == 1
    assert jobs(backend="ibm_boston") == jobs(user_id="x") == jobs(plan="x") == jobs(instance="x") == 0
    assert jobs(interval_end="2020-01-01T00:00:00Z") == 0
    assert jobs(simulators="true") == 1


@check("R-analytics-rights")
def _(api):
    assert api.get("/analytics/usage").status_code == 200


@check("E-tags")
def _(api):
    one_job(api, tags=["summer-run"])
    assert api.get("/tags?type=job&search=mer").json() == {"tags": ["summer-run"]}
    for query in ("", "?type=job", "?search=abc", "?type=job&search=ab", f"?type=job&search={'a' * 101}"):
        refuses(api, 400, api.get(f"/tags{query}"))


@check("E-programs")
def _(api):
    refuses(api, 404, api.get("/programs"))


@check("R-old-usage-route")
def _(api):
    refuses(api, 404, api.get("/usage"))


@check("R-unknown-route")
def _(api):
    refuses(api, 404, api.get("/nothing"), "not_found")


@check("R-wrong-method")
def _(api):
    refuses(api, 405, api.send("PUT", "/jobs"))


@check("R-instance-search")
def _(api):
    refuses(api, 404, api.get("/instances"))
    with Emulator() as emulator:
        assert emulator.qiskit_service().active_instance() == emulator.instance
