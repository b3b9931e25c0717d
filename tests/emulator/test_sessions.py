"""Sessions and batches."""

from __future__ import annotations

from airflow_provider_qrt.emulator import Emulator


def opened(api, **body):
    answer = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def state(api, session_id):
    return api.get(f"/sessions/{session_id}").json()["state"]


def finished(api):
    for job in api.emulator.jobs():
        api.wait(job["id"])


def test_a_session_is_open_until_its_first_job_starts(api):
    api.emulator.configure(queue_seconds=100)
    session = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    assert state(api, session) == "open"
    api.emulator.advance(101)
    assert state(api, session) == "active"
    assert api.wait(job_id)["session_id"] == session


def test_a_session_that_idles_for_a_minute_is_inactive(api):
    session = opened(api)
    api.wait(api.submit((api.bell(), None, 1), session_id=session))
    api.emulator.advance(61)
    assert state(api, session) == "inactive"


def test_a_graceful_close_refuses_jobs_and_lets_the_queued_ones_finish(api):
    api.emulator.configure(queue_seconds=100)
    session = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    assert api.send("PATCH", f"/sessions/{session}", json={"accepting_jobs": False}).status_code == 204
    assert api.refusal(api.post_job((api.bell(), None, 1), session_id=session)) == (400, 4001)
    assert state(api, session) == "open"
    api.emulator.advance(101)
    assert api.wait(job_id)["state"]["status"] == "Completed"
    assert state(api, session) == "closed"


def test_a_hard_close_drops_the_queued_jobs(api):
    api.emulator.configure(queue_seconds=100)
    session = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    assert api.send("DELETE", f"/sessions/{session}/close").status_code == 204
    assert state(api, session) == "closed"
    assert api.job(job_id)["state"]["status"] == "Cancelled"


def test_queued_jobs_fail_when_the_session_is_at_its_maximum_time(api):
    session = opened(api, max_ttl=50)
    api.wait(api.submit((api.bell(), None, 1), session_id=session))
    api.emulator.configure(queue_seconds=100)
    late = api.submit((api.bell(), None, 1), session_id=session)
    api.emulator.advance(200)
    job = api.job(late)
    assert (job["state"]["status"], job["state"]["reason_code"]) == ("Failed", 4001)
    assert state(api, session) == "closed"


def test_a_session_never_used_closes_after_half_an_hour(api):
    session = opened(api)
    api.emulator.advance(1801)
    assert state(api, session) == "closed"


def test_a_session_without_a_backend_takes_that_of_its_first_job(api):
    session = api.send("POST", "/sessions", json={"mode": "batch"}).json()
    assert session["backend_name"] is None
    api.submit((api.bell(), None, 1), session_id=session["id"])
    assert api.get(f"/sessions/{session['id']}").json()["backend_name"] == "ibm_fez"
    other = api.post_job((api.bell(), None, 1), session_id=session["id"], backend="ibm_boston")
    assert api.refusal(other)[0] == 400


def test_an_unknown_session_is_not_found(api):
    assert api.refusal(api.get("/sessions/nothing"))[0] == 404
    assert api.refusal(api.post_job((api.bell(), None, 1), session_id="nothing"))[0] == 404
    assert api.refusal(api.send("DELETE", "/sessions/nothing/close"))[0] == 404


def test_a_session_of_an_unknown_mode_is_refused(api):
    assert api.refusal(api.send("POST", "/sessions", json={"mode": "fast"}))[0] == 400


def test_jobs_are_listed_by_session(api):
    session = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    api.submit((api.bell(), None, 1))
    assert [job["id"] for job in api.get(f"/jobs?session_id={session}").json()["jobs"]] == [job_id]


def test_a_session_becomes_active_again_with_its_next_job_and_is_charged_for_active_time_only(api):
    api.emulator.configure(run_seconds=10)
    session = opened(api)
    api.submit((api.bell(), None, 1), session_id=session)
    api.emulator.advance(10)
    finished(api)
    api.emulator.advance(1000)
    assert state(api, session) == "inactive"
    api.submit((api.bell(), None, 1), session_id=session)
    assert state(api, session) == "active"
    api.emulator.advance(10)
    finished(api)
    api.emulator.advance(1000)
    api.send("DELETE", f"/sessions/{session}/close")
    found = api.get(f"/sessions/{session}").json()
    # Twice ten seconds of work and sixty idle ones.
    assert 140 <= found["elapsed_time"] <= 200
    assert [one["status"] for one in found["timestamps"]] == [
        "open",
        "active",
        "inactive",
        "active",
        "inactive",
        "closed",
    ]
    used = api.get("/instances/usage").json()["usage_consumed_seconds"]
    assert used == found["elapsed_time"]


