"""Tasks on an Airflow without a task state store: in files, or by the tags of their jobs alone."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_provider_qrt.execution import attach
from airflow_provider_qrt.execution.context import run_number, task_store
from airflow_provider_qrt.jobs.submit import look_up
from airflow_provider_qrt.primitives.errors import InvalidResultError
from airflow_provider_qrt.storage.records import Place, TaskFiles
from tests.conftest import StateStore

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@pytest.fixture
def old_airflow(task, ti, monkeypatch):
    """An Airflow before 3.3, which gives each try of a task an id of its own, and forgets XComs before a retry."""
    task.context["task_state_store"] = None
    task.context["dag_run"] = SimpleNamespace(clear_number=0)
    task.arguments = {"retries": 2}
    ti.id = "try-1"
    monkeypatch.setattr(look_up, "LOOK_UP_PAUSES", (0.0,))
    return task


@pytest.fixture
def recorded(old_airflow, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__RECORD_PATH", str(tmp_path / "records"))
    return old_airflow


def retry(task) -> None:
    ti = task.context["ti"]
    ti.try_number += 1
    ti.id = f"try-{ti.try_number}"
    ti.pushed.clear()


def clear(task) -> None:
    ti = task.context["ti"]
    ti.max_tries = ti.try_number + 2
    task.context["dag_run"] = SimpleNamespace(clear_number=task.context["dag_run"].clear_number + 1)
    retry(task)


def fail_once(task, emulator) -> str:
    """Let a try fail when it reads the result of its job; return the job's id."""
    emulator.add_fault(method="GET", path="/jobs/*/results", status=200, body={"nothing": 1}, times=1)
    with pytest.raises(InvalidResultError):
        task.run()
    [job] = emulator.jobs()
    return job["id"]


@pytest.mark.parametrize("kind", ["recorded", "old_airflow"])
def test_a_retry_finds_the_job(request, kind, emulator):
    task = request.getfixturevalue(kind)
    job_id = fail_once(task, emulator)
    retry(task)
    assert task.run()["job_id"] == job_id
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("kind", ["recorded", "old_airflow"])
def test_a_clear_of_a_task_that_succeeded_is_a_new_job(request, kind, emulator):
    task = request.getfixturevalue(kind)
    first = task.run()["job_id"]
    clear(task)
    second = task.run()["job_id"]
    assert first != second
    retry(task)
    # Airflow did not hear of the success.
    assert task.run()["job_id"] == second


def test_a_clear_does_not_buy_again_what_was_never_delivered_if_there_is_a_record(recorded, emulator):
    job_id = fail_once(recorded, emulator)
    clear(recorded)
    assert recorded.run()["job_id"] == job_id


def test_several_jobs_are_found_by_their_tags(old_airflow, emulator, monkeypatch):
    from airflow_provider_qrt.programs.sampler import SamplerProgram

    monkeypatch.setattr(SamplerProgram, "max_executions", 100)
    old_airflow.arguments |= {"circuits": [(FLIP, None, 90), (FLIP, None, 80)]}
    emulator.add_fault(method="GET", path="/jobs/*/results", status=200, body={"nothing": 1}, times=1)
    with pytest.raises(InvalidResultError):
        old_airflow.run()
    before = {job["id"] for job in emulator.jobs()}
    retry(old_airflow)
    assert set(old_airflow.run()["job_ids"]) == before
    assert len(emulator.jobs()) == 2


def test_a_changed_input_cancels_the_job_of_the_earlier_try(old_airflow, emulator):
    emulator.configure(queue_seconds=600)
    old_airflow.defer()
    retry(old_airflow)
    emulator.configure(queue_seconds=0)
    value = old_airflow.run(shots=30)
    first, second = emulator.jobs()
    assert (first["cancelled"], second["id"]) == (True, value["job_id"])


def test_a_job_that_ended_badly_is_replaced(old_airflow, emulator):
    emulator.configure(queue_seconds=600)
    old_airflow.defer()
    [job] = emulator.jobs()
    emulator.finish(job["id"], "Cancelled")
    retry(old_airflow)
    emulator.configure(queue_seconds=0)
    assert old_airflow.run()["job_id"] != job["id"]


