"""Rules for future jobs, times of a job, and accelerated time."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from airflow_provider_qrt.emulator import Emulator


def test_a_rule_gives_the_jobs_with_a_tag_times_of_their_own(api):
    api.emulator.add_rule(tag="slow-*", queue_seconds=1000, run_seconds=500)
    slow = api.submit((api.bell(), None, 1), tags=["slow-one"])
    quick = api.submit((api.bell(), None, 1), tags=["quick"])
    assert api.wait(quick)["state"]["status"] == "Completed"
    api.emulator.advance(900)
    assert api.job(slow)["state"]["status"] == "Queued"
    api.emulator.advance(200)
    assert api.job(slow)["state"]["status"] == "Running"
    api.emulator.advance(500)
    assert api.wait(slow)["usage"]["qpu_charge_time_seconds"] == 500


def test_a_backend_has_times_of_its_own(api):
    api.emulator.configure(backends={"ibm_boston": {"queue_seconds": 1000, "run_seconds": 7}})
    here = api.submit((api.bell(), None, 1))
    there = api.submit((api.bell(), None, 1), backend="ibm_boston")
    assert api.wait(here)["state"]["status"] == "Completed"
    assert api.job(there)["state"]["status"] == "Queued"
    listed = api.get("/backends", params={"fields": "wait_time_seconds"}).json()["devices"]
    assert {one["name"]: one["wait_time_seconds"]["p50"] for one in listed}["ibm_boston"] == 1000
    api.emulator.advance(1007)
    assert api.wait(there)["usage"]["qpu_charge_time_seconds"] == 7


def test_the_next_jobs_fail_with_the_code_that_a_rule_names(api):
    api.emulator.add_rule(status="Failed", times=2, reason="Broken.", reason_code=5203, reason_solution="Retry.")
    ids = [api.submit((api.bell(), None, 1)) for _ in range(3)]
    states = [api.wait(job_id)["state"] for job_id in ids]
    assert states[0] == {"status": "Failed", "reason": "Broken.", "reason_code": 5203, "reason_solution": "Retry."}
    assert [state["status"] for state in states] == ["Failed", "Failed", "Completed"]
    assert api.emulator.rules()[0]["applied"] == 2


def test_a_rule_can_cancel_a_job_as_the_service_does(api):
    api.emulator.add_rule(status="Cancelled", backend="ibm_fez", program_id="sampler", skip=1, times=1)
    first, second = (api.submit((api.bell(), None, 1)) for _ in range(2))
    assert api.wait(first)["state"]["status"] == "Completed"
    assert api.wait(second)["state"]["status"] == "Cancelled"


def test_a_rule_can_end_a_job_as_running_too_long(api):
    api.emulator.add_rule(status="Cancelled - Ran too long", run_seconds=9)
    job_id = api.submit((api.bell(), None, 1))
    api.emulator.advance(9)
    job = api.wait(job_id)
    assert (job["status"], job["state"]["reason_code"]) == ("Cancelled - Ran too long", 1305)
    assert job["usage"]["qpu_charge_time_seconds"] == 9


@pytest.mark.parametrize(
    "rule",
    [{}, {"tag": "x"}, {"status": "Done"}, {"queue_seconds": -1}, {"unknown": 1}, {"times": True, "run_seconds": 1}],
)
def test_a_rule_that_makes_no_sense_is_refused(emulator, rule):
    with pytest.raises(ValueError):
        emulator.add_rule(**rule)


def test_rules_are_lifted(api):
    api.emulator.add_rule(status="Failed")
    api.emulator.clear_rules()
    assert api.emulator.rules() == []
    api.result(api.submit((api.bell(), None, 1)))


def test_time_passes_faster_for_jobs_but_not_for_tokens(connect):
    with Emulator(queue_seconds=3600, run_seconds=300, speed=1e6) as emulator:
        api = connect(emulator)
        job = api.wait(api.submit((api.bell(), None, 1)))
        assert job["state"]["status"] == "Completed"
        assert job["usage"]["qpu_charge_time_seconds"] == 300
        assert api.get("/backends").status_code == 200


def test_the_speed_can_be_changed_and_time_never_goes_back(api):
    api.emulator.configure(queue_seconds=3600)
    job_id = api.submit((api.bell(), None, 1))
    try:
        api.emulator.configure(speed=1e6)
        assert api.wait(job_id)["state"]["status"] == "Completed"
    finally:
        api.emulator.configure(speed=1)
    created = api.job(job_id)["created"]
    assert api.job(api.submit((api.bell(), None, 1)))["created"] > created


def test_a_history_can_be_made_by_a_clock_that_starts_behind(connect):
    month = 30 * 86_400
    with Emulator(queue_seconds=0, run_seconds=0, behind_seconds=month) as emulator:
        api = connect(emulator)
        first = api.submit((api.bell(), None, 1))
        api.wait(first)
        emulator.advance(month)
        # The token has expired.
        api = connect(emulator)
        second = api.submit((api.bell(), None, 1))
        assert api.wait(second)["state"]["status"] == "Completed"
        past, present = (datetime.fromisoformat(api.job(one)["created"]).timestamp() for one in (first, second))
        assert month < present - past < month + 600
        assert abs(present - time.time()) < 600


@pytest.mark.parametrize(
    "settings",
    [{"speed": 0}, {"behind_seconds": -1}, {"plan": "gold"}, {"usage_limit_mode": "perhaps"}, {"retry_after": 1}],
)
def test_a_setting_that_makes_no_sense_is_refused(emulator, settings):
    with pytest.raises(ValueError):
        emulator.configure(**settings)
    if "retry_after" not in settings:
        with pytest.raises(ValueError):
            Emulator(**settings)


def test_a_kept_state_has_its_own_time(tmp_path):
    with pytest.raises(ValueError, match="state"):
        Emulator(behind_seconds=1, state=str(tmp_path / "kept"))


@pytest.mark.parametrize("stage", ["queued", "running"])
def test_a_job_is_cancelled_at_any_stage_and_charged_for_what_it_used(api, stage):
    api.emulator.configure(queue_seconds=100, run_seconds=100)
    job_id = api.submit((api.bell(), None, 1))
    if stage == "running":
        api.emulator.advance(140)
        assert api.job(job_id)["state"]["status"] == "Running"
    assert api.send("POST", f"/jobs/{job_id}/cancel").status_code == 204
    used = api.job(job_id)["usage"]["qpu_charge_time_seconds"]
    assert used == 0 if stage == "queued" else 40 <= used <= 100
    assert api.refusal(api.get(f"/jobs/{job_id}/results"))[0] == 404


def test_the_estimate_grows_with_the_executions(api):
    job_id = api.submit((api.bell(), None, 1000), (api.bell(), None, 1000))
    assert api.job(job_id)["estimated_running_time_seconds"] == pytest.approx(2.7)


def test_ten_million_executions_are_the_most(api):
    state = api.failure((api.bell(), None, 10_000_001))
    assert state["reason_code"] == 6000
