"""The triggerer cancels jobs and sessions on the emulator that are in Airflow's database."""

from __future__ import annotations

import dataclasses
import time
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_qrt.cleanup.cleaner import EVENT, Cleaner
from airflow_provider_qrt.cleanup.records import AirflowDatabase
from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy
from airflow_provider_qrt.config import DEFAULT_CLEANUP_INTERVAL
from airflow_provider_qrt.jobs.sessions.opening import STORE_KEY as SESSION_KEY
from airflow_provider_qrt.jobs.sessions.opening import SessionRecord
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, new_mark
from airflow_provider_qrt.jobs.submit.record import STORE_KEY, SubmissionRecord
from tests.airflow_tables import Database
from tests.older_airflow import needs_state_store

CONNECTION = "quantum"
NAME = "this-airflow"
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'

pytestmark = needs_state_store


@pytest.fixture
def database(tmp_path) -> Database:
    return Database(tmp_path / "airflow.db")


@pytest.fixture
def client(emulator):
    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    with QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1)) as client:
        yield client


@pytest.fixture
def submit(emulator, client, database):
    """Submit a job of the task, and write it down as the task does."""
    emulator.configure(queue_seconds=3600)

    def one(*, cancel: bool = True, airflow: str = NAME, recorded: bool = True, **record: Any) -> str:
        tag = JobIdentity("dag", "run", "task", airflow=airflow).tag(1, "f" * 24, new_mark(cancel=cancel))
        params = {"version": 2, "pubs": [[FLIP, None, 1]]}
        tags = [tag, "dag:dag", "run:run", "task:task"]
        more = {"session_id": record.pop("session_id")} if "session_id" in record else {}
        job = client.submit_job(program_id="sampler", backend="ibm_fez", params=params, tags=tags, **more)
        if recorded:
            written = SubmissionRecord(
                "f" * 24, 1, 2, time.time(), tag, job_id=job.id, connection=CONNECTION, cancel=cancel
            )
            database.store(STORE_KEY, dataclasses.asdict(dataclasses.replace(written, **record)))
        return job.id

    return one


@pytest.fixture
def cleaner(database, client) -> Cleaner:
    return Cleaner(airflow=AirflowDatabase(database.session), connect=lambda conn_id: client, airflow_name=lambda: NAME)


def looks(cleaner: Cleaner, number: int = 2) -> list[str]:
    """Return the jobs and sessions that the cleaner cancels in this many looks."""
    return [one for _ in range(number) for one in cleaner.look()]


def test_two_looks_fit_into_the_five_minutes_that_are_promised():
    assert 2 * DEFAULT_CLEANUP_INTERVAL + 60 <= 300


@pytest.mark.parametrize("state", ["failed", "skipped", "upstream_failed", "removed", "success"])
@pytest.mark.parametrize("run", ["running", "failed", "success"])
def test_the_job_of_a_task_that_has_stopped_is_cancelled_by_the_second_look(
    cleaner, database, submit, emulator, state, run
):
    database.run(run)
    database.task(state)
    job_id = submit()
    assert looks(cleaner, 1) == []
    assert [job["cancelled"] for job in emulator.jobs()] == [False]
    assert looks(cleaner, 1) == [job_id]
    assert [job["cancelled"] for job in emulator.jobs()] == [True]


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "running", "deferred", "up_for_retry", "restarting"])
def test_the_job_of_a_task_that_is_not_over_is_left_alone(cleaner, database, submit, state):
    database.run("running")
    database.task(state)
    submit()
    assert looks(cleaner, 3) == []


def test_a_task_that_waits_for_its_retry_in_a_run_that_has_ended_is_over(cleaner, database, submit):
    database.run("failed")
    database.task("up_for_retry")
    job_id = submit()
    assert looks(cleaner) == [job_id]


def test_the_job_of_a_deleted_run_is_cancelled(cleaner, database, submit):
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

    database.run("running")
    database.task("running")
    job_id = submit()
    assert looks(cleaner) == []
    for model in (DagRun, TaskInstance):
        database.delete(model)
    assert looks(cleaner) == [job_id]


def test_a_job_that_its_task_has_replaced_is_cancelled(cleaner, database, submit):
    database.run("running")
    database.task("running")
    former = submit(recorded=False)
    submit()
    assert looks(cleaner) == [former]


def test_a_job_whose_submission_is_under_way_is_left_alone(cleaner, database, submit):
    database.run("running")
    database.task("running")
    submit(job_id=None)
    assert looks(cleaner) == []


@pytest.mark.parametrize(
    "left", [{"cancel": False}, {"unread": True}, {"airflow": "another"}, {"airflow": ""}], ids=str
)
def test_what_is_not_to_be_cancelled_or_not_ours_is_left_alone(cleaner, database, submit, left):
    database.run("failed")
    database.task("failed")
    submit(**left)
    assert looks(cleaner, 3) == []


def test_a_job_that_goes_on_after_its_timeout_is_left_alone(cleaner, database, submit):
    database.run("failed")
    database.task("failed")
    job_id = submit(recorded=False)
    tag = "t"
    written = SubmissionRecord("f" * 24, 1, 2, time.time(), tag, job_id=job_id, connection=CONNECTION, cancel=False)
    database.store(STORE_KEY, dataclasses.asdict(written))
    assert looks(cleaner, 3) == []


