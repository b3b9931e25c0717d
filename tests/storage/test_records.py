"""The state of tasks in files, as an Airflow without a task state store has it."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_qrt.storage.records import (
    FileWatermark,
    Place,
    RecordFolder,
    TaskFiles,
    TaskReplacedError,
)

PLACE = Place("the.dag", "manual__2026-11-30T04:35:44.956556+00:00", "group.the-task", -1)


def files(root, try_id: str = "first", place: Place = PLACE) -> TaskFiles:
    task = TaskFiles(str(root), place, try_id)
    task.begin()
    return task


def test_what_was_stored_is_read_by_the_next_try(tmp_path):
    files(tmp_path).set("qiskit_runtime_job", {"number": 1})
    assert files(tmp_path, "second").get("qiskit_runtime_job") == {"number": 1}


def test_a_key_that_was_never_stored_gives_the_default(tmp_path):
    assert files(tmp_path).get("qiskit_runtime_job", "none") == "none"


def test_a_try_that_was_replaced_reads_nothing_and_writes_nothing(tmp_path):
    first = files(tmp_path)
    first.set("key", 1)
    second = files(tmp_path, "second")
    assert first.get("key") is None
    with pytest.raises(TaskReplacedError, match="Another try of this task has begun"):
        first.set("key", 2)
    assert second.get("key") == 1


def test_a_task_that_returns_from_the_triggerer_is_the_same_try(tmp_path):
    files(tmp_path).set("key", 1)
    again = files(tmp_path)
    again.set("key", 2)
    assert again.get("key") == 2


@pytest.mark.parametrize("name", ["..", "a/b", "a=b", "%2e", "\u00fc", "a b"])
def test_no_name_leads_out_of_its_folder_and_each_is_found_again(tmp_path, name):
    root = tmp_path / "records"
    place = Place(name, name, name, 3)
    files(root, place=place).set("key", [name])
    assert [one.name for one in tmp_path.iterdir()] == ["records"]
    folder = RecordFolder(str(root))
    assert folder.dag_ids() == [name]
    [value] = folder.values_of_run(name, name)
    assert (value.place, value.key, json.loads(value.text)) == (place, "key", [name])


def test_values_are_told_apart_by_task_and_map_index(tmp_path):
    for index in (-1, 0, 1):
        place = Place(PLACE.dag_id, PLACE.run_id, "a", index)
        files(tmp_path, place=place).set("key", index)
    files(tmp_path, place=Place(PLACE.dag_id, PLACE.run_id, "b", -1)).set("key", "b")
    folder = RecordFolder(str(tmp_path))
    found = {(one.place.task_id, one.place.map_index): json.loads(one.text) for one in folder.values_of_run(*_run())}
    assert found == {("a", -1): -1, ("a", 0): 0, ("a", 1): 1, ("b", -1): "b"}
    [of_task] = folder.values_of_task(Place(PLACE.dag_id, PLACE.run_id, "a", 1))
    assert json.loads(of_task.text) == 1


def test_an_empty_folder_holds_nothing(tmp_path):
    folder = RecordFolder(str(tmp_path / "not there"))
    assert folder.dag_ids() == []
    assert list(folder.values_of_run(*_run())) == []
    assert list(folder.values_of_task(PLACE)) == []


def test_nobody_else_reads_a_record(tmp_path):
    files(tmp_path).set("key", "a private result")
    [written] = tmp_path.rglob("key.json")
    assert written.stat().st_mode & 0o077 == 0


def test_an_object_store_keeps_records_too():
    attach("memory", fs=MemoryFileSystem())
    root = "memory://bucket/records"
    files(root).set("key", {"a": 1})
    assert files(root, "second").get("key") == {"a": 1}
    assert [one.key for one in RecordFolder(root).values_of_task(PLACE)] == ["key"]


def test_a_watermark_is_kept(tmp_path):
    watermark = FileWatermark(str(tmp_path), "qiskit_runtime_backend.1a2b")
    assert watermark.load() is None
    watermark.save({"lacked": []})
    assert FileWatermark(str(tmp_path), "qiskit_runtime_backend.1a2b").load() == {"lacked": []}


def _run() -> tuple[str, str]:
    return PLACE.dag_id, PLACE.run_id
