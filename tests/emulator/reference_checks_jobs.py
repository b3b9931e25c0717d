"""Checks of the table's rows about jobs, their states, errors and limits."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator

from .reference_checks_api import one_job, opened, refuses
from .reference_table import check

NOT_ISA = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;'


def post(api: Any, **body: Any) -> requests.Response:
    answer: requests.Response = api.post_job((api.bell(), None, 1), **body)
    return answer


def waiting(api: Any, **options: Any) -> str:
    api.emulator.configure(queue_seconds=1000)
    return str(api.submit((api.bell(), None, 1), **options))


def found(api: Any, **query: Any) -> list[str]:
    return [job["id"] for job in api.get("/jobs", params=query).json()["jobs"]]


# Submitting.


@check("E-jobs-post")
def _(api):
    answer = post(api)
    assert answer.status_code == 200
    assert set(answer.json()) == {"id", "backend"}
    assert len(answer.json()["id"]) == 20
    assert "Location" not in answer.headers
    refuses(api, 400, api.send("POST", "/jobs", data=b"{"))
    refuses(api, 404, post(api, backend="ibm_nowhere"))
    api.emulator.configure(usage_limit_seconds=0)
    refuses(api, 409, post(api))


@check("R-job-required")
def _(api):
    whole = {"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": [[api.bell(), None, 1]]}}
    assert api.send("POST", "/jobs", json=whole).status_code == 200
    for name in whole:
        refuses(api, 400, api.send("POST", "/jobs", json={key: whole[key] for key in whole if key != name}))


@check("R-job-unknown-field")
def _(api):
    refuses(api, 400, post(api, unknown=1))


@check("R-job-optional-fields")
def _(api):
    fields = {"log_level": "debug", "calibration_id": "abc", "runtime": "name:tag"}
    job = api.job(post(api, **fields).json()["id"])
    assert (job["calibration_id"], job["runtime"]) == ("abc", "name:tag")
    refuses(api, 400, post(api, log_level="loud"))
    refuses(api, 400, post(api, calibration_id="a" * 101))
    refuses(api, 400, post(api, session_id="a" * 37))


@check("R-job-remote-storage")
def _(api):
    refuses(api, 400, post(api, remote_storage={"type": "ibmcloud_cos"}))


@check("R-job-start-session")
def _(api):
    assert set(post(api, start_session=True, session_time=60).json()) == {"id", "backend"}


@check("R-tags-limit")
def _(api):
    assert post(api, tags=["t"] * 8).status_code == 200
    refuses(api, 400, post(api, tags=["t"] * 9), 1204)


@check("R-tag-length")
def _(api):
    assert post(api, tags=["t" * 86]).status_code == 200
    refuses(api, 400, post(api, tags=["t" * 87]), 1205)


@check("R-cost-range")
def _(api):
    assert api.job(post(api, cost=99_999).json()["id"])["cost"] == 10_800
    for cost in (-1, 1.5, "60", True):
        refuses(api, 400, post(api, cost=cost))


@check("R-cost-default")
def _(api):
    assert api.job(post(api).json()["id"])["cost"] == 600


# Listing.


@check("E-jobs-list", "R-list-page")
def _(api):
    ids = [api.submit((api.bell(), None, 1)) for _ in range(3)]
    page = api.get("/jobs?limit=2&offset=1").json()
    assert [job["id"] for job in page["jobs"]] == [ids[1], ids[0]]
    assert (page["count"], page["offset"], page["limit"]) == (3, 1, 2)
    assert found(api, sort="ASC") == ids
    refuses(api, 400, api.get("/jobs?sort=name"))


@check("R-list-limit")
def _(api):
    for query in ("", "?limit=0", "?limit=201"):
        assert api.get(f"/jobs{query}").json()["limit"] == 200


@check("R-list-filters")
def _(api):
    done = one_job(api)
    made = opened(api, backend="ibm_boston")
    late = waiting(api, backend="ibm_boston", session_id=made)
    created = api.job(late)["created"]
    assert found(api, pending="true") == found(api, session_id=made) == found(api, backend="ibm_boston") == [late]
    assert found(api, pending="false") == [done]
    assert found(api, program="estimator") == []
    assert found(api, created_after=created) == [late]
    assert found(api, created_before=created) == [late, done]


@check("R-list-tags")
def _(api):
    both = one_job(api, tags=["a", "b"])
    one_job(api, tags=["a"])
    assert found(api, tags=["a", "b"]) == [both]


@check("R-exclude-params")
def _(api):
    job_id = one_job(api)
    assert "params" not in api.get("/jobs").json()["jobs"][0]
    assert "params" in api.get("/jobs?exclude_params=false").json()["jobs"][0]
    assert "params" in api.get(f"/jobs/{job_id}").json()
    assert "params" not in api.get(f"/jobs/{job_id}?exclude_params=true").json()


# Reading.


@check("E-job-get")
def _(api):
    job = api.job(one_job(api, tags=["a"]))
    assert {"id", "backend", "state", "status", "program", "created", "cost", "tags", "user_id", "usage"} <= set(job)
    assert job["program"] == {"id": "sampler"}
    assert "private" not in job
    refuses(api, 404, api.get("/jobs/nothing"), 1291)


@check("R-estimate")
def _(api):
    job = api.job(waiting(api))
    assert job["estimated_running_time_seconds"] == pytest.approx(2 + 0.00035, abs=0.001)


@check("E-job-results")
def _(api):
    answer = api.get(f"/jobs/{one_job(api)}/results")
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 1
    refuses(api, 404, api.get("/jobs/nothing/results"), 1291)


@check("R-results-too-early")
def _(api):
    refuses(api, 400, api.get(f"/jobs/{waiting(api)}/results"), 1234)


@check("R-results-failed")
def _(api):
    job_id = api.submit((NOT_ISA, None, 1))
    api.wait(job_id)
    answer = api.get(f"/jobs/{job_id}/results")
    assert answer.status_code == 200
    assert answer.text.startswith("Traceback")


@check("R-results-cancelled")
def _(api):
    job_id = waiting(api)
    api.send("POST", f"/jobs/{job_id}/cancel")
    refuses(api, 404, api.get(f"/jobs/{job_id}/results"))


@check("R-private-results")
def _(api):
    job_id = one_job(api, private=True)
    assert api.get(f"/jobs/{job_id}/results").status_code == 200
    refuses(api, 404, api.get(f"/jobs/{job_id}/results"))


@check("R-private-params")
def _(api):
    answer = post(api, private=True).json()
    assert answer["private"] is True
    job = api.get(f"/jobs/{answer['id']}").json()
    assert job["private"] is True
    assert "params" not in job


@check("E-job-interim-results")
def _(api):
    refuses(api, 404, api.get(f"/jobs/{one_job(api)}/interim_results"))


@check("E-job-transpiled-circuits")
def _(api):
    path = f"/jobs/{one_job(api)}/transpiled_circuits"
    old = api.get(path, headers={"IBM-API-Version": "2026-01-01"})
    assert requests.get(old.json()["url"], timeout=10).status_code == 200
    refuses(api, 404, api.get(path))


# Ending and tidying up.


@check("E-job-cancel")
def _(api):
    job_id = waiting(api)
    answer = api.send("POST", f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.content) == (204, b"")
    refuses(api, 409, api.send("POST", f"/jobs/{job_id}/cancel"))
    refuses(api, 404, api.send("POST", "/jobs/nothing/cancel"), 1291)


@check("R-cancel-at-once")
def _(api):
    for seconds in ({"queue_seconds": 100}, {"queue_seconds": 0, "run_seconds": 100}):
        api.emulator.configure(**seconds)
        job_id = api.submit((api.bell(), None, 1))
        api.send("POST", f"/jobs/{job_id}/cancel")
        assert api.job(job_id)["state"]["status"] == "Cancelled"


@check("E-job-delete")
def _(api):
    job_id = waiting(api)
    refuses(api, 400, api.send("DELETE", f"/jobs/{job_id}"))
    api.emulator.finish(job_id)
    assert api.send("DELETE", f"/jobs/{job_id}").status_code == 204
    refuses(api, 404, api.get(f"/jobs/{job_id}"), 1291)


@check("E-job-metrics")
def _(api):
    metrics = api.get(f"/jobs/{one_job(api)}/metrics").json()
    assert set(metrics) >= {"caller", "qiskit_version", "timestamps", "usage", "circuits_execution_time_ns"}
    refuses(api, 404, api.get("/jobs/nothing/metrics"), 1291)


@check("R-metrics-times")
def _(api):
    job_id = waiting(api)
    times = api.get(f"/jobs/{job_id}/metrics").json()["timestamps"]
    assert times["created"].endswith("Z")
    assert (times["running"], times["finished"]) == (None, None)
    api.emulator.finish(job_id)
    times = api.get(f"/jobs/{job_id}/metrics").json()["timestamps"]
    assert times["created"] <= times["running"] <= times["finished"]


@check("R-metrics-no-queue-position")
def _(api):
    for date in ("2024-01-01", "2026-04-15"):
        metrics = api.get(f"/jobs/{one_job(api)}/metrics", headers={"IBM-API-Version": date}).json()
        gone = {"position_in_queue", "position_in_provider", "estimated_start_time", "estimated_completion_time"}
        assert not gone & set(metrics)
        assert not {"num_qubits", "circuit_depths"} & set(metrics)


@check("E-job-logs")
def _(api):
    job_id = api.submit((NOT_ISA, None, 1))
    api.wait(job_id)
    answer = api.get(f"/jobs/{job_id}/logs")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "7000" in answer.text
    refuses(api, 404, api.get(f"/jobs/{one_job(api)}/logs"))


@check("E-job-tags")
def _(api):
    job_id = one_job(api, tags=["before"])
    for tags in (["one", "two"], []):
        assert api.send("PUT", f"/jobs/{job_id}/tags", json={"tags": tags}).status_code == 204
        assert api.job(job_id)["tags"] == tags
    refuses(api, 400, api.send("PUT", f"/jobs/{job_id}/tags", json={"tags": ["t"] * 9}), 1204)
    refuses(api, 404, api.send("PUT", "/jobs/nothing/tags", json={"tags": []}), 1291)


# States, time and money.


@check("R-states")
def _(api):
    api.emulator.configure(queue_seconds=10, run_seconds=10)
    job_id = api.submit((api.bell(), None, 1))
    seen = [api.job(job_id)["state"]["status"]]
    api.emulator.advance(11)
    seen.append(api.job(job_id)["state"]["status"])
    api.emulator.advance(11)
    assert [*seen, api.wait(job_id)["state"]["status"]] == ["Queued", "Running", "Completed"]


@check("R-lanes")
def _(api):
    def states(number: int) -> list[str]:
        ids = [api.submit((api.bell(), None, 1)) for _ in range(number)]
        return [api.job(job_id)["state"]["status"] for job_id in ids]

    api.emulator.configure(run_seconds=1000)
    assert states(8) == ["Running"] * 8
    api.emulator.reset()
    api.emulator.configure(lanes=5)
    assert states(7) == ["Running"] * 5 + ["Queued"] * 2


@check("R-ran-too-long")
def _(api):
    api.emulator.configure(run_seconds=100)
    job_id = api.submit((api.bell(), None, 1), cost=30)
    api.emulator.advance(50)
    job = api.job(job_id)
    assert (job["state"]["status"], job["state"]["reason_code"]) == ("Cancelled", 1305)
    assert job["status"] == "Cancelled - Ran too long"
    assert job["usage"]["qpu_charge_time_seconds"] == 30


@check("R-failed-state")
def _(api):
    state = api.failure((NOT_ISA, None, 1))
    assert set(state) == {"status", "reason", "reason_code", "reason_solution"}


@check("R-time-limit-plan")
def _(api):
    with Emulator(plan="open", rate_limit=False, queue_seconds=0) as emulator:
        on_open_plan = type(api)(emulator)
        assert on_open_plan.job(post(on_open_plan, cost=5000).json()["id"])["cost"] == 600


@check("R-time-limit-queue")
def _(api):
    job_id = waiting(api, cost=30)
    api.emulator.advance(500)
    assert api.job(job_id)["state"]["status"] == "Queued"


@check("R-usage-pending")
def _(api):
    api.emulator.configure(run_seconds=3, usage_pending_seconds=100)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(3)
    assert api.wait(job_id)["usage"] == {"qpu_charge_time_seconds": 0, "status": "pending"}
    api.emulator.advance(101)
    assert api.job(job_id)["usage"] == {"qpu_charge_time_seconds": 3, "status": "complete"}


@check("R-usage-cancelled")
def _(api):
    queued = waiting(api)
    api.send("POST", f"/jobs/{queued}/cancel")
    assert api.job(queued)["usage"]["qpu_charge_time_seconds"] == 0
    api.emulator.configure(queue_seconds=0, run_seconds=100)
    running = api.submit((api.bell(), None, 1))
    api.emulator.advance(20)
    api.send("POST", f"/jobs/{running}/cancel")
    assert api.job(running)["usage"]["qpu_charge_time_seconds"] == pytest.approx(20, abs=5)


# Errors and limits.


@check("R-error-body")
def _(api):
    body = api.get("/jobs/nothing").json()
    assert set(body) == {"errors", "trace"}
    assert set(body["errors"][0]) == {"code", "message", "solution", "more_info"}
    assert body["trace"] != api.get("/jobs/nothing").json()["trace"]


@check("R-error-code-words")
def _(api):
    assert api.get("/jobs/nothing").json()["errors"][0]["code"] == 1291
    assert api.get("/nothing").json()["errors"][0]["code"] == "not_found"


@check("R-result-too-large")
def _(api):
    api.emulator.configure(max_result_bytes=100)
    assert api.failure((api.bell(), None, 100))["reason_code"] == 5302


@check("R-error-catalogue")
def _(api):
    api.emulator.configure(queue_seconds=1000)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.finish(job_id, status="Failed", reason="Too large.", reason_code=5302)
    assert api.job(job_id)["state"]["reason_code"] == 5302


@check("R-rate-limit")
def _(api):
    api.emulator.configure(rate_limit=True)
    assert [post(api).status_code for _ in range(6)] == [200] * 5 + [429]
    refuses(api, 429, post(api), 1202)
    api.emulator.advance(60)
    assert post(api).status_code == 200


@check("R-retry-after")
def _(api):
    api.emulator.configure(rate_limit=True)
    for _ in range(5):
        post(api)
    assert 1 <= int(post(api).headers["Retry-After"]) <= 60
    api.emulator.configure(retry_after=False)
    assert "Retry-After" not in post(api).headers


@check("R-other-rate-limits")
def _(api):
    api.emulator.configure(rate_limit=True)
    assert {api.get("/jobs").status_code for _ in range(50)} == {200}


@check("R-server-errors")
def _(api):
    for status in (500, 502, 503, 504, 520, 524):
        api.emulator.add_fault(path="/backends", status=status, retry_after=3)
        answer = api.get("/backends")
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "3")


@check("R-gateway-html")
def _(api):
    api.emulator.add_fault(path="/backends", status=502, html="<html>Bad gateway</html>")
    answer = api.get("/backends")
    # As text: no browser of a developer is to run it.
    assert (answer.text, answer.headers["Content-Type"].split(";")[0]) == ("<html>Bad gateway</html>", "text/plain")


@check("R-no-idempotency")
def _(api):
    body = {"program_id": "sampler", "backend": "ibm_fez", "params": {"pubs": [api.bell()], "shots": 1}}
    ids = {api.send("POST", "/jobs", json=body, headers={"Idempotency-Key": "k"}).json()["id"] for _ in range(2)}
    assert len(ids) == 2


@check("R-lost-answer")
def _(api):
    api.emulator.add_fault(method="POST", path="/jobs", drop="after")
    with pytest.raises(requests.ConnectionError):
        post(api, tags=["lost"])
    assert len(found(api, tags="lost")) == 1


@check("R-visibility")
def _(api):
    api.emulator.configure(visibility_seconds=100)
    job_id = api.submit((api.bell(), None, 1))
    assert found(api) == []
    assert api.get("/workloads").json()["total_count"] == 0
    assert api.job(job_id)["id"] == job_id
    api.emulator.advance(101)
    assert found(api) == [job_id]


@check("R-body-size")
def _(api):
    assert post(api, params={"options": {"experimental": {"x": "y" * 5_000_000}}}).status_code == 200


@check("R-usage-limit")
def _(api):
    api.emulator.configure(usage_limit_seconds=0)
    refuses(api, 409, post(api))
    assert api.get("/instances/usage").json()["usage_limit_reached"] is True
    assert api.emulator.jobs() == []


@check("R-usage-limit-accepted")
def _(api):
    api.emulator.configure(usage_limit_seconds=0, usage_limit_mode="accept")
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(1000)
    assert api.job(job_id)["state"]["status"] == "Queued"
    api.emulator.configure(usage_limit_seconds=None)
    assert api.wait(job_id)["state"]["status"] == "Completed"


@check("R-executions-limit")
def _(api):
    state = api.failure((api.bell(), None, 10_000_001))
    assert state["reason_code"] == 6000


@check("R-instructions-limit")
def _(api):
    looped = "for int i in [1:{}] {{ cz $0, $1; }}"
    assert api.failure((f"{api.qasm}bit[1] c; {looped.format(5_000_001)}", None, 1))["reason_code"] == 6003
    source = f"{api.qasm}bit[1] c; {looped.format(10)} c[0] = measure $0;"
    assert api.result(api.submit((source, None, 1)))["results"]
