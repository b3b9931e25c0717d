"""``execution_timeout`` ends every deferral, and cancels the task's job. Against the emulator."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    TaskDeferred,
)

MINUTES = timedelta(minutes=5)


@pytest.fixture
def queued(emulator):
    """Jobs wait in the queue for long."""
    emulator.configure(queue_seconds=3600)


def deadline_of(deferred: TaskDeferred) -> float:
    return deferred.trigger.serialize()[1]["deadline"] - time.time()


def test_the_earlier_of_both_timeouts_is_the_deadline(task, queued):
    assert deadline_of(task.defer(execution_timeout=MINUTES)) == pytest.approx(300, abs=30)
    task.clear()
    shorter = task.defer(execution_timeout=MINUTES, timeout=100)
    assert deadline_of(shorter) == pytest.approx(100, abs=30)
    task.clear()
    # Airflow's own end of the deferral is a safety net, and comes later.
    both = task.defer(execution_timeout=timedelta(days=2))
    assert deadline_of(both) == pytest.approx(86_400, abs=30)
    assert both.timeout > timedelta(seconds=86_400)


def test_it_counts_from_the_start_of_the_try(task, queued):
    task.context["ti"].start_date = datetime.now(UTC) - timedelta(minutes=4)
    assert deadline_of(task.defer(execution_timeout=MINUTES)) == pytest.approx(60, abs=30)


def test_the_job_is_cancelled_at_it(task, emulator, queued):
    task.context["ti"].start_date = datetime.now(UTC)
    limit = {"execution_timeout": timedelta(seconds=2)}
    deferred = task.defer(**limit)
    with pytest.raises(AirflowException, match=r"execution_timeout of 0:00:02 is over"):
        task.resume(deferred, **limit)
    [job] = emulator.jobs()
    assert job["status"].startswith("Cancelled")


def test_all_jobs_of_a_task_are_cancelled_at_it(task, emulator, queued, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 1000)
    task.context["ti"].start_date = datetime.now(UTC)
    circuits = [(task.defaults["circuits"], None, 1000)] * 2
    limit = {"execution_timeout": timedelta(seconds=3), "circuits": circuits}
    with pytest.raises(AirflowException, match="execution_timeout"):
        task.resume(task.defer(**limit), **limit)
    assert [job["status"].split()[0] for job in emulator.jobs()] == ["Cancelled"] * 2


def test_the_wait_for_a_turn_ends_with_it(task, emulator):
    """The task defers before it has a job; what is left of the time is the same as if it had not."""
    emulator.add_fault(method="POST", path="/jobs", status=429, times=1)
    deferred = task.defer(execution_timeout=MINUTES)
    assert deferred.method_name == "execute_submission"
    assert deferred.timeout <= timedelta(seconds=300 + 60)
    since = time.time() - 299
    waited = {"waiting_since": since, "refusals": 1, "event": {}}
    emulator.configure(queue_seconds=3600)
    operator = task.operator(deferrable=True, execution_timeout=MINUTES)
    with pytest.raises(TaskDeferred) as again:
        operator.resume_execution("execute_submission", waited, task.context)
    assert deadline_of(again.value) == pytest.approx(1, abs=30)


def test_nothing_is_submitted_once_it_is_over(task, emulator):
    waited = {"waiting_since": time.time() - 301, "refusals": 1, "event": {}}
    operator = task.operator(deferrable=True, execution_timeout=MINUTES)
    task.context["ti"].start_date = datetime.now(UTC) - timedelta(minutes=6)
    with pytest.raises(
        AirflowException, match=r"no submission in time. The task's execution_timeout of 0:05:00 is over"
    ):
        operator.resume_execution("execute_submission", waited, task.context)
    assert emulator.jobs() == []


def test_a_task_that_cannot_wait_for_its_turn_so_long_fails_at_once(task, emulator):
    emulator.add_fault(method="POST", path="/jobs", status=429, times=1, retry_after=400)
    with pytest.raises(AirflowException, match="within the task's timeout of 300 s"):
        task.execute(deferrable=True, execution_timeout=MINUTES)


def _defer(operator: Any, context: dict[str, Any]) -> TaskDeferred:
    operator.render_template_fields({"params": {}, **context})
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    return deferred.value


def test_who_does_not_own_a_job_leaves_it_alone(task, emulator, queued, in_the_triggerer):
    from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator

    job_id = task.execute(wait_for_completion=False)["job_id"]
    task.context["ti"].start_date = datetime.now(UTC)

    def reader() -> Any:
        return QiskitRuntimeGetResultOperator(
            task_id="read", job_id=job_id, deferrable=True, poll_interval=0.02, execution_timeout=timedelta(seconds=2)
        )

    deferred = _defer(reader(), task.context)
    event = in_the_triggerer(deferred.trigger)
    with pytest.raises(AirflowException, match=r"execution_timeout of 0:00:02 is over. The job goes on"):
        reader().resume_execution(deferred.method_name, {"event": event}, task.context)
    assert emulator.jobs()[0]["status"] == "Queued"


@pytest.mark.parametrize("kind", ["job", "backend"])
@pytest.mark.parametrize(("limit", "timeout", "error"), [(2, 600, AirflowException), (600, 2, AirflowSensorTimeout)])
def test_sensors_end_with_it_and_may_be_retried(task, emulator, queued, in_the_triggerer, kind, limit, timeout, error):
    """Their own timeout fails them for good, as it does without a deferral."""
    from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor, QiskitRuntimeJobSensor

    job_id = task.execute(wait_for_completion=False)["job_id"]
    task.context["ti"].start_date = datetime.now(UTC)
    emulator.configure(backends={"ibm_fez": {"status": "paused"}})

    def sensor() -> Any:
        more = {
            "task_id": "wait",
            "deferrable": True,
            "poke_interval": 0.1,
            "timeout": timeout,
            "execution_timeout": timedelta(seconds=limit),
        }
        if kind == "job":
            return QiskitRuntimeJobSensor(job_id=job_id, **more)
        return QiskitRuntimeBackendSensor(backend="ibm_fez", **more)

    deferred = _defer(sensor(), task.context)
    assert deferred.timeout <= timedelta(seconds=2 + 61)
    if kind == "job":
        # Airflow ends the deferral of a sensor that waits for a job.
        time.sleep(max(0.0, deferred.timeout.total_seconds()))
        method, arguments = "__fail__", {"error": "Trigger timeout"}
    else:
        method, arguments = deferred.method_name, {"event": in_the_triggerer(deferred.trigger)}
    with pytest.raises(error) as raised:
        sensor().resume_execution(method, arguments, task.context)
    assert type(raised.value) is error
    assert not isinstance(raised.value, AirflowFailException)
