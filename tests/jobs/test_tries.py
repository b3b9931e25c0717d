"""The record, the log lines and the errors that one try of a task leaves to the next, word by word."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.errors import JobGoneError, LookUpFailedError, SubmissionRateLimitedError
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.submit.record import SubmissionRecord
from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter

HERE = "instance the-instance in us-east at quantum.invalid"
THERE = "instance other in eu-de at quantum.invalid"
NOW = 1_790_000_000.0
IDENTITY = JobIdentity("dag", "run", "task", airflow="prod")
REQUEST = JobRequest("sampler", "least_busy", ProgramInput({"pubs": []}), tags=("mine",))
OTHER = replace(REQUEST, max_execution_seconds=5)
LOST = errors.SubmissionUnknownError("The answer was lost.")
NO_ROUTE = errors.ConnectionFailedError("no route.")
PATIENT = [0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
"""Pauses between looks until a new job must be in the list."""


@dataclass
class Task:
    """A task instance: one store, many tries."""

    service: Any
    store: Any
    now: float = NOW
    slept: list[float] = field(default_factory=list)

    def submitter(self, **more: Any) -> JobSubmitter:
        usual = {"try_number": 1, "max_tries": 1, "store": self.store, "connection": "the_connection"}
        helpers = {"sleep": self.slept.append, "clock": lambda: self.now}
        return JobSubmitter(self.service, IDENTITY, **{**usual, **helpers, **more})

    def obtain(self, asked: JobRequest = REQUEST, **more: Any) -> ObtainedJob:
        return self.submitter(**more).obtain(asked, lambda one: replace(one, backend="ibm_fez"))

    def clear(self, **more: Any) -> ObtainedJob:
        return self.obtain(max_tries=3, try_number=2, **more)

    @property
    def record(self) -> SubmissionRecord:
        record = SubmissionRecord.read(self.store)
        assert record is not None
        return record

    def write(self, **changes: Any) -> SubmissionRecord:
        changed = replace(self.record, **changes)
        changed.write(self.store)
        return changed

    def loses_the_answer(self, *, job_is_listed: bool = True) -> None:
        """A try whose answer is lost, and that cannot look for the job."""
        self.service.failing |= {"answer": LOST, "jobs": NO_ROUTE}
        with pytest.raises(LookUpFailedError):
            self.obtain()
        self.service.failing.clear()
        if not job_is_listed:
            self.service.unlisted |= set(self.service.held)


@pytest.fixture
def task(service, store) -> Task:
    return Task(service, store)


@pytest.fixture
def task_without_tags(service_without_tags, store) -> Task:
    return Task(service_without_tags, store)


# A first try


@pytest.mark.parametrize(("may_outlive", "mark"), [(False, ":c"), (True, ":k")])
def test_a_submission_is_written_down_with_all_that_a_later_try_needs(task, may_outlive, mark):
    obtained = task.obtain(clear_number=4, max_tries=2, try_number=2, may_outlive_task=may_outlive)
    tag = task.service.held["job-1"].tags[0]
    assert tag.startswith(IDENTITY.tag(1, REQUEST.fingerprint()) + mark)
    expected = SubmissionRecord(
        REQUEST.fingerprint(),
        number=1,
        max_tries=2,
        submitted_at=NOW,
        tag=tag,
        try_number=2,
        job_id="job-1",
        backend="ibm_fez",
        clear_number=4,
        connection="the_connection",
        place=HERE,
        cancel=not may_outlive,
    )
    assert task.record == expected
    assert obtained == ObtainedJob("job-1", JobOrigin.SUBMITTED, NOW, "ibm_fez", record=expected)


def test_all_that_is_asked_for_is_sent(task):
    asked = replace(REQUEST, session_id="s", max_execution_seconds=9, private=True)
    obtained = task.obtain(asked)
    [sent] = task.service.asked("submit_job")
    tags = sent.pop("tags")
    assert tags[1:] == ("dag:dag", "run:run", "mine", "task:task")
    assert sent == {
        "program_id": "sampler",
        "backend": "ibm_fez",
        "params": {"pubs": []},
        "session_id": "s",
        "start_session": False,
        "max_execution_seconds": 9,
        "private": True,
    }
    assert obtained.session_id == "s"


def test_the_service_may_know_better_on_which_backend_and_in_which_session_the_job_is(task, monkeypatch):
    answer = task.service.submit_job
    better = {"backend": "ibm_boston", "session_id": "of-the-service"}
    monkeypatch.setattr(task.service, "submit_job", lambda **asked: replace(answer(**asked), **better))
    obtained = task.obtain()
    assert (obtained.backend, obtained.session_id) == ("ibm_boston", "of-the-service")


def test_whoever_must_know_is_told_the_tag_before_anything_is_written_or_sent(task):
    told = []

    def note(tag: str) -> None:
        told.append((tag, SubmissionRecord.read(task.store), len(task.service.held)))

    task.obtain(before_submission=note)
    assert told == [(task.record.tag, None, 0)]


def test_the_tag_of_a_submission_is_outstanding_until_the_id_of_its_job_is_known(task):
    submitter = task.submitter()
    assert submitter.outstanding_tag is None
    task.service.failing |= {"answer": LOST, "jobs": NO_ROUTE}
    with pytest.raises(LookUpFailedError):
        submitter.obtain(REQUEST, lambda one: one)
    assert submitter.outstanding_tag == task.record.tag
    task.service.failing.clear()
    again = task.submitter()
    task.service.held.clear()
    again.obtain(REQUEST, lambda one: one)
    assert again.outstanding_tag is None


BODY = errors.ErrorBody(message="no")


@pytest.mark.parametrize(
    "error",
    [
        errors.ForbiddenError(403, BODY, request="POST /jobs"),
        errors.ConnectionFailedError("no route."),
        errors.InvalidSettingsError("no key."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_submission_that_was_refused_is_known_to_have_made_no_job(task, error):
    submitter = task.submitter()
    task.service.failing["submit_job"] = error
    with pytest.raises(type(error)) as raised:
        submitter.obtain(REQUEST, lambda one: one)
    assert raised.value is error
    assert (task.record.refused, task.record.job_id, submitter.outstanding_tag) == (True, None, None)
    task.service.failing.clear()
    assert task.obtain().how is JobOrigin.SUBMITTED
    assert (task.record.number, task.record.refused) == (1, False)
    assert task.service.asked("jobs") == []


def test_a_submission_over_the_rate_limit_is_told_as_such(task):
    task.service.failing["submit_job"] = errors.RateLimitedError(429, BODY, request="POST /jobs", retry_after=9.0)
    with pytest.raises(SubmissionRateLimitedError) as raised:
        task.obtain()
    assert str(raised.value) == "POST /jobs: HTTP 429: no. Nothing was submitted."
    assert (raised.value.retry_after, task.record.refused) == (9.0, True)


# An answer that was lost


def test_the_job_of_a_lost_answer_is_looked_for_by_its_tag(task, logged):
    task.service.failing["answer"] = LOST
    obtained = task.obtain(replace(REQUEST, session_id="s"))
    job = task.service.held["job-1"]
    assert obtained == ObtainedJob("job-1", JobOrigin.ADOPTED, NOW, "ibm_fez", "s", job, task.record)
    assert task.record.job_id == "job-1"
    since = datetime.fromtimestamp(NOW, UTC) - timedelta(hours=1)
    assert task.service.asked("jobs") == [{"tags": [job.tags[0]], "created_after": since, "newest_first": False}]
    assert logged() == [
        "The answer was lost. Looking for the job by its tag.",
        "Found job job-1 (queued): it had been submitted.",
    ]


def test_a_job_that_does_not_show_in_the_list_is_left_to_a_later_try(task):
    task.service.failing["submit_job"] = LOST
    with pytest.raises(errors.SubmissionUnknownError) as raised:
        task.obtain()
    assert str(raised.value) == (
        f"The answer was lost. No job with this task's tag {task.record.tag} has shown in the service's list for 30 "
        "seconds. Nothing else was submitted: a retry, or a clear, looks once more and submits if there is still none."
    )
    assert task.slept == PATIENT
    assert (task.record.job_id, task.record.refused) == (None, False)


def test_a_look_that_fails_leaves_it_open_whether_there_is_a_job(task):
    task.service.failing |= {"answer": LOST, "jobs": NO_ROUTE}
    with pytest.raises(LookUpFailedError) as raised:
        task.obtain()
    assert str(raised.value) == (
        "It is not known whether this task's job was submitted, and looking for it failed: no route. No other job was "
        "submitted; a retry looks again."
    )


def test_without_tags_a_lost_answer_is_not_followed_by_another_submission(task_without_tags, logged):
    plain = replace(REQUEST, tags=())
    no_tags = (
        "This task sent a submission and does not know its job: the channel 'api_token' has no tags by which it could "
        "be found. The job may exist, run and be charged. No other job was submitted, and a retry submits none; clear "
        "the task to submit anew."
    )
    task_without_tags.service.failing["answer"] = LOST
    for _ in range(2):
        with pytest.raises(LookUpFailedError) as raised:
            task_without_tags.obtain(plain)
        assert str(raised.value) == no_tags
    assert logged() == [
        "The answer was lost.",
        "An earlier try meant to submit and did not record a job id.",
    ]
    assert [one["tags"] for one in task_without_tags.service.asked("submit_job")] == [()]


def test_where_nothing_is_kept_a_lost_answer_is_an_error(task):
    task.store = None
    task.service.failing["answer"] = LOST
    with pytest.raises(errors.SubmissionUnknownError) as raised:
        task.obtain()
    assert raised.value is LOST
    assert task.service.asked("jobs") == []


# A retry


def test_a_retry_adopts_a_job_whose_id_was_never_recorded(task, logged):
    task.loses_the_answer()
    before = task.record
    job = replace(task.service.held["job-1"], backend="ibm_boston")
    task.service.holds(job)
    obtained = task.obtain(try_number=2)
    record = replace(before, job_id="job-1", backend="ibm_boston")
    assert obtained == ObtainedJob("job-1", JobOrigin.ADOPTED, NOW, "ibm_boston", None, job, record)
    assert task.record == record
    assert logged()[1:] == [
        "An earlier try meant to submit and did not record a job id; looking for the job by its tag.",
        "Adopted job job-1 (queued) of an earlier try.",
    ]


def test_a_retry_that_finds_no_job_repeats_the_submission_under_the_same_tag(task, logged):
    task.loses_the_answer(job_is_listed=False)
    before = task.record
    task.slept.clear()
    task.now += 5
    obtained = task.obtain(try_number=2)
    assert (obtained.job_id, obtained.how, obtained.submitted_at) == ("job-2", JobOrigin.SUBMITTED, NOW + 5)
    changes = {"job_id": "job-2", "submitted_at": NOW + 5, "try_number": 2, "unsure": True}
    assert task.record == replace(before, **changes)
    assert task.slept == PATIENT[:9]
    assert logged()[2:] == ["There is none: nothing had been submitted.", "Submitted job job-2 to ibm_fez."]


def test_a_repeated_submission_that_is_refused_leaves_it_open_whether_the_first_made_a_job(task):
    task.loses_the_answer(job_is_listed=False)
    task.service.failing["submit_job"] = errors.ForbiddenError(403, BODY, request="POST /jobs")
    submitter = task.submitter()
    with pytest.raises(errors.ForbiddenError):
        submitter.obtain(REQUEST, lambda one: one)
    assert (task.record.refused, submitter.outstanding_tag) == (False, task.record.tag)
    task.service.failing.clear()
    task.service.unlisted.clear()
    assert task.obtain().how is JobOrigin.ADOPTED


def test_of_several_jobs_with_the_tag_the_one_that_is_furthest_is_kept(task, logged):
    task.loses_the_answer()
    lost = task.service.held["job-1"]
    task.service.holds(*(replace(lost, id=f"job-{number}") for number in (2, 3, 4, 5)))
    for job_id, status in (("job-1", "FAILED"), ("job-3", "RUNNING"), ("job-4", "RUNNING"), ("job-5", "CANCELLED")):
        task.service.end(job_id, JobStatus[status])
    assert task.obtain().job_id == "job-3"
    assert task.service.asked("cancel_job") == ["job-2", "job-4"]
    assert logged()[2:-1] == [
        "Job job-1 carries this task's tag too; the task resumes job job-3.",
        "Job job-2 carries this task's tag too; the task resumes job job-3.",
        "Job job-2 was cancelled.",
        "Job job-4 carries this task's tag too; the task resumes job job-3.",
        "Job job-4 was cancelled.",
        "Job job-5 carries this task's tag too; the task resumes job job-3.",
    ]


@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED"])
def test_a_retry_is_reattached_to_the_recorded_job(task, logged, status):
    before = task.obtain().record
    task.service.end("job-1", JobStatus[status])
    job = task.service.held["job-1"]
    obtained = task.obtain(try_number=2)
    assert obtained == ObtainedJob("job-1", JobOrigin.REATTACHED, NOW, "ibm_fez", None, job, before)
    assert logged() == [
        "Submitted job job-1 to ibm_fez.",
        f"Re-attached to job job-1 ({status.lower()}) of an earlier try.",
    ]


def test_the_backend_that_was_chosen_stands_in_where_the_job_names_none(task):
    task.obtain()
    task.service.holds(replace(task.service.held["job-1"], backend=None))
    assert task.obtain().backend == "ibm_fez"


CLOSED, WRONG, UNKNOWN = 4001, 7001, 5203


@pytest.mark.parametrize(
    ("status", "code", "session_id", "another"),
    [
        ("FAILED", UNKNOWN, None, True),
        ("CANCELLED", None, None, True),
        ("FAILED", WRONG, None, False),
        ("FAILED", CLOSED, None, True),
        ("FAILED", CLOSED, "s", False),
    ],
)
def test_a_retry_submits_another_job_if_that_can_help(task, logged, status, code, session_id, another):
    asked = replace(REQUEST, session_id=session_id)
    task.obtain(asked)
    task.service.end("job-1", JobStatus[status], code)
    obtained = task.obtain(asked, try_number=2)
    assert obtained.job_id == ("job-2" if another else "job-1")
    assert task.record.number == (2 if another else 1)
    expected = (
        f"Job job-1 of an earlier try is {status.lower()}; a new one is submitted.",
        f"Re-attached to job job-1 ({status.lower()}) of an earlier try.",
    )
    assert logged()[1] == expected[not another]


@pytest.mark.parametrize(("was", "is_now", "another"), [(1, 2, True), (1, 1, False), (None, 2, False), (1, None, True)])
def test_after_a_failure_that_no_retry_mends_something_that_was_cleared_was_this_task(task, was, is_now, another):
    task.obtain(clear_number=was)
    task.service.end("job-1", JobStatus.FAILED, WRONG)
    assert task.obtain(clear_number=is_now).job_id == ("job-2" if another else "job-1")


def test_a_job_that_was_given_up_is_cancelled_once_more_and_replaced(task, logged):
    task.obtain()
    task.submitter().abandoned()
    assert task.obtain(try_number=2).job_id == "job-2"
    assert task.service.asked("cancel_job") == ["job-1"]
    assert logged()[1:3] == [
        "Job job-1 of an earlier try is queued; a new one is submitted.",
        "Job job-1 was cancelled.",
    ]
    assert (task.record.number, task.record.abandoned) == (2, False)


def test_a_job_that_cannot_be_read_is_waited_for(task, logged):
    before = task.obtain().record
    task.service.failing["job"] = NO_ROUTE
    obtained = task.obtain(try_number=2)
    assert obtained == ObtainedJob("job-1", JobOrigin.REATTACHED, NOW, "ibm_fez", record=before)
    assert logged()[1:] == ["Job job-1 of an earlier try could not be read, so it is waited for. no route."]


def test_a_mistake_of_our_own_is_not_waited_out(task):
    task.obtain()
    task.service.failing["job"] = errors.InternalError("TypeError")
    with pytest.raises(errors.InternalError):
        task.obtain()


@pytest.mark.parametrize("kind", [errors.NotFoundError, errors.ForbiddenError, errors.UnauthorizedError])
@pytest.mark.parametrize(("place", "gone"), [(THERE, True), (HERE, False), (None, False)], ids=str)
def test_a_job_in_another_instance_is_told_apart_from_one_that_cannot_be_read(task, kind, place, gone):
    task.obtain()
    task.write(place=place)
    task.service.failing["job"] = kind(404, BODY, request="GET /jobs/job-1", what_to_do="")
    if not gone:
        assert task.obtain().job is None
        return
    with pytest.raises(JobGoneError) as raised:
        task.obtain()
    assert str(raised.value) == (
        f"Job job-1 was submitted to {THERE}, and the connection leads to {HERE} by now. The job was not cancelled: it "
        "goes on where it is and may be charged. Point the connection back and clear the task to fetch the result, or "
        "cancel the job there."
    )


def test_a_server_error_is_no_sign_of_another_instance(task):
    task.obtain()
    task.write(place=THERE)
    task.service.failing["job"] = NO_ROUTE
    assert task.obtain().job is None


# Another input


def test_a_job_of_another_input_is_cancelled_and_replaced(task, logged):
    task.obtain()
    assert task.obtain(OTHER).job_id == "job-2"
    assert task.record.number == 2
    assert logged()[1:] == [
        "The input has changed since job job-1, so a new job is submitted.",
        "Job job-1 was cancelled.",
        "Submitted job job-2 to ibm_fez.",
    ]


def test_another_input_after_a_refusal_looks_for_nothing(task, logged):
    task.service.failing["submit_job"] = errors.ForbiddenError(403, BODY, request="POST /jobs")
    with pytest.raises(errors.ForbiddenError):
        task.obtain()
    task.service.failing.clear()
    task.obtain(OTHER)
    assert logged()[0] == "The input has changed since job none, so a new job is submitted."
    assert task.service.asked("jobs") == []


def test_a_job_of_another_input_whose_result_was_delivered_is_left_alone(task):
    task.obtain()
    task.submitter().delivered()
    task.obtain(OTHER)
    assert task.service.asked("cancel_job") == task.service.asked("job") == []


def test_a_job_of_another_input_that_has_ended_is_not_cancelled(task):
    task.obtain()
    task.service.end("job-1", JobStatus.FAILED)
    task.obtain(OTHER)
    assert task.service.asked("cancel_job") == []


# A clear


def test_a_clear_cancels_the_job_and_submits_another(task, logged):
    task.obtain()
    assert task.clear().job_id == "job-2"
    assert (task.record.number, task.record.max_tries) == (2, 3)
    assert logged()[1:3] == [
        "The task was cleared, so a new job is submitted; the last was job-1.",
        "Job job-1 was cancelled.",
    ]


def test_a_clear_after_a_refusal_has_no_job_to_name(task, logged):
    task.service.failing["submit_job"] = errors.ForbiddenError(403, BODY, request="POST /jobs")
    with pytest.raises(errors.ForbiddenError):
        task.obtain()
    task.service.failing.clear()
    task.clear()
    assert logged() == [
        "The task was cleared, so a new job is submitted; the last was none.",
        "Submitted job job-1 to ibm_fez.",
    ]


def test_a_completed_job_whose_result_was_never_delivered_is_not_bought_again(task, logged):
    before = task.obtain(clear_number=1).record
    task.write(missing_since=NOW - 5, unread=True)
    task.service.end("job-1")
    obtained = task.clear(clear_number=2)
    record = replace(before, max_tries=3, clear_number=2, missing_since=NOW - 5)
    job = task.service.held["job-1"]
    assert obtained == ObtainedJob("job-1", JobOrigin.REATTACHED, NOW, "ibm_fez", None, job, record)
    assert task.record == record
    assert logged()[1:] == ["Job job-1 completed and its result was never delivered; it is not bought again."]


def test_a_clear_goes_on_with_a_job_that_could_not_be_read(task, logged):
    before = task.obtain(clear_number=1).record
    task.submitter().left_unread()
    task.write(missing_since=NOW - 5, backend="chosen")
    task.service.holds(replace(task.service.held["job-1"], backend=None))
    obtained = task.clear(clear_number=2)
    record = replace(before, max_tries=3, clear_number=2, backend="chosen")
    assert (obtained.job_id, obtained.how, obtained.record) == ("job-1", JobOrigin.REATTACHED, record)
    assert task.record == record
    assert logged()[1:] == ["Job job-1, which the last try could not read, goes on, and so does this one with it."]


@pytest.mark.parametrize("changes", [{"abandoned": True}, {"unread": False}], ids=str)
def test_a_clear_goes_on_with_no_job_that_was_given_up(task, changes):
    task.obtain()
    task.write(**{"unread": True, **changes})
    assert task.clear().job_id == "job-2"


def test_a_job_that_could_not_be_read_and_has_failed_by_now_is_replaced_by_a_clear(task):
    task.obtain()
    task.submitter().left_unread()
    task.service.end("job-1", JobStatus.FAILED)
    assert task.clear().job_id == "job-2"


def test_a_clear_finds_a_completed_job_whose_id_was_never_recorded(task):
    task.loses_the_answer()
    task.service.end("job-1")
    assert task.clear().job_id == "job-1"
    assert (task.record.job_id, task.record.max_tries) == ("job-1", 3)


@pytest.mark.parametrize(
    ("was", "is_now", "cleared"), [(1, 2, True), (1, 1, False), (None, 2, True), (1, None, True), (None, None, True)]
)
def test_a_task_whose_result_was_delivered_runs_again_only_when_it_was_cleared(task, was, is_now, cleared):
    task.obtain(clear_number=was)
    task.service.end("job-1")
    task.submitter().delivered()
    assert task.obtain(clear_number=is_now, try_number=2).job_id == ("job-2" if cleared else "job-1")
    assert task.record.delivered is False


def test_a_job_that_is_elsewhere_is_named_and_replaced_by_a_clear(task, logged):
    task.obtain()
    task.write(place=THERE)
    task.service.held.clear()
    task.clear()
    assert logged()[1] == (
        f"Job job-1 was submitted to {THERE}, and the connection leads to {HERE} by now. The job was not cancelled: it "
        "goes on where it is and may be charged. Point the connection back and clear the task to fetch the result, or "
        "cancel the job there."
    )


def test_a_job_that_is_not_known_is_replaced_when_that_has_gone_on_for_long(task, logged):
    task.obtain()
    task.service.held.clear()
    unknown = "GET /jobs/job-1: HTTP 404: no such thing."
    with pytest.raises(LookUpFailedError) as raised:
        task.clear(patience=90.0)
    assert str(raised.value) == (
        f"Job job-1 of before is not known to {HERE} at the moment. No other job was submitted: a retry, or a clear, "
        f"looks again, and submits one if that is still so 1.5 minutes from now. {unknown}"
    )
    assert task.record.missing_since == NOW
    task.now += 89
    with pytest.raises(LookUpFailedError):
        task.clear(patience=90.0)
    task.now += 1
    assert task.clear(patience=90.0).how is JobOrigin.SUBMITTED
    assert logged()[1] == (
        f"Job job-1 of before is not known to {HERE} any more: it was deleted, or it runs in another instance and is "
        f"charged there. {unknown}"
    )


def test_without_tags_a_clear_submits_another_job_and_says_that_the_first_may_be_charged(task_without_tags, logged):
    plain = replace(REQUEST, tags=())
    task_without_tags.service.failing["answer"] = LOST
    with pytest.raises(LookUpFailedError):
        task_without_tags.obtain(plain)
    task_without_tags.service.failing.clear()
    assert task_without_tags.obtain(plain, max_tries=3).how is JobOrigin.SUBMITTED
    assert logged()[1] == (
        "Whether the submission before the clear made a job could not be found out: the channel 'api_token' has no "
        "tags by which it could be found. If there is such a job, it runs on and is charged."
    )


def test_a_replaced_job_that_may_not_be_cancelled_is_named(task, logged):
    task.obtain()
    task.clear(cancel_replaced=False)
    assert task.service.asked("cancel_job") == []
    assert logged()[2] == "Job job-1 goes on and is charged: cancel_on_kill is off."


def test_a_replaced_job_that_cannot_be_cancelled_is_named(task, logged):
    task.obtain()
    task.service.failing["cancel_job"] = NO_ROUTE
    assert task.clear().job_id == "job-2"
    assert logged()[2] == "Job job-1 could not be cancelled and may still run and be charged: no route."


# Other jobs with the same tag


def test_other_jobs_with_the_tag_are_cancelled_while_they_are_active(task, logged):
    task.loses_the_answer(job_is_listed=False)
    record = task.obtain().record
    task.service.unlisted.clear()
    task.service.holds(replace(task.service.held["job-1"], id="ended"), replace(task.service.held["job-1"], id="more"))
    task.service.end("ended")
    task.service.holds(replace(task.service.held["job-1"], id="another-task's", tags=("another",)))
    before = len(logged())
    task.submitter().cancel_duplicates(record)
    assert task.service.asked("jobs")[-1] == {"tags": [record.tag], "pending": True}
    assert task.service.asked("cancel_job") == ["more", "job-1"]
    assert logged()[before:] == [
        "Job more carries this task's tag too: its submission had been given up as lost.",
        "Job more was cancelled.",
        "Job job-1 carries this task's tag too: its submission had been given up as lost.",
        "Job job-1 was cancelled.",
    ]


def test_a_search_for_them_that_fails_does_no_harm(task, logged):
    record = task.obtain().record
    task.service.failing["jobs"] = NO_ROUTE
    task.submitter().cancel_duplicates(record)
    assert logged()[1:] == [
        f"Whether another job carries this task's tag {record.tag} could not be found out: no route."
    ]


# A try that goes on after it has waited


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "CANCELLED", "COMPLETED"])
def test_a_try_goes_on_with_its_own_job_however_that_has_ended(task, status):
    record = task.obtain().record
    task.service.end("job-1", JobStatus[status], UNKNOWN)
    job = task.service.held["job-1"]
    resumed = task.submitter().resume(REQUEST)
    assert resumed == ObtainedJob("job-1", JobOrigin.REATTACHED, NOW, "ibm_fez", None, job, record)


def test_a_try_goes_on_with_a_job_that_cannot_be_read(task):
    task.obtain()
    task.service.failing["job"] = NO_ROUTE
    assert task.submitter().resume(REQUEST).job is None


def test_a_try_cannot_go_on_with_a_job_that_is_elsewhere(task):
    task.obtain()
    task.write(place=THERE)
    task.service.held.clear()
    with pytest.raises(JobGoneError):
        task.submitter().resume(REQUEST)


def test_a_try_that_has_submitted_nothing_has_nothing_to_go_on_with(task):
    assert task.submitter().resume(REQUEST) is None


@pytest.mark.parametrize(
    ("written", "now"),
    [
        ({"job_id": None}, {}),
        ({"fingerprint": "another"}, {}),
        ({"abandoned": True}, {}),
        ({}, {"try_number": 2}),
        ({}, {"max_tries": 2}),
    ],
    ids=str,
)
def test_a_try_does_not_go_on_with_what_is_not_its_own(task, written, now):
    task.obtain()
    task.write(**written)
    assert task.submitter(**now).resume(REQUEST) is None


# Notes


def test_a_job_that_has_no_place_any_more_is_cancelled_and_given_up(task, logged):
    before = task.obtain().record
    task.submitter().withdraw()
    assert task.service.asked("cancel_job") == ["job-1"]
    assert task.record == replace(before, abandoned=True)
    assert logged()[1:] == ["Job job-1 was cancelled."]


@pytest.mark.parametrize("changes", [{"delivered": True}, {"abandoned": True}], ids=str)
def test_what_was_delivered_or_given_up_is_not_withdrawn(task, changes):
    task.obtain()
    record = task.write(**changes)
    task.submitter().withdraw()
    assert (task.service.asked("job"), task.record) == ([], record)


@pytest.mark.parametrize(
    ("note", "changes"),
    [
        ("delivered", {"delivered": True}),
        ("abandoned", {"abandoned": True}),
        ("kept", {"cancel": False}),
        ("left_unread", {"unread": True}),
    ],
)
def test_a_note_changes_one_thing_in_the_record(task, note, changes):
    before = task.obtain().record
    getattr(task.submitter(), note)()
    assert asdict(task.record) == {**asdict(before), **changes}


@pytest.mark.parametrize("note", ["delivered", "abandoned", "kept", "left_unread", "withdraw"])
def test_without_a_record_there_is_nothing_to_note(task, note):
    getattr(task.submitter(), note)()
    assert task.store.values == {}
    assert task.service.calls == []


@pytest.mark.parametrize(
    ("job_id", "try_number", "earlier"), [("job-1", 2, True), ("job-1", 1, False), ("job-9", 2, False)]
)
def test_a_task_knows_whether_an_earlier_try_submitted_its_job(task, job_id, try_number, earlier):
    task.obtain()
    assert task.submitter(try_number=try_number).was_submitted_earlier(job_id) is earlier


def test_a_task_without_a_record_has_submitted_nothing_earlier(task):
    assert not task.submitter().was_submitted_earlier("job-1")


def test_a_result_is_missing_for_good_when_that_has_been_so_for_long(task):
    task.obtain()
    submitter = task.submitter(patience=60.0)
    found = []
    for task.now in (NOW, NOW + 59, NOW + 60):
        found.append(submitter.is_missing_for_good())
    assert found == [False, False, True]
    assert task.record.missing_since == NOW


def test_without_a_record_nobody_could_wait_for_what_is_missing(task):
    assert task.submitter().is_missing_for_good()


@pytest.mark.parametrize("patience", [0.0, 600.0])
def test_patience_may_be_none_at_all(task, patience):
    task.obtain()
    assert task.submitter(patience=patience).is_missing_for_good() is (patience == 0)
