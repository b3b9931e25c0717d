"""The check that a job fits into a budget."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_qrt.client.models import InstanceUsage, Job, Session
from airflow_provider_qrt.jobs.budget.spending import (
    Charge,
    QiskitRuntimeBudget,
    Spending,
    add_up,
    charges,
    check_budget,
    check_period,
    check_usage,
    cost_of,
    estimate_seconds,
    jobs_of,
    limits_within,
    window_start,
)
from airflow_provider_qrt.jobs.errors import OverBudgetError
from airflow_provider_qrt.jobs.submit.identity import JobIdentity
from airflow_provider_qrt.primitives.errors import InvalidInputError

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def job(age_days: float = 0.0, status: str = "Completed", **more: Any) -> Job:
    created = NOW - timedelta(days=age_days)
    return Job.from_json({"id": "j", "state": {"status": status}, "created": created.isoformat(), **more})


def charged(seconds: float, age_days: float = 0.0) -> Job:
    return job(age_days, usage={"qpu_charge_time_seconds": seconds, "status": "complete"})


def usage(consumed: float, limit: float | None = None, reached: bool = False) -> InstanceUsage:
    return InstanceUsage(consumed, limit, None, reached, NOW, NOW + timedelta(days=7))


def test_a_job_for_which_no_seconds_are_charged_costs_nothing():
    assert cost_of(job(usage={"status": "complete"})) == (0.0, True)


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


@pytest.mark.parametrize(
    ("budget", "whose"),
    [
        (QiskitRuntimeBudget(10), "this DAG run"),
        (QiskitRuntimeBudget(10, per="dag"), "this DAG"),
        (QiskitRuntimeBudget(10, per="connection"), "this connection's instance"),
    ],
    ids=lambda value: getattr(value, "per", ""),
)
def test_a_job_that_does_not_fit_may_not_and_the_error_says_what_was_spent(budget, whose):
    queued = job(status="Queued", estimated_running_time_seconds=1.5)
    with pytest.raises(OverBudgetError) as raised:
        check_budget(budget, [charged(3), charged(4), queued], 3.1, NOW)
    assert str(raised.value) == (
        f"The job is estimated at 3.1 s of QPU time; {whose} has spent 7.0 s and expects to spend 1.5 s more (3 jobs) "
        "of its budget of 10 s. Nothing was submitted. Raise the budget, or ask for less."
    )


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


def test_what_the_instance_has_left_is_enough_or_is_not_limited():
    check_usage(usage(95, 100), 5.0)
    check_usage(usage(95, None), 500.0)


@pytest.mark.parametrize(
    ("used", "left", "end"),
    [
        (usage(95, 100), "5.0", " The period ends 2026-11-28 00:00 UTC."),
        (usage(95, None, reached=True), "0.0", " The period ends 2026-11-28 00:00 UTC."),
        (replace(usage(95, 100), period_end=None), "5.0", ""),
    ],
    ids=["too little", "used up", "no end"],
)
def test_what_the_instance_has_left_is_not_enough(used, left, end):
    with pytest.raises(OverBudgetError) as raised:
        check_usage(used, 5.1)
    assert str(raised.value) == (
        f"The job is estimated at 5.1 s of QPU time; the instance has {left} s left of its usage limit.{end} Nothing "
        "was submitted. Raise the instance's limit, or use another instance."
    )
    assert raised.value.room_at == used.period_end


def test_a_limit_that_is_reached_stops_even_a_small_job():
    with pytest.raises(OverBudgetError):
        check_usage(usage(0, 100, reached=True), 1.0)


def test_a_budget_over_the_instances_period():
    budget = QiskitRuntimeBudget(100, per="connection")
    check_period(budget, usage(90), 10.0)
    with pytest.raises(OverBudgetError) as raised:
        check_period(budget, usage(90), 10.1)
    assert str(raised.value) == (
        "The job is estimated at 10.1 s of QPU time; the instance has used 90.0 s in this period of the budget of 100 "
        "s. Nothing was submitted."
    )
    assert raised.value.room_at == NOW + timedelta(days=7)


ABOVE_ZERO = "max_seconds must be above 0: seconds, a timedelta, or text such as '10m', not {}."
NO_WINDOW = "window is seconds or a timedelta above 0, not {}."
EXPECTED = "expected seconds, a timedelta, text such as '10m', a QiskitRuntimeBudget or a mapping, not {}."


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"max_seconds": 0}, ABOVE_ZERO.format(0)),
        ({"max_seconds": "ten"}, ABOVE_ZERO.format("'ten'")),
        ({"max_seconds": True}, ABOVE_ZERO.format(True)),
        ({"max_seconds": float("nan")}, ABOVE_ZERO.format("nan")),
        ({"max_seconds": float("inf")}, ABOVE_ZERO.format("inf")),
        (-5, ABOVE_ZERO.format(-5)),
        ("soon", ABOVE_ZERO.format("'soon'")),
        (True, EXPECTED.format("bool")),
        ([1], EXPECTED.format("list")),
        (
            {"seconds": 10, 5: 1},
            "5, seconds is not known; there are max_seconds, per, window, when_exceeded, estimate.",
        ),
        ({}, "max_seconds is missing."),
        ({"max_seconds": 1, "per": "task"}, "per is one of dag_run, dag, connection, not 'task'."),
        ({"max_seconds": 1, "when_exceeded": "pray"}, "when_exceeded is one of fail, defer, not 'pray'."),
        ({"max_seconds": 1, "per": "dag", "window": -1}, NO_WINDOW.format(-1)),
        ({"max_seconds": 1, "per": "dag", "window": 0}, NO_WINDOW.format(0)),
        ({"max_seconds": 1, "per": "dag", "window": True}, NO_WINDOW.format(True)),
        ({"max_seconds": 1, "per": "dag", "window": float("inf")}, NO_WINDOW.format("inf")),
        ({"max_seconds": 1, "per": "dag", "window": "long"}, NO_WINDOW.format("'long'")),
        ({"max_seconds": 1, "per": "dag", "window": timedelta(0)}, NO_WINDOW.format("datetime.timedelta(0)")),
        ({"max_seconds": 1, "window": 60}, "a dag_run has no window; use per='dag' or per='connection'."),
        (
            {"max_seconds": 1, "when_exceeded": "defer"},
            "the budget of a dag_run never grows again, so there is nothing to wait for.",
        ),
    ],
    ids=str,
)
def test_a_budget_that_makes_no_sense_is_refused(value, says):
    with pytest.raises(InvalidInputError) as refused:
        QiskitRuntimeBudget.read(value)
    assert str(refused.value) == f"budget: {says}"


@pytest.mark.parametrize("per", ["dag", "connection"])
def test_a_budget_of_more_than_one_run_may_be_waited_for_and_have_a_window(per):
    budget = QiskitRuntimeBudget(0.5, per, 0.5, "defer")
    assert (budget.max_seconds, budget.per, budget.window, budget.when_exceeded) == (0.5, per, 0.5, "defer")
    assert QiskitRuntimeBudget.read(budget) is budget


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


# Windows


@pytest.mark.parametrize(
    ("window", "whole", "start"),
    [
        (None, False, NOW - timedelta(days=28)),
        (None, True, None),
        (60, True, NOW - timedelta(seconds=60)),
        (0.5, False, NOW - timedelta(seconds=0.5)),
        (timedelta(days=7), False, NOW - timedelta(days=7)),
    ],
    ids=str,
)
def test_a_window_begins_so_long_ago(window, whole, start):
    assert window_start(window, NOW, whole=whole) == start


@pytest.mark.parametrize("window", [0, -1, True, "7d", float("inf"), float("nan"), timedelta(0)], ids=repr)
def test_a_window_without_a_length_is_refused(window):
    with pytest.raises(InvalidInputError) as refused:
        window_start(window, NOW, whole=False)
    assert str(refused.value) == f"window: expected seconds or a timedelta above 0, not {window!r}."


@pytest.mark.parametrize(
    ("budget", "since"),
    [
        (QiskitRuntimeBudget(1), None),
        (QiskitRuntimeBudget(1, per="dag"), NOW - timedelta(days=28)),
        (QiskitRuntimeBudget(1, per="connection", window=60), NOW - timedelta(seconds=60)),
    ],
    ids=lambda value: getattr(value, "per", ""),
)
def test_what_counts_begins_with_the_window(budget, since):
    assert budget.since(NOW) == since


# The jobs that count


@pytest.mark.parametrize(("whole_dag", "tags"), [(True, ["dag:dag"]), (False, ["dag:dag", "run:run"])])
def test_the_jobs_of_a_dag_or_a_run_are_those_that_this_airflow_submitted(whole_dag, tags):
    identity = JobIdentity("dag", "run", "task", airflow="prod")
    ours, other = identity.tag(1, "f"), replace(identity, airflow="staging").tag(1, "f")
    listed = [job(tags=["dag:dag", one]) for one in (ours, other, "mine", replace(identity, task_id="x").tag(2, "f"))]
    asked = []

    def list_jobs(**filters: Any) -> list[Job]:
        asked.append(filters)
        return listed

    found = list(jobs_of(list_jobs, identity, whole_dag=whole_dag, since=NOW))
    assert found == [listed[0], listed[3]]
    assert asked == [{"tags": tags, "created_after": NOW}]


def test_a_job_in_a_session_that_has_not_begun_costs_what_is_expected():
    queued = job(status="Queued", session_id="s", estimated_running_time_seconds=0.5)
    assert add_up([queued], {"s": session(state="open")}, NOW) == Spending(0.0, 0.5, 1)
    ended = session(closed_at="2026-11-20T00:00:00Z")
    assert add_up([in_session("s", 2)], {"s": ended}, NOW) == Spending(0.0, 0.0, 1)


def test_a_closed_session_is_open_on_the_bill_while_jobs_wait_in_it():
    closed = session(elapsed_time=82, closed_at="2026-11-20T00:00:00Z")
    queued = job(status="Queued", session_id="s", estimated_running_time_seconds=100.0)
    assert add_up([in_session("s", 2), queued], {"s": closed}, NOW) == Spending(0.0, 102.0, 2)


def test_each_charge_knows_when_it_began():
    closed = session(elapsed_time=82, closed_at="2026-11-20T00:00:00Z")
    inside = [in_session("s", 1, age_days=3), in_session("s", 1, age_days=5), replace(in_session("s", 1), created=None)]
    assert charges([*inside, charged(4, 1)], {"s": closed, "unused": closed}, NOW) == [
        Charge(4.0, True, NOW - timedelta(days=1)),
        Charge(82.0, True, NOW - timedelta(days=5)),
    ]
    assert charges([replace(one, created=None) for one in inside], {"s": closed}, NOW) == [Charge(82.0, True, None)]


@pytest.mark.parametrize(
    ("spent", "estimate", "room_at"),
    [
        ([charged(4, 5), charged(5, 1)], 5.0, NOW + timedelta(days=5)),
        ([charged(5, 1), charged(4, 5)], 5.0, NOW + timedelta(days=5)),
        ([charged(9, 2)], 5.0, NOW + timedelta(days=8)),
        ([replace(charged(9), created=None)], 5.0, None),
        ([charged(3, 4), replace(charged(5), created=None)], 8.0, NOW + timedelta(days=6)),
    ],
    ids=["the oldest is enough", "in any order", "one", "of unknown age", "one of unknown age counts as the oldest"],
)
def test_room_comes_when_the_oldest_have_left_the_window(spent, estimate, room_at):
    budget = QiskitRuntimeBudget(10, per="dag", window=timedelta(days=10))
    with pytest.raises(OverBudgetError) as raised:
        check_budget(budget, spent, estimate, NOW)
    assert raised.value.room_at == room_at


def test_the_limits_of_the_jobs_themselves_count_too():
    assert limits_within(100.0, [2.0, 3.0], 25) == [25, 25]
    assert limits_within(1e9, [2.0], 20_000) == [10_800]
