"""The state of jobs that nobody waits for: of an earlier try, or after the timeout."""

from __future__ import annotations

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.wait.last_look import known_end, last_look
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome


def job(job_id: str, word: str) -> Job:
    return Job.from_json({"id": job_id, "state": {"status": word}})


def obtained(*words: str | None) -> list[ObtainedJob]:
    return [
        ObtainedJob(f"j{number}", JobOrigin.REATTACHED, 0.0, job=None if word is None else job(f"j{number}", word))
        for number, word in enumerate(words, start=1)
    ]


def final(job_id: str, word: str) -> WaitOutcome:
    return WaitOutcome(Ending.FINAL, job_id, job(job_id, word))


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["Completed"], final("j1", "Completed")),
        (["Failed"], final("j1", "Failed")),
        (["Completed", "Completed"], final("j2", "Completed")),
        (["Completed", "Running"], None),
        (["Completed", None], None),
        ([None], None),
        (["Queued", "Failed", "Completed", "Cancelled"], final("j2", "Failed")),
        ([None, "Cancelled"], final("j2", "Cancelled")),
    ],
    ids=str,
)
def test_jobs_of_an_earlier_try_need_no_wait_when_all_have_completed_or_one_has_not(words, end):
    assert known_end(obtained(*words)) == end


def look(words: dict[str, str], job_ids: list[str | None] | None = None) -> WaitOutcome:
    return last_look(lambda one: job(one, words[one]), list(words) if job_ids is None else job_ids)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ({"a": "Completed"}, final("a", "Completed")),
        ({"a": "Completed", "b": "Completed"}, final("b", "Completed")),
        ({"a": "Completed", "b": "Failed", "c": "Running"}, final("b", "Failed")),
        (
            {"a": "Completed", "b": "Running", "c": "Failed"},
            WaitOutcome(Ending.TIMED_OUT, "b", job("b", "Running"), "Job b had not ended when its timeout passed."),
        ),
    ],
    ids=["one", "all", "a failure", "one goes on"],
)
def test_a_job_that_has_ended_by_the_last_look_is_not_too_late(words, outcome):
    assert look(words) == outcome


@pytest.mark.parametrize(("job_ids", "first"), [(["a", None, "b"], "a"), ([None, "b"], "b")], ids=str)
def test_a_job_that_was_never_submitted_is_too_late(job_ids, first):
    outcome = look({"a": "Completed", "b": "Completed"}, job_ids)
    said = "IBM accepted no further submission within the task's timeout."
    assert outcome == WaitOutcome(Ending.TIMED_OUT, first, None, said)


def test_a_job_that_cannot_be_read_has_timed_out():
    def read(job_id: str) -> Job:
        if job_id == "b":
            raise errors.ConnectionFailedError("no route to the service.")
        return job(job_id, "Completed")

    said = "Job b timed out and could not be read. no route to the service."
    assert last_look(read, ["a", "b", "c"]) == WaitOutcome(Ending.TIMED_OUT, "b", None, said)
