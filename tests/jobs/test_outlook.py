"""How long a job should queue, by what the service says of its backend and its session."""

import math
from dataclasses import replace

import pytest

from airflow_provider_qrt.client.models import Backend, Session
from airflow_provider_qrt.jobs.wait.outlook import SECONDS_PER_JOB, Outlook

FREE = Backend("ibm_fez", "online", "available", queue_length=0)
SHORT = 10.0


def waits(median, late, length=0):
    return replace(FREE, queue_length=length, wait_time_seconds={"p50": median, "p95": late, "average": median})


@pytest.mark.parametrize(
    ("backend", "seconds"),
    [
        (None, None),
        (Backend("ibm_fez", "unknown"), None),
        (replace(FREE, status="paused", status_reason="maintenance"), math.inf),
        (replace(FREE, status="offline"), math.inf),
        (FREE, 0.0),
        (replace(FREE, queue_length=1), SECONDS_PER_JOB),
        (replace(FREE, queue_length=30), 30 * SECONDS_PER_JOB),
        # What the service says of the past counts, unless nobody waits now.
        (waits(4, 5), 4),
        (waits(3600, 7200), 0.0),
        (waits(3600, 7200, length=2), 3600),
        (waits(4, 5, length=2), 4),
        (replace(FREE, wait_time_seconds={}), 0.0),
    ],
)
def test_the_expected_time_in_the_queue(backend, seconds):
    assert Outlook.of(backend).expected_queue_seconds(SHORT) == seconds


@pytest.mark.parametrize(
    ("mode", "state", "seconds"),
    [
        ("dedicated", "active", 0.0),
        ("batch", "active", 0.0),
        # Its first job queues like any other, and so does the next one after it has been idle for too long.
        ("dedicated", "open", 900),
        ("dedicated", "inactive", 900),
        (None, None, 900),
    ],
)
def test_an_active_session_has_the_backend_for_itself(mode, state, seconds):
    session = Session("s", mode, state, accepting_jobs=True)
    assert Outlook.of(waits(900, 1000, length=12), session).expected_queue_seconds(SHORT) == seconds


def test_the_reason_is_said():
    assert Outlook.of(waits(900, 1000, length=12)).reason == (
        "there are 12 jobs in the queue of ibm_fez, where jobs wait 900 s by the median"
    )
    assert Outlook.of(replace(FREE, queue_length=1)).reason == "there is 1 job in the queue of ibm_fez"
    assert Outlook.of(FREE).reason == "the queue of ibm_fez is empty"
    assert Outlook.of(FREE, seconds_ago=42.4).reason == "the queue of ibm_fez was empty 42 s ago"
    assert Outlook.of(replace(FREE, status="paused")).reason == "ibm_fez is paused"
    assert Outlook.of(FREE, Session("s", "batch", "active", True)).reason == "its batch is active"
    assert Outlook.of(FREE, Session("s", "dedicated", "active", True)).reason == "its session is active"
    assert Outlook.of(None).reason == "the length of the queue is not known"


@pytest.mark.parametrize(("backend", "predictable"), [(waits(4, 5), True), (waits(4, 400), False), (FREE, False)])
def test_a_waiting_time_that_varies_is_no_guide(backend, predictable):
    assert Outlook.of(backend).is_predictable is predictable
