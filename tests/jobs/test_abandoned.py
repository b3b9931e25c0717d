"""The jobs that were left behind for certain, which are cancelled without asking anybody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.orphans.abandoned import tag_of_bound_job, why_abandoned
from airflow_provider_qrt.jobs.orphans.ownership import Owner, RunState
from airflow_provider_qrt.jobs.submit.identity import may_outlive_its_task, new_mark
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord

BOUND, FREE, EARLIER = "qrt:a:b:1:f:c12345678", "qrt:a:b:1:f:k12345678", "qrt:a:b:1:f"
OWNER = Owner("dag", "run", RunState.GOES_ON, "task", exists=True, state="failed")
RECORD = SubmissionRecord("f", 1, 1, 0.0, BOUND, job_id="j", cancel=True)
ANOTHER = replace(RECORD, job_id="j2")


def job(*tags: str) -> Job:
    return Job.from_json({"id": "j", "tags": list(tags)})


@pytest.mark.parametrize(
    ("tag", "outlives"),
    [
        (BOUND, False),
        (FREE, True),
        (EARLIER, True),
        (f"{BOUND}:more", True),
        (f"qrt:a:b:1:f:{new_mark(cancel=True)}", False),
        (f"qrt:a:b:1:f:{new_mark(cancel=False)}", True),
    ],
    ids=["bound", "free", "without a mark", "of a later version", "a new one, bound", "a new one, free"],
)
def test_the_mark_says_whether_a_job_outlives_its_task(tag, outlives):
    assert may_outlive_its_task(tag) is outlives


def test_no_two_marks_are_alike():
    marks = {new_mark(cancel=True) for _ in range(100)}
    assert len(marks) == 100
    assert {len(mark) for mark in marks} == {9}


@pytest.mark.parametrize(
    ("tags", "tag"),
    [
        (["dag:dag", BOUND, "mine"], BOUND),
        ([FREE], None),
        ([EARLIER], None),
        ([], None),
        (["mine:qrt:a:b:1:f:c1"], None),
        ([BOUND, FREE], None),
        ([FREE, BOUND], None),
    ],
    ids=["bound", "free", "without a mark", "none", "somebody else's", "two", "two the other way round"],
)
def test_only_a_job_with_one_identity_and_bound_to_its_task_is_bound(tags, tag):
    assert tag_of_bound_job(job(*tags)) == tag


def test_the_job_of_a_task_that_nobody_can_tell_is_left_alone():
    assert why_abandoned(job(BOUND), None, []) is None


@pytest.mark.parametrize("changes", [{}, {"task_id": None}, {"exists": False}, {"state": "running"}], ids=str)
def test_the_job_of_a_deleted_run_is_abandoned(changes):
    owner = replace(OWNER, run=RunState.GONE, **changes)
    assert why_abandoned(job(BOUND), owner, [replace(RECORD, unread=True)]) == "its DAG run was deleted"


@pytest.mark.parametrize("changes", [{"task_id": None}, {"exists": False}], ids=str)
def test_a_task_that_cannot_be_found_in_its_run_leaves_doubt(changes):
    assert why_abandoned(job(BOUND), replace(OWNER, **changes), [RECORD]) is None


@pytest.mark.parametrize(
    ("run", "state", "why"),
    [
        (RunState.GOES_ON, "failed", "its task is failed"),
        (RunState.GOES_ON, "success", "its task is success"),
        (RunState.ENDED, "up_for_retry", "its task is up_for_retry"),
        (RunState.ENDED, None, "its task is not going to run again"),
    ],
    ids=str,
)
@pytest.mark.parametrize("records", [[], [RECORD], [ANOTHER]], ids=["no record", "its record", "another's record"])
def test_the_job_of_a_task_that_is_over_is_abandoned(run, state, why, records):
    assert why_abandoned(job(BOUND), replace(OWNER, run=run, state=state), records) == why


@pytest.mark.parametrize("changes", [{"unread": True}, {"cancel": False}], ids=str)
@pytest.mark.parametrize("state", ["failed", "running"])
def test_a_job_that_was_left_on_purpose_is_left_alone(changes, state):
    records = [ANOTHER, replace(RECORD, **changes)]
    assert why_abandoned(job(BOUND), replace(OWNER, state=state), records) is None


@pytest.mark.parametrize("changes", [{"unread": True}, {"cancel": False}], ids=str)
def test_another_job_that_was_left_on_purpose_keeps_this_one_from_nothing(changes):
    records = [replace(ANOTHER, **changes)]
    assert why_abandoned(job(BOUND), OWNER, records) == "its task is failed"


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], None),
        ([RECORD], None),
        ([ANOTHER, RECORD], None),
        ([replace(RECORD, job_id=None)], None),
        ([ANOTHER, replace(RECORD, job_id=None)], None),
        ([ANOTHER], "its task has gone on to job j2"),
        ([ANOTHER, replace(RECORD, job_id="j3")], "its task has gone on to job j2"),
    ],
    ids=["no record", "its own", "its own is one of several", "an intent", "an intent beside", "another", "others"],
)
def test_the_job_of_a_task_that_lives_is_abandoned_only_for_another(records, why):
    assert why_abandoned(job(BOUND), replace(OWNER, state="running"), records) == why
