"""The cancellation of a job, and the errors that people read when a job or a connection is gone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.cancel import cancel_job
from airflow_provider_qrt.jobs.errors import OverBudgetError, SubmissionRateLimitedError
from airflow_provider_qrt.jobs.place import describe_elsewhere, place_of
from airflow_provider_qrt.jobs.refusals import LEAST_READS, OF_THE_CONNECTION, Refusals, describe_patience

HERE = "instance the-instance in us-east at quantum.invalid"
THERE = "instance other in eu-de at quantum.invalid"
GONE = errors.NotFoundError(404, errors.ErrorBody(), request="GET /jobs/j")


@pytest.fixture
def job(service) -> str:
    service.holds(Job.from_json({"id": "j", "state": {"status": "Running"}}))
    return "j"


def test_a_job_that_runs_is_cancelled(service, job):
    assert cancel_job(service, job) == "Job j was cancelled."
    assert service.held[job].status is JobStatus.CANCELLED


def test_a_job_that_has_ended_is_fine(service, job):
    service.end(job)
    assert cancel_job(service, job, submitted_to=THERE) == "Job j has ended or was cancelled already."


@pytest.mark.parametrize("submitted_to", [None, HERE], ids=str)
def test_a_job_that_the_service_does_not_know_may_be_elsewhere(service, submitted_to):
    assert cancel_job(service, "j", submitted_to=submitted_to) == (
        f"Job j is not known to {HERE}, so it was not cancelled: it was deleted, or belongs to another instance, where "
        "it may run and be charged."
    )


def test_a_job_in_another_instance_than_the_connection_names_is_to_be_cancelled_there(service):
    assert cancel_job(service, "j", submitted_to=THERE) == (
        f"Job j was not cancelled: it was submitted to {THERE}, and the connection leads to {HERE} by now. It goes on "
        "where it is and may be charged; cancel it there."
    )


def test_a_service_that_cannot_be_asked_is_an_error(service, job):
    service.failing["cancel_job"] = errors.ConnectionFailedError("no route")
    with pytest.raises(errors.ConnectionFailedError):
        cancel_job(service, job)


def test_a_place_is_instance_region_and_host(service):
    assert place_of(service.settings) == HERE


def test_a_wait_for_a_job_that_is_elsewhere_says_what_to_do():
    assert describe_elsewhere("j", THERE, HERE) == (
        f"Job j was submitted to {THERE}, and the connection leads to {HERE} by now. The job was not cancelled: it "
        "goes on where it is and may be charged. Point the connection back and clear the task to fetch the result, or "
        "cancel the job there."
    )


def test_a_submission_that_came_too_soon_says_that_nothing_was_submitted():
    refusal = errors.RateLimitedError(429, errors.ErrorBody(message="slowly"), request="POST /jobs", retry_after=7.0)
    error = SubmissionRateLimitedError(refusal)
    assert str(error) == "POST /jobs: HTTP 429: slowly. Nothing was submitted."
    assert (error.refusal, error.retry_after) == (refusal, 7.0)
    assert str(SubmissionRateLimitedError(refusal, "Two were.")) == "POST /jobs: HTTP 429: slowly. Two were."


def test_an_overdrawn_budget_says_when_there_is_room():
    room_at = datetime(2026, 11, 21, tzinfo=UTC)
    assert (str(OverBudgetError("too much", room_at)), OverBudgetError("too much", room_at).room_at) == (
        "too much",
        room_at,
    )
    assert OverBudgetError("too much").room_at is None


# Refusals


def test_a_refusal_is_believed_after_so_many_reads_and_so_much_time():
    refusals = Refusals(patience=600.0)
    assert [refusals.is_definite(GONE, now) for now in (0.0, 599.0, 599.9, 600.0)] == [False, False, False, True]
    often, seldom = Refusals(patience=0.0), Refusals(patience=600.0)
    assert [often.is_definite(GONE, 5.0) for _ in range(LEAST_READS)] == [False, False, True]
    assert [seldom.is_definite(GONE, now) for now in (0.0, 9e9, 9e9)] == [False, False, True]


def test_an_answer_in_between_begins_the_count_anew():
    refusals = Refusals(patience=10.0)
    for now in (0.0, 5.0):
        refusals.is_definite(GONE, now)
    refusals.on_success()
    assert not refusals.is_first
    assert [refusals.is_definite(GONE, now) for now in (100.0, 120.0, 121.0)] == [False, False, True]


def test_other_errors_say_nothing_about_a_refusal():
    refusals = Refusals(OF_THE_CONNECTION, patience=0.0)
    assert [refusals.is_definite(GONE, now) for now in (0.0, 1.0, 2.0, 3.0)] == [False] * 4
    assert not refusals.is_first


def test_the_first_refusal_is_known_as_such():
    refusals, seen = Refusals(), []
    for now in (0.0, 1.0):
        refusals.is_definite(GONE, now)
        seen.append(refusals.is_first)
    assert seen == [True, False]


@pytest.mark.parametrize(("seconds", "minutes"), [(600.0, "10"), (90.0, "1.5")])
def test_the_log_says_how_long_a_refusal_is_waited_out(seconds, minutes):
    assert describe_patience(seconds) == (
        f"If that goes on for {minutes} minutes, the task fails and a retry looks again; the job is not cancelled for "
        "it."
    )
