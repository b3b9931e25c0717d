"""A machine works on a number of jobs at a time, if one is set."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.emulator import Emulator

RUN = 100


@pytest.fixture
def busy(api):
    """Machines with one lane, on which each job takes a while."""
    api.emulator.configure(lanes=1, run_seconds=RUN)
    return api


def submit(api, **body):
    return api.submit((api.bell(), None, 1), **body)


def state(api, job_id):
    return api.job(job_id)["state"]["status"]


def passes(api, job_id):
    """Let the time of a running job pass, and wait until its simulation has ended as well."""
    api.emulator.advance(RUN)
    assert api.wait(job_id)["state"]["status"] == "Completed"


def test_jobs_run_one_after_the_other_in_their_order(busy):
    first, second, third = (submit(busy) for _ in range(3))
    assert [state(busy, one) for one in (first, second, third)] == ["Running", "Queued", "Queued"]
    passes(busy, first)
    assert [state(busy, one) for one in (second, third)] == ["Running", "Queued"]
    passes(busy, second)
    passes(busy, third)
    jobs = {job["id"]: job for job in busy.emulator.jobs()}
    assert jobs[second]["started"] >= jobs[first]["ended"]
    assert busy.job(third)["usage"]["qpu_charge_time_seconds"] == RUN


def test_each_machine_has_lanes_of_its_own_and_dry_runs_need_none(busy):
    jobs = [submit(busy, backend=name) for name in ("ibm_fez", "ibm_boston", "mock_fez", "mock_fez")]
    assert [state(busy, one) for one in jobs] == ["Running"] * 4
    assert state(busy, submit(busy)) == "Queued"


def test_a_lane_becomes_free_when_its_job_is_cancelled(busy):
    first, second = submit(busy), submit(busy)
    assert (state(busy, first), state(busy, second)) == ("Running", "Queued")
    busy.send("POST", f"/jobs/{first}/cancel")
    assert state(busy, second) == "Running"


def test_a_waiting_job_that_is_cancelled_does_not_run(busy):
    first, second, third = (submit(busy) for _ in range(3))
    assert state(busy, second) == "Queued"
    busy.send("POST", f"/jobs/{second}/cancel")
    passes(busy, first)
    assert (state(busy, second), state(busy, third)) == ("Cancelled", "Running")


def test_a_job_of_an_active_session_comes_before_one_that_waits_longer(busy):
    body = {"mode": "dedicated", "backend": "ibm_fez"}
    session_id = busy.send("POST", "/sessions", json=body).json()["id"]
    first = submit(busy, session_id=session_id)
    other, second = submit(busy), submit(busy, session_id=session_id)
    passes(busy, first)
    assert (state(busy, other), state(busy, second)) == ("Queued", "Running")


def test_more_lanes_let_waiting_jobs_start(busy):
    jobs = [submit(busy) for _ in range(4)]
    assert [state(busy, one) for one in jobs] == ["Running", *["Queued"] * 3]
    busy.emulator.configure(lanes=3)
    assert [state(busy, one) for one in jobs] == [*["Running"] * 3, "Queued"]
    busy.emulator.configure(lanes=None)
    assert state(busy, jobs[3]) == "Running"


def test_a_paused_machine_starts_no_job_though_a_lane_is_free(busy):
    first, second = submit(busy), submit(busy)
    assert state(busy, second) == "Queued"
    busy.emulator.configure(backends={"ibm_fez": {"status": "paused"}})
    passes(busy, first)
    assert state(busy, second) == "Queued"
    busy.emulator.configure(backends={"ibm_fez": {"status": "online"}})
    assert state(busy, second) == "Running"


def test_a_job_is_completed_by_force_though_no_lane_is_free(busy):
    submit(busy)
    second = submit(busy)
    assert state(busy, second) == "Queued"
    assert busy.emulator.finish(second)["status"] == "Completed"


def test_a_restart_keeps_the_lanes_taken(connect, tmp_path):
    settings = {"state": str(tmp_path / "state.db"), "queue_seconds": 0, "run_seconds": RUN, "lanes": 1}
    with Emulator(**settings) as emulator:
        api = connect(emulator)
        first, second = submit(api), submit(api)
        assert (state(api, first), state(api, second)) == ("Running", "Queued")
    with Emulator(**settings) as emulator:
        api = connect(emulator)
        assert (state(api, first), state(api, second)) == ("Running", "Queued")
        passes(api, first)
        assert state(api, second) == "Running"


@pytest.mark.parametrize("lanes", [0, -1, 1.5, "many", True])
def test_lanes_are_a_whole_number(emulator, lanes):
    with pytest.raises(ValueError, match="lanes"):
        emulator.configure(lanes=lanes)


def test_an_emulator_needs_a_lane():
    with pytest.raises(ValueError, match="lanes"):
        Emulator(lanes=0)
