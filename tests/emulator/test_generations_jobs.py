"""Jobs and sessions of the older generations: refusals, life cycle and answers."""

from __future__ import annotations

import json

import pytest

from airflow_provider_qrt.emulator import Emulator

from .older import FLIP, Cloud, First

SAMPLE = {"circuits": [FLIP]}


@pytest.mark.parametrize(
    "changes",
    [
        {"params": None},
        {"params": {}},
        {"params": {"circuits": []}},
        {"params": {"circuits": [1]}},
        {"params": {"circuits": [FLIP], "pubs": [[FLIP]]}},
        {"params": {"circuits": [FLIP], "run_options": {"shots": 0}}},
        {"params": {"circuits": [FLIP], "circuit_indices": [1]}},
        {"params": {"circuits": [FLIP], "nonsense": 1}},
        {"tags": "a"},
        {"backend": None},
        {"program_id": None},
        {"start_session": "yes"},
        {"start_session": True, "session_id": "x"},
        {"start_session": True, "session_time": 0},
    ],
    ids=str,
)
def test_a_malformed_submission_is_refused_and_creates_nothing(cloud, changes):
    body = {**cloud.body("sampler", "ibm_algiers", SAMPLE), **changes}
    answer = cloud.send("POST", "/jobs", json=body)
    assert answer.status_code == 400, answer.text
    assert cloud.emulator.jobs() == []


@pytest.mark.parametrize(
    "params",
    [None, {}, [], ["{}", "{}"], ["no json"], ["[]"], ['{"iterations": NaN}'], ['{"iterations": "2"}'], ["{}"]],
    ids=str,
)
def test_the_first_generation_takes_one_text_of_json(first, params):
    body = {**first.body("runtime-simple", "ibmq_montreal", {}), "params": params}
    assert first.send("POST", "/jobs", json=body).status_code == 400
    assert first.emulator.jobs() == []


def test_unknown_programs_and_backends_are_not_found(cloud, classic, first):
    assert cloud.post_job("nonsense", SAMPLE).status_code == 404
    assert classic.post_job("sampler", SAMPLE, "nonsense").status_code == 404
    assert first.post_job("sampler", SAMPLE).status_code == 404


@pytest.mark.parametrize("program", ["mit-6", "quantum-kernel-alignment", "simple", "vqe"])
def test_a_program_that_is_listed_but_does_not_run_says_why(first, program):
    answer = first.post_job(program, {})
    assert answer.status_code == 400
    assert program in answer.json()["errors"][0]["message"]


def test_a_job_shows_what_was_sent(cloud, classic):
    job = cloud.wait(cloud.submit("sampler", SAMPLE, tags=["a", "b"])["id"])
    assert job["params"] == SAMPLE
    assert job["tags"] == ["a", "b"]
    assert job["program"] == {"id": "sampler"}
    assert job["backend"] == "ibmq_qasm_simulator"
    assert job["created"].endswith("Z")
    assert "session_id" not in job
    job = classic.wait(classic.submit("sampler", SAMPLE)["id"])
    assert (job["hub"], job["group"], job["project"]) == ("hub", "group", "project")


def test_jobs_are_found_by_tag(cloud):
    ids = [cloud.submit("sampler", SAMPLE, tags=[tag, "all"])["id"] for tag in ("a", "b")]
    assert [job["id"] for job in cloud.get("/jobs", params={"tags": "b"}).json()["jobs"]] == [ids[1]]
    found = cloud.get("/jobs", params={"tags": "all", "limit": 1}).json()
    assert ([job["id"] for job in found["jobs"]], found["count"]) == ([ids[1]], 2)
    assert "params" not in found["jobs"][0]


def test_a_job_can_be_cancelled_once(cloud, first):
    cloud.emulator.configure(queue_seconds=100)
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    assert cloud.send("POST", f"/jobs/{job_id}/cancel").status_code == 204
    assert cloud.get(f"/jobs/{job_id}").json()["state"]["status"] == "Cancelled"
    assert cloud.send("POST", f"/jobs/{job_id}/cancel").status_code == 409
    assert cloud.get(f"/jobs/{job_id}/results").status_code == 404
    job_id = first.submit("runtime-simple", {"iterations": 1})["id"]
    assert first.send("POST", f"/jobs/{job_id}/cancel").status_code == 204
    assert first.text(job_id).status_code == 400


