"""The outcome of a wait that the triggerer passes to a worker."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome

ENDED = Job.from_json(
    {
        "id": "j",
        "state": {"status": "Failed", "reason": "not ISA", "reason_code": 1517, "reason_solution": "transpile it"},
        "backend": "ibm_fez",
        "program": {"id": "sampler"},
        "created": "2026-01-01T00:00:00Z",
        "tags": ["one"],
        "session_id": "s",
        "usage": {"qpu_charge_time_seconds": 1.5, "status": "complete"},
        "cost": 60,
        "private": True,
    }
)
OUTCOMES = [
    WaitOutcome(Ending.FINAL, "j", ENDED),
    WaitOutcome(Ending.TIMED_OUT, "j", None, "too late"),
    WaitOutcome(Ending.REFUSED, "j", None, "no right"),
    WaitOutcome(Ending.UNKNOWN_STATE, "j", ENDED, "what is this?"),
    WaitOutcome(Ending.ELSEWHERE, "j", None, "the connection leads elsewhere"),
    WaitOutcome(Ending.BROKEN, "j", None, "a mistake"),
    WaitOutcome(Ending.FINAL, "j", ENDED, completed=("i", "h")),
    WaitOutcome(Ending.TIMED_OUT, "j", ENDED, "too late, and cancelled", cancelled=True),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.ending.value)
def test_an_outcome_survives_the_way_through_json(outcome):
    assert WaitOutcome.from_event(json.loads(json.dumps(outcome.to_event()))) == outcome


def test_every_ending_is_among_those_tried():
    assert {outcome.ending for outcome in OUTCOMES} == set(Ending)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "final",
        {"ending": "victory", "job_id": "j", "job": None},
        {"ending": "final", "job_id": "j"},
        {"ending": "final", "job_id": "j", "job": {}},
    ],
    ids=repr,
)
def test_an_event_that_is_not_understood_is_an_error(event):
    said = f"The trigger sent an event that is not understood: {event!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        WaitOutcome.from_event(event)


def test_an_event_of_an_earlier_version_is_read_as_far_as_it_goes():
    assert WaitOutcome.from_event({"ending": "final", "job_id": "j", "job": None}) == WaitOutcome(Ending.FINAL, "j")
    told = {"ending": "timed_out", "job_id": 7, "job": "no job", "message": None, "completed": "j"}
    assert WaitOutcome.from_event(told) == WaitOutcome(Ending.TIMED_OUT, "7")


def test_an_event_has_no_list_of_completed_jobs_where_there_is_none():
    assert WaitOutcome(Ending.REFUSED, "j", None, "no").to_event() == {
        "ending": "refused",
        "job_id": "j",
        "job": None,
        "message": "no",
        "cancelled": False,
    }
    assert WaitOutcome(Ending.FINAL, "j", completed=()).to_event()["completed"] == []


@pytest.mark.parametrize("ending", list(Ending))
@pytest.mark.parametrize("word", ["Completed", "Failed", None])
def test_only_a_job_that_is_known_to_have_completed_has_completed(ending, word):
    job = None if word is None else Job.from_json({"id": "j", "state": {"status": word}})
    outcome = WaitOutcome(ending, "j", job)
    assert outcome.is_completion is (ending is Ending.FINAL and word == "Completed")
    assert outcome.is_unread is (ending in (Ending.REFUSED, Ending.ELSEWHERE, Ending.BROKEN))
