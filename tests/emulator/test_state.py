"""An emulator continues from the state that an earlier one saved in a file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from airflow_provider_qrt.emulator import DEFAULT_API_KEY, DEFAULT_INSTANCE, Emulator


@pytest.fixture
def begin(tmp_path):
    def begin(**settings):
        state = str(tmp_path / "state.db")
        return Emulator(state=state, **{"queue_seconds": 0, "run_seconds": 0, "rate_limit": False, **settings})

    return begin


def test_jobs_results_and_tags_survive_a_restart(begin, connect):
    with begin() as emulator:
        api = connect(emulator)
        job_id = api.submit((api.bell(), None, 10), tags=["mine"])
        result = api.result(job_id)
        api.send("PUT", f"/jobs/{job_id}/tags", json={"tags": ["ours"]})
        before = api.get(f"/jobs/{job_id}").json()
    with begin() as emulator:
        api = connect(emulator)
        assert api.get(f"/jobs/{job_id}").json() == before
        assert before["tags"] == ["ours"]
        assert api.get(f"/jobs/{job_id}/results").json() == result


def test_a_job_that_was_running_goes_on(begin, connect):
    with begin(run_seconds=100) as emulator:
        api = connect(emulator)
        job_id = api.submit((api.bell(), None, 10))
        assert api.job(job_id)["state"]["status"] == "Running"
    with begin() as emulator:
        api = connect(emulator)
        assert api.job(job_id)["state"]["status"] == "Running"
        emulator.advance(100)
        assert api.wait(job_id)["usage"]["qpu_charge_time_seconds"] == 100
        assert len(api.result(job_id)["results"][0]["data"]["meas"]["samples"]) == 10


def test_the_result_of_a_seeded_job_is_the_same_with_and_without_a_restart(begin, connect, tmp_path):
    with Emulator(queue_seconds=0, run_seconds=0, seed=5) as emulator:
        api = connect(emulator)
        expected = api.result(api.submit((api.bell(), None, 50)))["results"]
    with begin(seed=5, queue_seconds=1000) as emulator:
        api = connect(emulator)
        job_id = api.submit((api.bell(), None, 50))
    with begin(seed=5) as emulator:
        emulator.finish(job_id)
        assert connect(emulator).result(job_id)["results"] == expected


def test_what_became_due_in_between_is_brought_about(begin, connect):
    with begin(queue_seconds=100, run_seconds=100) as emulator:
        api = connect(emulator)
        session = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez"}).json()["id"]
        job_id = api.submit((api.bell(), None, 10), session_id=session)
        emulator.advance(90)
    with begin() as emulator:
        api = connect(emulator)
        emulator.advance(111)
        assert api.wait(job_id)["session_id"] == session
        emulator.advance(61)
        found = api.get(f"/sessions/{session}").json()
        assert found["state"] == "inactive"
        assert [one["status"] for one in found["timestamps"]] == ["open", "active", "inactive"]


def test_usage_and_the_count_of_jobs_survive_even_for_a_deleted_job(begin, connect):
    with begin(run_seconds=7) as emulator:
        api = connect(emulator)
        job_id = api.submit((api.bell(), None, 1))
        emulator.advance(7)
        api.wait(job_id)
        api.send("DELETE", f"/jobs/{job_id}")
    with begin() as emulator:
        api = connect(emulator)
        assert api.get("/instances/usage").json()["usage_consumed_seconds"] == 7
        assert api.get("/jobs").json()["count"] == 0
        api.submit((api.bell(), None, 1))
        assert emulator.jobs()[0]["ordinal"] == 2


def test_a_private_result_that_was_read_stays_gone(begin, connect):
    with begin() as emulator:
        api = connect(emulator)
        job_id = api.submit((api.bell(), None, 1), private=True)
        api.result(job_id)
    with begin() as emulator:
        api = connect(emulator)
        assert api.refusal(api.get(f"/jobs/{job_id}/results"))[0] == 404


def test_the_clock_does_not_fall_back(begin, connect):
    with begin() as emulator:
        api = connect(emulator)
        emulator.advance(500)
        first = api.job(api.submit((api.bell(), None, 1)))["created"]
    with begin() as emulator:
        api = connect(emulator)
        assert api.job(api.submit((api.bell(), None, 1)))["created"] > first


def test_what_was_answered_is_written_before_the_answer(begin, connect, tmp_path):
    with begin(queue_seconds=100) as emulator:
        api = connect(emulator)
        job_id = api.submit((api.bell(), None, 1))
        with sqlite3.connect(tmp_path / "state.db") as other:
            assert other.execute("SELECT id FROM jobs").fetchall() == [(job_id,)]
        other.close()


def test_a_reset_empties_the_file_too(begin, connect):
    with begin() as emulator:
        api = connect(emulator)
        api.submit((api.bell(), None, 1))
        emulator.reset()
    with begin() as emulator:
        assert emulator.jobs() == []


def test_a_file_of_another_kind_is_refused(begin, tmp_path):
    (tmp_path / "state.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ValueError, match="state"), begin():
        pass


def test_jobs_that_have_not_ended_need_their_backend(begin, connect):
    with begin(queue_seconds=100) as emulator:
        api = connect(emulator)
        api.submit((api.bell(), None, 1))
    with pytest.raises(ValueError, match="ibm_fez"), begin(backends=["ibm_boston"]):
        pass


def test_a_process_that_was_killed_leaves_everything_it_told_of(connect, tmp_path):
    def serve(number):
        ready = tmp_path / f"ready-{number}.json"
        command = [sys.executable, "-m", "airflow_provider_qrt.emulator", "--port", "0", "--run-seconds", "10000"]
        command += ["--queue-seconds", "0", "--state", str(tmp_path / "state.db"), "--ready-file", str(ready)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        said = json.loads(ready.read_text())
        emulator = SimpleNamespace(**said, instance=DEFAULT_INSTANCE, api_key=DEFAULT_API_KEY)
        return process, connect(emulator)

    first, api = serve(1)
    try:
        job_id = api.submit((api.bell(), None, 1))
        before = api.job(job_id)
    finally:
        first.kill()
        first.wait(20)
    assert before["state"]["status"] == "Running"
    second, api = serve(2)
    try:
        assert api.job(job_id) == before
        assert api.send("POST", f"/jobs/{job_id}/cancel").status_code == 204
    finally:
        second.kill()
        second.wait(20)


def test_charges_and_their_times_survive_a_restart(begin, connect):
    with begin(run_seconds=10) as emulator:
        api = connect(emulator)
        job_id = api.submit((api.bell(), None, 1))
        emulator.advance(10)
        api.wait(job_id)
    with begin() as emulator:
        assert connect(emulator).get("/instances/usage").json()["usage_consumed_seconds"] == 10
        emulator.advance(28 * 86_400)
        assert connect(emulator).get("/instances/usage").json()["usage_consumed_seconds"] == 0


def test_the_sum_of_charges_in_a_file_of_an_earlier_version_is_kept(begin, connect, tmp_path):
    with begin():
        pass
    with sqlite3.connect(tmp_path / "state.db") as file:
        file.execute("DROP TABLE charges")
        file.execute("INSERT INTO facts VALUES ('charged', 25)")
    for _ in range(2):
        with begin() as emulator:
            assert connect(emulator).get("/instances/usage").json()["usage_consumed_seconds"] == 25
