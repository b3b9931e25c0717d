"""A deferrable task waits on its worker as long as the wait promises to be short, and only then defers."""

from __future__ import annotations

import signal
import time

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred

from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

QUEUE = "queue of ibm_fez"


@pytest.fixture
def waiting(task, caplog):
    """The task with a patience of a few seconds."""
    caplog.set_level("INFO")
    task.arguments |= {"deferrable": True, "defer_after": 3.0, "poll_interval": 30.0}
    return task


def log(caplog):
    return [one.getMessage() for one in caplog.records if "its worker" in one.getMessage()]


def deferred(task, **more):
    with pytest.raises(TaskDeferred) as raised:
        task.execute(**more)
    return raised.value


def test_a_short_job_needs_no_triggerer(waiting, emulator, caplog):
    emulator.configure(run_seconds=1.0)
    value = waiting.execute()
    assert value["results"][0]["counts"] == {"1": 20}
    [line] = log(caplog)
    assert line.endswith(f"the task waits on its worker before it defers (defer_after is 3 s): the {QUEUE} is empty.")


def test_the_requests_of_a_short_job(waiting, emulator, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__BACKEND_CACHE", str(tmp_path / "backends"))
    emulator.configure(run_seconds=2.0)
    waiting.execute(defer_after=10)
    waiting.context["ti"].run_id = "another"
    waiting.context["task_state_store"].values.clear()
    emulator.clear_requests()
    waiting.execute(defer_after=10)
    sent = [f"{one['method']} {one['path'].split('/jobs')[-1]}" for one in emulator.requests()]
    # One token for the process, and the backend is known already. Two looks: one early, one when it should have ended.
    [job] = emulator.jobs()[-1:]
    assert sent == ["POST ", f"GET /{job['id']}", f"GET /{job['id']}", f"GET /{job['id']}/results"]


def test_zero_defers_at_once(waiting, emulator, caplog):
    emulator.configure(run_seconds=5.0)
    emulator.clear_requests()
    deferred(waiting, defer_after=0)
    assert log(caplog) == []
    assert not [one for one in emulator.requests() if one["method"] == "GET" and "/jobs/" in one["path"]]


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ({"queue_length": 40}, f"there are 40 jobs in the {QUEUE}, where jobs wait 40 s by the median"),
        ({"status": "paused", "reason": "maintenance"}, "ibm_fez is paused"),
    ],
)
def test_a_long_queue_is_left_to_the_triggerer_at_once(waiting, emulator, caplog, backend, reason):
    emulator.configure(run_seconds=1.0, backends={"ibm_fez": backend})
    emulator.clear_requests()
    began = time.monotonic()
    deferred(waiting)
    [line] = log(caplog)
    assert line.endswith(f"the task leaves its worker at once, because {reason}.")
    assert not [one for one in emulator.requests() if one["method"] == "GET" and "/jobs/" in one["path"]]
    assert time.monotonic() - began < 30


def test_a_job_that_takes_longer_than_promised_defers(waiting, emulator, caplog):
    emulator.configure(queue_seconds=600)
    # The queue is empty, which is a promise; nobody told why the job waits all the same.
    leaving = deferred(waiting)
    assert leaving.method_name == "execute_complete"
    assert "is queued" in log(caplog)[-1]


def test_a_job_that_will_run_for_long_defers_after_the_first_look(waiting, emulator, caplog):
    emulator.configure(run_seconds=600)
    began = time.monotonic()
    deferred(waiting, shots=20_000, defer_after=4)
    assert "the service expects 9.0 s of QPU time" in log(caplog)[-1]
    # Not after the four seconds: the first look tells. The machine may be busy.
    assert time.monotonic() - began < 60


def test_the_trigger_goes_on_with_a_job_that_was_waited_for(waiting, emulator):
    emulator.configure(run_seconds=4.0)
    leaving = deferred(waiting, defer_after=0.4)
    value = waiting.resume(leaving)
    assert value["results"][0]["counts"] == {"1": 20}
    assert len(emulator.jobs()) == 1


def test_a_retry_does_not_wait_for_a_job_that_queues(waiting, emulator, caplog):
    emulator.configure(queue_seconds=600)
    deferred(waiting, defer_after=0)
    waiting.context["ti"].try_number += 1
    deferred(waiting)
    assert log(caplog)[-1].endswith("at once, because it was submitted before and is queued.")
    assert len(emulator.jobs()) == 1


def test_a_retry_waits_for_a_job_that_runs(waiting, emulator, caplog):
    emulator.configure(run_seconds=3.0)
    deferred(waiting, defer_after=0)
    time.sleep(0.1)
    waiting.context["ti"].try_number += 1
    assert waiting.execute(defer_after=20)["results"]
    assert log(caplog)[-1].endswith("the job runs already.")
    assert len(emulator.jobs()) == 1


