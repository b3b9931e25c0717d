"""A task is stopped in every possible way, and its job is cancelled unless only the reading of the job failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import requests

from tests.chaos.lanes import Lane, Run
from tools.local_airflow import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

PROMISED = 30.0
"""Seconds in which a job that nobody waits for any more is cancelled."""
ONE_JOB = "^/jobs/[^/]+$"


def start(lane: Lane, dag_id: str) -> Run:
    """Start a run whose job stays in the queue, and wait until it is waited for."""
    lane.service.configure(queue_seconds=3600)
    run = lane.start(dag_id)
    if "deferred" in dag_id:
        run.wait_for_trigger()
    else:
        run.wait_for_request("GET", run.wait_for_job()["id"])
    return run


def job_as_read(lane: Lane, job_id: str) -> dict[str, Any]:
    """Return a job as the service returns it to anybody who reads it."""
    service = lane.service
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": service.api_key}
    token = requests.post(f"{service.iam_url}/identity/token", data=form, timeout=10).json()["access_token"]
    headers = {
        "Authorization": f"Bearer {token}",
        "Service-CRN": service.instance,
        "IBM-API-Version": "2026-04-15",
    }
    answer = requests.get(f"{service.url}/jobs/{job_id}", headers=headers, timeout=10)
    answer.raise_for_status()
    return dict(answer.json())


def deleted_run(lane: Lane, dag_id: str) -> None:
    """Airflow deletes a DAG run that is queued, whatever its tasks do."""
    run = start(lane, f"{dag_id}_to_delete")
    dag, dag_run = f"/dags/{run.dag_id}", f"/dags/{run.dag_id}/dagRuns/{run.run_id}"
    # On SQLite, which has no row locks, a run that is deleted while the scheduler works on it ends the scheduler. It
    # lets go of the runs of a paused DAG after its present round, which takes a second or two.
    lane.airflow.api("PATCH", dag, json={"is_paused": True})
    time.sleep(8)
    lane.airflow.api("PATCH", dag_run, json={"state": "queued"})
    lane.airflow.api("DELETE", dag_run)
    run.wait_for_status("Cancelled", seconds=PROMISED)


def run_that_takes_too_long(lane: Lane, dag_id: str) -> None:
    run = start(lane, f"{dag_id}_in_a_short_run")
    lane.airflow.expire_run(run.dag_id, run.run_id)
    lane.airflow.expect_end(run.dag_id, run.run_id, "failed")
    run.wait_for_status("Cancelled", seconds=PROMISED)


def marked(lane: Lane, dag_id: str, state: str) -> None:
    run = start(lane, dag_id)
    lane.airflow.api("PATCH", run.path, json={"new_state": state})
    run.wait_for_status("Cancelled", seconds=PROMISED)


def cleared(lane: Lane, dag_id: str) -> None:
    run = start(lane, dag_id)
    [first] = run.jobs
    if run.task["state"] == "deferred":
        run.wait_for_end_of_process()
    lane.service.configure(queue_seconds=2)
    run.clear()
    wait_until(lambda: run.jobs[0]["status"] == "Cancelled", seconds=PROMISED, what="The cancellation of the first job")
    run.expect_success(jobs=2)
    assert run.jobs[0]["id"] == first["id"]


def job_that_is_late(lane: Lane, dag_id: str) -> None:
    run = start(lane, f"{dag_id}_with_timeout")
    lane.airflow.expect_end(run.dag_id, run.run_id, "failed")
    run.wait_for_status("Cancelled", seconds=PROMISED)


def refused_look(lane: Lane, dag_id: str) -> None:
    """The service answers 403 to whoever looks at the job from now on, which says nothing about the job."""
    run = start(lane, f"{dag_id}_without_retries")
    lane.service.add_fault(method="GET", path=ONE_JOB, status=403, times=None)
    lane.airflow.expect_end(run.dag_id, run.run_id, "failed")
    goes_on(run)


def goes_on(run: Run) -> None:
    """The job is left alone, and the log says so."""
    run.wait_for_log("was not cancelled and goes on")
    # Time for whoever would cancel it: the triggerer looks every five seconds.
    time.sleep(PROMISED)
    assert [job["status"] for job in run.jobs] == ["Queued"], run.log


def unknown_state(lane: Lane, dag_id: str) -> None:
    """The service reports a state from now on that nobody has heard of."""
    run = start(lane, f"{dag_id}_without_retries")
    job = job_as_read(lane, run.jobs[0]["id"])
    job["status"] = "Entangled"
    job["state"] = {**job["state"], "status": "Entangled"}
    lane.service.add_fault(method="GET", path=ONE_JOB, status=200, body=job, times=None)
    lane.airflow.expect_end(run.dag_id, run.run_id, "failed")
    goes_on(run)


def stopped_before_it_may_submit(lane: Lane, dag_id: str) -> None:
    """A task that waits for its turn to submit leaves no job behind, now or later."""
    lane.service.add_fault(method="POST", path="/jobs", status=429, retry_after=20)
    run = lane.start(dag_id)
    run.wait_for_request("POST", "/jobs", answered=True)
    turn = time.monotonic() + 20
    run.wait_for_trigger()
    lane.airflow.api("PATCH", run.path, json={"new_state": "failed"})
    assert run.jobs == []
    # Only when its turn has come could it submit, and nobody else waits before it.
    time.sleep(max(0.0, turn + 10 - time.monotonic()))
    assert run.jobs == []


WAYS: dict[str, Callable[[Lane, str], None]] = {
    "DAG run deleted": deleted_run,
    "DAG run too long": run_that_takes_too_long,
    "refused": refused_look,
    "unknown state": unknown_state,
}
DEFERRED = {**WAYS, "stopped before it may submit": stopped_before_it_may_submit}
BLOCKING = {**WAYS, "marked": partial(marked, state="success"), "cleared": cleared, "late": job_that_is_late}
STOPS = {
    f"{name}, {dag_id}": partial(way, dag_id=dag_id)
    for dag_id, ways in (("chaos_deferred", DEFERRED), ("chaos_blocking", BLOCKING))
    for name, way in ways.items()
}


@pytest.mark.parametrize("scenario", STOPS.values(), ids=STOPS)
def test_a_stopped_task_leaves_no_job_behind_that_it_could_read(scenario, played):
    played()
