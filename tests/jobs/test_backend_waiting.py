"""Waiting for a backend: the meaning of a reading, and the serialized data."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Backend
from airflow_provider_qrt.jobs.backends.criteria import BackendCriteria
from airflow_provider_qrt.jobs.backends.waiting import (
    BackendEnding,
    BackendOutcome,
    BackendPoller,
    BackendWish,
    ReadyBackend,
)
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE
from airflow_provider_qrt.jobs.wait.pacing import KeepWaiting

NOW = 1_000_000.0
WHERE = "connection 'c' (x in us-east)"


class Middle(random.Random):
    """No jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def backend(name: str = "ibm_a", **changes: Any) -> Backend:
    return Backend(name, **{"status": "online", "status_reason": "available", "num_qubits": 156, **changes})


def poller(backend: str = "least_busy", since: float = NOW, deadline: float | None = None, **filters: Any):
    wish = BackendWish(backend, BackendCriteria.from_filters(filters))
    return BackendPoller(wish, since, deadline, 60.0, where=WHERE, first_delay=6.0, random=Middle())


def server_error(status: int = 503, retry_after: float | None = None) -> errors.ServerError:
    return errors.ServerError(status, errors.ErrorBody(), request="GET /backends", retry_after=retry_after)


# Ready


def test_a_ready_backend_ends_the_wait_and_is_described():
    one = backend(
        queue_length=3,
        wait_time_seconds={"average": 99, "p50": 40, "p95": 500},
        processor_type={"family": "Heron", "revision": "2"},
    )
    outcome = poller().on_backends([one], NOW)
    assert outcome.ending is BackendEnding.READY
    assert outcome.backend.to_json() == {
        "backend": "ibm_a",
        "queue_length": 3,
        "wait_time_seconds": 40.0,
        "qubits": 156,
        "processor": "Heron r2",
        "status": "online",
    }
    assert outcome.message == "Backend ibm_a is online with 3 jobs in its queue; a job waits about 40 s."


def test_what_the_service_does_not_say_is_null():
    found = poller().on_backends([backend(num_qubits=None)], NOW).backend.to_json()
    assert (found["wait_time_seconds"], found["qubits"], found["processor"]) == (None, None, None)


def test_a_ready_backend_is_described_without_what_is_not_known():
    outcome = poller().on_backends([backend(queue_length=1)], NOW)
    assert outcome.message == "Backend ibm_a is online with 1 job in its queue."


def test_of_several_the_least_busy_is_handed_on():
    some = [backend("ibm_a", queue_length=9), backend("ibm_b", queue_length=2), backend("ibm_c", queue_length=1)]
    assert poller(exclude=["ibm_c"]).on_backends(some, NOW).backend.backend == "ibm_b"


def test_a_backend_with_a_name_is_waited_for_though_another_is_ready():
    step = poller("ibm_a").on_backends([backend("ibm_a", status="paused"), backend("ibm_b")], NOW)
    assert isinstance(step, KeepWaiting)
    assert step.note == "No backend is ready: ibm_a is paused."


def test_a_simulator_with_a_name_is_wanted():
    assert poller("sim").on_backends([backend("sim", is_simulator=True)], NOW).backend.backend == "sim"


def test_a_queue_of_just_the_limit_is_short_enough():
    assert poller(max_queue=5).on_backends([backend(queue_length=5)], NOW).ending is BackendEnding.READY
    assert isinstance(poller(max_queue=5).on_backends([backend(queue_length=6)], NOW), KeepWaiting)


# Waiting on


def test_looks_are_frequent_at_first_and_never_rarer_than_the_poll_interval():
    def delay(waited: float) -> float:
        return poller().on_backends([backend(status="paused")], NOW + waited).seconds

    assert [delay(waited) for waited in (0, 10, 60, 10_000)] == [2.0, 5.0, 30.0, 60.0]


def test_delays_are_varied():
    waiting = replace(poller(), random=random.Random(1))
    delays = {waiting.on_backends([backend(status="paused")], NOW + 10_000).seconds for _ in range(20)}
    assert len(delays) == 20
    assert all(54 <= delay <= 66 for delay in delays)


def test_the_first_look_is_put_off():
    assert poller().first(NOW).seconds == 6.0
    assert poller(deadline=NOW + 1).first(NOW).seconds == 1.0


def test_the_log_has_a_line_when_the_reason_changes_and_not_at_every_look():
    waiting = poller(max_queue=5)
    looks = [{"status": "paused", "status_reason": "calibrating"}] * 2 + [{"queue_length": n} for n in (9, 8, 7)]
    notes = [waiting.on_backends([backend(**look)], NOW).note for look in looks]
    assert notes == [
        "No backend is ready: ibm_a is paused (calibrating).",
        "",
        "No backend is ready: ibm_a has queue 9 > 5.",
        "",
        "",
    ]