def test_a_429_during_the_wait_is_waited_out_in_the_triggerer(waiting, emulator, caplog):
    emulator.configure(run_seconds=2.0)
    emulator.add_fault(method="GET", path="^/jobs/[^/]+$", status=429, retry_after=60, times=1)
    leaving = deferred(waiting)
    assert log(caplog)[-1].endswith("because the job could not be read.")
    assert waiting.resume(leaving)["results"]
    assert len(emulator.jobs()) == 1


def test_faults_during_the_wait_are_no_reason_to_fail(waiting, emulator):
    emulator.configure(run_seconds=1.0)
    emulator.add_fault(method="GET", path="^/jobs/[^/]+$", status=503, times=1)
    emulator.add_fault(method="GET", path="^/jobs/[^/]+$", drop="before", times=1)
    assert waiting.execute(defer_after=60)["results"]


def test_a_timeout_that_passes_during_the_wait(waiting, emulator):
    emulator.configure(run_seconds=600)
    with pytest.raises(AirflowException, match="timeout"):
        waiting.execute(defer_after=30, timeout=1.5, shots=20)
    [job] = emulator.jobs()
    assert job["status"] == "Cancelled"


def test_a_job_that_fails_during_the_wait(waiting, emulator):
    emulator.configure(run_seconds=0.2)
    emulator.add_rule(status="Failed")
    with pytest.raises(AirflowException, match="failed"):
        waiting.execute(defer_after=30)


def test_a_task_that_is_stopped_during_the_wait_cancels_its_job(waiting, emulator):
    emulator.configure(run_seconds=600)

    def stop(*_):
        waiting.last.on_kill()

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    try:
        with pytest.raises((AirflowException, TaskDeferred)):
            waiting.execute(defer_after=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    [job] = emulator.jobs()
    assert job["status"] == "Cancelled"


def test_a_task_that_was_stopped_does_not_defer(waiting, emulator):
    """The job that it cancels may be queued for a moment longer than it waits on its worker."""
    emulator.configure(queue_seconds=600)
    emulator.add_fault(method="POST", path="/jobs/*/cancel", delay=0.1, drop="before", times=None)

    def stop(*_):
        waiting.last.on_kill()

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(AirflowException, match="was killed"):
            waiting.execute(defer_after=3)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_job_of_an_earlier_try_is_left_after_the_same_time(waiting, emulator):
    emulator.configure(run_seconds=600)
    deferred(waiting, defer_after=0)
    emulator.advance(60)
    waiting.context["ti"].try_number += 1
    began = time.monotonic()
    deferred(waiting, defer_after=3, poll_interval=300)
    # Not after half of its age. The machine may be busy.
    assert time.monotonic() - began < 27


def test_a_clock_that_is_put_back_holds_no_worker(waiting, emulator, monkeypatch):
    emulator.configure(queue_seconds=600)
    real, began = time.time, time.monotonic()
    monkeypatch.setattr(
        "airflow_provider_qrt.jobs.wait.clock.time.time",
        lambda: real() - (3600 if time.monotonic() - began > 1 else 0),
    )
    deferred(waiting, defer_after=2)
    assert time.monotonic() - began < 60


def test_a_session_that_is_active_promises_a_short_wait(waiting, emulator, client, caplog):
    emulator.configure(run_seconds=0.3, backends={"ibm_fez": {"queue_length": 40}})
    session = client.create_session(mode="dedicated", backend="ibm_fez")
    deferred(waiting, session_id=session.id, defer_after=1)
    emulator.advance(60)
    waiting.context["ti"].run_id = "another"
    waiting.context["task_state_store"].values.clear()
    assert waiting.execute(session_id=session.id, defer_after=30)["results"]
    assert log(caplog)[-1].endswith("its session is active.")


def test_several_jobs_are_waited_for_together(waiting, emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.primitives.inputs.packing.MAX_BODY_BYTES", 3000)
    emulator.configure(run_seconds=0.2)
    value = waiting.execute(circuits=[waiting.defaults["circuits"]] * 40, defer_after=60)
    assert len(value["results"]) == 40


@pytest.mark.parametrize("wrong", [-1, "soon", "-3s"])
def test_a_wrong_value_is_refused_when_the_dag_is_read(wrong):
    with pytest.raises(Exception, match="defer_after"):
        QiskitRuntimeSamplerOperator(task_id="the_task", circuits="OPENQASM 3.0;", defer_after=wrong)
