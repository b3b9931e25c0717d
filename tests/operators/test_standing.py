"""The meaning of SIGTERM: a user's stop, a newer try that has taken over, or the shutdown of a worker."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout, TaskDeferred
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_provider_qrt.execution import superseded as standing
from airflow_provider_qrt.execution.superseded import will_retry
from airflow_provider_qrt.execution.task_jobs import KnownJob
from airflow_provider_qrt.programs.sampler import SamplerProgram

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@pytest.fixture
def slow(emulator):
    emulator.configure(queue_seconds=600)
    return emulator


def submit(operator, context) -> None:
    """Submit the task's job, without waiting for it."""
    run = operator._begin_run(context, begins=True)
    (handle,) = run.leg.attach([KnownJob()]).handles
    handle.job_id = handle.submitter.obtain(run.choice.build_request(), run.choice.preparation().complete).job_id


@pytest.fixture
def waiting(task, slow):
    """A task with its job in the queue, as it is when a signal comes."""
    operator = task.operator()
    submit(operator, task.context)
    return operator


@pytest.fixture
def airflow_says(monkeypatch, ti):
    def say(state: str | None, *, known: bool = True):
        def states(**asked):
            assert (asked["dag_id"], asked["task_ids"], asked["run_ids"]) == (ti.dag_id, [ti.task_id], [ti.run_id])
            key = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
            return {ti.run_id: {key: state}} if known else {}

        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(states))

    return say


def forget(store) -> None:
    """Make the state of a task instance that no longer exists unreadable."""
    store.values.clear()


@pytest.mark.parametrize("state", standing.AT_WORK)
@pytest.mark.parametrize("map_index", [-1, 3])
def test_a_replaced_try_leaves_the_job(waiting, slow, store, ti, airflow_says, state, map_index):
    ti.map_index = map_index
    airflow_says(state)
    forget(store)
    waiting.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [False]
    assert waiting.job_is_settled
    # The signal may have come while the try was still submitting.
    with pytest.raises(AirflowException, match="was killed"):
        waiting._run.jobs.stop_if_killed()
    assert [job["cancelled"] for job in slow.jobs()] == [False]


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "restarting", "removed"])
def test_a_task_that_is_over_takes_its_job_along(waiting, slow, store, airflow_says, state):
    airflow_says(state)
    forget(store)
    waiting.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [True]


def test_a_task_whose_run_was_deleted_takes_its_job_along(waiting, slow, store, airflow_says):
    airflow_says(None, known=False)
    forget(store)
    waiting.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [True]


@pytest.mark.parametrize("max_tries", [0, 2])
def test_a_worker_that_is_shut_down_leaves_the_job_to_a_retry_if_there_is_one(task, slow, ti, airflow_says, max_tries):
    ti.max_tries = max_tries
    airflow_says("running")
    operator = task.operator()
    submit(operator, task.context)
    operator.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [max_tries == 0]


def test_a_task_without_a_record_takes_its_job_along(task, slow, airflow_says):
    airflow_says("running")
    operator = task.operator(durable=False)
    submit(operator, task.context)
    operator.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [True]


def shut_down_when_it_waits(service) -> None:
    """Tell this process to end once it has looked at its job; at the latest after two minutes, for the test to end."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if any(one["method"] == "GET" and "/jobs/" in one["path"] for one in service.requests()):
            break
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_worker_that_is_shut_down_while_it_waits_ends_the_try_and_the_retry_goes_on(task, slow, airflow_says):
    airflow_says("running")
    operator = task.operator(poll_interval=60)
    told = threading.Thread(target=shut_down_when_it_waits, args=[slow])
    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    told.start()
    try:
        with pytest.raises(AirflowException, match=r"nobody has stopped the task.*goes on; a retry goes on with it"):
            operator.execute(task.context)
    finally:
        told.join()
        signal.signal(signal.SIGTERM, before)
    task.context["ti"].try_number = 2
    [job] = slow.jobs()
    slow.finish(job["id"])
    assert task.run()["job_id"] == job["id"]
    assert len(slow.jobs()) == 1


def test_an_execution_timeout_cancels_the_job_although_the_task_is_running(waiting, slow, airflow_says):
    airflow_says("running")
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        waiting.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [True]


def test_an_airflow_that_does_not_answer_is_not_waited_for_and_the_retry_gets_the_job(waiting, slow, monkeypatch):
    monkeypatch.setattr(standing, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **asked: time.sleep(5)))
    before = time.monotonic()
    waiting.on_kill()
    assert time.monotonic() - before < 4
    assert [job["cancelled"] for job in slow.jobs()] == [False]


@pytest.mark.parametrize("max_tries", [0, 2])
def test_an_airflow_that_fails_to_answer_leaves_the_job_to_a_retry_if_there_is_one(
    task, slow, ti, monkeypatch, max_tries
):
    ti.max_tries = max_tries

    def fails(**asked):
        raise RuntimeError("the API server is away")

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(fails))
    operator = task.operator()
    submit(operator, task.context)
    operator.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [max_tries == 0]


# The process of a task that has deferred itself


@pytest.fixture(params=["for its job", "until it may submit"])
def deferred(request, task, slow, ti, monkeypatch):
    """A task without retries that has left its worker, and whose process is about to end."""
    waits_to_submit = request.param == "until it may submit"
    if waits_to_submit:
        # The first of two jobs is there, and the second is refused.
        slow.add_fault(method="POST", path="/jobs", status=429, retry_after=300, times=1, skip=1)
    monkeypatch.setattr(SamplerProgram, "max_executions", 100)
    ti.max_tries = 0
    operator = task.operator(deferrable=True, circuits=[(FLIP, None, 90), (FLIP, None, 80)])
    with pytest.raises(TaskDeferred):
        operator.execute(task.context)
    assert len(slow.jobs()) == (1 if waits_to_submit else 2)
    return operator


def states(emulator) -> set[bool]:
    return {job["cancelled"] for job in emulator.jobs()}


@pytest.mark.parametrize("state", ["running", *standing.WAITING])
def test_the_process_of_a_task_that_is_deferred_leaves_its_jobs_to_the_trigger(deferred, slow, airflow_says, state):
    airflow_says(state)
    deferred.on_kill()
    assert states(slow) == {False}


def test_they_are_left_too_when_airflow_does_not_answer(deferred, slow, monkeypatch):
    monkeypatch.setattr(standing, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **asked: time.sleep(5)))
    deferred.on_kill()
    assert states(slow) == {False}


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "restarting"])
def test_a_task_that_was_stopped_as_it_deferred_takes_its_jobs_along(deferred, slow, airflow_says, state):
    airflow_says(state)
    deferred.on_kill()
    assert states(slow) == {True}


# Whether a retry follows


@pytest.mark.parametrize("told", [True, False])
def test_airflows_own_word_decides_whether_a_retry_follows(ti, told):
    ti._ti_context_from_server = SimpleNamespace(should_retry=told)
    assert will_retry(ti) is told


@pytest.mark.parametrize(
    ("try_number", "max_tries", "follows"), [(1, 0, False), (1, 1, True), (2, 1, False), (3, 3, True), (4, 3, False)]
)
def test_without_it_the_task_instances_number_of_tries_decides(ti, try_number, max_tries, follows):
    ti.try_number, ti.max_tries = try_number, max_tries
    assert will_retry(ti) is follows
