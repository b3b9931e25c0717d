"""A worker dies at every stage of a job, and the retry resumes the job without submitting a second one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.chaos.lanes import Lane, Run
from tools.local_airflow import TaskProcesses

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

HELD = 300
"""Seconds for which the service holds a request: longer than whoever sent it will live."""

Moment = tuple[Run, TaskProcesses]


def before_the_service_acts(lane: Lane, dag_id: str) -> Moment:
    """The intent is written and the submission under way; the service will never act on it."""
    lane.service.add_fault(method="POST", path="/jobs", delay=HELD, drop="before")
    run = lane.start(dag_id)
    run.wait_for_request("POST", "/jobs")
    assert run.jobs == []
    return run, run.processes()


def before_the_answer(lane: Lane, dag_id: str) -> Moment:
    """The job exists; its id is on no wire yet. It is still in the queue when Airflow deals with the death."""
    lane.service.configure(queue_seconds=20)
    lane.service.add_fault(method="POST", path="/jobs", delay=HELD, phase="after")
    run = lane.start(dag_id)
    run.wait_for_job()
    return run, run.processes()


def before_the_record(lane: Lane, dag_id: str) -> Moment:
    """The task has its answer, and cannot write the job's id down: its supervisor does not listen."""
    # Time enough to stop the supervisor between the job and the answer.
    lane.service.add_fault(method="POST", path="/jobs", delay=5, phase="after")
    run = lane.start(dag_id)
    run.wait_for_job()
    processes = run.processes()
    os.kill(processes.supervisor, signal.SIGSTOP)
    run.wait_for_request("POST", "/jobs", answered=True)
    # The answer is sent; nothing tells when the task has read it. Should it need longer, this is the moment before.
    time.sleep(1)
    return run, processes


def while_the_task_waits(lane: Lane, _: str) -> Moment:
    """A task that waits on its worker has looked at its job."""
    lane.service.configure(queue_seconds=20)
    run = lane.start("chaos_blocking")
    run.wait_for_request("GET", run.wait_for_job()["id"])
    return run, run.processes()


def before_the_result(lane: Lane, _: str) -> Moment:
    """The trigger has fired, and the worker is about to fetch the result."""
    lane.service.add_fault(method="GET", path="/jobs/*/results", delay=HELD)
    run = lane.start("chaos_deferred")
    run.wait_for_request("GET", "/results")
    return run, run.processes()


MOMENTS: dict[str, Callable[[Lane, str], Moment]] = {
    "before the service acts": before_the_service_acts,
    "before the answer": before_the_answer,
    "before the record": before_the_record,
    "while the task waits": while_the_task_waits,
    "before the result is fetched": before_the_result,
}


def die_with_supervisor(run: Run, processes: TaskProcesses) -> None:
    processes.signal(signal.SIGKILL)
    run.expire()


def die_alone(_: Run, processes: TaskProcesses) -> None:
    os.kill(processes.task, signal.SIGKILL)
    os.kill(processes.supervisor, signal.SIGCONT)


def kill(
    lane: Lane, dag_id: str, moment: Callable[[Lane, str], Moment], die: Callable[[Run, TaskProcesses], None]
) -> None:
    run, processes = moment(lane, dag_id)
    assert len(run.jobs) <= 1
    die(run, processes)
    run.expect_success()
    assert run.task["try_number"] == 2


DEATHS = {
    f"{how} {when}": partial(kill, dag_id=dag_id, moment=moment, die=die)
    for when, moment in MOMENTS.items()
    for how, dag_id, die in (
        ("with its supervisor", "chaos_deferred", die_with_supervisor),
        ("the task alone", "chaos_blocking", die_alone),
    )
}


@pytest.mark.parametrize("scenario", DEATHS.values(), ids=DEATHS)
def test_a_worker_that_is_killed_costs_no_second_job(scenario, played):
    played()


def start_waiting(lane: Lane) -> tuple[Run, TaskProcesses]:
    """A task that waits on its worker for a job that stays in the queue until somebody ends it."""
    lane.service.configure(queue_seconds=3600)
    run = lane.start("chaos_blocking")
    run.wait_for_request("GET", run.wait_for_job()["id"])
    return run, run.processes()


def finish(run: Run) -> None:
    assert [job["status"] for job in run.jobs] == ["Queued"], run.log
    run.lane.service.finish(run.jobs[0]["id"])
    run.expect_success()


def come_back(lane: Lane) -> None:
    """The whole worker stands still until the retry has taken over, and then goes on."""
    run, first = start_waiting(lane)
    first.signal(signal.SIGSTOP)
    run.expire()
    run.wait_for_log("Re-attached to job")
    first.signal(signal.SIGCONT)
    run.wait_for_log("Task killed!")
    finish(run)


def lose_supervisor(lane: Lane) -> None:
    """The task lives on beside its retry, and nobody listens to it."""
    run, first = start_waiting(lane)
    os.kill(first.supervisor, signal.SIGKILL)
    run.expire()
    run.wait_for_log("Re-attached to job")
    finish(run)


def shut_down_after_deferral(lane: Lane) -> None:
    """The node of a task is shut down when the task has deferred itself and its process has not ended yet."""
    lane.service.configure(queue_seconds=3600)
    # Time enough to find the process between the job and the deferral.
    lane.service.add_fault(method="POST", path="/jobs", delay=5, phase="after")
    run = lane.start("chaos_lingering")
    run.wait_for_job()
    processes = run.processes()
    run.wait_for_trigger()
    os.kill(processes.task, signal.SIGTERM)
    run.wait_for_log("waits for its job in the triggerer")
    finish(run)


LIVES = {"it comes back": come_back, "its supervisor is gone": lose_supervisor}


@pytest.mark.parametrize("scenario", LIVES.values(), ids=LIVES)
def test_a_worker_that_was_taken_for_dead_and_lives_does_no_harm(scenario, played):
    played()


@pytest.mark.parametrize("scenario", [shut_down_after_deferral], ids=["shut down after deferral"])
def test_a_task_without_retries_that_has_deferred_itself_keeps_its_job(scenario, played):
    played()