@pytest.mark.parametrize("state", ["failed", "running"])
def test_the_job_of_another_airflow_that_was_given_the_same_name_is_left_alone(database, client, submit, state):
    database.run("running")
    database.task(state)
    submit()
    submit(recorded=False)
    same = Cleaner(
        airflow=AirflowDatabase(database.session),
        connect=lambda conn_id: client,
        airflow_name=lambda: NAME,
        name_is_given=lambda: True,
    )
    assert len(looks(same, 3)) == (1 if state == "failed" else 0)


def test_a_job_of_a_run_that_this_airflow_has_never_had_is_left_alone(cleaner, database, submit):
    database.run("running", run_id="another")
    database.store(STORE_KEY, dataclasses.asdict(SubmissionRecord("f", 1, 2, time.time(), "t", connection=CONNECTION)))
    submit(recorded=False)
    assert looks(cleaner, 3) == []


def test_an_airflow_without_a_name_cancels_nothing(database, client, submit):
    database.run("failed")
    database.task("failed")
    submit()
    nameless = Cleaner(airflow=AirflowDatabase(database.session), connect=lambda _: client, airflow_name=lambda: "")
    assert looks(nameless, 3) == []


def test_it_is_told_in_the_audit_log(cleaner, database, submit):
    database.run("failed")
    database.task("failed")
    job_id = submit()
    looks(cleaner)
    assert database.told(EVENT) == [f"Job {job_id} was cancelled. Nobody waits for it: its task is failed."]


def test_a_look_costs_one_request(cleaner, database, submit, sent, emulator):
    database.run("running")
    database.task("running")
    submit()
    looks(cleaner, 1)
    emulator.clear_requests()
    looks(cleaner, 1)
    assert [line.partition("?")[0] for line in sent()] == ["GET /jobs"]


def test_no_task_has_run_a_job_so_nothing_is_asked(cleaner, sent):
    assert (looks(cleaner), sent()) == ([], [])


def test_a_cancellation_that_fails_is_tried_again(cleaner, database, submit, emulator):
    database.run("failed")
    database.task("failed")
    job_id = submit()
    emulator.add_fault(path="/jobs/*/cancel", status=503, times=1)
    assert looks(cleaner, 3) == [job_id]


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 401}, {"drop": "before"}], ids=str)
def test_a_service_that_cannot_be_asked_is_asked_again(cleaner, database, submit, emulator, caplog, fault):
    database.run("failed")
    database.task("failed")
    job_id = submit()
    emulator.add_fault(method="GET", path="/jobs", times=6 if fault.get("status") == 401 else 2, **fault)
    assert looks(cleaner, 4) == [job_id]
    assert sum("cannot be looked for" in line for line in caplog.messages) == 1


def test_a_connection_that_is_not_there_is_said_once(database, client, submit, caplog):
    database.run("failed")
    database.task("failed")
    submit()

    def missing(conn_id: str):
        raise RuntimeError("the secrets backend is away")

    assert (
        looks(Cleaner(airflow=AirflowDatabase(database.session), connect=missing, airflow_name=lambda: NAME), 3) == []
    )
    assert len([line for line in caplog.messages if "the secrets backend is away" in line]) == 1


@pytest.mark.parametrize("mistake", [AttributeError, TypeError])
def test_a_mistake_of_ours_is_not_waited_out(database, submit, mistake):
    database.run("failed")
    submit()

    def broken(conn_id: str):
        raise mistake("boom")

    with pytest.raises(mistake):
        looks(Cleaner(airflow=AirflowDatabase(database.session), connect=broken, airflow_name=lambda: NAME))


# Sessions


@pytest.fixture
def opened(client, database):
    """Open a session, and write it down as the task does."""

    def one(**record: Any) -> str:
        session = client.create_session(mode="dedicated", backend="ibm_fez", max_ttl=3600)
        written = SessionRecord("dedicated", "ibm_fez", 3600, 3600, time.time(), 2, session.id, CONNECTION)
        database.store(SESSION_KEY, dataclasses.asdict(dataclasses.replace(written, **record)), task_id="open")
        return session.id

    return one


@pytest.mark.parametrize("run", ["failed", "success", None])
def test_a_session_whose_run_has_ended_is_closed(cleaner, database, opened, client, run):
    session_id = opened()
    if run is not None:
        database.run(run)
    assert looks(cleaner) == [session_id]
    assert not client.session(session_id).accepting_jobs


def test_a_session_whose_run_goes_on_is_left_open(cleaner, database, opened):
    opened()
    database.run("running")
    assert looks(cleaner, 3) == []


def test_a_session_that_is_to_be_kept_open_is(cleaner, database, opened):
    opened(keep_open=True)
    database.run("success")
    assert looks(cleaner, 3) == []


def test_a_session_that_a_job_of_another_run_uses_is_left_open(cleaner, database, opened, client, emulator):
    emulator.configure(queue_seconds=3600)
    session_id = opened()
    database.run("success")
    database.run("running", run_id="another")
    tag = JobIdentity("dag", "another", "task", airflow=NAME).tag(1, "f" * 24, new_mark(cancel=True))
    client.submit_job(
        program_id="sampler",
        backend="ibm_fez",
        params={"version": 2, "pubs": [[FLIP, None, 1]]},
        tags=[tag, "dag:dag", "run:another", "task:task"],
        session_id=session_id,
    )
    assert looks(cleaner, 3) == []


def test_a_session_that_must_have_ended_by_itself_is_not_asked_for(cleaner, database, opened, sent, emulator):
    opened(opened_at=time.time() - timedelta(hours=3).total_seconds())
    database.run("success")
    emulator.clear_requests()
    looks(cleaner)
    assert not [line for line in sent() if "/sessions/" in line]
