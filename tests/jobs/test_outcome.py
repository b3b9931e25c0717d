"""The outcome of a wait that the triggerer passes to a worker."""

from __future__ import annotations

import json

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
    with pytest.raises(ValueError, match="not understood"):
        WaitOutcome.from_event(event)
