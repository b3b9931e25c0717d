"""The usage limit in both of its forms, and refusals for too many submissions."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.emulator import Emulator


@pytest.fixture
def accepting(api):
    api.emulator.configure(usage_limit_mode="accept", usage_limit_seconds=0)
    yield api
    api.emulator.configure(usage_limit_mode="refuse", usage_limit_seconds=None)


def test_a_job_over_the_limit_can_be_accepted_and_never_run(accepting):
    job_id = accepting.submit((accepting.bell(), None, 1))
    accepting.emulator.advance(3000)
    assert accepting.job(job_id)["state"]["status"] == "Queued"
    assert accepting.get("/instances/usage").json()["usage_limit_reached"] is True
    assert accepting.send("POST", f"/jobs/{job_id}/cancel").status_code == 204


def test_a_job_that_the_limit_held_runs_once_the_limit_is_raised(accepting):
    job_id = accepting.submit((accepting.bell(), None, 1))
    accepting.emulator.advance(100)
    assert accepting.send("PUT", "/instances/configuration", json={"instance_limit": 100}).status_code == 204
    accepting.result(job_id)


def test_a_job_that_the_limit_held_can_be_completed_by_force(accepting):
    job_id = accepting.submit((accepting.bell(), None, 1))
    assert accepting.emulator.finish(job_id)["status"] == "Completed"


def test_usage_counts_up_to_the_limit(api):
    api.emulator.configure(run_seconds=10, usage_limit_seconds=15)
    for _ in range(2):
        job_id = api.submit((api.bell(), None, 1))
        api.emulator.advance(10)
        api.wait(job_id)
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 20
    assert api.refusal(api.post_job((api.bell(), None, 1)))[0] == 409


def test_deleting_a_job_does_not_give_its_usage_back(api):
    api.emulator.configure(run_seconds=10)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(10)
    api.wait(job_id)
    assert api.send("DELETE", f"/jobs/{job_id}").status_code == 204
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 10


def test_the_instances_limit_may_not_exceed_its_allocation(api):
    allocation = api.get("/instances/usage").json()["usage_allocation_seconds"]
    refused = api.send("PUT", "/instances/configuration", json={"instance_limit": allocation + 1})
    assert api.refusal(refused)[0] == 409
    assert api.send("PUT", "/instances/configuration", json={"instance_limit": allocation}).status_code == 204
    assert api.get("/instances/configuration").json() == {"instance_limit": allocation}


def test_a_refusal_for_too_many_submissions_can_come_without_retry_after(connect):
    with Emulator(retry_after=False) as emulator:
        api = connect(emulator)
        for _ in range(5):
            api.submit((api.bell(), None, 1))
        answer = api.post_job((api.bell(), None, 1))
        assert api.refusal(answer) == (429, 1202)
        assert "Retry-After" not in answer.headers


def test_the_submission_limit_keeps_to_normal_time_whatever_the_speed(connect):
    with Emulator(speed=1e6) as emulator:
        api = connect(emulator)
        for _ in range(5):
            api.submit((api.bell(), None, 1))
        assert api.post_job((api.bell(), None, 1)).status_code == 429
