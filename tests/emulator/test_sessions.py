"""Sessions and batches."""

from __future__ import annotations


def opened(api, **body):
    answer = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def state(api, session_id):
    return api.get(f"/sessions/{session_id}").json()["state"]


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
