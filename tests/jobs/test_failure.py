"""The information from a failed job."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.failure import describe_failure, retry_can_help


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


def test_the_message_holds_reason_code_and_solution():
    text = describe_failure(job(code=1517, reason="The circuit is not ISA", reason_solution="Transpile it"))
    assert "Job j on ibm_fez failed (reason code 1517): The circuit is not ISA" in text
    assert "IBM's solution: Transpile it" in text


def test_the_message_says_that_a_retry_submits_anew():
    assert "A retry submits a new job." in describe_failure(job(code=5203))


def test_the_message_says_that_no_retry_is_made():
    assert "A retry cannot help" in describe_failure(job(code=7001))


def test_a_cancelled_job_is_called_cancelled():
    assert "was cancelled" in describe_failure(job("Cancelled"))


def test_a_job_that_ran_too_long_gets_the_remedy():
    text = describe_failure(job("Cancelled", 1305))
    assert "maximum execution time of 60 s" in text
    assert "Raise max_execution_time" in text


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
