"""Filters and order of the jobs on the page Quantum."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from airflow_provider_qrt.client.models import Job, Usage
from airflow_provider_qrt.client.states import JobState, JobStatus
from airflow_provider_qrt.plugins.claims import Claim
from airflow_provider_qrt.plugins.job_list import ListedJob
from airflow_provider_qrt.plugins.selection import SORTS, Choices, Question, choose_page, select, user_tags

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def listed(number, dag_id="a_dag", backend="ibm_fez", status=JobStatus.COMPLETED, tags=(), seconds=2.0, days=0):
    job = Job(
        f"job{number}",
        JobState(status, status.value),
        backend=backend,
        created=NOW - timedelta(minutes=number, days=days),
        tags=("qrt:a:b:1:c:d", f"dag:{dag_id}", "run:r", "task:measure", *tags),
        usage=Usage(seconds, True),
    )
    return ListedJob(job, Claim((dag_id,), f"run_{number}", "measure", certain=True))


JOBS = [
    listed(0, tags=("nightly",), seconds=5.0),
    listed(1, "b_dag", "ibm_boston", JobStatus.FAILED, seconds=1.0),
    listed(2, "b_dag", "ibm_boston", JobStatus.QUEUED, seconds=None, days=1),
    listed(3, backend=None, days=2),
]


def chosen(**question):
    return [one.job.id for one in select(JOBS, Question(**question))]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"backend": "ibm_boston"}, [1, 2]),
        ({"backend": "ibm_boston", "state": "Queued"}, [2]),
        ({"tag": "nightly"}, [0]),
        ({"tag": "dag:a_dag"}, []),
        ({"text": "NIGHT"}, [0]),
        ({"text": "job2"}, [2]),
        ({"text": " b_dag "}, [1, 2]),
        ({"text": "run_3"}, [3]),
        ({"text": "qrt:"}, []),
        ({"since": date(2026, 11, 21)}, [0, 1]),
        ({"until": date(2026, 11, 20)}, [2, 3]),
        ({"since": date(2026, 11, 20), "until": date(2026, 11, 20)}, [2]),
        ({"dag_id": "a_dag", "text": "fez"}, [0]),
    ],
)
def test_filters_leave_what_passes_all_of_them(question, found):
    assert chosen(**question) == [f"job{number}" for number in found]


@pytest.mark.parametrize(
    ("sort", "reverse", "found"),
    [
        ("created", False, [0, 1, 2, 3]),
        ("created", True, [3, 2, 1, 0]),
        ("id", False, [0, 1, 2, 3]),
        ("id", True, [3, 2, 1, 0]),
        ("state", False, [2, 0, 3, 1]),
        ("backend", False, [3, 1, 2, 0]),
        ("dag", False, [0, 3, 1, 2]),
        ("seconds", False, [0, 3, 1, 2]),
        ("seconds", True, [2, 1, 3, 0]),
        ("nothing that is known", False, [0, 1, 2, 3]),
    ],
)
def test_jobs_are_in_the_order_of_a_column(sort, reverse, found):
    assert chosen(sort=sort, reverse=reverse) == [f"job{number}" for number in found]


def test_jobs_in_dedicated_sessions_come_last_by_cost():
    dear = replace(JOBS[0], job=replace(JOBS[0].job, session_id="s1"))
    jobs = [dear, *JOBS[1:]]
    assert [one.job.id for one in select(jobs, Question(sort="cost"), {"s1"})] == ["job3", "job1", "job0", "job2"]
    assert [one.job.id for one in select(jobs, Question(sort="cost"))] == ["job0", "job3", "job1", "job2"]


def test_a_page_is_cut_from_the_ordered_list_and_counts_ignore_the_state():
    rows, about = choose_page(JOBS, Question(sort="seconds", page=2, page_size=3, state=""))
    assert [one.job.id for one in rows] == ["job2"]
    _, about = choose_page(JOBS, Question(state="Failed", text="b_dag"))
    assert (about["total"], about["all"], about["counts"]["Queued"]) == (1, 2, 1)
    assert about["text"] == "b_dag"


def test_every_order_takes_jobs_of_which_little_is_known():
    bare = ListedJob(Job("bare", JobState(JobStatus.UNKNOWN, "Odd")), Claim(("x", "y")))
    for sort in SORTS:
        assert len(select([*JOBS, bare], Question(sort=sort))) == 5


def test_a_job_without_a_date_is_on_no_day():
    bare = ListedJob(Job("bare", JobState(JobStatus.QUEUED, "Queued")), Claim(("x",)))
    assert select([bare], Question(since=date(2000, 1, 1))) == []


def test_what_can_be_chosen_occurs_among_the_jobs():
    choices = Choices.of(JOBS)
    assert (choices.backends, choices.tags) == (("ibm_boston", "ibm_fez"), ("nightly",))
    assert user_tags(JOBS[0]) == ["nightly"]
