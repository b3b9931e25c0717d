"""The sensor of a backend. Against the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable
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

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor
from tests.older_airflow import AirflowRescheduleException

NAMES = ("ibm_fez", "ibm_marrakesh", "ibm_boston", "ibm_miami")
LIST = r"^/backends$"


@pytest.fixture(autouse=True)
def backends(emulator: Emulator, connection: None) -> Callable[..., None]:
    """Sets how backends stand: ``backends(ibm_fez={"status": "paused"})``. To begin with all are free."""

    def change(**changes: dict[str, Any]) -> None:
        emulator.configure(backends=changes)

    return change


@pytest.fixture
def sensor() -> Callable[..., QiskitRuntimeBackendSensor]:
    def make(**arguments: Any) -> QiskitRuntimeBackendSensor:
        arguments = {"backend": "ibm_fez", "poke_interval": 0.02, "timeout": 30, "deferrable": False, **arguments}
        with DAG("the_dag", schedule=None):
            return QiskitRuntimeBackendSensor(task_id="the_task", **arguments)

    return make


@pytest.fixture
def sense(sensor, context, in_the_triggerer):
    """Run a sensor to its end, whichever way it waits; ``meanwhile`` is called before the trigger runs."""

    def run(meanwhile: Callable[[], None] = lambda: None, **arguments: Any) -> Any:
        try:
            return sensor(**arguments).execute(context)
        except TaskDeferred as deferred:
            meanwhile()
            event = in_the_triggerer(deferred.trigger)
            return sensor(**arguments).resume_execution(deferred.method_name, {"event": event}, context)

    return run


def until_asked(emulator: Emulator, times: int, name: str, **changes: Any) -> None:
    """The first looks find this backend as the changes say."""
    device = {"name": name, "status": {"name": "online", "reason": "available"}, "queue_length": 0, "qubits": 156}
    emulator.add_fault(method="GET", path=LIST, times=times, status=200, body={"devices": [{**device, **changes}]})


PAUSED = {"status": {"name": "paused", "reason": "calibrating"}}


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_ready_backend_is_described_in_plain_json(sense, backends, deferrable):
    backends(ibm_fez={"queue_length": 4})
    value = sense(max_queue=4, deferrable=deferrable)
    assert json.loads(json.dumps(value)) == {
        "backend": "ibm_fez",
        "queue_length": 4,
        "wait_time_seconds": 0.0,
        "qubits": 156,
        "processor": "Heron r2",
        "status": "online",
    }


@pytest.mark.parametrize("changes", [PAUSED, {"queue_length": 6}], ids=["paused", "a long queue"])
def test_on_a_worker_it_looks_until_the_backend_is_ready(sense, emulator, sent, changes):
    until_asked(emulator, 3, "ibm_fez", **changes)
    assert sense(max_queue=5)["backend"] == "ibm_fez"
    assert len(sent("GET /backends")) == 4


@pytest.mark.parametrize(
    ("before", "after"),
    [({"status": "paused"}, {"status": "online"}), ({"queue_length": 6}, {"queue_length": 5})],
    ids=["paused", "a long queue"],
)
def test_deferred_it_ends_when_the_backend_is_ready(sense, backends, before, after):
    backends(ibm_fez=before)
    value = sense(lambda: backends(ibm_fez=after), max_queue=5, deferrable=True)
    assert value["backend"] == "ibm_fez"


def test_deferred_the_trigger_keeps_looking(sense, emulator, backends, sent):
    backends(ibm_fez={"status": "paused"})

    def meanwhile() -> None:
        backends(ibm_fez={"status": "online"})
        until_asked(emulator, 3, "ibm_fez", **PAUSED)
        emulator.clear_requests()

    assert sense(meanwhile, deferrable=True)["backend"] == "ibm_fez"
    assert len(sent("GET /backends")) == 4


def test_a_ready_backend_needs_no_triggerer(sensor, context):
    assert sensor(deferrable=True).execute(context)["backend"] == "ibm_fez"


def test_in_mode_reschedule_it_gives_the_worker_back_between_two_looks(sensor, context, backends, monkeypatch):
    backends(ibm_fez={"status": "paused"})
    monkeypatch.setattr(context["ti"], "get_first_reschedule_date", lambda _: None, raising=False)
    with pytest.raises(AirflowRescheduleException):
        sensor(mode="reschedule", poke_interval=60).execute(context)
    backends(ibm_fez={"status": "online"})
    assert sensor(mode="reschedule", poke_interval=60).execute(context)["backend"] == "ibm_fez"


@pytest.mark.parametrize("deferrable", [False, True])
def test_any_that_fits_will_do_and_the_least_busy_is_taken(sense, backends, deferrable):
    backends(
        ibm_fez={"queue_length": 3},
        ibm_marrakesh={"queue_length": 2},
        ibm_boston={"queue_length": 1, "status": "paused"},
        ibm_miami={"queue_length": 0},
    )
    filters = {"processor_family": "Heron", "min_qubits": "150"}
    assert sense(backend="least_busy", backend_filters=filters, deferrable=deferrable)["backend"] == "ibm_marrakesh"


def test_one_of_several_that_comes_back_is_taken(sense, backends):
    backends(**{name: {"status": "offline"} for name in NAMES})
    value = sense(lambda: backends(ibm_boston={"status": "online"}), backend="least_busy", deferrable=True)
    assert value["backend"] == "ibm_boston"


def test_the_waiting_time_is_asked_for(sense, backends):
    backends(ibm_fez={"queue_length": 3, "run_seconds": 20})
    assert sense()["wait_time_seconds"] == 60.0


def test_templates_are_rendered_and_make_text_of_numbers(sensor, context, backends):
    backends(ibm_boston={"queue_length": 3}, ibm_fez={"queue_length": 9})
    templated = sensor(
        backend="{{ params.backend }}",
        max_queue="{{ params.queue }}",
        backend_filters={"min_qubits": "{{ params.qubits }}", "exclude": ["{{ params.not_on }}"]},
        qiskit_runtime_conn_id="{{ params.conn_id }}",
    )
    params = {
        "backend": "least_busy",
        "queue": 5,
        "qubits": 150,
        "not_on": "ibm_marrakesh",
        "conn_id": "qiskit_runtime_default",
    }
    templated.render_template_fields({"params": params, **context})
    assert templated.execute(context)["backend"] == "ibm_boston"


# Deferral


def test_what_the_trigger_is_given(sensor, context, backends):
    backends(**{name: {"status": "paused"} for name in NAMES})
    with pytest.raises(TaskDeferred) as deferred:
        sensor(
            backend=" least_busy ", max_queue="7", backend_filters={"min_qubits": "100"}, timeout=1234,
            poke_interval=9, deferrable=True,
        ).execute(context)  # fmt: skip
    arguments = deferred.value.trigger.serialize()[1]
    since, deadline = arguments.pop("since"), arguments.pop("deadline")
    assert arguments == {
        "backend": "least_busy",
        "backend_filters": {"min_qubits": 100, "max_queue": 7},
        "qiskit_runtime_conn_id": "qiskit_runtime_default",
        "poll_interval": 9,
    }
    assert deadline - since == pytest.approx(1234)
    # Airflow's own timeout is for a triggerer that is gone.
    assert deferred.value.timeout.total_seconds() > 1234


@pytest.mark.parametrize("event", [None, {}, {"ending": "victory", "backend": None, "message": ""}], ids=str)
def test_an_event_that_is_not_understood_is_no_success(sensor, context, event):
    with pytest.raises(ValueError, match="not understood"):
        sensor().execute_complete(context, event)


# Trouble on the way


FAULTS = [{"status": 503}, {"status": 500}, {"status": 429, "retry_after": 0}, {"drop": "before"}, {"drop": "after"}]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_hiccup_does_not_end_the_wait_on_a_worker(sense, emulator, fault):
    emulator.add_fault(method="GET", path=LIST, times=5, **fault)
    assert sense()["backend"] == "ibm_fez"
    assert emulator.faults()[0]["applied"] == 5


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_hiccup_does_not_end_the_wait_in_the_triggerer(sense, emulator, fault):
    # The first look, on the worker, meets the first of them.
    emulator.add_fault(method="GET", path=LIST, times=5, **fault)
    assert sense(deferrable=True)["backend"] == "ibm_fez"
    assert emulator.faults()[0]["applied"] == 5


def test_a_look_is_one_request_and_the_next_look_is_the_retry(sensor, context, emulator, sent):
    emulator.add_fault(method="GET", path=LIST, status=503, times=None)
    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).execute(context)
    assert len(sent("GET /backends")) == 1


def test_a_service_that_stays_down_ends_in_a_timeout(sense, emulator):
    emulator.add_fault(method="GET", path=LIST, status=503, times=None)
    with pytest.raises(AirflowSensorTimeout):
        sense(timeout=0.2)


def test_deferred_a_timeout_tells_the_last_state(sense, backends):
    backends(ibm_fez={"status": "paused", "reason": "calibrating"})
    with pytest.raises(AirflowSensorTimeout, match=r"ibm_fez is paused \(calibrating\)\. The sensor's timeout of 1 s"):
        sense(timeout=1, deferrable=True)


def test_a_triggerer_that_is_gone_ends_in_a_timeout_too(sensor, context):
    gave_up = {"error": TriggerFailureReason.TRIGGER_TIMEOUT}
    with pytest.raises(AirflowSensorTimeout):
        sensor(deferrable=True).resume_execution("__fail__", gave_up, context)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_ends_it_and_names_connection_instance_and_region(sense, believing, emulator, status, deferrable):
    emulator.add_fault(method="GET", path=LIST, status=status, times=None)
    with pytest.raises(AirflowException, match=f"HTTP {status}") as refused:
        sense(deferrable=deferrable)
    for named in ("connection 'qiskit_runtime_default'", emulator.instance.split(":")[-3], "us-east"):
        assert named in str(refused.value)


def test_a_refusal_in_the_triggerer_ends_it_too(sense, believing, emulator, backends):
    backends(ibm_fez={"status": "paused"})
    refuse = lambda: emulator.add_fault(method="GET", path=LIST, status=403, times=None)  # noqa: E731
    with pytest.raises(AirflowException, match=r"HTTP 403.* Asked with connection 'qiskit_runtime_default'"):
        sense(refuse, deferrable=True)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_bad_connection_ends_it(sense, connect, deferrable):
    connect(password=None)
    with pytest.raises(AirflowFailException, match="has no API key"):
        sense(deferrable=deferrable)


# Asking for the wrong thing


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_unknown_backend_is_an_error_at_once(sense, sent, deferrable):
    with pytest.raises(AirflowFailException, match="Did you mean 'ibm_fez'"):
        sense(backend="ibm_fezz", deferrable=deferrable)
    assert len(sent("GET /backends")) == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_wish_that_can_never_come_true_is_an_error_at_once(sense, sent, deferrable):
    with pytest.raises(AirflowFailException, match=r"ibm_miami has 120 qubits < 1000\. Ask for less"):
        sense(backend="least_busy", backend_filters={"min_qubits": 1000}, deferrable=deferrable)
    assert len(sent("GET /backends")) == 1


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"backend": ""}, "backend: name one"),
        ({"backend": "None"}, "backend: name one"),
        ({"backend": None}, "backend: name one"),
        ({"max_queue": "short"}, "^max_queue: expected a whole number, got 'short'"),
        ({"max_queue": -1}, "^max_queue: must be at least 0"),
        ({"max_queue": 1, "backend_filters": {"max_queue": 1}}, "max_queue: backend_filters has one too"),
        ({"backend_filters": {"qubits": 5}}, "unknown key 'qubits'; did you mean 'min_qubits'"),
        ({"backend_filters": "min_qubits=5"}, "backend_filters: expected a mapping"),
    ],
    ids=str,
)
def test_bad_input_is_refused_before_anything_is_asked(sense, sent, arguments, says, deferrable):
    with pytest.raises(AirflowFailException, match=says):
        sense(deferrable=deferrable, **arguments)
    assert sent() == []


# Leniency


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("lenience", ["soft_fail", "never_fail"])
def test_a_sensor_that_may_fail_softly_skips(sense, lenience, deferrable):
    with pytest.raises(AirflowSkipException):
        sense(backend="ibm_fezz", deferrable=deferrable, **{lenience: True})


def test_a_deferred_timeout_skips_too(sense, backends):
    backends(ibm_fez={"status": "paused"})
    with pytest.raises(AirflowSkipException):
        sense(timeout=0.1, deferrable=True, soft_fail=True)


def test_it_submits_nothing(sense, sent):
    sense()
    assert sent("POST") == []
