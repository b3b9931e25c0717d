from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_qrt.client.states import JobState, JobStatus

FINAL = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


@pytest.mark.parametrize("word", ["Queued", "Running", "Completed", "Failed", "Cancelled"])
@pytest.mark.parametrize("spell", [str, str.upper, str.lower, lambda word: f" {word} "])
def test_a_known_word_is_read_whatever_its_case(word, spell):
    assert JobStatus.from_word(spell(word)).value == word


@pytest.mark.parametrize("status", list(JobStatus))
def test_only_completed_failed_and_cancelled_are_final(status):
    assert status.is_final is (status in FINAL)


@pytest.mark.parametrize("word", ["Cancelled - Ran too long", "cancelled - anything new", "CANCELLED", "Canceled"])
def test_a_word_that_begins_with_cancelled_is_final(word):
    assert JobStatus.from_word(word).is_final


@given(st.text().filter(lambda word: not word.strip().lower().startswith(("cancelled", "canceled"))))
def test_a_word_nobody_knows_is_unknown(word):
    known = {status.value.lower() for status in JobStatus}
    status = JobStatus.from_word(word)
    assert status is JobStatus.UNKNOWN or word.strip().lower() in known


def test_the_state_wins_over_its_older_twin():
    state = JobState.from_json({"status": "Running", "state": {"status": "Completed"}})
    assert state.status is JobStatus.COMPLETED


@pytest.mark.parametrize("state", [None, {}, {"status": None}, "Completed"])
def test_the_older_twin_is_read_where_there_is_no_state(state):
    assert JobState.from_json({"status": "Failed", "state": state}).status is JobStatus.FAILED


def test_a_job_without_any_status_is_unknown():
    assert JobState.from_json({}).status is JobStatus.UNKNOWN


@pytest.mark.parametrize(("code", "solution"), [("reason_code", "reason_solution"), ("reasonCode", "reasonSolution")])
def test_both_spellings_of_the_reason_are_read(code, solution):
    state = JobState.from_json({"state": {"status": "Failed", "reason": "Bad.", code: 1002, solution: "Mend it."}})
    assert (state.reason, state.reason_code, state.reason_solution) == ("Bad.", 1002, "Mend it.")


@pytest.mark.parametrize(("code", "read"), [("1305", 1305), ("unheard of", None), (None, None)])
def test_a_reason_code_is_a_number_or_nothing(code, read):
    assert JobState.from_json({"state": {"status": "Failed", "reason_code": code}}).reason_code == read


@pytest.mark.parametrize(
    "job",
    [
        {"state": {"status": "Cancelled", "reason_code": 1305}},
        {"state": {"status": "Cancelled - Ran too long"}},
        {"status": "Cancelled - Ran too long"},
        {"state": {"status": "Cancelled"}, "status": "Cancelled - Ran too long"},
    ],
)
def test_a_job_stopped_at_its_time_limit_is_told_from_one_cancelled_by_hand(job):
    assert JobState.from_json(job).ran_too_long


@pytest.mark.parametrize(
    "job", [{"state": {"status": "Cancelled"}}, {"state": {"status": "Failed", "reason_code": 1305}}]
)
def test_others_did_not_run_too_long(job):
    assert not JobState.from_json(job).ran_too_long


def test_the_services_own_word_is_kept():
    assert JobState.from_json({"state": {"status": "Pondering"}}).word == "Pondering"


@pytest.mark.parametrize(
    ("job", "word"),
    [
        ({}, ""),
        ({"status": None, "state": {"status": ""}}, ""),
        ({"status": {"status": "Failed"}}, ""),
        ({"status": "Running", "state": {"status": "Queued"}}, "Queued"),
        ({"status": "Cancelled - Ran too long", "state": {"status": "Completed"}}, "Completed"),
        ({"status": "Cancelled by you", "state": {"status": "CANCELLED"}}, "CANCELLED"),
        ({"status": "CANCELLED - RAN TOO LONG", "state": {"status": "Canceled"}}, "CANCELLED - RAN TOO LONG"),
    ],
)
def test_the_word_is_that_of_the_state_unless_its_twin_says_more(job, word):
    assert JobState.from_json(job) == JobState(JobStatus.from_word(word), word)


def test_a_state_is_read_whole():
    twice = {"reason_code": 1, "reasonCode": 2, "reason_solution": "a", "reasonSolution": "b"}
    state = JobState.from_json({"state": {"status": "Failed", "reason": {"why": "Bad."}, **twice}})
    assert state == JobState(JobStatus.FAILED, "Failed", '{"why": "Bad."}', 1, "a")
