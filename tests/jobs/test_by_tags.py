"""The job of an earlier try, found by its tags where nothing is kept from one try to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.errors import LookUpFailedError
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter

HERE = "instance the-instance in us-east at quantum.invalid"
NOW = 1_790_000_000.0
IDENTITY = JobIdentity("dag", "run", "task", airflow="prod")
REQUEST = JobRequest("sampler", "ibm_fez", ProgramInput({"pubs": []}))
OTHER = replace(REQUEST, max_execution_seconds=5)
LOOKING = "No record is kept of what earlier tries submitted; looking for their job by its tags."
NONE = "There is none: nothing had been submitted."


@dataclass
class Task:
    """A task instance that keeps nothing."""

    service: Any
    identity: JobIdentity = IDENTITY
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep()

    def obtain(self, try_number: int, asked: JobRequest = REQUEST, *, run: int = 1, **more: Any) -> ObtainedJob:
        usual = {"max_tries": 3, "store": None, "clear_number": 6, "sleep": self.sleep, "clock": lambda: NOW}
        submitter = JobSubmitter(self.service, self.identity, try_number=try_number, run=run, **{**usual, **more})
        return submitter.obtain(asked, lambda one: one)


@pytest.fixture
def task(service) -> Task:
    return Task(service)


def changed(service: Any, job_id: str = "job-1", **changes: Any) -> Job:
    """Change a job of the service."""
    service.holds(replace(service.held[job_id], **changes))
    return service.held[job_id]


def test_the_first_try_of_a_run_looks_for_nothing(task, logged):
    assert task.obtain(1).how is JobOrigin.SUBMITTED
    assert task.obtain(4, run=4).how is JobOrigin.SUBMITTED
    assert task.service.asked("jobs") == []
    assert logged() == ["Submitted job job-1 to ibm_fez.", "Submitted job job-2 to ibm_fez."]


def test_a_later_try_adopts_the_job_of_an_earlier_one(task, logged):
    task.obtain(1)
    created = datetime(2026, 9, 1, tzinfo=UTC)
    job = changed(task.service, created=created, session_id="s")
    obtained = task.obtain(2)
    record = SubmissionRecord(
        REQUEST.fingerprint(),
        number=1,
        max_tries=3,
        submitted_at=created.timestamp(),
        tag=job.tags[0],
        job_id="job-1",
        backend="ibm_fez",
        clear_number=6,
        place=HERE,
    )
    how = JobOrigin.ADOPTED
    assert obtained == ObtainedJob("job-1", how, created.timestamp(), "ibm_fez", "s", job, record)
    assert task.service.asked("jobs") == [{"tags": ["dag:dag", "run:run"], "newest_first": False}]
    assert logged()[1:] == [LOOKING, "Adopted job job-1 (queued) of an earlier try."]
    assert task.slept == [0.0]


def test_a_job_of_unknown_age_counts_from_now(task):
    task.obtain(1)
    assert task.obtain(2).submitted_at == NOW


def test_the_identity_tag_is_found_wherever_it_stands(task):
    task.obtain(1)
    tags = task.service.held["job-1"].tags
    changed(task.service, tags=tags[::-1])
    assert task.obtain(2).record.tag == tags[0]


def test_none_is_submitted_before_one_of_a_moment_ago_must_be_in_the_list(task, logged):
    assert task.obtain(2).how is JobOrigin.SUBMITTED
    assert task.slept == [0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    assert logged() == [LOOKING, NONE, "Submitted job job-1 to ibm_fez."]
    assert task.service.held["job-1"].tags[0].startswith(f"{IDENTITY.submission_stem(1)}:")


def test_one_that_shows_only_later_is_adopted(task):
    task.obtain(1)
    task.service.unlisted.add("job-1")
    task.on_sleep = lambda: len(task.slept) == 4 and task.service.unlisted.clear()
    assert (task.obtain(2).job_id, task.slept) == ("job-1", [0.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "other",
    [
        {"run": 11},
        {"identity": replace(IDENTITY, part=1)},
        {"identity": replace(IDENTITY, map_index=0)},
        {"identity": replace(IDENTITY, airflow="staging")},
    ],
    ids=str,
)
def test_the_job_of_another_run_part_or_task_is_not_taken_for_it(task, other):
    run = other.get("run", 1)
    stranger = Task(task.service, other.get("identity", IDENTITY))
    stranger.obtain(run, run=run)
    assert task.obtain(2).job_id == "job-2"
    assert task.service.asked("cancel_job") == []


def test_each_part_of_a_task_finds_its_own(task):
    parts = [Task(task.service, replace(IDENTITY, part=part)) for part in (1, 2)]
    assert [part.obtain(1).job_id for part in parts] == ["job-1", "job-2"]
    assert [part.obtain(2).job_id for part in parts] == ["job-1", "job-2"]


def test_a_job_of_another_input_is_cancelled_and_replaced(task, logged):
    task.obtain(1)
    assert task.obtain(2, OTHER).job_id == "job-2"
    assert task.service.asked("cancel_job") == ["job-1"]
    assert logged()[1:] == [
        LOOKING,
        "The input has changed since job job-1.",
        "Job job-1 was cancelled.",
        NONE,
        "Submitted job job-2 to ibm_fez.",
    ]


def test_a_job_of_another_input_that_may_not_be_cancelled_is_named(task, logged):
    task.obtain(1)
    task.obtain(2, OTHER, cancel_replaced=False)
    assert task.service.asked("cancel_job") == []
    assert logged()[3] == "Job job-1 goes on and is charged: cancel_on_kill is off."


def test_a_job_with_a_tag_of_a_later_version_is_kept(task):
    """A job is not cancelled because it could not be read."""
    task.obtain(1)
    tags = task.service.held["job-1"].tags
    changed(task.service, tags=[f"{tag}:more" if tag.startswith("qrt:") else tag for tag in tags])
    assert task.obtain(2, OTHER).job_id == "job-1"
    assert task.service.asked("cancel_job") == []


def test_of_jobs_of_both_inputs_the_right_one_is_adopted(task):
    task.obtain(1, OTHER)
    task.obtain(1)
    assert task.obtain(2).job_id == "job-2"
    assert task.service.asked("cancel_job") == ["job-1"]


def test_of_several_alike_the_one_that_is_furthest_is_adopted(task):
    for _ in range(3):
        task.obtain(1)
    task.service.end("job-2", JobStatus.RUNNING)
    assert task.obtain(2).job_id == "job-2"
    assert task.service.asked("cancel_job") == ["job-1", "job-3"]


def test_a_job_that_failed_is_replaced_by_another_of_the_same_run(task, logged):
    task.obtain(2, run=2)
    task.service.end("job-1", JobStatus.FAILED)
    assert task.obtain(3, run=2).job_id == "job-2"
    assert task.service.held["job-2"].tags[0].startswith(f"{IDENTITY.submission_stem(2)}:")
    assert logged()[2] == "Job job-1 of an earlier try is failed; a new one is submitted."


def test_a_job_whose_failure_no_retry_mends_is_not_replaced(task):
    task.obtain(1)
    task.service.end("job-1", JobStatus.FAILED, 7001)
    assert task.obtain(2).job.status is JobStatus.FAILED


def test_a_search_that_fails_submits_nothing(task):
    task.service.failing["jobs"] = errors.ConnectionFailedError("no route.")
    with pytest.raises(LookUpFailedError) as raised:
        task.obtain(2)
    assert str(raised.value) == (
        "It is not known whether an earlier try has submitted this task's job, and looking for it failed: no route. No "
        "other job was submitted; a retry looks again."
    )
    assert task.service.held == {}


def test_the_job_of_an_answer_that_was_lost_is_found_too(task):
    task.service.failing["answer"] = errors.SubmissionUnknownError("The answer was lost.")
    assert (task.obtain(1).how, task.obtain(2).job_id) == (JobOrigin.ADOPTED, "job-1")


def test_without_tags_nothing_is_looked_for(service_without_tags, logged):
    task = Task(service_without_tags)
    assert task.obtain(2).how is JobOrigin.SUBMITTED
    assert logged() == ["Submitted job job-1 to ibm_fez."]


def test_where_a_record_is_kept_that_counts(task, store):
    task.obtain(1)
    obtained = task.obtain(5, run=4, store=store)
    assert (obtained.job_id, obtained.record.number) == ("job-2", 1)
    assert task.service.asked("jobs") == []