def test_a_batch_is_charged_for_its_jobs_only(api):
    api.emulator.configure(run_seconds=10)
    batch = opened(api, mode="batch")
    api.submit((api.bell(), None, 1), session_id=batch)
    api.emulator.advance(10)
    finished(api)
    api.emulator.advance(1000)
    assert api.get(f"/sessions/{batch}").json()["elapsed_time"] is None
    api.send("PATCH", f"/sessions/{batch}", json={"accepting_jobs": False})
    assert api.get(f"/sessions/{batch}").json()["elapsed_time"] == 10
    assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 10


def test_a_running_job_outlives_a_hard_close_and_is_charged(api):
    api.emulator.configure(run_seconds=100)
    session = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    api.emulator.advance(50)
    assert api.job(job_id)["state"]["status"] == "Running"
    api.send("DELETE", f"/sessions/{session}/close")
    assert state(api, session) == "closed"
    assert api.get(f"/sessions/{session}").json()["elapsed_time"] is None
    api.emulator.advance(60)
    assert api.wait(job_id)["state"]["status"] == "Completed"
    assert api.get(f"/sessions/{session}").json()["elapsed_time"] >= 99


def test_a_running_job_outlives_its_sessions_maximum_time(api):
    api.emulator.configure(run_seconds=100)
    session = opened(api, max_ttl=50)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    api.emulator.advance(70)
    assert state(api, session) == "closed"
    assert api.job(job_id)["state"]["status"] == "Running"
    assert api.refusal(api.post_job((api.bell(), None, 1), session_id=session)) == (400, 4001)
    api.emulator.advance(50)
    assert api.wait(job_id)["state"]["status"] == "Completed"


def test_a_session_whose_job_waits_longer_than_half_an_hour_stays_open(api):
    api.emulator.configure(queue_seconds=2500)
    session = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    api.emulator.advance(2000)
    assert state(api, session) == "open"
    api.emulator.advance(501)
    assert api.wait(job_id)["state"]["status"] == "Completed"


def test_a_job_of_a_session_may_leave_the_backend_to_it(api):
    session = opened(api, backend="ibm_boston")
    answer = api.post_job((api.bell(), None, 1), session_id=session, backend=None)
    assert answer.json()["backend"] == "ibm_boston"
    assert api.refusal(api.post_job((api.bell(), None, 1), backend=None))[0] == 400


def test_a_cancelled_job_lets_a_refusing_session_close(api):
    api.emulator.configure(queue_seconds=100)
    session = opened(api)
    job_id = api.submit((api.bell(), None, 1), session_id=session)
    api.send("PATCH", f"/sessions/{session}", json={"accepting_jobs": False})
    api.send("POST", f"/jobs/{job_id}/cancel")
    assert state(api, session) == "closed"


def test_a_closed_session_does_not_open_again(api):
    session = opened(api)
    api.send("PATCH", f"/sessions/{session}", json={"accepting_jobs": False})
    assert api.refusal(api.send("PATCH", f"/sessions/{session}", json={"accepting_jobs": True}))[0] == 400


def test_the_open_plan_has_batches_of_ten_minutes_and_no_sessions(connect):
    with Emulator(plan="open", queue_seconds=0, run_seconds=2000, rate_limit=False) as emulator:
        api = connect(emulator)
        refused = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez"})
        assert api.refusal(refused) == (403, 1200)
        assert "Open plan" in refused.text
        batch = api.send("POST", "/sessions", json={"mode": "batch", "backend": "ibm_fez", "max_ttl": 9999}).json()
        assert batch["max_ttl"] == 600
        job_id = api.submit((api.bell(), None, 1), cost=5000)
        emulator.advance(601)
        job = api.job(job_id)
        assert (job["status"], job["cost"]) == ("Cancelled - Ran too long", 600)
        assert job["usage"]["qpu_charge_time_seconds"] == 600
        usage = api.get("/instances/usage").json()
        assert (usage["usage_allocation_seconds"], usage["usage_limit_reached"]) == (600, True)
        assert api.refusal(api.post_job((api.bell(), None, 1)))[0] == 409
