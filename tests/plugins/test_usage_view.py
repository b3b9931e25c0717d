"""QPU time over days, and the sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_qrt.client.models import Job, Session, Usage
from airflow_provider_qrt.client.states import JobState, JobStatus
from airflow_provider_qrt.plugins.claims import Claim
from airflow_provider_qrt.plugins.job_list import ListedJob
from airflow_provider_qrt.plugins.overview import Price
from airflow_provider_qrt.plugins.session_shares import SessionShares
from airflow_provider_qrt.plugins.usage_view import MOST_SERIES, OTHERS, usage_view

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICE = Price(2.0, "USD")


def listed(name, dag_id, seconds, days=0, session_id=None):
    usage = Usage(seconds, True)
    created = NOW - timedelta(days=days)
    job = Job(name, JobState(JobStatus.COMPLETED, "Completed"), created=created, usage=usage, session_id=session_id)
    return ListedJob(job, Claim((dag_id,), "r", "t", certain=True))


def view(jobs, sessions=None, days=3, others=()):
    """``others``: older jobs, which the user may not see."""
    shares = SessionShares.of([*jobs, *others], sessions or {})
    return usage_view(jobs, shares, PRICE, now=NOW.timestamp(), days=days)


def test_seconds_are_added_up_by_day_and_dag():
    found = view(
        [listed("a", "one", 3.0), listed("b", "one", 1.0), listed("c", "two", 9.0, 2), listed("d", "one", 5, 9)]
    )

    assert found["days"] == ["2026-11-19", "2026-11-20", "2026-11-21"]
    assert found["series"] == [{"name": "two", "seconds": [9.0, 0.0, 0.0]}, {"name": "one", "seconds": [0.0, 0.0, 4.0]}]


def test_small_dags_are_one_series():
    jobs = [listed(f"j{number}", f"dag_{number:02}", float(number + 1)) for number in range(MOST_SERIES + 3)]

    series = view(jobs)["series"]

    assert [one["name"] for one in series] == [*(f"dag_{n:02}" for n in range(10, 2, -1)), OTHERS]
    assert series[-1]["seconds"] == [0.0, 0.0, 6.0]


def test_a_dedicated_session_counts_for_as_long_as_it_held_the_backend():
    session = Session(
        "s", "dedicated", "closed", False, "ibm_fez", activated_at=NOW - timedelta(days=1), elapsed_seconds=60.0
    )
    jobs = [listed("b", "two", 4.0, 0, "s"), listed("a", "one", 5.0, 1, "s"), listed("c", "one", 1.0)]

    found = view(jobs, {"s": session})

    # Its first job is of the DAG one, and it was opened yesterday.
    assert found["series"] == [{"name": "one", "seconds": [0.0, 60.0, 1.0]}]
    [row] = found["sessions"]
    assert (row["dag_id"], row["jobs"], row["held_seconds"], row["job_seconds"]) == ("one", 2, 60.0, 9.0)
    assert (row["idle_seconds"], row["cost"]) == (51.0, 120.0)


def test_a_session_of_a_dag_that_the_user_may_not_see_is_not_told_of():
    session = Session("s", "dedicated", "closed", False, activated_at=NOW, elapsed_seconds=3600.0)
    hidden, own = listed("a", "hidden", 3000.0, 0, "s"), listed("b", "mine", 10.0, 0, "s")

    found = view([own], {"s": session}, others=[hidden])

    assert (found["series"], found["sessions"]) == ([], [])


def test_the_idle_time_of_a_session_with_hidden_jobs_is_not_told():
    session = Session("s", "dedicated", "closed", False, activated_at=NOW, elapsed_seconds=3600.0)
    own, hidden = listed("a", "mine", 10.0, 1, "s"), listed("b", "hidden", 3000.0, 0, "s")
    shares = SessionShares.of([hidden, own], {"s": session})

    [row] = usage_view([own], shares, PRICE, now=NOW.timestamp(), days=3)["sessions"]

    assert (row["dag_id"], row["jobs"], row["held_seconds"], row["idle_seconds"]) == ("mine", 1, 3600.0, None)


def test_a_session_that_is_open_holds_its_backend_until_now():
    session = Session("s", "dedicated", "open", True, activated_at=NOW - timedelta(seconds=90))

    [row] = view([listed("a", "one", 5.0, 0, "s")], {"s": session})["sessions"]

    assert (row["held_seconds"], row["idle_seconds"], row["ended"]) == (90.0, 85.0, None)


def test_a_session_without_a_job_that_has_begun_costs_nothing():
    session = Session("s", "dedicated", "open", True, started_at=NOW)

    found = view([listed("a", "one", 5.0, 0, "s")], {"s": session})

    assert found["series"] == []
    assert found["sessions"][0]["held_seconds"] is None


def test_without_jobs_there_is_nothing():
    assert view([]) == {"days": ["2026-11-19", "2026-11-20", "2026-11-21"], "series": [], "sessions": []}
