"""429 on a submission: a deferrable task waits without a worker, other tasks wait on it, and none submits twice."""

from __future__ import annotations

import time

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred

from airflow_provider_qrt.compat import TaskDeferralTimeout
from airflow_provider_qrt.execution import rate_limit
from airflow_provider_qrt.execution.task_jobs import TaskJobs
from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    naps: list[float] = []
    monkeypatch.setattr(rate_limit, "sleep", naps.append)
    monkeypatch.setattr(TaskJobs, "sleep", lambda _, seconds: naps.append(seconds))
    return naps


def refuse(emulator, times=1, **more):
    emulator.add_fault(method="POST", path="/jobs", status=429, times=times, **more)


def submit_when_allowed(task, deferred: TaskDeferred, **more) -> TaskDeferred:
    """The next leg, after the trigger has fired."""
    arguments = {**deferred.kwargs, "event": {"waited_until": 0.0}}
    with pytest.raises(TaskDeferred) as again:
        task.operator(deferrable=True, **more).resume_execution(deferred.method_name, arguments, task.context)
    return again.value


def test_a_deferrable_task_waits_in_the_triggerer_with_no_job_and_then_submits_once(task, emulator, slept):
    refuse(emulator)
    deferred = task.defer()
    assert isinstance(deferred.trigger, QiskitRuntimeSubmissionTrigger)
    assert emulator.jobs() == []
    assert slept == []
    waiting = submit_when_allowed(task, deferred)
    assert len(emulator.jobs()) == 1
    assert task.resume(waiting)["status"] == "Completed"


def test_a_task_that_was_refused_does_not_look_for_a_job_there_cannot_be(task, emulator, sent):
    refuse(emulator)
    deferred = task.defer()
    submit_when_allowed(task, deferred)
    assert "GET /jobs" not in sent()


def test_a_task_that_is_refused_again_waits_again(task, emulator, slept):
    refuse(emulator, times=2)
    first = task.defer()
    second = submit_when_allowed(task, first)
    assert isinstance(second.trigger, QiskitRuntimeSubmissionTrigger)
    assert (first.kwargs["refusals"], second.kwargs["refusals"]) == (1, 2)
    assert first.kwargs["waiting_since"] == second.kwargs["waiting_since"]


def test_twelve_seconds_are_waited_at_least(task, emulator):
    refuse(emulator)
    assert task.defer().trigger.not_before >= time.time() + 11.5


def test_the_service_is_believed_when_it_names_a_time(task, emulator):
    refuse(emulator, retry_after=90)
    assert task.defer().trigger.not_before >= time.time() + 89.5


def test_a_task_that_does_not_defer_waits_on_its_worker(task, emulator, slept):
    refuse(emulator, times=3)
    assert task.execute()["status"] == "Completed"
    waits = [nap for nap in slept if nap > 1]
    assert len(waits) == 3
    assert all(nap >= 12 for nap in waits)
    assert len(emulator.jobs()) == 1


def test_a_task_that_only_submits_defers_for_its_turn_as_well(task, emulator):
    refuse(emulator)
    deferred = task.defer(wait_for_completion=False)
    arguments = {**deferred.kwargs, "event": {"waited_until": 0.0}}
    operator = task.operator(deferrable=True, wait_for_completion=False)
    summary = operator.resume_execution(deferred.method_name, arguments, task.context)
    assert [summary["job_id"]] == [job["id"] for job in emulator.jobs()]


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_wait_for_a_turn_ends_with_the_tasks_timeout(task, emulator, deferrable, slept):
    refuse(emulator, times=None)
    with pytest.raises(AirflowException, match=r"within the task's timeout of 10 s.*Nothing was submitted"):
        task.execute(deferrable=deferrable, timeout=10)


def test_a_turn_that_never_comes_ends_with_airflows_own_timeout(task, emulator):
    refuse(emulator)
    task.defer()
    gave_up = ("__fail__", {"error": "Trigger timeout"})
    with pytest.raises(TaskDeferralTimeout, match="Nothing was submitted"):
        task.operator().resume_execution(*gave_up, task.context)


def test_the_usage_limit_fails_at_once_with_what_to_do(either_way, emulator):
    emulator.add_fault(method="POST", path="/jobs", status=409, body={"errors": [{"code": "1", "message": "Used up."}]})
    with pytest.raises(AirflowException, match=r"Used up.*Raise the instance's limit"):
        either_way.run(retries=3)
    assert emulator.jobs() == []


def test_a_task_killed_while_it_waits_for_its_turn_submits_nothing(task, emulator, monkeypatch):
    refuse(emulator)
    operator = task.operator()
    monkeypatch.setattr(rate_limit, "sleep", lambda seconds: operator.on_kill())
    with pytest.raises(AirflowException, match="was killed"):
        operator.execute(task.context)
    assert emulator.jobs() == []


def test_a_few_seconds_are_waited_on_the_worker(task, emulator, slept):
    refuse(emulator, times=2, retry_after=3)
    emulator.configure(run_seconds=0.0)
    assert task.execute(deferrable=True, defer_after=10)["status"] == "Completed"
    # The others are those of the wait for the job.
    assert [3 <= nap <= 3.5 for nap in slept[:2]] == [True, True]
    assert [nap for nap in slept[2:] if nap >= 3] == []
    assert len(emulator.jobs()) == 1


def test_the_naps_of_a_task_are_no_longer_than_it_may_wait(task, emulator, slept):
    refuse(emulator, times=5, retry_after=4)
    deferred = task.defer(defer_after=10)
    assert len(slept) == 2
    assert isinstance(deferred.trigger, QiskitRuntimeSubmissionTrigger)
    assert deferred.kwargs["refusals"] == 1
    assert emulator.jobs() == []


def test_a_task_whose_turn_may_be_far_off_defers(task, emulator, slept):
    refuse(emulator)
    assert isinstance(task.defer(defer_after=10).trigger, QiskitRuntimeSubmissionTrigger)
    refuse(emulator, retry_after=50)
    assert isinstance(task.defer(defer_after=10).trigger, QiskitRuntimeSubmissionTrigger)
    assert slept == []


def test_a_task_that_comes_a_little_early_for_its_turn_waits_for_it(task, emulator, slept):
    refuse(emulator, times=3)
    deferred = task.defer(defer_after=10)
    emulator.configure(run_seconds=0.0)
    arguments = {**deferred.kwargs, "event": {"waited_until": 0.0}}
    operator = task.operator(deferrable=True, defer_after=10)
    assert operator.resume_execution(deferred.method_name, arguments, task.context)["status"] == "Completed"
    assert 2 <= slept[0] <= 2.5
    assert 3 <= slept[1] <= 3.5


def test_naps_end_with_the_timeout(task, emulator, slept):
    refuse(emulator, times=9, retry_after=3)
    with pytest.raises(AirflowException, match="no submission within the task's timeout"):
        task.execute(deferrable=True, defer_after=10, timeout=2)
    assert slept == []


def test_a_service_that_always_says_now_is_not_asked_all_the_time(task, emulator, slept):
    refuse(emulator, times=99, retry_after=0)
    task.defer(defer_after=60)
    assert len(slept) <= 7
    assert sum(slept) <= 60
