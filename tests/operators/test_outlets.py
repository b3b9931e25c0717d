"""The information about a job in its task's asset events."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_qrt.programs.sampler import SamplerProgram

COUNTS, OTHER, ALIAS = Asset("counts"), Asset("other"), AssetAlias("whatever")
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@pytest.fixture
def events(context) -> OutletEventAccessors:
    """Return the object in which Airflow collects a task's outlet events, from the context of the last leg."""
    context["outlet_events"] = OutletEventAccessors()
    return context["outlet_events"]


def test_each_asset_is_told_of_the_job(either_way, events, emulator):
    result = either_way.run(outlets=[COUNTS, OTHER])
    assert events[COUNTS].extra == {
        "job_id": result["job_id"],
        "backend": "ibm_fez",
        "program_id": "executor",
        "session_id": None,
        "calibrated": "2025-02-26T20:16:25+00:00",
        "usage_seconds": result["usage_seconds"],
    }
    assert result["usage_seconds"] is not None
    assert events[OTHER].extra == events[COUNTS].extra
    told = json.dumps(events[COUNTS].extra)
    assert emulator.instance.split(":")[6] not in told
    assert emulator.api_key not in told


def test_a_task_without_outlets_asks_for_no_calibration(task, events, sent):
    task.run(check_isa=False)
    assert len(events) == 0
    assert not [line for line in sent() if "properties" in line]


def test_the_calibration_of_several_jobs_is_asked_for_once(task, events, sent, monkeypatch):
    monkeypatch.setattr(SamplerProgram, "max_executions", 20)
    value = task.run(outlets=[COUNTS], circuits=[task.defaults["circuits"]] * 2, check_isa=False)
    assert len(value["job_ids"]) == 2
    assert events[COUNTS].extra["calibrated"] is not None
    assert len([line for line in sent() if "properties" in line]) == 1


def test_the_session_is_named(task, events, emulator):
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    with QiskitRuntimeHook() as hook:
        session = hook.client.create_session(mode="batch", backend="ibm_fez")
    task.run(outlets=[COUNTS], session_id=session.id)
    assert events[COUNTS].extra["session_id"] == session.id


def test_an_alias_stands_for_the_backend(task, events):
    result = task.run(outlets=[ALIAS])
    [event] = events[ALIAS].asset_alias_events
    assert event.dest_asset_key.uri == "qiskit-runtime://00000000-0000-0000-0000-000000000000/ibm_fez"
    assert event.dest_asset_key.name == event.dest_asset_key.uri
    assert event.extra["job_id"] == result["job_id"]


def test_what_the_task_has_said_itself_stays(task, events):
    events[COUNTS].extra = {"backend": "mine", "note": "kept"}
    events[ALIAS].add(OTHER, extra={"mine": True})
    result = task.run(outlets=[COUNTS, ALIAS])
    assert (events[COUNTS].extra["backend"], events[COUNTS].extra["note"]) == ("mine", "kept")
    assert events[COUNTS].extra["job_id"] == result["job_id"]
    assert [event.dest_asset_key.name for event in events[ALIAS].asset_alias_events] == ["other"]


def test_a_task_that_does_not_wait_names_its_job(task, events):
    result = task.run(outlets=[COUNTS], wait_for_completion=False)
    told = events[COUNTS].extra
    assert (told["job_id"], told["backend"], told["usage_seconds"]) == (result["job_id"], "ibm_fez", None)


def test_several_jobs_are_all_named(task, events, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES", "4000")
    result = task.run(outlets=[COUNTS], circuits=[FLIP] * 20)
    told = events[COUNTS].extra
    assert len(result["job_ids"]) > 1
    assert (told["job_id"], told["job_ids"]) == (result["job_ids"][0], result["job_ids"])
    assert told["usage_seconds"] == result["usage_seconds"]


def test_a_job_of_somebody_elses_is_named_too(task, events, connection):
    from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator

    job_id = task.run()["job_id"]
    get = QiskitRuntimeGetResultOperator(task_id="get", job_id=job_id, outlets=[COUNTS], deferrable=False)
    get.execute(task.context)
    told = events[COUNTS].extra
    assert (told["job_id"], told["program_id"]) == (job_id, "executor")
    assert told["calibrated"] is not None


def test_any_other_program_is_named(task, events, connection):
    from airflow_provider_qrt.operators.jobs import QiskitRuntimeSubmitJobOperator

    submit = QiskitRuntimeSubmitJobOperator(
        task_id="submit",
        program_id="sampler",
        program_params={"pubs": [[FLIP]], "version": 2, "support_qiskit": False},
        backend="ibm_fez",
        outlets=[COUNTS],
        deferrable=False,
        poll_interval=0.02,
    )
    result = submit.execute(task.context)
    assert events[COUNTS].extra["job_id"] == result["job_id"]


def test_a_dry_run_has_no_job_to_tell_of(task, events):
    task.run(outlets=[COUNTS, ALIAS], dry_run=True)
    assert len(events) == 0


class Broken:
    def __getitem__(self, outlet):
        raise RuntimeError("the asset is not known")


def test_events_that_cannot_be_told_do_not_fail_the_task(task, context, caplog):
    context["outlet_events"] = Broken()
    assert task.run(outlets=[COUNTS])["status"] == "Completed"
    assert "the asset is not known" in caplog.text
    del context["outlet_events"]
    task.clear()
    assert task.run(outlets=[COUNTS])["status"] == "Completed"


def test_a_calibration_that_cannot_be_read_is_left_out(task, events, emulator):
    emulator.add_fault(method="GET", path="*/properties*", status=404, times=None)
    result = task.run(outlets=[COUNTS])
    assert (events[COUNTS].extra["calibrated"], events[COUNTS].extra["job_id"]) == (None, result["job_id"])


def test_a_calibration_that_may_not_be_read_is_left_out_with_a_warning(task, events, emulator, caplog):
    emulator.add_fault(method="GET", path="*/properties*", status=403, times=None)
    result = task.run(outlets=[COUNTS])
    assert events[COUNTS].extra["calibrated"] is None
    (said,) = [line for line in caplog.messages if "calibration" in line]
    assert said.startswith(
        f"The calibration of {result['backend']} at the time of job {result['job_id']} could not be read: "
    )
    assert said.endswith(".")
