"""The triggerer cleans up on an Airflow without a task state store, from the records in files."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_qrt.cleanup import records
from airflow_provider_qrt.cleanup.records import AirflowDatabase, RecordsUnreadableError
from airflow_provider_qrt.jobs.submit.record import STORE_KEY, SubmissionRecord
from airflow_provider_qrt.storage.records import Place, TaskFiles
from tests.airflow_tables import Database

RECORD = SubmissionRecord("f" * 24, 1, 2, time.time(), "qrt:a:b:1:f:c1", job_id="j1", connection="quantum")
LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__RECORD_PATH", str(tmp_path / "records"))
    monkeypatch.setattr(records, "has_state_store", lambda: False)
    return tmp_path / "records"


@pytest.fixture
def database(tmp_path) -> Database:
    return Database(tmp_path / "airflow.db")


@pytest.fixture
def airflow(database) -> AirflowDatabase:
    return AirflowDatabase(database.session)


def record(root, place: Place) -> None:
    task = TaskFiles(str(root), place, "try")
    task.begin()
    task.set(STORE_KEY, dataclasses.asdict(RECORD))
    task.set("qiskit_runtime_result", {"job_id": "j1", "parts": 1})


@pytest.mark.parametrize("state", ["running", "failed"])
def test_the_records_of_runs_are_found(root, database, airflow, state):
    database.run(state)
    place = Place("dag", "run", "task", -1)
    record(root, place)
    [(written, moment)] = airflow.written_since(LONG_AGO)
    assert (written.place, written.record) == (place, RECORD)
    assert abs(moment.timestamp() - time.time()) < 60
    assert airflow.written_since(datetime.now(UTC) + timedelta(hours=1)) == []


def test_runs_that_airflow_does_not_know_are_not_read(root, database, airflow):
    record(root, Place("dag", "another run", "task", -1))
    assert airflow.written_since(LONG_AGO) == []


def test_the_jobs_of_a_task_are_found(root, airflow):
    record(root, Place("dag", "run", "task", 3))
    assert airflow.published_job_ids("dag", "run", "task", 3) == ["j1"]
    assert airflow.published_job_id("dag", "run", "task", 4) is None


def test_an_empty_folder_says_nothing(root, airflow):
    assert airflow.written_since(LONG_AGO) == []
    assert airflow.job_records(Place("dag", "run", "task", -1)) == []


def test_files_that_cannot_be_read_are_waited_for(root, database, airflow, monkeypatch):
    def away(*_):
        raise ConnectionError("the object store is away")

    database.run("running")
    monkeypatch.setattr(records.RecordFolder, "dag_ids", away)
    with pytest.raises(RecordsUnreadableError, match="ConnectionError: the object store is away"):
        airflow.written_since(LONG_AGO)
