"""The balance of a session: seconds for which it held the backend, and seconds for which its jobs ran."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job, Session, Workload
from airflow_provider_qrt.jobs.sessions.usage import SessionUse, active_seconds, dedicated_sessions, session_use

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPEN = Session("s1", "dedicated", "active", True, "ibm_fez")
CLOSED = replace(OPEN, state="closed", closed_at=NOW - timedelta(hours=1), elapsed_seconds=80.0)
BATCH = replace(OPEN, mode="batch")


def job(session_id: str | None = "s1", seconds: float | None = None, created: datetime | None = NOW) -> Job:
    usage = None if seconds is None else {"qpu_charge_time_seconds": seconds, "status": "complete"}
    when = created.isoformat() if created else None
    return Job.from_json({"id": "j", "session_id": session_id, "usage": usage, "created": when})


def listed(name: str, mode: str = "session") -> Workload:
    return Workload(name, mode, "completed")


# Seconds


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, None),
        ({"activated_at": NOW - timedelta(seconds=30)}, 30.0),
        ({"activated_at": NOW - timedelta(seconds=30), "closed_at": NOW - timedelta(seconds=10)}, 20.0),
        ({"activated_at": NOW - timedelta(seconds=30), "elapsed_seconds": 12.5}, 12.5),
        ({"elapsed_seconds": 0.0}, 0.0),
    ],
    ids=["never used", "in use", "closed", "told by the service", "told to be nothing"],
)
def test_a_session_is_active_from_its_first_job_to_its_end(changes, seconds):
    assert active_seconds(replace(OPEN, **changes), NOW) == seconds


@pytest.mark.parametrize(
    ("session", "active", "used", "idle"),
    [(CLOSED, 80.0, 30.5, 49.5), (CLOSED, 20.0, 30.0, 0.0), (OPEN, None, 0.0, None), (BATCH, 80.0, 30.5, None)],
    ids=["idle for some time", "busy all the time", "never used", "a batch"],
)
def test_only_a_dedicated_session_can_be_idle(session, active, used, idle):
    assert SessionUse(session, 2, active, used).idle_seconds == idle


def test_the_jobs_of_a_session_are_counted_and_their_known_seconds_added_up():
    begun = replace(OPEN, activated_at=NOW - timedelta(seconds=90))
    jobs = iter([job(seconds=2.5), job(seconds=4.0), job(), replace(job(seconds=1), usage=None)])
    assert session_use(begun, jobs, NOW) == SessionUse(begun, 4, 90.0, 6.5)


def test_a_bill_that_is_open_adds_nothing():
    pending = Job.from_json({"id": "j", "usage": {"qpu_charge_time_seconds": None, "status": "pending"}})
    assert session_use(OPEN, [pending, job(seconds=3)], NOW) == SessionUse(OPEN, 2, None, 3)


# In words and as JSON


@pytest.mark.parametrize(
    ("use", "line"),
    [
        (
            SessionUse(CLOSED, 3, 80.04, 30.55),
            "Session s1 is closed: 3 jobs, 30.6 s of QPU time; it held ibm_fez for 80.0 s, 49.5 s of it without QPU "
            "work. A dedicated session is charged for these as well; a batch is not.",
        ),
        (SessionUse(OPEN, 0, None, 0.0), "Session s1 is active: 0 jobs, 0.0 s of QPU time."),
        (SessionUse(BATCH, 2, 80.0, 30.0), "Batch s1 is active: 2 jobs, 30.0 s of QPU time."),
    ],
    ids=["dedicated", "never used", "batch"],
)
def test_the_log_gets_one_line(use, line):
    assert use.describe() == line


def test_all_of_it_goes_into_the_xcom():
    assert SessionUse(CLOSED, 3, 80.0, 30.5).to_json() == {
        "session_id": "s1",
        "mode": "dedicated",
        "backend": "ibm_fez",
        "state": "closed",
        "jobs": 3,
        "active_seconds": 80.0,
        "job_seconds": 30.5,
        "idle_seconds": 49.5,
    }


# The dedicated sessions among those of jobs


@pytest.fixture
def sessions(service):
    """Holds sessions, and lists those that are no batch."""

    def hold(*made: Session) -> Any:
        service.sessions = {one.id: one for one in made}
        service.listed = [listed(one.id, "batch" if one.mode == "batch" else "session") for one in made]
        return service

    return hold


def test_dedicated_sessions_are_told_from_batches(sessions):
    other = replace(CLOSED, id="s2")
    service = sessions(OPEN, replace(BATCH, id="b"), other)
    found = dedicated_sessions(service, [job("s1"), job("b"), job(None), job("s2"), job("s1")])
    assert found == {"s1": OPEN, "s2": other}
    # A batch is not even read.
    assert service.asked("session") == ["s1", "s2"]


def test_what_the_list_calls_a_session_and_is_a_batch_is_left_out(sessions):
    service = sessions(OPEN)
    service.sessions["s1"] = BATCH
    assert dedicated_sessions(service, [job()]) == {}


def test_the_list_begins_a_day_before_the_oldest_job(sessions):
    service = sessions(OPEN, replace(OPEN, id="s2"))
    dedicated_sessions(service, [job("s1", created=NOW), job("s2", created=NOW - timedelta(hours=5))])
    assert service.asked("workloads") == [{"mode": "session", "created_after": NOW - timedelta(hours=29)}]


def test_with_a_job_of_unknown_age_all_sessions_are_listed(sessions):
    service = sessions(OPEN, replace(OPEN, id="s2"))
    assert set(dedicated_sessions(service, [job("s1"), job("s2", created=None)])) == {"s1", "s2"}
    assert service.asked("workloads") == [{"mode": "session", "created_after": None}]


def test_a_session_that_is_not_known_any_more_is_left_out_and_the_others_are_not(sessions):
    service = sessions(OPEN, replace(OPEN, id="s2"))
    del service.sessions["s1"]
    assert set(dedicated_sessions(service, [job("s1"), job("s2")])) == {"s2"}


@pytest.mark.parametrize(
    ("known", "again"),
    [
        (CLOSED, False),
        (replace(CLOSED, elapsed_seconds=None), True),
        (replace(CLOSED, closed_at=None), True),
        (OPEN, True),
    ],
    ids=["settled", "without its bill", "without its end", "open"],
)
def test_a_session_is_read_again_until_it_is_settled(sessions, known, again):
    now = replace(CLOSED, elapsed_seconds=81.0)
    service = sessions(now)
    assert dedicated_sessions(service, [job()], {"s1": known}) == {"s1": now if again else known}
    assert service.asked("session") == (["s1"] if again else [])


def test_jobs_without_sessions_ask_for_nothing(sessions):
    service = sessions(OPEN)
    assert dedicated_sessions(service, [job(None)]) == {}
    assert service.calls == []


def test_a_channel_without_such_sessions_is_asked_for_nothing(service_without_tags):
    assert dedicated_sessions(service_without_tags, [job()]) == {}
    assert service_without_tags.calls == []


def test_a_service_that_cannot_be_asked_is_an_error(sessions):
    service = sessions(OPEN)
    service.failing["session"] = errors.ConnectionFailedError("no route")
    with pytest.raises(errors.ConnectionFailedError):
        dedicated_sessions(service, [job()])
