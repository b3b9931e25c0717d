"""A batch around mapped jobs, in a real Airflow: closed after success, failure, kill and clear."""

from __future__ import annotations

import os
import signal

import pytest

from tools.local_airflow import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

DAG = "qiskit_runtime_batch_of_circuits"
CALIBRATE = "qiskit_runtime_calibrate_first"
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
NOT_ISA = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;'


@pytest.fixture
def client(service):
    """Reads sessions from the service."""
    from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient

    settings = ClientSettings.create(
        api_key=service.api_key, instance=service.instance, base_url=service.url, iam_url=service.iam_url
    )
    with QiskitRuntimeClient(settings) as one:
        yield one


def session_id(airflow, run_id: str) -> str:
    return airflow.xcom(DAG, run_id, "open_session", "session_id")


def wait_for_close(client, found: str) -> None:
    wait_until(lambda: not client.session(found).accepting_jobs, seconds=300, what="The closing of the batch")


def test_the_jobs_of_a_run_share_a_batch_that_is_closed_after_them(airflow, client, submissions):
    run_id = airflow.run_dag(DAG, {"circuits": [FLIP] * 2})
    found = session_id(airflow, run_id)
    assert {job["session_id"] for job in submissions(run_id)} == {found}
    assert len(submissions(run_id)) == 2
    assert client.session(found).state == "closed"
    use = airflow.xcom(DAG, run_id, "close_session")
    assert (use["session_id"], use["jobs"], use["mode"]) == (found, 2, "batch")
    assert airflow.xcom(DAG, run_id, "charge") == pytest.approx(use["job_seconds"])
    assert airflow.xcom(DAG, run_id, "compare") == [1.0, 1.0]
    assert use["job_seconds"] > 0


def test_a_task_that_fails_closes_the_batch_and_costs_the_others_nothing(airflow, client, submissions):
    run_id = airflow.run_dag(DAG, {"circuits": [FLIP, FLIP, NOT_ISA, FLIP]}, expect="failed")
    assert client.session(session_id(airflow, run_id)).state == "closed"
    assert [job["status"] for job in submissions(run_id)] == ["Completed"] * 3
    assert airflow.xcom(DAG, run_id, "close_session")["jobs"] == 3
    assert airflow.xcom(DAG, run_id, "charge") > 0


def test_a_dedicated_session_says_what_it_stood_idle(airflow, client):
    run_id = airflow.run_dag(DAG, {"circuits": [FLIP], "mode": "dedicated"})
    use = airflow.xcom(DAG, run_id, "close_session")
    assert use["active_seconds"] >= use["idle_seconds"] >= 0
    assert "A dedicated session is charged for these as well" in airflow.task_log(DAG, run_id, "close_session")


def test_a_session_calibrates_its_backend_before_the_measurement(airflow, client, submissions):
    run_id = airflow.run_dag(CALIBRATE)
    calibration = airflow.xcom(CALIBRATE, run_id, "calibrate")
    jobs = submissions(run_id)
    assert [job["program_id"] for job in jobs] == ["calibrate", "executor"]
    assert {job["session_id"] for job in jobs} == {calibration["session_id"]}
    assert client.session(calibration["session_id"]).state == "closed"
    assert airflow.xcom(CALIBRATE, run_id, "compare")["equal"] == 1.0
    [event] = [one for one in airflow.api("GET", "/assets/events")["asset_events"] if one["source_run_id"] == run_id]
    assert event["extra"]["calibration_stop"] == calibration["results"]["stop"]
    assert event["uri"].endswith("/ibm_fez")


def test_a_run_that_is_marked_failed_closes_its_batch_and_leaves_no_job(airflow, service, client, submissions):
    service.configure(queue_seconds=600)
    run_id = airflow.trigger(DAG, {"circuits": [FLIP] * 2})
    wait_until(lambda: len(submissions(run_id)) == 2, seconds=300, what="The submission of both jobs")
    found = session_id(airflow, run_id)
    for index in (0, 1):
        airflow.wait_for_task_state(DAG, run_id, f"measure/{index}", "deferred")
    wait_until(
        lambda: airflow.task_log(DAG, run_id, "measure").count("starting") >= 2,
        seconds=300,
        what="Both triggers' start",
    )
    airflow.api("PATCH", f"/dags/{DAG}/dagRuns/{run_id}", json={"state": "failed"})
    over = lambda: all(job["final"] for job in submissions(run_id))  # noqa: E731
    wait_until(over, seconds=300, what="The cancellation of both jobs")
    wait_for_close(client, found)


def test_a_task_that_is_killed_closes_the_batch(airflow, service, client, submissions):
    """Its process dies after its submission and before the answer, and no retry follows."""
    service.add_fault(method="POST", path="/jobs", delay=30, phase="after", times=1)
    run_id = airflow.trigger(DAG, {"circuits": [FLIP]})
    wait_until(lambda: submissions(run_id), seconds=300, what="The submission of the job")
    os.kill(airflow.task_processes(DAG, run_id, "measure/0").task, signal.SIGKILL)
    airflow.expect_end(DAG, run_id, "failed")
    found = session_id(airflow, run_id)
    use = airflow.xcom(DAG, run_id, "close_session")
    assert (use["session_id"], use["jobs"]) == (found, 1)
    wait_for_close(client, found)
    assert [job["session_id"] for job in submissions(run_id)] == [found]


def test_clearing_a_task_opens_another_batch_for_it(airflow, client, submissions):
    run_id = airflow.run_dag(DAG, {"circuits": [FLIP]})
    first = session_id(airflow, run_id)
    body = {"dry_run": False, "dag_run_id": run_id, "task_ids": ["measure"], "only_failed": False}
    airflow.api("POST", f"/dags/{DAG}/clearTaskInstances", json=body)
    airflow.expect_end(DAG, run_id)
    second = session_id(airflow, run_id)
    assert first != second
    assert client.session(second).state == "closed"
    assert [job["session_id"] for job in sorted(submissions(run_id), key=lambda job: job["ordinal"])] == [first, second]
