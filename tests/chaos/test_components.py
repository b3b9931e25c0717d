"""Airflow's components die, restart and pause while jobs are running."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.chaos.lanes import PATIENCE, Lane, Run, in_parallel
from tests.chaos.vault import VAULTED
from tools.local_airflow import LocalAirflow, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


def wait_for_job_to_be_watched(run: Run) -> str:
    """Wait until the task has looked at its job."""
    job_id = str(run.wait_for_job()["id"])
    run.wait_for_request("GET", job_id)
    return job_id


def start_deferred(lane: Lane) -> Run:
    """A deferred task whose job stays in the queue until somebody ends it."""
    lane.service.configure(queue_seconds=3600)
    run = lane.start("chaos_deferred")
    run.wait_for_trigger()
    return run


def start_blocking(lane: Lane) -> Run:
    """The same on a worker."""
    lane.service.configure(queue_seconds=3600)
    run = lane.start("chaos_blocking")
    wait_for_job_to_be_watched(run)
    return run


def finish(*runs: Run) -> None:
    """Let the jobs complete, none of which may have been cancelled, and the runs with them."""
    for run in runs:
        [job] = run.jobs
        assert job["status"] == "Queued", f"{job['status']}\n{run.log}"
        run.lane.service.finish(job["id"])
    in_parallel({run.dag_id + run.lane.connection: run.expect_success for run in runs})


def start_all(*starts: partial[Run]) -> list[Run]:
    """Start runs at the same time."""
    with ThreadPoolExecutor(len(starts)) as pool:
        return [run.result() for run in [pool.submit(start) for start in starts]]


def test_a_triggerer_that_is_killed_costs_nothing(lanes, airflow):
    early, late = start_all(partial(start_deferred, lanes[0]), partial(start_deferred, lanes[1]))
    airflow.kill_component("triggerer")
    # This one completes while nobody watches.
    early.lane.service.finish(early.jobs[0]["id"])
    airflow.start_component("triggerer")
    early.expect_success()
    finish(late)


@pytest.fixture
def second_triggerer(airflow: LocalAirflow) -> Iterator[str]:
    """The name of a triggerer that the test starts, and that is gone afterwards."""
    name = "second-triggerer"
    yield name
    airflow.resume_component("triggerer")
    airflow.kill_component(name)


def test_a_triggerer_whose_triggers_were_taken_over_cancels_nothing(lanes, airflow, second_triggerer):
    runs = start_all(partial(start_deferred, lanes[0]), partial(start_deferred, lanes[1]))
    first = {run.task["triggerer_job"]["id"] for run in runs}
    assert len(first) == 1
    airflow.start_component("triggerer", name=second_triggerer)
    airflow.pause_component("triggerer")
    wait_until(
        lambda: not first & {(run.task["triggerer_job"] or {}).get("id") for run in runs},
        seconds=PATIENCE,
        what="The takeover of the triggers",
    )
    airflow.resume_component("triggerer")
    for run in runs:
        run.wait_for_log("goes on: the task still waits, in another triggerer")
    finish(*runs)


def test_a_scheduler_that_ends_politely_costs_nothing(lanes, airflow):
    deferred, blocking = start_all(partial(start_deferred, lanes[0]), partial(start_blocking, lanes[1]))
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(airflow.stop_component, "scheduler")
        # It waits for the tasks that run on it.
        wait_until(
            lambda: "Shutting down LocalExecutor" in airflow.component_log("scheduler"),
            seconds=PATIENCE,
            what="The scheduler's waiting for its tasks",
        )
        blocking.lane.service.finish(blocking.jobs[0]["id"])
        stopping.result()
    airflow.start_component("scheduler")
    blocking.expect_success()
    finish(deferred)


@pytest.mark.parametrize("with_workers", [True, False], ids=["with its workers", "but not its workers"])
def test_a_scheduler_that_is_killed_costs_nothing(lanes, airflow, with_workers):
    deferred, blocking = start_all(partial(start_deferred, lanes[0]), partial(start_blocking, lanes[1]))
    airflow.kill_component("scheduler", with_children=with_workers)
    airflow.expire_scheduler()
    airflow.start_component("scheduler")
    # A scheduler knows nothing of tasks on another one's workers: it starts them anew.
    blocking.wait_for_log("Re-attached to job")
    if not with_workers:
        blocking.wait_for_log("Task killed!")
    finish(deferred, blocking)


def test_an_api_server_that_restarts_during_a_submission_costs_no_second_job(lanes, airflow):
    """Airflow repeats a task's request to the API server five times, for 4 to 15 seconds in all.

    A restart that takes longer costs the try, and the retry goes on with its job.
    """
    runs = []
    for lane, dag_id in zip(lanes, ("chaos_deferred", "chaos_blocking"), strict=False):
        # The job's id reaches the task while there is no API server to write it down.
        lane.service.add_fault(method="POST", path="/jobs", delay=4, phase="after")
        runs.append(lane.start(dag_id))
    in_parallel({run.dag_id: run.wait_for_job for run in runs})
    airflow.restart_api_server()
    in_parallel({run.dag_id: run.expect_success for run in runs})


def test_a_secrets_backend_that_is_away_while_the_triggerer_restarts_costs_nothing(lanes, airflow, vault):
    lane = lanes[0]
    lane.service.configure(queue_seconds=3600)
    run = lane.start("chaos_deferred", connection=VAULTED)
    run.wait_for_trigger()
    vault.works(False)
    airflow.kill_component("triggerer")
    airflow.start_component("triggerer")
    run.wait_for_log("could not be read, waiting on")
    vault.works(True)
    finish(run)
    assert run.task["try_number"] == 1
