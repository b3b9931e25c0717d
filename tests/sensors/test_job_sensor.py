"""The sensor of a job that something else submitted."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.sdk import DAG
from airflow.sdk.bases.operator import TriggerFailureReason

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.sensors.job import TRIGGER
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger
from tests.older_airflow import AirflowRescheduleException, needs_templated_triggers

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
ONE_JOB = r"^/jobs/[^/]+$"
LINK = "_link_QiskitRuntimeJobLink"


@pytest.fixture
def job_id(emulator, connection) -> str:
    """A job in the queue."""
    emulator.configure(queue_seconds=600)
    params = {"version": 2, "pubs": [[FLIP, None, 5]]}
    submitted = QiskitRuntimeHook().client.submit_job(program_id="sampler", backend="ibm_fez", params=params)
    emulator.clear_requests()
    return submitted.id


@pytest.fixture
def sensor(job_id):
    def make(**arguments: Any) -> QiskitRuntimeJobSensor:
        arguments = {"job_id": job_id, "poke_interval": 0.02, "timeout": 30, "deferrable": False, **arguments}
        with DAG("the_dag", schedule=None):
            return QiskitRuntimeJobSensor(task_id="the_task", **arguments)

    return make


@pytest.fixture
def sense(sensor, context, in_the_triggerer):
    """Run a sensor to its end, whichever way it waits."""

    def run(**arguments: Any) -> Any:
        try:
            return sensor(**arguments).execute(context)
        except TaskDeferred as deferred:
            event = in_the_triggerer(deferred.trigger)
            return sensor(**arguments).resume_execution(deferred.method_name, {"event": event}, context)

    return run


def summary(job_id: str, **changes: Any) -> dict[str, Any]:
    return {"job_id": job_id, "backend": "ibm_fez", "program_id": "sampler", "status": "Completed", **changes}


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_completed_job_is_described(sense, emulator, job_id, deferrable):
    emulator.finish(job_id)
    value = sense(deferrable=deferrable)
    assert value == {**value, **summary(job_id), "session_id": None}


def test_a_completed_job_needs_no_triggerer(sensor, emulator, job_id, context):
    emulator.finish(job_id)
    assert sensor(deferrable=True).execute(context)["status"] == "Completed"


def test_on_a_worker_it_looks_again_and_again(sense, emulator, job_id, sent):
    emulator.add_fault(
        method="GET", path=ONE_JOB, times=3, status=200, body={"id": job_id, "state": {"status": "Queued"}}
    )
    emulator.finish(job_id)
    assert sense()["status"] == "Completed"
    assert len(sent(f"GET /jobs/{job_id}")) == 4


def test_in_mode_reschedule_it_gives_the_worker_back_between_two_looks(sensor, context, monkeypatch):
    monkeypatch.setattr(context["ti"], "get_first_reschedule_date", lambda _: None, raising=False)
    with pytest.raises(AirflowRescheduleException):
        sensor(mode="reschedule", poke_interval=60).execute(context)


def test_deferred_it_waits_in_the_triggerer(sensor, context, job_id):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True, timeout=1234, poke_interval=7).execute(context)
    trigger = deferred.value.trigger
    assert (trigger.job_id, trigger.poll_interval, deferred.value.timeout.total_seconds()) == (job_id, 7, 1234)


def test_white_space_around_a_rendered_job_id_does_not_matter(sensor, context, emulator, job_id, in_the_triggerer):
    # As a template on lines of its own leaves it.
    given = f"\n  {job_id}\n"
    with pytest.raises(TaskDeferred) as deferred:
        sensor(job_id=given, deferrable=True).execute(context)
    emulator.finish(job_id)
    assert in_the_triggerer(deferred.value.trigger)["ending"] == "final"
    assert in_the_triggerer(QiskitRuntimeJobTrigger(job_id=given))["ending"] == "final"


def test_deferred_it_ends_when_the_job_has(sensor, context, emulator, job_id, in_the_triggerer):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True).execute(context)
    emulator.finish(job_id)
    event = in_the_triggerer(deferred.value.trigger)
    value = sensor(deferrable=True).resume_execution(deferred.value.method_name, {"event": event}, context)
    assert value["status"] == "Completed"


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
def test_a_job_that_did_not_complete_fails_the_sensor(sense, emulator, job_id, status, deferrable):
    emulator.finish(job_id, status, reason="Because", reason_code=5203)
    with pytest.raises(AirflowFailException, match="Because") as caught:
        sense(deferrable=deferrable)
    assert "clear the one that did" in str(caught.value)
    assert "A retry submits" not in str(caught.value)


def test_a_job_that_failed_during_the_deferral_fails_the_sensor(sensor, context, emulator, job_id, in_the_triggerer):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True).execute(context)
    emulator.finish(job_id, "Failed", reason="Because", reason_code=5203)
    with pytest.raises(AirflowFailException, match="Because"):
        sensor(deferrable=True).execute_complete(context, in_the_triggerer(deferred.value.trigger))


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("job_id", ["", " ", "None", None], ids=repr)
def test_an_empty_job_id_gets_the_remedy(connection, context, sent, job_id, deferrable):
    with DAG("the_dag", schedule=None):
        sensor = QiskitRuntimeJobSensor(task_id="the_task", job_id=job_id, deferrable=deferrable)
    with pytest.raises(AirflowFailException, match="xcom_pull"):
        sensor.execute(context)
    assert sent() == []


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_goes_on_fails_the_sensor_which_may_be_retried(sense, believing, emulator, status, deferrable):
    emulator.add_fault(method="GET", path=ONE_JOB, status=status, times=None)
    said = r"(cannot be watched|could not be read).* Asked with connection 'qiskit_runtime_default' \("
    with pytest.raises(AirflowException, match=said) as failed:
        sense(deferrable=deferrable)
    assert not isinstance(failed.value, AirflowFailException)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_that_passes_does_not_fail_the_sensor(sense, emulator, job_id, status, deferrable):
    emulator.finish(job_id)
    emulator.add_fault(method="GET", path=ONE_JOB, status=status, times=4)
    assert sense(deferrable=deferrable)["status"] == "Completed"


def test_a_bad_connection_fails_the_sensor(sense, connect):
    connect(password=None)
    with pytest.raises(AirflowFailException, match="has no API key"):
        sense()


def test_a_hiccup_does_not_end_the_wait(sensor, context, emulator, job_id):
    emulator.finish(job_id)
    looking = sensor()
    # A client that does not wait between tries of its own.
    looking.hook.__dict__["client"] = looking.hook.create_poll_client()
    emulator.add_fault(method="GET", path=ONE_JOB, status=503, times=2)
    assert looking.execute(context)["status"] == "Completed"


def test_a_wait_that_is_too_long_times_out_and_leaves_the_job(sense, emulator):
    with pytest.raises(AirflowSensorTimeout):
        sense(timeout=0.1)
    assert not emulator.jobs()[0]["cancelled"]


def test_a_deferred_wait_that_is_too_long_times_out_and_leaves_the_job(sensor, context, emulator):
    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).execute(context)
    gave_up = {"error": TriggerFailureReason.TRIGGER_TIMEOUT}
    with pytest.raises(AirflowSensorTimeout):
        sensor(deferrable=True).resume_execution("__fail__", gave_up, context)
    assert not emulator.jobs()[0]["cancelled"]


def test_it_never_cancels_a_job(sensor, context, sent):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True).execute(context)
    assert not deferred.value.trigger.cancel_on_kill
    assert not deferred.value.trigger.cancel_on_timeout
    sensor().on_kill()
    assert sent("POST") == []


def test_soft_fail_skips(sensor, context, emulator, job_id, in_the_triggerer):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True, soft_fail=True).execute(context)
    emulator.finish(job_id, "Cancelled")
    event = in_the_triggerer(deferred.value.trigger)
    with pytest.raises(AirflowSkipException):
        sensor(deferrable=True, soft_fail=True).resume_execution("execute_complete", {"event": event}, context)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("lenience", ["soft_fail", "never_fail"])
def test_a_first_look_that_finds_a_failed_job_skips_too(sensor, context, emulator, job_id, lenience, deferrable):
    emulator.finish(job_id, "Failed")
    with pytest.raises(AirflowSkipException):
        sensor(deferrable=deferrable, **{lenience: True}).execute(context)


def test_the_link_is_known_while_it_waits(sensor, context, ti, emulator, job_id):
    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).execute(context)
    assert ti.pushed == {LINK: f"{emulator.url}/jobs/{job_id}"}


def test_the_link_is_known_of_a_deferral_that_the_scheduler_began(sensor, context, emulator, job_id):
    started = sensor(deferrable=True, start_from_trigger=True)
    with pytest.raises(AirflowSensorTimeout):
        started.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert started.job_url == f"{emulator.url}/jobs/{job_id}"


@pytest.mark.usefixtures("job_id")
def test_a_link_that_cannot_be_known_does_not_hide_how_the_wait_ended(sensor, context, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT")
    started = sensor(deferrable=True, start_from_trigger=True)
    with pytest.raises(AirflowSensorTimeout):
        started.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert started.job_url is None


@pytest.mark.parametrize("event", [None, {}, {"ending": "victory", "job_id": "j", "job": None}], ids=str)
def test_an_event_that_is_not_understood_is_no_success(sensor, context, event):
    with pytest.raises(ValueError, match="not understood"):
        sensor().execute_complete(context, event)


def test_a_state_nobody_knows_fails_a_deferred_sensor(sensor, context, emulator, in_the_triggerer):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True).execute(context)
    emulator.add_fault(
        method="GET", path=ONE_JOB, status=200, body={"id": "j", "state": {"status": "Pondering"}}, times=None
    )
    with pytest.raises(AirflowException, match="'Pondering'"):
        sensor(deferrable=True).execute_complete(context, in_the_triggerer(deferred.value.trigger))


def test_a_state_nobody_knows_does_not_hold_a_worker_until_the_timeout(sensor, context, emulator, sent):
    emulator.add_fault(
        method="GET", path=ONE_JOB, status=200, body={"id": "j", "state": {"status": "Pondering"}}, times=None
    )
    with pytest.raises(AirflowException, match="'Pondering'"):
        sensor().execute(context)
    assert len(sent("GET")) == 5


# Started by the scheduler


def test_the_scheduler_can_start_it(sensor, job_id):
    started = sensor(deferrable=True, start_from_trigger=True, timeout=1234, poke_interval=7)
    arguments = started.start_trigger_args
    assert (started.start_from_trigger, arguments.trigger_cls, arguments.next_method) == (
        True,
        TRIGGER,
        "execute_complete",
    )
    assert arguments.timeout.total_seconds() == 1234
    assert QiskitRuntimeJobTrigger(**arguments.trigger_kwargs).job_id == job_id


def test_the_path_of_the_trigger_is_right():
    assert QiskitRuntimeJobTrigger(job_id="j").serialize()[0] == TRIGGER


@pytest.mark.parametrize(
    "arguments",
    [
        {"deferrable": False},
        {"job_id": SimpleNamespace()},
        {"job_id": "{{ ti.xcom_pull(task_ids='submit', key='job_id') }}"},
    ],
    ids=["not deferrable", "not text", "an xcom_pull that does not name map_indexes"],
)
def test_what_the_scheduler_cannot_start_a_worker_starts(sensor, arguments):
    made = sensor(**{"deferrable": True, "start_from_trigger": True, **arguments})
    assert (made.start_from_trigger, made.start_trigger_args) == (False, None)


def test_one_sensors_start_is_not_anothers(sensor):
    sensor(deferrable=True, start_from_trigger=True)
    assert QiskitRuntimeJobSensor.start_trigger_args is None


@needs_templated_triggers
def test_a_template_is_rendered_in_the_triggerer(sensor, context):
    template = "{{ ti.xcom_pull(task_ids='submit', key='job_id', map_indexes=-1) }}"
    started = sensor(job_id=template, deferrable=True, start_from_trigger=True)
    trigger = QiskitRuntimeJobTrigger(**started.start_trigger_args.trigger_kwargs)
    trigger.task_instance = SimpleNamespace(task_id="the_task", task=started)
    context["ti"].pushed["job_id"] = "dabc"
    trigger.render_template_fields(context)
    assert trigger.job_id == "dabc"


def test_where_the_triggerer_renders_nothing_a_template_needs_a_worker(sensor, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.sensors.job.triggerer_renders_templates", lambda: False)
    assert sensor(job_id="{{ 'dabc' }}", deferrable=True, start_from_trigger=True).start_trigger_args is None
    assert sensor(job_id="dabc", deferrable=True, start_from_trigger=True).start_trigger_args is not None


def test_a_template_that_gives_nothing_fails_the_sensor(sensor, context, in_the_triggerer):
    event = in_the_triggerer(QiskitRuntimeJobTrigger(job_id="None"))
    before = time.monotonic()
    with pytest.raises(AirflowFailException, match="job_id is empty"):
        sensor(deferrable=True).execute_complete(context, event)
    assert time.monotonic() - before < 5
