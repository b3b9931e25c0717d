"""The service returns the result of a private job only once, and no later failure loses it."""

from __future__ import annotations

import json
import time

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_qrt import primitives
from airflow_provider_qrt.execution.failure_callback import cancel_jobs_of_failed_task
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.programs.sampler import SamplerProgram
from tools.local_airflow import wait_until


@pytest.fixture
def broken_decoder(monkeypatch):
    """Let the first step after the read fail once."""
    whole = primitives.decode_executor_result

    def broken(text, **limits):
        monkeypatch.setattr(primitives, "decode_executor_result", whole)
        raise RuntimeError("the worker died here")

    monkeypatch.setattr(primitives, "decode_executor_result", broken)


@pytest.mark.parametrize("with_path", [False, True], ids=["state store", "result_path"])
def test_a_failure_after_the_read_loses_nothing(either_way, emulator, broken_decoder, tmp_path, with_path, caplog):
    more = {"private": True, "retries": 1, "result_path": str(tmp_path / "out") if with_path else None}
    with pytest.raises(RuntimeError, match=r"died here.*fetches its result"):
        either_way.run(**more)
    # Airflow begins a retry with a fresh operator and without the XComs of the try before.
    either_way.context["ti"].try_number = 2
    value = either_way.run(**more)
    assert sum(value["results"][0]["counts"].values()) == 20
    assert len(emulator.jobs()) == 1
    reads = [one for one in emulator.requests() if one["path"].endswith("/results")]
    assert len(reads) == 1
    said = f"The result of private job {value['job_id']} was read by an earlier try and is kept."
    assert caplog.messages.count(said) == 1


def test_with_a_result_path_the_result_does_not_stay_in_airflows_database(task, tmp_path, store):
    value = task.run(private=True, result_path=str(tmp_path))
    assert not [key for key in store.values if "result" in key]
    raw = json.loads((tmp_path / f"{value['job_id']}.raw.json").read_text())
    assert raw["schema_version"] == "v2.0"


def test_a_result_path_that_cannot_be_written_costs_nothing(task, tmp_path, store):
    (tmp_path / "file").write_text("in the way")
    value = task.run(private=True, result_path=str(tmp_path / "file" / "folder"))
    assert value["results"][0]["shots"] == 20
    assert [key for key in store.values if "result" in key]


def test_without_a_store_the_result_goes_to_xcom(task):
    task.context["task_state_store"] = None
    assert task.run(private=True)["results"][0]["shots"] == 20


def test_a_store_that_fails_after_the_read_costs_nothing(task, failing):
    failing(lambda value: value.get("parts"))
    assert task.execute(private=True)["results"][0]["shots"] == 20


def test_a_result_that_is_not_known_for_a_moment_is_asked_for_again(task, emulator):
    emulator.add_fault(path="/jobs/*/results", status=404, times=1)
    with pytest.raises(AirflowException, match=r"does not know the result .* A retry, or a clear, asks again"):
        task.run(private=True)
    assert task.run(private=True)["results"][0]["shots"] == 20
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("circuits", [1, 3])
def test_a_result_that_died_with_its_reader_is_said_to_be_gone_and_a_clear_buys_anew(
    task, believing, emulator, monkeypatch, circuits
):
    monkeypatch.setattr(SamplerProgram, "max_executions", 20)
    more = {"circuits": [task.defaults["circuits"]] * circuits, "private": True, "retries": 1}
    task.defer(**more)
    client = QiskitRuntimeHook().client
    wait_until(lambda: all(job["final"] for job in emulator.jobs()), seconds=30, what="The end of the jobs")
    client.job_result(emulator.jobs()[-1]["id"])
    operator = task.operator(**more)
    with pytest.raises(AirflowFailException, match=r"is gone.*clear the task to submit a new job"):
        operator.execute(task.context)
    cancel_jobs_of_failed_task({"task": operator, "ti": task.context["ti"]})
    task.clear()
    value = task.execute(**more)
    assert (len(value["results"]), len(emulator.jobs())) == (circuits, circuits + 1)


def test_a_read_that_was_refused_is_no_result(task, emulator, store):
    emulator.add_fault(path="/jobs/*/results", status=403)
    with pytest.raises(AirflowFailException):
        task.run(private=True, retries=1)
    assert not [key for key in store.values if "result" in key]


def test_a_raw_file_that_was_cut_off_is_no_result(task, tmp_path, emulator):
    task.arguments.update(private=True, result_path=str(tmp_path / "out"))
    task.defer()
    wait_until(lambda: all(job["final"] for job in emulator.jobs()), seconds=30, what="The end of the job")
    [job] = emulator.jobs()
    (tmp_path / "out").mkdir()
    raw = tmp_path / "out" / f"{job['id']}.raw.json"
    raw.write_text('{"results": [{"da')
    assert task.run()["job_id"] == job["id"]
    json.loads(raw.read_text())


def test_a_worker_killed_while_it_writes_leaves_no_part_of_a_file(task, tmp_path, monkeypatch):
    class Killed(BaseException):
        """SIGKILL, in the middle of a write."""

    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", killed)
        with pytest.raises(Killed):
            task.run(private=True, result_path=str(tmp_path))
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".raw.json")] == []


def test_the_raw_file_of_a_private_job_is_for_the_workers_user_alone(task, tmp_path):
    value = task.run(private=True, result_path=str(tmp_path))
    assert (tmp_path / f"{value['job_id']}.raw.json").stat().st_mode & 0o077 == 0


def test_a_private_result_that_is_gone_is_bought_anew_by_clears_without_retries(task, emulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__REFUSAL_PATIENCE", "0.2")
    task.context["ti"].max_tries = 0
    task.defer(private=True)
    wait_until(lambda: all(job["final"] for job in emulator.jobs()), seconds=30, what="The end of the job")
    QiskitRuntimeHook().client.job_result(emulator.jobs()[0]["id"])
    for _ in range(3):
        task.clear()
        try:
            value = task.run(private=True)
            break
        except AirflowException:
            time.sleep(0.3)
    assert value["job_id"] == emulator.jobs()[1]["id"]
