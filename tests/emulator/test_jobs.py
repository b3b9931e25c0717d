"""The life of a job as its owner sees it."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_qrt.emulator.simulation import simulator


def test_a_job_is_queued_then_running_then_completed(api):
    api.emulator.configure(queue_seconds=100, run_seconds=100)
    job_id = api.submit((api.bell(), None, 10))
    seen = [api.job(job_id)["state"]["status"]]
    api.emulator.advance(100)
    seen.append(api.job(job_id)["state"]["status"])
    api.emulator.advance(100)
    seen.append(api.wait(job_id)["state"]["status"])
    assert seen == ["Queued", "Running", "Completed"]


def test_listing_advances_jobs_as_reading_does(api):
    api.emulator.configure(queue_seconds=100, run_seconds=100)
    api.submit((api.bell(), None, 10))
    api.emulator.advance(150)
    assert [job["status"] for job in api.get("/jobs").json()["jobs"]] == ["Running"]


def test_results_asked_for_too_early_are_refused_with_1234(api):
    api.emulator.configure(queue_seconds=100)
    job_id = api.submit((api.bell(), None, 10))
    assert api.refusal(api.get(f"/jobs/{job_id}/results")) == (400, 1234)


def test_an_unknown_job_is_refused_with_1291(api):
    assert api.refusal(api.get("/jobs/nothing")) == (404, 1291)


def test_a_failed_job_has_text_for_results_and_logs(api):
    job_id = api.submit((f"{api.qasm}bit[1] c; h $0; c[0] = measure $0;", None, 1))
    api.wait(job_id)
    answer = api.get(f"/jobs/{job_id}/results")
    assert answer.status_code == 200
    assert "Traceback" in answer.text
    assert "7000" in api.get(f"/jobs/{job_id}/logs").text


def test_a_completed_job_has_no_logs(api):
    job_id = api.submit((api.bell(), None, 1))
    api.wait(job_id)
    assert api.refusal(api.get(f"/jobs/{job_id}/logs"))[0] == 404


def test_a_queued_job_can_be_cancelled_once_and_costs_nothing(api):
    api.emulator.configure(queue_seconds=100)
    job_id = api.submit((api.bell(), None, 1))
    assert api.send("POST", f"/jobs/{job_id}/cancel").status_code == 204
    job = api.job(job_id)
    assert job["state"]["status"] == "Cancelled"
    assert job["usage"] == {"qpu_charge_time_seconds": 0, "status": "complete"}
    assert api.refusal(api.send("POST", f"/jobs/{job_id}/cancel"))[0] == 409


def test_a_job_past_its_maximum_execution_time_is_cancelled_with_1305(api):
    api.emulator.configure(run_seconds=100)
    job_id = api.submit((api.bell(), None, 1), cost=30)
    api.emulator.advance(50)
    job = api.job(job_id)
    assert job["state"]["status"] == "Cancelled"
    assert job["state"]["reason_code"] == 1305
    assert job["status"] == "Cancelled - Ran too long"
    assert job["usage"]["qpu_charge_time_seconds"] == 30


def test_a_cost_above_three_hours_is_capped(api):
    assert api.job(api.submit((api.bell(), None, 1), cost=99_999))["cost"] == 10_800


def test_only_an_ended_job_can_be_deleted(api):
    api.emulator.configure(queue_seconds=100)
    job_id = api.submit((api.bell(), None, 1))
    assert api.refusal(api.send("DELETE", f"/jobs/{job_id}"))[0] == 400
    api.emulator.finish(job_id)
    assert api.send("DELETE", f"/jobs/{job_id}").status_code == 204
    assert api.refusal(api.get(f"/jobs/{job_id}")) == (404, 1291)


def test_usage_stays_pending_for_a_while(api):
    api.emulator.configure(run_seconds=3, usage_pending_seconds=100)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(3)
    assert api.wait(job_id)["usage"] == {"qpu_charge_time_seconds": 0, "status": "pending"}
    api.emulator.advance(101)
    assert api.job(job_id)["usage"] == {"qpu_charge_time_seconds": 3, "status": "complete"}


def test_params_come_with_a_read_unless_excluded_and_with_a_list_only_when_asked(api):
    job_id = api.submit((api.bell(), None, 1))
    assert "pubs" in api.get(f"/jobs/{job_id}").json()["params"]
    assert "params" not in api.job(job_id)
    assert "params" not in api.get("/jobs").json()["jobs"][0]
    assert "params" in api.get("/jobs?exclude_params=false").json()["jobs"][0]


def test_a_private_job_never_shows_its_params(api):
    job_id = api.submit((api.bell(), None, 1), private=True)
    job = api.get(f"/jobs/{job_id}").json()
    assert job["private"] is True
    assert "params" not in job


def test_a_private_result_can_be_read_once(api):
    job_id = api.submit((api.bell(), None, 1), private=True)
    api.result(job_id)
    assert api.refusal(api.get(f"/jobs/{job_id}/results"))[0] == 404


def test_a_job_is_found_only_by_all_of_its_tags(api):
    job_id = api.submit((api.bell(), None, 1), tags=["a", "b"])
    api.submit((api.bell(), None, 1), tags=["a"])
    found = api.get("/jobs", params={"tags": ["a", "b"]}).json()
    assert [job["id"] for job in found["jobs"]] == [job_id]
    assert found["count"] == 1


def test_tags_can_be_replaced_and_searched(api):
    job_id = api.submit((api.bell(), None, 1), tags=["before"])
    assert api.send("PUT", f"/jobs/{job_id}/tags", json={"tags": ["afterwards"]}).status_code == 204
    assert api.job(job_id)["tags"] == ["afterwards"]
    assert api.get("/tags?type=job&search=fterw").json() == {"tags": ["afterwards"]}


@pytest.mark.parametrize(("tags", "code"), [(["t"] * 9, 1204), (["t" * 87], 1205)])
def test_too_many_or_too_long_tags_are_refused(api, tags, code):
    assert api.refusal(api.post_job((api.bell(), None, 1), tags=tags)) == (400, code)


def test_eight_tags_of_86_characters_are_accepted(api):
    assert api.post_job((api.bell(), None, 1), tags=["t" * 86] * 8).status_code == 200


def test_pages_are_newest_first_and_the_count_is_of_all(api):
    ids = [api.submit((api.bell(), None, 1)) for _ in range(3)]
    page = api.get("/jobs?limit=2&offset=1").json()
    assert [job["id"] for job in page["jobs"]] == [ids[1], ids[0]]
    assert (page["count"], page["limit"], page["offset"]) == (3, 2, 1)
    assert [job["id"] for job in api.get("/jobs?sort=ASC").json()["jobs"]] == ids


def test_a_limit_out_of_range_quietly_becomes_the_default(api):
    assert api.get("/jobs?limit=1000").json()["limit"] == 200


def test_jobs_are_filtered_by_pending_backend_and_creation(api):
    done = api.submit((api.bell(), None, 1))
    api.wait(done)
    api.emulator.configure(queue_seconds=100)
    waiting = api.submit((api.bell(), None, 1), backend="ibm_boston")
    created = api.job(waiting)["created"]

    def found(**query):
        return [job["id"] for job in api.get("/jobs", params=query).json()["jobs"]]

    assert found(pending="true") == [waiting]
    assert found(pending="false") == [done]
    assert found(backend="ibm_fez") == [done]
    assert found(created_after=created) == [waiting]
    assert set(found(created_before=created)) == {waiting, done}
    assert found(program="estimator") == []


def test_a_new_job_can_be_slow_to_appear_in_lists(api):
    api.emulator.configure(visibility_seconds=100)
    api.submit((api.bell(), None, 1), tags=["late"])
    assert api.get("/jobs?tags=late").json()["count"] == 0
    api.emulator.advance(101)
    assert api.get("/jobs?tags=late").json()["count"] == 1


def test_jobs_wait_while_their_backend_is_paused(api):
    api.emulator.configure(backends={"ibm_fez": {"status": "paused", "reason": "internal"}})
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(1000)
    assert api.job(job_id)["state"]["status"] == "Queued"
    api.emulator.configure(backends={"ibm_fez": {"status": "online"}})
    assert api.wait(job_id)["state"]["status"] == "Completed"


def test_an_unknown_backend_or_program_is_not_found(api):
    assert api.refusal(api.post_job((api.bell(), None, 1), backend="ibm_nowhere"))[0] == 404
    assert api.refusal(api.post_job((api.bell(), None, 1), program_id="circuit-runner"))[0] == 404


@pytest.mark.parametrize(
    "params",
    [
        {"pubs": []},
        {"pubs": "x"},
        {"pubs": [[1]]},
        {"pubs": [["OPENQASM 3.0;", None, 0]]},
        {"pubs": [["OPENQASM 3.0;", None, 1, 2]]},
        {"unknown": 1},
        {"version": 1},
        {"shots": "many"},
        {"options": {"transpilation": {}}},
        {"options": {"twirling": {"unknown": 1}}},
        {"support_qiskit": "yes"},
    ],
)
def test_malformed_params_are_a_bad_request(api, params):
    assert api.refusal(api.post_job((api.bell(), None, 1), params=params))[0] == 400
    assert api.emulator.jobs() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"program_id": NaN}', b'"\\ud800"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_a_bad_request(api, body):
    assert api.refusal(api.send("POST", "/jobs", data=body))[0] == 400


def test_submissions_are_refused_at_the_usage_limit(api):
    assert api.send("PUT", "/instances/configuration", json={"instance_limit": 0}).status_code == 204
    assert api.refusal(api.post_job((api.bell(), None, 1)))[0] == 409
    assert api.get("/instances/usage").json()["usage_limit_reached"] is True


def test_workloads_page_with_cursors_through_jobs_and_sessions(api):
    jobs = [api.submit((api.bell(), None, 1), tags=[f"tag-{n}"]) for n in range(3)]
    session = api.send("POST", "/sessions", json={"mode": "batch", "backend": "ibm_fez"}).json()["id"]
    seen, path = [], "/workloads?limit=3"
    while path:
        page = api.get(path).json()
        assert page["total_count"] == 4
        seen += [one["id"] for one in page["workloads"]]
        path = page.get("next", {}).get("href", "").removeprefix("/api/v1")
    assert seen == [session, *reversed(jobs)]
    assert [one["id"] for one in api.get("/workloads?search=tag-1").json()["workloads"]] == [jobs[1]]
    assert [one["id"] for one in api.get("/workloads?mode=batch").json()["workloads"]] == [session]


def test_a_slow_simulation_does_not_hold_up_other_requests(api, monkeypatch):
    run, may_go_on = simulator.run, threading.Event()

    def slow(*arguments):
        assert may_go_on.wait(60)
        return run(*arguments)

    monkeypatch.setattr(simulator, "run", slow)
    job_id = api.submit((api.bell(), None, 10))
    assert not api.emulator.jobs()[0]["final"]
    may_go_on.set()
    api.result(job_id)
