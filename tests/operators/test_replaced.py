"""A try that another one has replaced leaves the job to it; what a user stops is cancelled."""

from __future__ import annotations

import time

import pytest
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_provider_qrt.operators import replaced


@pytest.fixture
def slow(emulator):
    emulator.configure(queue_seconds=600)
    return emulator


@pytest.fixture
def waiting(task, slow):
    """A task with its job in the queue, as it is when a signal comes."""
    operator = task.operator()
    in_hand = operator._take_up(task.context)
    job = in_hand.jobs[0].submitter.obtain(operator._build_request(), operator._preparation(task.context).complete)
    in_hand.jobs[0].job_id = job.job_id
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
    """What was stored under a task instance that is no more cannot be read."""
    store.values.clear()


@pytest.mark.parametrize("state", replaced.AT_WORK)
@pytest.mark.parametrize("map_index", [-1, 3])
def test_a_replaced_try_leaves_the_job(waiting, slow, store, ti, airflow_says, state, map_index):
    ti.map_index = map_index
    airflow_says(state)
    forget(store)
    waiting.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [False]
    assert waiting.job_is_settled


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


def test_a_try_that_can_read_its_record_is_the_tasks(waiting, slow, airflow_says):
    airflow_says("running")
    waiting.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [True]


def test_an_airflow_that_does_not_answer_is_not_waited_for(waiting, slow, store, monkeypatch):
    monkeypatch.setattr(replaced, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **asked: time.sleep(5)))
    forget(store)
    before = time.monotonic()
    waiting.on_kill()
    assert time.monotonic() - before < 4
    assert [job["cancelled"] for job in slow.jobs()] == [True]


def test_an_airflow_that_fails_to_answer_counts_as_no(waiting, slow, store, monkeypatch):
    def fails(**asked):
        raise RuntimeError("no supervisor")

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(fails))
    forget(store)
    waiting.on_kill()
    assert [job["cancelled"] for job in slow.jobs()] == [True]
