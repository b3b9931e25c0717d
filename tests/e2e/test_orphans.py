"""The example DAG that finds orphans, in a real Airflow that creates some."""

from __future__ import annotations

import pytest
import requests

from tools.local_airflow import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

FINDER = "qiskit_runtime_find_orphans"


@pytest.fixture
def find_orphans(airflow):
    """Run the example DAG and return what it found, by id."""

    def run(**conf) -> dict[str, dict]:
        run_id = airflow.run_dag(FINDER, {"older_than_minutes": 0, **conf})
        found = airflow.xcom(FINDER, run_id, "find_orphans")
        log = airflow.task_log(FINDER, run_id, "find_orphans")
        assert all(f"{one['kind']} {one['id']} on {one['backend']}, " in log for one in found)
        return {one["id"]: one for one in found}

    return run


@pytest.fixture
def status(service):
    return lambda job_id: next(job["status"] for job in service.jobs() if job["id"] == job_id)


@pytest.fixture
def jobs(submissions):
    """The jobs of a run by task, as soon as there are so many."""

    def wait(run_id: str, count: int) -> dict[str, str]:
        wait_until(lambda: len(submissions(run_id)) == count, seconds=300, what="The submission of all jobs")
        named = lambda job: next(tag for tag in job["tags"] if tag.startswith("task:"))  # noqa: E731
        return {named(job).removeprefix("task:"): job["id"] for job in submissions(run_id)}

    return wait


def mark_failed(airflow, dag_id: str, run_id: str, task: str) -> None:
    airflow.api("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}", json={"new_state": "failed"})


def test_jobs_of_tasks_that_are_over_are_listed_then_cancelled_and_live_ones_are_not_touched(
    airflow, service, jobs, status, find_orphans
):
    service.configure(queue_seconds=600)
    run_id = airflow.trigger("left_behind")
    mine = jobs(run_id, 4)
    for task in ("measure", "sweep/0", "sweep/1"):
        airflow.wait_for_task_state("left_behind", run_id, task, "deferred")
    airflow.wait_for_task_state("left_behind", run_id, "submit", "success")
    assert not find_orphans().keys() & set(mine.values())

    mark_failed(airflow, "left_behind", run_id, "measure")
    mark_failed(airflow, "left_behind", run_id, "sweep/1")
    orphans = {task: mine[task] for task in ("measure", "sweep[1]")}
    found = find_orphans()
    assert found.keys() & set(mine.values()) == set(orphans.values())
    for task, job_id in orphans.items():
        assert (found[job_id]["kind"], found[job_id]["backend"], found[job_id]["status"]) == (
            "job",
            "ibm_fez",
            "Queued",
        )
        assert (found[job_id]["dag_id"], found[job_id]["run_id"], found[job_id]["task"]) == (
            "left_behind",
            run_id,
            task,
        )
        assert found[job_id]["reason"] == "its task is failed"
        assert found[job_id]["outcome"] is None
        assert status(job_id) == "Queued"

    found = find_orphans(cancel=True)
    for job_id in orphans.values():
        assert found[job_id]["outcome"] == f"Job {job_id} was cancelled."
    assert {task: status(job_id) for task, job_id in mine.items()} == {
        "measure": "Cancelled",
        "sweep[1]": "Cancelled",
        "sweep[0]": "Queued",
        "submit": "Queued",
    }

    # The run ends; what was submitted without waiting, and what was left by the run's end, is nobody's now.
    airflow.api("PATCH", f"/dags/left_behind/dagRuns/{run_id}", json={"state": "failed"})
    left = {mine["sweep[0]"], mine["submit"]}
    found = find_orphans()
    assert found.keys() & set(mine.values()) == left
    assert {found[job_id]["reason"].split(",")[0] for job_id in left} == {"its DAG run has ended"}

    airflow.api("DELETE", f"/dags/left_behind/dagRuns/{run_id}")
    found = find_orphans(cancel=True)
    assert found.keys() & set(mine.values()) == left
    assert {found[job_id]["reason"] for job_id in left} == {"its DAG run does not exist any more"}
    assert {status(job_id) for job_id in left} == {"Cancelled"}


def open_batch(service) -> tuple[str, dict[str, str]]:
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": service.api_key}
    token = requests.post(f"{service.iam_url}/identity/token", data=form, timeout=10).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Service-CRN": service.instance, "IBM-API-Version": "2026-04-15"}
    body = {"mode": "batch", "backend": "ibm_fez"}
    opened = requests.post(f"{service.url}/sessions", json=body, headers=headers, timeout=10)
    return opened.json()["id"], headers


def test_a_batch_is_listed_when_the_run_of_its_jobs_has_ended_then_closed(airflow, service, jobs, status, find_orphans):
    service.configure(queue_seconds=600)
    batch, headers = open_batch(service)
    state = lambda: requests.get(f"{service.url}/sessions/{batch}", headers=headers, timeout=10).json()["state"]  # noqa: E731
    run_id = airflow.trigger("left_behind_in_a_batch", {"session_id": batch})
    [job_id] = jobs(run_id, 1).values()
    airflow.wait_for_task_state("left_behind_in_a_batch", run_id, "measure", "deferred")
    assert not find_orphans(cancel=True).keys() & {batch, job_id}

    mark_failed(airflow, "left_behind_in_a_batch", run_id, "measure")
    airflow.expect_end("left_behind_in_a_batch", run_id, "failed")
    assert not find_orphans(exclude_dags=["left_behind_in_a_batch"]).keys() & {batch, job_id}
    assert not find_orphans(older_than_minutes=10).keys() & {batch, job_id}
    assert (status(job_id), state()) == ("Queued", "open")

    found = find_orphans(cancel=True)
    assert (found[batch]["kind"], found[batch]["dag_id"], found[batch]["run_id"]) == (
        "batch",
        "left_behind_in_a_batch",
        run_id,
    )
    assert found[batch]["outcome"] == f"Batch {batch} was closed."
    assert found[job_id]["outcome"] == f"Job {job_id} was cancelled."
    assert (status(job_id), state()) == ("Cancelled", "closed")
