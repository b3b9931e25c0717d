"""The triggerer cancels jobs and sessions of tasks without a living process, but not if nobody stopped the task."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from tests.chaos.lanes import PATIENCE, Lane, Run
from tools.local_airflow import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


def start(lane: Lane, dag_id: str) -> Run:
    """Start a run whose task waits on a worker for a job that stays in the queue."""
    lane.service.configure(queue_seconds=3600)
    run = lane.start(dag_id)
    run.wait_for_request("GET", run.wait_for_job()["id"])
    return run


def kill_the_task(run: Run) -> None:
    """As the kernel does when memory is short: the worker above it lives."""
    os.kill(run.processes().task, signal.SIGKILL)


def killed_without_retries(lane: Lane) -> None:
    run = start(lane, "chaos_blocking_without_retries")
    kill_the_task(run)
    lane.airflow.expect_end(run.dag_id, run.run_id, "failed")
    run.wait_for_status("Cancelled")


def marked_while_it_waits_for_its_retry(lane: Lane, state: str) -> None:
    run = start(lane, "chaos_blocking_with_a_late_retry")
    kill_the_task(run)
    run.wait_for_state("up_for_retry")
    assert [job["status"] for job in run.jobs] == ["Queued"]
    lane.airflow.api("PATCH", run.path, json={"new_state": state})
    run.wait_for_status("Cancelled")


def run_that_takes_too_long_with_a_session(lane: Lane) -> None:
    run = start(lane, "chaos_session_in_a_short_run")
    kill_the_task(run)
    run.wait_for_state("up_for_retry")
    lane.airflow.expire_run(run.dag_id, run.run_id)
    lane.airflow.expect_end(run.dag_id, run.run_id, "failed")
    run.wait_for_status("Cancelled")
    session_id = run.jobs[0]["session_id"]
    closed = f"/sessions/{session_id}/close"
    wait_until(
        lambda: any(one["method"] == "DELETE" and one["path"].endswith(closed) for one in lane.service.requests()),
        seconds=PATIENCE,
        what="The closing of the session",
    )


def worker_that_is_shut_down(lane: Lane) -> None:
    run = start(lane, "chaos_blocking")
    [job] = run.jobs
    os.kill(run.processes().supervisor, signal.SIGTERM)
    run.wait_for_log("Re-attached to job")
    assert [job["status"] for job in run.jobs] == ["Queued"], run.log
    lane.service.finish(job["id"])
    run.expect_success()
    assert run.task["try_number"] == 2


WAYS = {
    "killed without retries": killed_without_retries,
    "failed while it waits for its retry": partial(marked_while_it_waits_for_its_retry, state="failed"),
    "marked as success while it waits for its retry": partial(marked_while_it_waits_for_its_retry, state="success"),
    "run too long with a session": run_that_takes_too_long_with_a_session,
    "worker shut down": worker_that_is_shut_down,
}


@pytest.mark.parametrize("scenario", WAYS.values(), ids=WAYS)
def test_a_job_that_nobody_waits_for_is_cancelled_and_one_that_a_retry_wants_is_not(scenario, played):
    played()
