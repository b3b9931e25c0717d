"""The information from a failed job."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.failure import describe_failure, explain_failure, retry_can_help


def job(word: str = "Failed", code: int | None = None, **state) -> Job:
    return Job.from_json(
        {"id": "j", "backend": "ibm_fez", "cost": 60, "state": {"status": word, "reason_code": code, **state}}
    )


@pytest.mark.parametrize("code", [None, 1006, 1008, 5203, 9999, 4242])
def test_a_retry_may_help_against_what_is_not_known_to_be_permanent(code):
    assert retry_can_help(job(code=code).state)


@pytest.mark.parametrize("code", [1000, 1204, 1305, 4001, 5302, 6000, 7001, 8500])
def test_a_retry_cannot_help_against_a_wrong_input(code):
    assert not retry_can_help(job("Cancelled" if code == 1305 else "Failed", code).state)


def test_a_job_that_ran_too_long_would_run_too_long_again():
    assert not retry_can_help(job("Cancelled - Ran too long").state)


AGAIN = "A retry submits a new job."
NEVER = "A retry cannot help, so none is made: change the input, then clear the task."
REMEDY = "Raise max_execution_time or split the circuits over several jobs; the time used is charged."


@pytest.mark.parametrize(
    ("failed", "more", "lines"),
    [
        (job(code=5203), {}, ["Job j on ibm_fez failed (reason code 5203): no reason given", AGAIN]),
        (job(), {}, ["Job j on ibm_fez failed: no reason given", AGAIN]),
        (
            job(code=7001, reason="The circuit is not ISA", reason_solution="Transpile it"),
            {"job_log": "\none\ntwo\n"},
            [
                "Job j on ibm_fez failed (reason code 7001): The circuit is not ISA",
                "IBM's solution: Transpile it",
                NEVER,
                "The job's log ends with:",
                "  one",
                "  two",
            ],
        ),
        (job("Cancelled"), {}, ["Job j on ibm_fez was cancelled: no reason given", AGAIN]),
        (
            job("Cancelled", 1305, reason="Too long"),
            {},
            [
                "Job j on ibm_fez was stopped at its maximum execution time of 60 s (reason code 1305): Too long",
                REMEDY,
                NEVER,
            ],
        ),
        (
            Job.from_json({"id": "j", "state": {"status": "Cancelled - Ran too long"}}),
            {},
            ["Job j on its backend was stopped at its maximum execution time: no reason given", REMEDY, NEVER],
        ),
        (
            job(code=5203),
            {"is_ours": False},
            [
                "Job j on ibm_fez failed (reason code 5203): no reason given",
                "This task did not submit it: clear the one that did for a new job.",
            ],
        ),
        (job(code=4001), {}, ["Job j on ibm_fez failed (reason code 4001): no reason given", NEVER]),
        (
            job(code=4001),
            {"own_session": True},
            ["Job j on ibm_fez failed (reason code 4001): no reason given", AGAIN],
        ),
        (
            job(code=7001),
            {"own_session": True},
            ["Job j on ibm_fez failed (reason code 7001): no reason given", NEVER],
        ),
    ],
    ids=[
        "may pass", "no code", "permanent", "cancelled", "too long", "too long, little known", "another task's",
        "session closed", "own session closed", "permanent in an own session",
    ],
)  # fmt: skip
def test_the_message_holds_everything_that_is_known_and_what_a_retry_does(failed, more, lines):
    assert describe_failure(failed, **more).splitlines() == lines


def test_of_a_long_log_only_the_end_is_shown():
    text = describe_failure(job(), "\n".join(f"line {number}" for number in range(100)))
    assert "line 70" in text
    assert "line 69" not in text


def test_a_job_without_a_log_has_none_shown():
    assert "log" not in describe_failure(job())


def test_a_session_that_the_task_opened_itself_is_opened_again_by_a_retry():
    closed = job(code=4001)
    assert retry_can_help(closed.state, own_session=True)
    assert "A retry submits a new job" in describe_failure(closed, own_session=True)


@pytest.mark.parametrize("more", [{}, {"is_ours": False}, {"own_session": True}], ids=str)
def test_the_log_of_a_failed_job_is_read_and_shown(service, more):
    failed = job(code=4001)
    assert explain_failure(service, failed, **more) == describe_failure(failed, "the log of j", **more)
    assert service.asked("job_logs") == ["j"]


def test_a_log_that_cannot_be_read_does_not_hide_the_failure(service):
    service.failing["job_logs"] = errors.ConnectionFailedError("no route")
    assert explain_failure(service, job(code=5203)).splitlines() == [
        "Job j on ibm_fez failed (reason code 5203): no reason given",
        AGAIN,
        "The job's log ends with:",
        "  (its log could not be read: no route)",
    ]
