"""Every job is submitted exactly once on a channel whose jobs have no tags. Against the emulator, over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.jobs.errors import LookUpFailedError, SubmissionRateLimitedError
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, JobRequest, ProgramInput
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin
from airflow_provider_qrt.jobs.submit.record import STORE_KEY, SubmissionRecord
from airflow_provider_qrt.jobs.submit.submitter import JobSubmitter


def request(iterations: int = 2, **others: Any) -> JobRequest:
    return JobRequest("runtime-simple", "ibmq_montreal", ProgramInput({"iterations": iterations}), **others)


class Store:
    def __init__(self) -> None:
        self.text: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.text[key]) if key in self.text else default

    def set(self, key: str, value: Any) -> None:
        self.text[key] = json.dumps(value)


class Task:
    """A task instance: one store, many tries."""

    def __init__(self, client: QiskitRuntimeClient, store: Store | None) -> None:
        self.client, self.store = client, store
        self.max_tries = self.try_number = 1

    def run(self, asked: JobRequest | None = None):
        submitter = JobSubmitter(
            self.client,
            JobIdentity("dag", "run", "task"),
            try_number=self.try_number,
            max_tries=self.max_tries,
            store=self.store,
            sleep=lambda seconds: pytest.fail("nothing is looked for, so nothing is waited for"),
        )
        return submitter.obtain(asked or request(), lambda one: one)

    @property
    def record(self) -> SubmissionRecord:
        record = SubmissionRecord.read(self.store)
        assert record is not None
        return record


@pytest.fixture
def task(emulator: Emulator):
    settings = ClientSettings.create(
        api_key=emulator.api_key,
        instance=None,
        base_url=emulator.iam_url,
        channel="api_token",
        hub="ibm-q-internal",
        group="near-time",
        project="qiskit-runtime",
    )
    with QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1, min_submit_wait=None)) as client:
        yield Task(client, Store())


@pytest.fixture
def submissions(emulator: Emulator):
    return lambda: [one for one in emulator.requests() if one["method"] == "POST" and one["path"] == "/jobs"]


def lose_the_answer(emulator: Emulator) -> None:
    emulator.add_fault(method="POST", path="/jobs", drop="after")


def test_a_submission_carries_no_tags_and_is_recorded(emulator, task):
    obtained = task.run()
    assert (obtained.how, obtained.backend) == (JobOrigin.SUBMITTED, "ibmq_montreal")
    assert (task.record.job_id, task.record.backend) == (obtained.job_id, "ibmq_montreal")
    [job] = emulator.jobs()
    assert not job["tags"]


def test_a_retry_goes_on_with_the_recorded_job(task, submissions):
    first = task.run()
    task.try_number = 2
    again = task.run()
    assert (again.job_id, again.how, again.backend) == (first.job_id, JobOrigin.REATTACHED, "ibmq_montreal")
    assert len(submissions()) == 1


def test_a_lost_answer_is_not_submitted_again_and_says_why(emulator, task, submissions, logged):
    lose_the_answer(emulator)
    says = r"'api_token' has no tags by which it could be found\. The job may exist, .* clear the task to submit anew"
    for task.try_number in (1, 2, 3):
        with pytest.raises(LookUpFailedError, match=says):
            task.run()
    assert len(submissions()) == 1
    assert (task.record.job_id, task.record.refused) == (None, False)
    assert not any("by its tag" in line for line in logged())


def test_another_input_alone_is_no_leave_to_submit(emulator, task, submissions):
    lose_the_answer(emulator)
    with pytest.raises(LookUpFailedError):
        task.run()
    with pytest.raises(LookUpFailedError):
        task.run(request(iterations=3))
    assert len(submissions()) == 1


def test_a_clear_submits_anew_and_says_what_could_not_be_found_out(emulator, task, submissions, logged):
    lose_the_answer(emulator)
    with pytest.raises(LookUpFailedError):
        task.run()
    task.max_tries += 2
    assert task.run().how is JobOrigin.SUBMITTED
    assert len(submissions()) == 2
    assert any("before the clear made a job could not be found out" in line for line in logged())


def test_a_crash_between_intent_and_answer_is_a_lost_answer(task, submissions):
    task.run()
    stored = replace(task.record, job_id=None)
    stored.write(task.store)
    with pytest.raises(LookUpFailedError):
        task.run()
    assert len(submissions()) == 1


def test_what_was_refused_is_submitted_by_the_next_try(emulator, task):
    emulator.add_fault(method="POST", path="/jobs", status=429)
    with pytest.raises(SubmissionRateLimitedError):
        task.run()
    assert task.record.refused
    assert task.run().how is JobOrigin.SUBMITTED


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"tags": ("mine",)}, "tags: .*Leave your own tags out"),
        ({"session_id": "s"}, "session_id: "),
        ({"start_session": True}, "start_session: "),
        ({"private": True}, "private: "),
        ({"max_execution_seconds": 9}, "max_execution_time: "),
    ],
    ids=str,
)
def test_what_the_channel_has_not_is_said_before_anything_is_written_or_sent(emulator, task, asked, says):
    with pytest.raises(errors.NotOfferedError, match=says):
        task.run(request(**asked))
    assert STORE_KEY not in task.store.text
    assert not emulator.requests()
