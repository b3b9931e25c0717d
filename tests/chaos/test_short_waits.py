"""Mishaps of a deferrable task while it waits on its worker, before it would defer: one job, cancelled if need be."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial

import pytest

from tests.chaos.lanes import Lane, Run
from tools.local_airflow import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

HELD = 300
"""Seconds for which the service holds a request: longer than whoever sent it will live."""
PROMISED = 30.0
"""Seconds in which a job that nobody waits for any more is cancelled."""
ONE_JOB = "^/jobs/[^/]+$"
WAITING, LEAVING = "chaos_waiting_first", "chaos_about_to_defer"
"""DAGs whose task would wait on its worker for a minute, and until the first look at a queued job."""


def start(lane: Lane, dag_id: str = WAITING) -> Run:
    """Start a run whose job stays in an empty queue, and wait until the task looks at it from its worker."""
    lane.service.reset()
    lane.service.configure(queue_seconds=3600)
    run = lane.start(dag_id)
    run.wait_for_log("waits on its worker")
    run.wait_for_request("GET", run.wait_for_job()["id"])
    return run


def with_supervisor(run: Run) -> None:
    """Kill the task and its supervisor; Airflow misses them."""
    run.processes().signal(signal.SIGKILL)
    run.expire()


def alone(run: Run) -> None:
    """Kill the task; its supervisor reports it."""
    os.kill(run.processes().task, signal.SIGKILL)


def resumed_by_retry(run: Run) -> None:
    """The retry goes on with the job, which is queued, so it leaves its worker at once."""
    run.wait_for_log("it was submitted before and is queued")
    run.wait_for_state("deferred")
    assert [job["status"] for job in run.jobs] == ["Queued"], run.log
    run.lane.service.finish(run.jobs[0]["id"])
    run.expect_success()
    assert run.task["try_number"] == 2


def killed(lane: Lane, die: Callable[[Run], None]) -> None:
    run = start(lane)
    die(run)
    resumed_by_retry(run)


def killed_just_before_it_defers(lane: Lane, die: Callable[[Run], None]) -> None:
    """The look is held after which the task would defer: the job is queued, and cannot end in time any more."""
    lane.service.reset()
    lane.service.configure(queue_seconds=3600)
    lane.service.add_fault(method="GET", path=ONE_JOB, delay=HELD)
    run = lane.start(LEAVING)
    run.wait_for_log("waits on its worker")
    run.wait_for_request("GET", run.wait_for_job()["id"])
    assert "leaves its worker" not in run.log
    lane.service.clear_faults()
    die(run)
    resumed_by_retry(run)


def told_to_wait(lane: Lane, seconds: int, times: int) -> None:
    """The service answers 429 to looks from the worker."""
    lane.service.reset()
    lane.service.configure(queue_seconds=1)
    lane.service.add_fault(method="GET", path=ONE_JOB, status=429, retry_after=seconds, times=times)
    run = lane.start(WAITING)
    run.expect_success()
    assert ("leaves its worker" in run.log) == (seconds > 60), run.log
    assert run.task["try_number"] == 1


def marked(lane: Lane, state: str) -> None:
    run = start(lane)
    lane.airflow.api("PATCH", run.path, json={"new_state": state})
    run.wait_for_status("Cancelled", seconds=PROMISED)


def cleared(lane: Lane) -> None:
    run = start(lane)
    [first] = run.jobs
    lane.service.configure(queue_seconds=2)
    run.clear()
    wait_until(lambda: run.jobs[0]["status"] == "Cancelled", seconds=PROMISED, what="The cancellation of the first job")
    run.expect_success(jobs=2)
    assert run.jobs[0]["id"] == first["id"]


def deferred_after_all(lane: Lane) -> None:
    """A job that is queued at the first look is waited for in the triggerer, and is the same."""
    run = start(lane, LEAVING)
    run.wait_for_trigger()
    lane.service.finish(run.jobs[0]["id"])
    run.expect_success()
    assert run.task["try_number"] == 1


SCENARIOS = {
    "killed with its supervisor": partial(killed, die=with_supervisor),
    "killed alone": partial(killed, die=alone),
    "killed with its supervisor just before it defers": partial(killed_just_before_it_defers, die=with_supervisor),
    "killed alone just before it defers": partial(killed_just_before_it_defers, die=alone),
    "429 for a few seconds": partial(told_to_wait, seconds=2, times=3),
    "429 for longer than it may wait": partial(told_to_wait, seconds=600, times=1),
    "marked as failed": partial(marked, state="failed"),
    "marked as success": partial(marked, state="success"),
    "cleared": cleared,
    "deferred after all": deferred_after_all,
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_task_that_waits_on_its_worker_first(scenario, played):
    played()
