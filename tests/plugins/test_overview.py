"""The content of the page Quantum."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_qrt.client.models import Backend, InstanceUsage, Job, JobMetrics, Session, Usage
from airflow_provider_qrt.client.states import JobState, JobStatus
from airflow_provider_qrt.plugins import overview, selection
from airflow_provider_qrt.plugins.claims import Claim
from airflow_provider_qrt.plugins.job_list import ListedJob
from airflow_provider_qrt.plugins.readings import Reading

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRICE = overview.Price(1.6, "USD")


def listed(number, status=JobStatus.COMPLETED, dag_id="a_dag", seconds=2.0, complete=True, **more):
    usage = Usage(seconds, complete) if seconds is not None else None
    job = Job(
        f"job{number}", JobState(status, status.value), created=NOW - timedelta(minutes=number), usage=usage, **more
    )
    return ListedJob(job, Claim((dag_id,), "run 1", "a/task", certain=True))


JOBS = [listed(n, JobStatus.QUEUED if n < 10 else JobStatus.COMPLETED, dag_id=f"dag_{n % 3}") for n in range(60)]


def test_a_page_holds_its_part_of_the_jobs_in_the_state_asked_for():
    rows, about = selection.choose_page(JOBS, selection.Question("Completed", page=2, page_size=25))

    assert [one.job.id for one in rows] == [f"job{n}" for n in range(35, 60)]
    assert (about["total"], about["all"], about["pages"], about["page"]) == (50, 60, 2, 2)
    assert about["counts"] == {"Queued": 10, "Running": 0, "Completed": 50, "Failed": 0, "Cancelled": 0}


def test_a_page_beyond_the_last_one_is_the_last_one():
    rows, about = selection.choose_page(JOBS, selection.Question(page=99))

    assert about["page"] == about["pages"] == 3
    assert len(rows) == 10
    assert selection.choose_page([], selection.Question(page=3))[1]["page"] == 1


def test_counts_are_those_of_the_dag_that_was_chosen():
    _, about = selection.choose_page(JOBS, selection.Question(dag_id="dag_0"))

    assert about["all"] == 20
    assert sum(about["counts"].values()) == 20


@pytest.mark.parametrize(
    ("status", "metrics", "expected"),
    [
        (JobStatus.QUEUED, ..., (60.0, "waits")),
        (JobStatus.RUNNING, ..., (None, "to be read")),
        (JobStatus.COMPLETED, None, (None, "unknown")),
        (JobStatus.COMPLETED, JobMetrics(NOW - timedelta(minutes=1), NOW - timedelta(seconds=18)), (42.0, "waited")),
        (JobStatus.CANCELLED, JobMetrics(NOW - timedelta(minutes=1), None, NOW), (60.0, "waited")),
        (JobStatus.FAILED, JobMetrics(NOW - timedelta(minutes=1), None, NOW), (None, "unknown")),
    ],
)
def test_the_time_in_the_queue(status, metrics, expected):
    one = listed(1, status)
    times = {} if metrics is ... else {one.job.id: metrics}

    found = overview.queue_time(one.job, times, NOW.timestamp())

    assert (found["seconds"], found["how"]) == expected


def row(one):
    return overview.job_row(one, {}, PRICE, now=NOW.timestamp(), base_url="https://api/v1", airflow="/air")


def test_a_row_links_to_airflows_own_pages():
    found = row(listed(1))

    assert found["dag_url"] == "/air/dags/a_dag"
    assert found["task_url"] == "/air/dags/a_dag/runs/run%201/tasks/a%2Ftask"
    assert found["result"] == {"dag_id": "a_dag", "run_id": "run 1", "task_id": "a/task", "map_index": -1}


def test_a_job_whose_task_is_not_known_links_to_its_run():
    one = ListedJob(listed(1).job, Claim(("a_dag",), "run 1"))

    assert row(one)["task_url"] == "/air/dags/a_dag/runs/run%201"
    assert row(one)["result"] == {"dag_id": "a_dag", "run_id": "run 1"}
    assert row(ListedJob(one.job, Claim(("a", "b"))))["task_url"] is None


def test_a_cost_is_final_or_expected_or_not_known():
    assert [row(listed(1))[key] for key in ("seconds", "settled", "cost")] == [2.0, True, 3.2]
    waiting = listed(1, JobStatus.QUEUED, seconds=None, estimated_running_seconds=5.0)
    assert [row(waiting)[key] for key in ("seconds", "settled", "cost")] == [5.0, False, 8.0]
    unknown = listed(1, JobStatus.QUEUED, seconds=None)
    assert [row(unknown)[key] for key in ("seconds", "settled", "cost")] == [None, False, None]


def test_qpu_time_by_dag_and_its_share_of_the_lower_limit():
    jobs = [listed(1, seconds=30.0), listed(2, dag_id="b"), listed(3, JobStatus.QUEUED, "b", seconds=None)]
    usage = InstanceUsage(40.0, 600.0, 300.0, False, None, None)
    dags = frozenset({"a_dag", "b"})

    spent = overview.VisibleJobs().of(jobs, dags, dags).spent
    rows = [overview.dag_row(one, usage, PRICE, "") for one in spent]

    assert [(one["dag_id"], one["jobs"], one["charged"], one["share"]) for one in rows] == [
        ("a_dag", 1, 30.0, 0.1),
        ("b", 2, 2.0, pytest.approx(2 / 300)),
    ]
    assert overview.instance_usage(usage)["limit"] == 300.0
    assert overview.dag_row(spent[0], None, PRICE, "")["share"] is None


def test_a_dedicated_session_costs_its_dag_what_it_held():
    inside = [listed(1, seconds=1.5, session_id="s"), listed(2, session_id="s")]
    shared = listed(3, dag_id="b", session_id="s")
    session = Session.from_json(
        {"id": "s", "mode": "dedicated", "state": "closed", "elapsed_time": 82, "closed_at": NOW.isoformat()}
    )
    dags = frozenset({"a_dag", "b"})

    visible = overview.VisibleJobs().of([*inside, shared], dags, dags, {"s": session})

    found = {one.dag_id: (one.jobs, one.charged) for one in visible.spent}
    first = min((*inside, shared), key=lambda one: one.job.created).claim.dag_id
    assert sum(charged for _, charged in found.values()) == 82.0
    assert found[first][1] == 82.0
    row = overview.job_row(inside[0], {}, PRICE, now=NOW.timestamp(), base_url="", airflow="", sessions={"s": session})
    assert (row["seconds"], row["cost"], row["in_session"]) == (1.5, None, True)


def test_a_small_share_of_the_limit_is_not_none():
    usage = InstanceUsage(1.5, 36_000.0, None, False, None, None)
    [spent] = overview.VisibleJobs().of([listed(1, seconds=0.5)], frozenset({"a_dag"}), frozenset({"a_dag"})).spent

    assert overview.instance_usage(usage)["share"] == pytest.approx(1.5 / 36_000)
    assert overview.dag_row(spent, usage, PRICE, "")["share"] == pytest.approx(0.5 / 36_000)


def test_what_may_be_seen_is_told_anew_for_other_rights_and_other_readings():
    visible = overview.VisibleJobs()
    both, one = frozenset({"dag_0", "dag_1", "dag_2"}), frozenset({"dag_1"})

    assert len(visible.of(JOBS, both, both).jobs) == 60
    assert {found.claim.dag_id for found in visible.of(JOBS, one, both).jobs} == {"dag_1"}
    assert visible.of(JOBS, frozenset(), both).jobs == []
    assert len(visible.of(JOBS[:3], both, both).jobs) == 3


def test_a_backend_is_shown_with_its_median_errors():
    backend = Backend(
        "ibm_fez", "online", "available", 12, 156, wait_time_seconds={"p50": 90},
        performance_metrics={"two_q_error_median": {"value": 0.003}, "readout_error_median": {"value": "n/a"}},
    )  # fmt: skip

    found = overview.backend_row(backend)

    assert (found["two_qubit_error"], found["readout_error"], found["wait_seconds"]) == (0.003, None, 90.0)
    assert (found["available"], found["queue"]) == (True, 12)


@pytest.mark.parametrize(
    ("reading", "state", "said"),
    [
        (Reading(busy_since=100.0), "reading", "is being asked"),
        (Reading(busy_since=80.0), "reading", "has taken 20 s"),
        (Reading(read_at=95.0, complete=True), "fresh", ""),
        (Reading(read_at=95.0, complete=True, busy_since=98.0), "fresh", ""),
        (Reading(read_at=60.0, complete=True, busy_since=70.0), "slow", "has taken 30 s"),
        (Reading(problems={"connection": "No route."}), "failed", "No route."),
        (Reading(read_at=1.0, complete=True, problems={"connection": "No."}), "failed", "was read before"),
        (Reading(read_at=95.0, problems={"jobs": "No tags."}), "fresh", ""),
    ],
)
def test_the_page_says_how_fresh_it_is(reading, state, said):
    found = overview.freshness(reading, 100.0, 0)

    assert found["state"] == state
    assert said in found["message"]


def test_while_it_reads_the_page_counts_only_what_somebody_may_see():
    message = overview.freshness(Reading(jobs=JOBS, busy_since=100.0), 100.0, 7)["message"]

    assert "7 jobs" in message
    assert str(len(JOBS)) not in message
