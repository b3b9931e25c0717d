"""The service answers badly or not at all: each task still has one job, and its counts."""

from __future__ import annotations

from functools import partial

import pytest

from tests.chaos.lanes import Lane

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

ONE_JOB = "^/jobs/[^/]+$"
"""The path on which a job is looked at."""

FAULTS = {
    "lost answer": {"method": "POST", "path": "/jobs", "drop": "after"},
    "lost request": {"method": "POST", "path": "/jobs", "drop": "before"},
    "503 twice instead of a job": {"method": "POST", "path": "/jobs", "status": 503, "times": 2},
    "503 five times, though the job exists": {
        "method": "POST", "path": "/jobs", "status": 503, "phase": "after", "times": 5,
    },
    "503 five times while the job is watched": {"method": "GET", "path": ONE_JOB, "status": 503, "times": 5},
}  # fmt: skip


def meet(lane: Lane, dag_id: str, fault: dict[str, object]) -> None:
    # As on the real service, a new job is not in the list at once.
    lane.service.configure(visibility_seconds=1)
    lane.service.add_fault(**fault)
    lane.start(dag_id).expect_success()
    [applied] = lane.service.faults()
    assert applied["applied"] >= 1


ANSWERS = {
    f"{name}, {dag_id}": partial(meet, dag_id=dag_id, fault=fault)
    for name, fault in FAULTS.items()
    for dag_id in ("chaos_deferred", "chaos_blocking")
}


@pytest.mark.parametrize("scenario", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_says_nothing_costs_no_second_job(scenario, played):
    played()


def be_told_to_wait(lane: Lane, fault: dict[str, object]) -> None:
    lane.service.add_fault(method="POST", path="/jobs", status=429, **fault)
    run = lane.start("chaos_deferred")
    run.wait_for_request("POST", "/jobs", answered=True)
    run.wait_for_state("deferred")
    assert run.jobs == []
    run.expect_success()
    assert run.task["try_number"] == 1


REFUSALS = {
    "told how long": partial(be_told_to_wait, fault={"retry_after": 15}),
    "not told how long": partial(be_told_to_wait, fault={}),
    "told twice": partial(be_told_to_wait, fault={"times": 2, "retry_after": 10}),
}


@pytest.mark.parametrize("scenario", REFUSALS.values(), ids=REFUSALS)
def test_a_task_that_may_not_submit_yet_waits_without_a_worker(scenario, played):
    played()