@pytest.mark.parametrize(
    "error",
    [
        server_error(500),
        server_error(503),
        errors.RateLimitedError(429, errors.ErrorBody(), request="GET /backends"),
        errors.ConnectionFailedError("refused"),
        errors.NoAnswerError("reset"),
        errors.UnexpectedAnswerError("HTML"),
        errors.TokenUnavailableError("IAM is down"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_hiccup_does_not_end_the_wait(error):
    waiting = poller()
    steps = [waiting.on_error(error, NOW + 10) for _ in range(100)]
    assert all(isinstance(step, KeepWaiting) for step in steps)
    assert [bool(step.note) for step in steps] == [True, *[False] * 99]


def test_a_hiccup_after_a_good_look_is_told_again():
    waiting = poller()
    waiting.on_error(server_error(), NOW)
    waiting.on_backends([backend(status="paused")], NOW)
    said = "The backends could not be read, waiting on. GET /backends: HTTP 503: no reason given."
    assert waiting.on_error(server_error(), NOW).note == said


def test_a_time_that_the_service_asked_for_is_waited():
    assert poller().on_error(server_error(retry_after=300), NOW).seconds == 300
    assert poller(deadline=NOW + 100).on_error(server_error(retry_after=300), NOW).seconds == 100


# Giving up


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidApiKeyError(400, errors.ErrorBody(), request="POST /identity/token"),
        errors.ForbiddenError(403, errors.ErrorBody(), request="GET /backends"),
        errors.NotFoundError(404, errors.ErrorBody(), request="GET /backends"),
        errors.BadRequestError(400, errors.ErrorBody(), request="GET /backends"),
        errors.InvalidSettingsError("no API key"),
        errors.ApiVersionNotHonouredError("names only"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refusal_ends_the_wait_when_it_has_gone_on_for_minutes(error):
    looking = poller()
    for seconds in (0, 60, DEFAULT_PATIENCE - 1):
        assert isinstance(looking.on_error(error, NOW + seconds), KeepWaiting)
    message = f"The backends cannot be watched. {error} Asked with {WHERE}."
    assert looking.on_error(error, NOW + DEFAULT_PATIENCE) == BackendOutcome(BackendEnding.UNREAD, None, message)


def test_a_mistake_of_our_own_ends_the_wait_at_once():
    looking = replace(poller(), where="")
    outcome = looking.on_error(errors.InternalError("TypeError."), NOW)
    assert outcome == BackendOutcome(BackendEnding.UNREAD, None, "The backends cannot be watched. TypeError.")


def test_patience_may_be_shorter():
    looking = replace(poller(), patience=10.0)
    refused = errors.BadRequestError(400, errors.ErrorBody(), request="GET /backends")
    steps = [looking.on_error(refused, NOW + seconds) for seconds in (0, 5, 10)]
    assert [isinstance(step, KeepWaiting) for step in steps] == [True, True, False]


FEZ = f"is not among the backends of {WHERE}: ibm_fez. Did you mean 'ibm_fez'?"


@pytest.mark.parametrize(
    ("name", "filters", "place"),
    [
        ("ibm_fezz", {}, "backend"),
        ("least_busy", {"names": ["ibm_fezz"]}, "backend_filters.names"),
        ("ibm_fez", {"exclude": ["ibm_fezz"]}, "backend_filters.exclude"),
    ],
    ids=["backend", "names", "exclude"],
)
def test_an_unknown_name_ends_the_wait_with_the_nearest(name, filters, place):
    outcome = poller(name, **filters).on_backends([backend("ibm_fez")], NOW)
    assert outcome == BackendOutcome(BackendEnding.REFUSED, None, f"{place}: 'ibm_fezz' {FEZ}")


@pytest.mark.parametrize("name", ["least_busy", "ibm_a"])
def test_a_wish_that_can_never_come_true_ends_the_wait(name):
    outcome = poller(name, min_qubits=1000).on_backends([backend("ibm_a", status="paused")], NOW)
    message = (
        f"No backend is what backend_filters asks for with {WHERE}: ibm_a has 156 qubits < 1000. Ask for less, or use "
        "a connection to an instance that has such a backend."
    )
    assert outcome == BackendOutcome(BackendEnding.REFUSED, None, message)


def test_one_backend_that_could_fit_is_waited_for():
    some = [backend("ibm_a", num_qubits=27), backend("ibm_b", status="offline")]
    assert isinstance(poller(min_qubits=100).on_backends(some, NOW), KeepWaiting)


def test_at_the_deadline_the_last_known_state_is_told():
    waiting = poller("ibm_a", deadline=NOW + 100)
    paused = [backend(status="paused", status_reason="calibrating")]
    assert waiting.on_backends(paused, NOW + 99).seconds == 1.0
    outcome = waiting.on_backends(paused, NOW + 100)
    assert outcome.ending is BackendEnding.TIMED_OUT
    assert outcome.message == (
        "No backend is ready: ibm_a is paused (calibrating). The sensor's timeout of 100 s has passed."
    )


def test_at_the_deadline_a_ready_backend_is_still_ready():
    assert poller(deadline=NOW).on_backends([backend()], NOW).ending is BackendEnding.READY


def test_a_service_that_is_down_until_the_deadline_times_out():
    outcome = poller(since=NOW - 60, deadline=NOW).on_error(server_error(), NOW)
    message = "The backends could not be read. The sensor's timeout of 60 s has passed."
    assert outcome == BackendOutcome(BackendEnding.TIMED_OUT, None, message)
    assert "could not be read" in outcome.message


# What travels

READY = BackendOutcome(BackendEnding.READY, ReadyBackend("ibm_a", 3, None, 156, "Heron r2", "online"), "Ready.")


@pytest.mark.parametrize("outcome", [READY, BackendOutcome(BackendEnding.TIMED_OUT, None, "Too late.")], ids=str)
def test_an_outcome_survives_the_way_through_json(outcome):
    assert BackendOutcome.from_event(json.loads(json.dumps(outcome.to_event()))) == outcome


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        {**READY.to_event(), "ending": "victory"},
        {**READY.to_event(), "backend": None},
        {**READY.to_event(), "backend": {"name": "ibm_a"}},
        {**READY.to_event(), "ending": "refused"},
        {"ending": "ready", "backend": {}},
    ],
    ids=str,
)
def test_an_event_that_is_not_understood_is_no_success(event):
    said = f"The trigger sent an event that is not understood: {event!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        BackendOutcome.from_event(event)