def test_results_come_when_the_job_has_ended(cloud, first):
    cloud.emulator.configure(queue_seconds=100)
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    answer = cloud.get(f"/jobs/{job_id}/results")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 1234)
    job_id = first.submit("runtime-simple", {"iterations": 1})["id"]
    answer = first.get(f"/jobs/{job_id}/results")
    assert (answer.status_code, answer.content) == (204, b"")
    first.emulator.advance(100)
    answer = first.text(job_id)
    assert (answer.status_code, answer.text) == (200, "All done!")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_job_that_fails_says_why(cloud, first):
    job = cloud.wait(cloud.submit("sampler", {"circuits": ["OPENQASM 3; nonsense"]})["id"])
    assert job["state"]["status"] == "Failed"
    assert "could not be read" in job["state"]["reason"]
    assert "JobFailed" in cloud.get(f"/jobs/{job['id']}/results").text
    assert "JobFailed" in cloud.get(f"/jobs/{job['id']}/logs").text
    answer = first.text(first.submit("circuit-runner", {"circuits": "OPENQASM 3; nonsense"})["id"])
    assert answer.status_code == 400
    assert "could not be read" in answer.json()["errors"][0]["message"]


def test_metrics_have_times_and_the_caller(cloud):
    job_id = cloud.submit("sampler", SAMPLE)["id"]
    cloud.wait(job_id)
    metrics = cloud.get(f"/jobs/{job_id}/metrics").json()
    assert metrics["caller"] == "tests"
    assert all(metrics["timestamps"].values())


# Sessions.


def start(cloud, **more):
    return cloud.submit("sampler", SAMPLE, "ibm_algiers", start_session=True, **more)


def test_a_session_has_the_id_of_its_first_job(cloud):
    first_job = start(cloud)
    assert first_job["session_id"] == first_job["id"]
    second = cloud.submit("sampler", SAMPLE, "ibm_algiers", session_id=first_job["id"])
    assert second == {"id": second["id"], "backend": "ibm_algiers", "session_id": first_job["id"]}
    for job in (first_job, second):
        assert cloud.wait(job["id"])["session_id"] == first_job["id"]


def test_without_start_session_there_is_none(cloud):
    assert "session_id" not in cloud.submit("sampler", SAMPLE, "ibm_algiers", start_session=False)


def test_a_simulator_has_no_sessions(cloud):
    assert cloud.post_job("sampler", SAMPLE, "simulator_mps", start_session=True).status_code == 400


def test_a_closed_session_refuses_jobs_and_may_be_closed_again(cloud):
    session = start(cloud)["id"]
    cloud.wait(session)
    for _ in range(2):
        answer = cloud.send("DELETE", f"/sessions/{session}/close")
        assert (answer.status_code, answer.content) == (204, b"")
    answer = cloud.post_job("sampler", SAMPLE, "ibm_algiers", session_id=session)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 4001)


def test_closing_a_session_drops_what_is_queued(cloud):
    cloud.emulator.configure(queue_seconds=100)
    session = start(cloud)["id"]
    assert cloud.send("DELETE", f"/sessions/{session}/close").status_code == 204
    assert cloud.get(f"/jobs/{session}").json()["state"]["status"] == "Cancelled"


def test_a_session_ends_at_its_longest_life(cloud):
    session = start(cloud, session_time=50)["id"]
    cloud.wait(session)
    cloud.emulator.advance(51)
    answer = cloud.post_job("sampler", SAMPLE, "ibm_algiers", session_id=session)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 4001)


def test_a_job_on_another_backend_may_not_join(cloud):
    session = start(cloud)["id"]
    assert cloud.post_job("sampler", SAMPLE, "ibm_kyoto", session_id=session).status_code == 400


def test_sessions_of_two_generations_do_not_meet(api, cloud):
    older = start(cloud)["id"]
    assert api.get(f"/sessions/{older}").status_code == 404
    assert api.post_job((api.bell(), None, 1), session_id=older).status_code == 404
    present = api.send("POST", "/sessions", json={"mode": "dedicated", "backend": "ibm_fez"}).json()["id"]
    assert cloud.post_job("sampler", SAMPLE, "ibm_algiers", session_id=present).status_code == 404
    assert cloud.send("DELETE", f"/sessions/{present}/close").status_code == 404


def test_an_unknown_session_cannot_be_closed(cloud):
    assert cloud.send("DELETE", "/sessions/nonsense/close").status_code == 404


# State in a file.


def test_older_jobs_and_sessions_outlive_the_process(tmp_path):
    settings = {"state": str(tmp_path / "state.db"), "run_seconds": 0, "seed": 3}
    with Emulator(queue_seconds=100, **settings) as emulator:
        session = start(Cloud(emulator))["id"]
        simple = First(emulator).submit("runtime-simple", {"iterations": 1})["id"]
        ordinals = [job["ordinal"] for job in emulator.jobs()]
    with Emulator(queue_seconds=0, **settings) as emulator:
        cloud, first = Cloud(emulator), First(emulator)
        assert [job["ordinal"] for job in emulator.jobs()] == ordinals
        emulator.advance(100)
        assert cloud.wait(session)["state"] == {"status": "Completed"}
        assert first.text(simple).text == "All done!"
        assert cloud.submit("sampler", SAMPLE, "ibm_algiers", session_id=session)["session_id"] == session
        found = json.loads(cloud.get(f"/jobs/{session}/results").text)
        assert set(found) == {"quasi_dists", "metadata"}