def test_the_first_try_says_what_is_lost_and_how_to_get_it_back(old_airflow, caplog):
    old_airflow.run()
    assert caplog.text.count(attach.NO_RECORD) == 1
    assert "record_path" in attach.NO_RECORD
    assert "Airflow 3.3" in attach.NO_RECORD


def test_with_a_record_there_is_nothing_to_say(recorded, caplog):
    recorded.run()
    assert attach.NO_RECORD not in caplog.text


def test_a_task_that_wants_no_record_looks_for_nothing(old_airflow, emulator, caplog):
    old_airflow.arguments |= {"durable": False}
    fail_once(old_airflow, emulator)
    retry(old_airflow)
    old_airflow.run()
    assert len(emulator.jobs()) == 2
    assert attach.NO_RECORD not in caplog.text


def test_a_lost_answer_is_found_by_its_tag(old_airflow, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after", times=1)
    old_airflow.run()
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize(("state", "cancelled"), [("running", False), ("deferred", False), ("failed", True)])
def test_a_process_that_is_told_to_stop_leaves_the_job_to_another_try(
    old_airflow, ti, emulator, monkeypatch, state, cancelled
):
    emulator.configure(queue_seconds=600)
    operator = old_airflow.operator()
    run = operator._begin_run(old_airflow.context, begins=True)
    from airflow_provider_qrt.execution.task_jobs import KnownJob

    (handle,) = run.leg.attach([KnownJob()]).handles
    handle.job_id = handle.submitter.obtain(run.choice.build_request(), run.choice.preparation().complete).job_id
    states = {ti.run_id: {ti.task_id: state}}
    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(lambda **_: states))
    operator.on_kill()
    assert [job["cancelled"] for job in emulator.jobs()] == [cancelled]


# An upgrade of Airflow


def test_what_a_task_recorded_in_files_is_read_once_airflow_has_a_store(recorded, emulator):
    job_id = fail_once(recorded, emulator)
    store = recorded.context["task_state_store"] = StateStore()
    retry(recorded)
    assert recorded.run()["job_id"] == job_id
    assert len(emulator.jobs()) == 1
    assert "qiskit_runtime_job" in store.values


def test_airflows_own_store_is_the_only_one_that_is_written(recorded, tmp_path):
    recorded.context["task_state_store"] = StateStore()
    recorded.run()
    assert list((tmp_path / "records").rglob("*.json")) == []


def test_records_that_cannot_be_written_fail_the_task_before_it_submits(recorded, emulator, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__RECORD_PATH", str(tmp_path / "file" / "records"))
    with pytest.raises(AirflowException, match=r"record_path \(.*\) cannot be used: NotADirectoryError"):
        recorded.run()
    assert emulator.jobs() == []


# Which run of the task a try belongs to


@dataclass
class Tries:
    try_number: int
    max_tries: int


@pytest.mark.parametrize(
    ("try_number", "max_tries", "retries", "run"),
    [
        (1, 2, 2, 1),
        (3, 2, 2, 1),
        (2, 3, 2, 2),  # cleared after the first try
        (4, 3, 2, 2),
        (1, 0, 3, 1),  # the retries were changed in the DAG file
        (1, 3, 0, 1),
    ],
)
def test_a_run_is_named_by_its_first_try(try_number, max_tries, retries, run):
    context = {"ti": Tries(try_number, max_tries)}
    assert run_number(SimpleNamespace(retries=retries), context) == run


def test_without_any_place_for_it_a_task_has_no_store(old_airflow):
    assert task_store(old_airflow.context) is None


def test_a_mapped_task_has_a_folder_of_its_own(recorded, ti, tmp_path):
    ti.map_index = 4
    task_store(recorded.context).set("key", 1)
    again = TaskFiles(str(tmp_path / "records"), Place(ti.dag_id, ti.run_id, ti.task_id, 4), "try-1")
    assert again.get("key") == 1
