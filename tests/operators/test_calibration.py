"""Calibrating the backend of a session. Against the emulator."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_qrt.arguments.constants import InvalidConstantError
from airflow_provider_qrt.assets.qiskit_runtime import create_asset
from airflow_provider_qrt.client.tokens import forget_all_tokens
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.operators.calibration import QiskitRuntimeCalibrateOperator
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.primitives.results.calibration import decode_calibration_result

FEZ = create_asset(instance="mine", backend="ibm_fez")
ALIAS = AssetAlias("whatever")


def open_session(mode="dedicated"):
    with QiskitRuntimeHook() as hook:
        return hook.client.create_session(mode=mode, backend="ibm_fez").id


@pytest.fixture
def calibrate(task, connection):
    """The operator inside a dedicated session, whose backend it takes."""
    task.operator_module, task.operator_class = "calibration", "QiskitRuntimeCalibrateOperator"
    task.defaults = {"backend": "least_busy", "session_id": open_session(), "max_execution_time": 600}
    return task


@pytest.fixture(params=[False, True], ids=["blocking", "deferred"])
def calibrate_either_way(request, calibrate):
    calibrate.arguments["deferrable"] = request.param
    return calibrate


@pytest.fixture
def events(context):
    context["outlet_events"] = OutletEventAccessors()
    return context["outlet_events"]


def test_it_returns_when_the_calibration_began_and_ended(calibrate_either_way, emulator):
    emulator.configure(calibration_seconds=0.1)
    value = calibrate_either_way.run()
    times = value["results"]
    assert set(times) == {"start", "stop", "seconds"}
    start, stop = map(datetime.fromisoformat, (times["start"], times["stop"]))
    assert start.tzinfo is not None
    assert times["seconds"] == (stop - start).total_seconds() == pytest.approx(0.1, abs=0.001)
    assert (value["program_id"], value["backend"], value["status"]) == ("calibrate", "ibm_fez", "Completed")
    [job] = emulator.jobs()
    assert job["session_id"] == calibrate_either_way.defaults["session_id"] == value["session_id"]


def test_the_backend_is_newly_calibrated(calibrate):
    value = calibrate.run()
    with QiskitRuntimeHook() as hook:
        updated = hook.client.backend_properties("ibm_fez")["last_update_date"]
    assert datetime.fromisoformat(updated) == datetime.fromisoformat(value["results"]["stop"])


def test_the_events_of_assets_tell_of_the_calibration(calibrate_either_way, events):
    times = calibrate_either_way.run(outlets=[FEZ, ALIAS])["results"]
    told = events[FEZ].extra
    assert (told["calibration_start"], told["calibration_stop"]) == (times["start"], times["stop"])
    assert (told["program_id"], told["backend"]) == ("calibrate", "ibm_fez")
    assert json.dumps(told)
    [event] = events[ALIAS].asset_alias_events
    assert event.dest_asset_key.uri.endswith("/ibm_fez")
    assert event.extra == told


def test_the_events_of_other_jobs_tell_of_none(task, events):
    counts = Asset("counts")
    task.run(outlets=[counts])
    assert not [key for key in events[counts].extra if key.startswith("calibration_")]


def test_a_retry_resumes_the_calibration(calibrate, emulator):
    emulator.add_fault(method="GET", path="*/results", status=404, times=1)
    with pytest.raises(AirflowException):
        calibrate.run()
    assert calibrate.run()["status"] == "Completed"
    assert len(emulator.jobs()) == 1


def test_a_lost_answer_calibrates_once(calibrate, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    assert calibrate.run()["status"] == "Completed"
    assert len(emulator.jobs()) == 1


def test_experimental_options_are_passed_on(calibrate):
    built = calibrate.operator(options={"experimental": {"depth": 2}}).make_program().build()
    assert built.params == {"schema_version": "v0.1", "options": {"experimental": {"depth": 2}}}
    assert calibrate.run(options={"experimental": {"depth": 2}})["status"] == "Completed"


def test_what_is_sent_passes_ibms_model(calibrate):
    from ibm_quantum_schemas.calibrator.version_0_1 import ParamsModel

    ParamsModel.model_validate(calibrate.operator().make_program().build().params)


@pytest.mark.parametrize("arguments", [{}, {"session_id": None}, {"session_id": ""}, {"session_id": " "}])
def test_without_a_session_the_dag_file_is_refused(arguments):
    with pytest.raises(InvalidConstantError, match=r"^session_id: .*mode='dedicated'.*task 'calibrate'"):
        QiskitRuntimeCalibrateOperator(task_id="calibrate", **arguments)


def test_a_template_without_a_session_submits_nothing(calibrate, emulator):
    with pytest.raises(AirflowFailException, match=r"pass its id as session_id\. Nothing was submitted"):
        calibrate.run(session_id="{{ params.get('no_session', '') }}")
    assert emulator.jobs() == []


def test_a_batch_is_refused_before_anything_is_submitted(calibrate, emulator):
    with pytest.raises(AirflowFailException, match=r"is a batch.*Nothing was submitted"):
        calibrate.run(session_id=open_session("batch"))
    assert emulator.jobs() == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"experimantal": {}}, "options.experimantal: unknown; did you mean 'experimental'"),
        ({"experimental": 1}, "options.experimental: expected a mapping"),
        ({"private": True}, "this is an argument of the operator"),
        ([1], "options: expected a mapping"),
    ],
)
def test_other_options_are_refused(options, says):
    with pytest.raises(InvalidConstantError) as refused:
        QiskitRuntimeCalibrateOperator(task_id="calibrate", session_id="s", options=options)
    assert says in str(refused.value)


@pytest.mark.parametrize("argument", ["shots", "circuits", "program_params"])
def test_arguments_of_other_programs_are_refused(argument):
    with pytest.raises(TypeError, match="has no input but its options"):
        QiskitRuntimeCalibrateOperator(task_id="calibrate", session_id="s", **{argument: 1})


@pytest.mark.parametrize("channel", ["ibm_cloud", "ibm_quantum", "api_token"])
def test_older_channels_calibrate_nothing(connect, context, emulator, channel):
    forget_all_tokens()
    connect({"channel": channel, "hub": "h", "group": "g", "project": "p"}, host=emulator.iam_url)
    operator = QiskitRuntimeCalibrateOperator(task_id="calibrate", session_id="s", backend="ibm_algiers")
    with pytest.raises(AirflowFailException, match=rf"'{channel}' has no program that calibrates a backend"):
        operator.execute(context)
    assert not emulator.requests()
    forget_all_tokens()


def test_a_budget_needs_a_limit(calibrate, emulator):
    with pytest.raises(AirflowFailException, match="Set max_execution_time"):
        calibrate.run(budget=600, max_execution_time=None)
    assert emulator.jobs() == []
    calibrate.clear()
    assert calibrate.run(budget=600, max_execution_time=60)["status"] == "Completed"


def test_a_dry_run_submits_nothing(calibrate, emulator):
    plan = calibrate.run(dry_run=True)
    assert (plan["program_id"], plan["backend"], plan["estimated_seconds"]) == ("calibrate", "ibm_fez", 600.0)
    assert emulator.jobs() == []


def test_the_result_goes_to_a_file_as_json(calibrate, tmp_path):
    value = calibrate.run(result_path=str(tmp_path / "results"))
    written = json.loads((tmp_path / "results" / f"{value['job_id']}.json").read_text())
    assert written["results"] == value["results"]
    assert written["provenance"]["input_fingerprint"]


def test_there_is_no_other_format(calibrate, emulator, tmp_path):
    with pytest.raises(AirflowFailException, match="the result of calibrate is two times"):
        calibrate.run(result_path=str(tmp_path), result_format="npz")
    assert emulator.jobs() == []


@pytest.mark.parametrize(
    "payload",
    ["[]", "{}", '{"start": 1, "stop": 2}', '{"start": "today", "stop": "2026-11-30T10:00:00Z"}', "Traceback: why"],
)
def test_anything_else_is_no_result(payload):
    with pytest.raises(InvalidResultError):
        decode_calibration_result(payload)


def test_a_time_without_a_zone_is_utc():
    read = decode_calibration_result({"start": "2026-11-30T10:00:00", "stop": "2026-11-30T10:01:30Z"})
    assert read.stop - read.start == timedelta(seconds=90)
    assert read.to_xcom_results()["start"] == "2026-11-30T10:00:00+00:00"
