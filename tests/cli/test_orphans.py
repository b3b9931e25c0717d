"""``orphans`` lists the jobs for which no task in Airflow's database waits."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.hooks.airflow_name import airflow_name
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, new_mark
from tests.airflow_tables import Database


@pytest.fixture
def database(tmp_path, monkeypatch):
    """Stands in for the database of this Airflow."""
    tables = Database(tmp_path / "airflow.db")
    monkeypatch.setattr("airflow.utils.session.create_session", tables.session)
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__AIRFLOW_NAME", "production")
    return tables


@pytest.fixture
def jobs(database, submit, emulator):
    """A job of a run that has ended, one of a task that waits, one of another Airflow, and one of nobody."""
    emulator.configure(queue_seconds=3600)
    database.run("failed")
    database.run("running", "other_dag", "run_2")

    def of(dag_id, run_id, airflow):
        tag = JobIdentity(dag_id, run_id, "task", airflow=airflow).tag(1, "f" * 24, new_mark(cancel=True))
        return submit(tags=[tag, f"dag:{dag_id}", f"run:{run_id}", "task:task"])

    assert airflow_name() == "production"
    return {
        "orphan": of("dag", "run", "production"),
        "waiting": of("other_dag", "run_2", "production"),
        "others": of("dag", "run", "staging"),
        "nobodys": submit(),
    }


def test_what_no_task_waits_for_is_listed(run, jobs, emulator):
    shown = run("orphans", "--older-than", "0.001")
    assert shown.code == 1
    assert jobs["orphan"] in shown.text
    assert "its DAG run has ended" in shown.text
    assert [name for name, job_id in jobs.items() if job_id in shown.text] == ["orphan"]
    assert not any(job["final"] for job in emulator.jobs())


def test_it_is_cancelled_when_that_is_asked_for(run, jobs, emulator):
    shown = run("orphans", "--older-than", "0.001", "--cancel", "--json")
    assert shown.code == 0
    [one] = shown.json
    assert one["id"] == jobs["orphan"]
    assert "cancelled" in one["outcome"]
    states = {job["id"]: job["status"] for job in emulator.jobs()}
    assert [name for name, job_id in jobs.items() if states[job_id] == "Cancelled"] == ["orphan"]
    assert run("orphans", "--older-than", "0.001").text.strip() == "There are none."


def test_what_is_young_is_left_out(run, jobs):
    assert run("orphans").text.strip() == "There are none."


def test_without_a_database_it_says_what_to_do(run, connection, monkeypatch, capsys):
    def away():
        raise OSError("postgres://airflow:password@db")

    monkeypatch.setattr("airflow.utils.session.create_session", away)
    assert run("orphans").code == 2
    said = capsys.readouterr().err
    assert "Run this where `airflow dags list` works" in said
    assert "password" not in said


def test_records_that_cannot_be_read_are_told_of(run, database, submit, emulator, monkeypatch, capsys):
    emulator.configure(queue_seconds=3600)
    database.run("running")
    database.task("success")
    tag = JobIdentity("dag", "run", "task", airflow="production").tag(1, "f" * 24, new_mark(cancel=True))
    submit(tags=[tag, "dag:dag", "run:run", "task:task"])
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__RECORD_PATH", "nosuchscheme://records")
    assert run("orphans", "--older-than", "0.001").code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: record_path cannot be read: ")
    assert said.endswith("Run this where the tasks' record_path can be read.\n")
