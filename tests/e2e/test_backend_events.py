"""A real Airflow runs DAGs on events of a backend."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tools.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

DAG_ID = "qiskit_runtime_run_when_backend_is_back"
BACKEND = "qiskit-runtime://my-instance/ibm_marrakesh"


@pytest.fixture
def lacked(airflow):
    """Return the state that the watcher of an asset has stored."""

    def read(asset: str) -> list[str] | None:
        query = (
            "SELECT value FROM asset_state_store JOIN asset ON asset.id = asset_id WHERE asset.name = ? "
            "AND key LIKE 'qiskit_runtime_backend.%'"
        )
        with closing(sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True)) as database:
            rows = database.execute(query, [asset]).fetchall()
        assert len(rows) <= 1
        return json.loads(rows[0][0])["lacked"] if rows else None

    return read


@pytest.fixture
def runs(airflow):
    """The ids of a DAG's runs that assets have started."""

    def read(dag_id: str) -> list[str]:
        found = airflow.api("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
        return [run["dag_run_id"] for run in found if run["run_type"] == "asset_triggered"]

    return read


@pytest.fixture
def events(airflow):
    """The extras of an asset's events."""

    def read(uri: str) -> list[dict]:
        [asset] = airflow.api("GET", "/assets", params={"uri_pattern": uri, "only_active": False})["assets"]
        found = airflow.api("GET", "/assets/events", params={"asset_id": asset["id"]})["asset_events"]
        return [event["extra"] for event in found]

    return read


@pytest.fixture
def backend(service) -> Iterator:
    """Sets how the backend stands; afterwards it is free again, for the other tests."""

    def change(**change) -> None:
        service.configure(backends={"ibm_marrakesh": change})

    yield change
    change(status="online", reason="available", queue_length=0)


def wait(condition, what):
    return wait_until(condition, seconds=300, what=what)


def test_a_dag_runs_when_a_backend_is_back_and_its_asset_tells_of_the_job(
    airflow, service, submissions, backend, lacked, runs, events, platform_secrets, traces_of
):
    wait(lambda: lacked(BACKEND) == [], "the first look")
    backend(status="paused", reason="calibrating")
    wait(lambda: lacked(BACKEND) == ["online"], "a look at the paused backend")
    # Both watchers keep their state: one that had not seen the pause would not notice its end either.
    wait(lambda: lacked("marrakesh_queue") == ["online"], "a look at the paused backend by the other watcher")

    # It comes back while no triggerer runs.
    airflow.stop_component("triggerer")
    backend(status="online", reason="available", queue_length=3)
    airflow.start_component("triggerer")
    [run_id] = wait(lambda: runs(DAG_ID), "a run of the example")
    airflow.expect_end(DAG_ID, run_id)
    happened = airflow.xcom(DAG_ID, run_id, "what_happened")
    assert (happened["backend"], happened["happened"], happened["queue_length"]) == ("ibm_marrakesh", ["online"], 3)
    assert happened["calibrated"] == "2025-02-26T19:52:45+00:00"
    [job] = submissions(run_id)
    assert job["backend"] == "ibm_marrakesh"

    # Its result wakes up the next DAG.
    [after] = wait(lambda: runs("after_the_counts"), "a run of the DAG that wants the counts")
    airflow.expect_end("after_the_counts", after)
    told = airflow.xcom("after_the_counts", after, "told")
    result = airflow.xcom(DAG_ID, run_id, "measure")
    assert told == {
        "job_id": job["id"],
        "backend": "ibm_marrakesh",
        "program_id": "executor",
        "session_id": None,
        "calibrated": happened["calibrated"],
        "usage_seconds": result["usage_seconds"],
    }
    again = airflow.xcom("after_the_counts", after, "again")
    instance = service.instance.split(":")[7]
    [through_alias] = events(f"qiskit-runtime://{instance}/ibm_marrakesh")
    assert through_alias["job_id"] == again["job_id"]

    # Each event once: the other watcher has seen this one as well.
    backend(queue_length=101)
    wait(lambda: lacked("marrakesh_queue") == ["queue"], "a look at the long queue")
    backend(queue_length=100)
    for one in wait(lambda: len(found := runs("on_a_short_queue")) == 2 and found, "a run that a short queue starts"):
        airflow.expect_end("on_a_short_queue", one)
    first, second = (extra["payload"] for extra in events("marrakesh_queue"))
    assert (first["happened"], second["happened"]) == (["online"], ["queue"])
    assert runs(DAG_ID) == [run_id]
    assert [extra["payload"]["event_id"] for extra in events(BACKEND)] == [happened["event_id"]]
    assert traces_of(*platform_secrets) == []
