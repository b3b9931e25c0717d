"""The check that a job fits into a budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_qrt.client.models import InstanceUsage, Job, Session
from airflow_provider_qrt.jobs.budget.spending import (
    QiskitRuntimeBudget,
    Spending,
    add_up,
    check_budget,
    check_period,
    check_usage,
    estimate_seconds,
    limits_within,
)
from airflow_provider_qrt.jobs.errors import OverBudgetError
from airflow_provider_qrt.primitives.errors import InvalidInputError

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def job(age_days: float = 0.0, status: str = "Completed", **more: Any) -> Job:
    created = NOW - timedelta(days=age_days)
    return Job.from_json({"id": "j", "state": {"status": status}, "created": created.isoformat(), **more})


def charged(seconds: float, age_days: float = 0.0) -> Job:
    return job(age_days, usage={"qpu_charge_time_seconds": seconds, "status": "complete"})


def usage(consumed: float, limit: float | None = None, reached: bool = False) -> InstanceUsage:
    return InstanceUsage(consumed, limit, None, reached, NOW, NOW + timedelta(days=7))


@pytest.mark.parametrize(
    ("executions", "limit", "seconds"), [(0, None, 2.0), (100_000, None, 37.0), (100_000, 10, 10.0), (1000, 10, 2.35)]
)
def test_the_estimate_is_ibms_rule_and_never_more_than_the_job_may_take(executions, limit, seconds):
    assert estimate_seconds(executions, limit) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (charged(3.5), (3.5, 0.0)),
        (job(status="Queued", estimated_running_time_seconds=4.0, cost=60), (0.0, 4.0)),
        (job(status="Queued", cost=60), (0.0, 60.0)),
        (
            job(usage={"qpu_charge_time_seconds": 0, "status": "pending"}, estimated_running_time_seconds=4.0),
            (0.0, 4.0),
        ),
        (job(status="Cancelled"), (0.0, 0.0)),
        (job(status="Running", usage={"qpu_charge_time_seconds": 0, "status": "complete"}, cost=7), (0.0, 7.0)),
    ],
    ids=["charged", "the service's estimate", "the job's limit", "bill open", "cancelled", "running"],
)
def test_what_a_job_costs(one, expected):
    spent = add_up([one])
    assert (spent.charged_seconds, spent.expected_seconds, spent.jobs) == (*expected, 1)


def test_a_job_that_fits_may_be_submitted():
    assert check_budget(QiskitRuntimeBudget(10), [charged(3), charged(4)], 3.0, NOW).total == 7.0


def test_a_job_that_does_not_fit_may_not_and_the_error_says_what_was_spent():
    with pytest.raises(
        OverBudgetError, match=r"estimated at 3\.1 s.*spent 7\.0 s.*2 jobs.*budget of 10 s.*Nothing was"
    ):
        check_budget(QiskitRuntimeBudget(10), [charged(3), charged(4)], 3.1, NOW)


def test_there_is_room_when_enough_has_left_the_window():
    budget = QiskitRuntimeBudget(10, per="dag", window=timedelta(days=10))
    with pytest.raises(OverBudgetError) as caught:
        check_budget(budget, [charged(1, 9), charged(4, 5), charged(5, 1)], 4.0, NOW)
    # The job of nine days ago frees one second, which is not enough; the one of five days ago leaves in five days.
    assert caught.value.room_at == NOW + timedelta(days=5)


@pytest.mark.parametrize(
    ("budget", "estimate"),
    [(QiskitRuntimeBudget(10), 4.0), (QiskitRuntimeBudget(10, per="dag"), 11.0)],
    ids=["a run's budget", "more than the budget"],
)
def test_there_is_never_room_for_some(budget, estimate):
    with pytest.raises(OverBudgetError) as caught:
        check_budget(budget, [charged(8)], estimate, NOW)
    assert caught.value.room_at is None


def test_what_the_instance_has_left_counts_too():
    check_usage(usage(95, 100), 5.0)
    check_usage(usage(95, None), 500.0)
    with pytest.raises(OverBudgetError, match=r"has 5\.0 s left.*period ends 2026-11-28"):
        check_usage(usage(95, 100), 5.1)
    with pytest.raises(OverBudgetError):
        check_usage(usage(0, 100, reached=True), 1.0)


def test_a_budget_over_the_instances_period():
    budget = QiskitRuntimeBudget(100, per="connection")
    check_period(budget, usage(90), 10.0)
    with pytest.raises(OverBudgetError) as caught:
        check_period(budget, usage(90), 10.1)
    assert caught.value.room_at == NOW + timedelta(days=7)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"max_seconds": 0}, "above 0"),
        ({"max_seconds": "ten"}, "above 0"),
        ({"max_seconds": True}, "above 0"),
        ({"seconds": 10}, "seconds is not known; there are max_seconds"),
        ({}, "max_seconds is missing"),
        ({"max_seconds": 1, "per": "task"}, "dag_run, dag, connection"),
        ({"max_seconds": 1, "per": "dag", "window": -1}, "window is seconds"),
        ({"max_seconds": 1, "window": 60}, "a dag_run has no window"),
        ({"max_seconds": 1, "when_exceeded": "defer"}, "nothing to wait for"),
        ({"max_seconds": 1, "when_exceeded": "pray"}, "fail, defer"),
        ({"max_seconds": float("nan")}, "above 0"),
        ({"max_seconds": float("inf")}, "above 0"),
        (-5, "above 0"),
        (True, "expected seconds, a timedelta, text such as '10m', a QiskitRuntimeBudget or a mapping, not bool"),
        ("soon", "max_seconds must be above 0: seconds, a timedelta, or text such as '10m', not 'soon'"),
    ],
    ids=str,
)
def test_a_budget_that_makes_no_sense_is_refused(value, says):
    with pytest.raises(InvalidInputError, match=says):
        QiskitRuntimeBudget.read(value)


def test_a_budget_can_be_a_mapping():
    assert QiskitRuntimeBudget.read({"max_seconds": 5, "per": "dag"}) == QiskitRuntimeBudget(5, "dag")
    assert QiskitRuntimeBudget.read(None) is None


@pytest.mark.parametrize("given", [600, "10m", "600", timedelta(minutes=10)])
def test_a_duration_is_that_time_for_each_run(given):
    assert QiskitRuntimeBudget.read(given) == QiskitRuntimeBudget(600)


def test_a_number_is_seconds_for_each_run():
    assert QiskitRuntimeBudget.read(60) == QiskitRuntimeBudget(60, per="dag_run")
    assert QiskitRuntimeBudget.read(2.5) == QiskitRuntimeBudget(2.5)


def in_session(name: str, seconds: float, **more: Any) -> Job:
    return job(session_id=name, usage={"qpu_charge_time_seconds": seconds, "status": "complete"}, **more)


def session(**more: Any) -> Session:
    return Session.from_json({"id": "s", "mode": "dedicated", "state": "closed", **more})


def test_a_dedicated_session_counts_in_place_of_its_jobs():
    jobs = [in_session("s", 2), in_session("s", 1), charged(4), in_session("a-batch", 5)]
    closed = session(elapsed_time=82, closed_at="2026-11-20T00:00:00Z")
    spent = add_up(jobs, {"s": closed})
    assert (spent.charged_seconds, spent.expected_seconds, spent.jobs) == (91.0, 0.0, 4)
    with pytest.raises(OverBudgetError, match=r"has spent 91\.0 s"):
        check_budget(QiskitRuntimeBudget(90), jobs, 1.0, NOW, {"s": closed})


def test_an_open_session_counts_with_what_it_has_held_and_will_hold():
    begun = session(state="active", activated_at=(NOW - timedelta(seconds=30)).isoformat())
    assert add_up([in_session("s", 2)], {"s": begun}, NOW) == Spending(0.0, 30.0, 1)
    waiting = session(state="open")
    queued = job(status="Queued", session_id="s", estimated_running_time_seconds=7.0)
    assert add_up([queued], {"s": waiting}, NOW) == Spending(0.0, 7.0, 1)


@pytest.mark.parametrize(
    ("left", "estimates", "own", "expected"),
    [
        (30.0, [3.4], None, [30]),
        (30.0, [3.4], 20, [20]),
        (30.0, [3.4], 600, [30]),
        # Never less than a job that was admitted is expected to take, in whole seconds.
        (2.5, [2.4], None, [3]),
        (30.0, [2.0, 4.0], None, [10, 20]),
        (1e9, [2.0], None, [10_800]),
    ],
)
def test_jobs_are_stopped_where_the_budget_ends(left, estimates, own, expected):
    assert limits_within(left, estimates, own) == expected


def test_durations_may_be_written_as_people_do():
    budget = QiskitRuntimeBudget.read({"max_seconds": "10m", "per": "dag", "window": "7d"})
    assert budget is not None
    assert (budget.max_seconds, budget.window) == (600, 604_800)
