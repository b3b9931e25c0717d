"""The messages of a task while it waits."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobState
from airflow_provider_qrt.jobs.wait.blocking import wait_for_job
from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.progress import Progress, in_words, queue_length

QUEUED = Job("j1", JobState.from_json({"status": "Queued"}), backend="ibm_fez", estimated_running_seconds=3.43)
DONE = dataclasses.replace(QUEUED, state=JobState.from_json({"status": "Completed"}))


def test_a_line_says_state_time_queue_and_the_services_estimate():
    assert Progress(0.0).line(QUEUED, 240.0, 12) == (
        "Job j1 is still queued after 4 min: 12 jobs in the queue of ibm_fez, the service expects 3.4 s of QPU time."
    )


@pytest.mark.parametrize(
    ("changes", "length", "facts"),
    [
        ({}, 0, ": 0 jobs in the queue of ibm_fez"),
        ({}, 1, ": 1 job in the queue of ibm_fez"),
        ({}, 1234, ": 1,234 jobs in the queue of ibm_fez"),
        ({"state": JobState.from_json({"status": "Running"})}, 12, ""),
    ],
    ids=["empty", "one", "many", "a job that runs"],
)
def test_the_queue_is_told_of_a_job_that_waits_in_it(changes, length, facts):
    job = dataclasses.replace(QUEUED, estimated_running_seconds=None, **changes)
    assert Progress(0.0).line(job, 61.0, length) == f"Job j1 is still {job.state.word.lower()} after 61 s{facts}."


def test_a_state_without_a_word_is_said_to_be_none():
    job = dataclasses.replace(QUEUED, state=JobState.from_json({}), estimated_running_seconds=None)
    assert Progress(0.0).line(job, 61.0) == "Job j1 is still in no known state after 61 s."


def test_what_is_not_known_is_not_said():
    unknown = dataclasses.replace(QUEUED, estimated_running_seconds=None)
    assert Progress(0.0).line(unknown, 61.0) == "Job j1 is still queued after 61 s."


def test_lines_come_at_growing_intervals_an_hour_at_most():
    progress, due = Progress(0.0), []
    for _ in range(9):
        due.append(progress.next_at)
        progress.line(QUEUED, progress.next_at)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert due[0] == 60
    assert gaps == [120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_trigger_that_begins_later_leaves_out_what_was_due_before():
    progress = Progress(0.0)
    progress.skip_to(10_000.0)
    assert progress.next_at == 10_980
    later = Progress(500.0)
    later.skip_to(560.0)
    assert later.next_at == 560
    later.skip_to(561.0)
    assert later.next_at == 680


def test_a_line_that_comes_late_makes_up_for_those_that_were_due():
    progress = Progress(0.0)
    progress.line(QUEUED, 500.0)
    assert progress.next_at == 900


def test_a_wait_of_ten_hours_on_a_worker_is_a_dozen_lines(logged):
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    outcome = wait_for_job(
        lambda _: DONE if now[0] > 36_000 else QUEUED,
        JobPoller("j1", 0.0, None, 30.0),
        sleep=sleep,
        clock=lambda: now[0],
        queue_length=lambda backend: {"ibm_fez": 5}[backend],
    )
    assert isinstance(outcome, WaitOutcome)
    said = logged()
    assert said[0] == "Job j1 is queued."
    still = [line for line in said if "is still queued after" in line]
    assert 10 <= len(still) <= 16
    assert all("5 jobs in the queue of ibm_fez" in line for line in still)
    assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (109.174, "109 s"),
        (119.4, "119 s"),
        (119.6, "2 min"),
        (240, "4 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (12_000, "3 h 20 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 d"),
        (176_400, "2 d 1 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations_are_written_for_people(seconds, words):
    assert in_words(seconds) == words


def test_the_queue_of_no_backend_and_on_a_channel_without_such_details_is_not_known(service_without_tags, service):
    assert queue_length(service, None) is None
    assert queue_length(service_without_tags, "ibmq_montreal") is None


def test_the_queue_is_asked_for_once_a_minute_by_all_of_a_process(emulator, sent):
    from airflow_provider_qrt.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.settings import ClientSettings

    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    with QiskitRuntimeClient(settings) as client:
        lengths = {queue_length(client, "ibm_fez") for _ in range(5)}
        assert len(lengths) == 1
        assert isinstance(lengths.pop(), int)
        assert queue_length(client, "no_such_backend") is None
    assert sent("GET /backends/ibm_fez/status") == ["GET /backends/ibm_fez/status"]
