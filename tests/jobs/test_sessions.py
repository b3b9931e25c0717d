"""Every task opens exactly one session despite all faults. Against the emulator, over HTTP."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient, RetryPolicy, errors
from airflow_provider_qrt.client.models import Session
from airflow_provider_qrt.jobs.errors import SessionUnusableError
from airflow_provider_qrt.jobs.sessions.opening import STORE_KEY, SessionOpener, SessionRequest, check_session, close

BATCH = SessionRequest("batch", "ibm_fez", 600)


@pytest.fixture
def client(emulator, connection):
    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    with QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=2), sleep=lambda seconds: None) as client:
        yield client


@dataclasses.dataclass
class Task:
    client: QiskitRuntimeClient
    store: Any
    max_tries: int = 1

    def obtain(self, request: SessionRequest = BATCH) -> Session:
        opener = SessionOpener(self.client, max_tries=self.max_tries, store=self.store, connection="the_connection")
        return opener.obtain(request, lambda: request.backend)


@pytest.fixture
def task(client, store) -> Task:
    return Task(client, store)


@pytest.fixture
def opened(client):
    """Ids of the sessions on the server."""
    return lambda: [one.id for mode in ("session", "batch") for one in client.workloads(mode=mode)]


@pytest.mark.parametrize("mode", ["batch", "dedicated"])
def test_a_first_try_opens_one(task, opened, mode):
    session = task.obtain(SessionRequest(mode, "ibm_fez"))
    assert (session.mode, session.backend, opened()) == (mode, "ibm_fez", [session.id])


def test_a_retry_goes_on_with_it(task, opened):
    assert task.obtain().id == task.obtain().id
    assert len(opened()) == 1


def test_a_retry_does_not_go_on_with_one_that_is_closed(task, client, opened):
    first = task.obtain()
    close(client, first.id)
    second = task.obtain()
    assert first.id != second.id
    assert second.accepting_jobs


def test_a_clear_closes_it_and_opens_another(task, client, opened):
    first = task.obtain()
    task.max_tries += 1
    second = task.obtain()
    assert first.id != second.id
    assert not client.session(first.id).accepting_jobs


def test_a_retry_that_asks_for_another_backend_closes_it_and_opens_another(task, client):
    first = task.obtain()
    second = task.obtain(SessionRequest("batch", "ibm_boston", 600))
    assert (second.backend, client.session(first.id).accepting_jobs) == ("ibm_boston", False)


def test_a_retry_that_leaves_the_backend_open_keeps_it(task):
    first = task.obtain()
    assert task.obtain(SessionRequest("batch", "least_busy", 600)).id == first.id


def test_another_input_closes_it_and_opens_another(task, client):
    first = task.obtain()
    second = task.obtain(SessionRequest("dedicated", "ibm_fez", 600))
    assert second.mode == "dedicated"
    assert not client.session(first.id).accepting_jobs


@pytest.mark.parametrize(
    "fault", [{"drop": "after"}, {"status": 503, "phase": "after"}, {"truncate": 20}], ids=["drop", "503", "truncated"]
)
def test_after_a_lost_answer_another_is_opened_and_used(task, emulator, opened, fault, logged):
    emulator.add_fault(method="POST", path="/sessions", **fault)
    session = task.obtain()
    assert session.id in opened()
    assert task.store.get(STORE_KEY)["session_id"] == session.id
    assert "costs nothing and closes by itself" in logged()[0]


def test_a_service_that_loses_every_answer_is_asked_a_few_times_only(task, emulator, sent):
    emulator.add_fault(method="POST", path="/sessions", drop="before", times=None)
    with pytest.raises(errors.SubmissionUnknownError):
        task.obtain()
    assert len(sent("POST /sessions")) == 3


@pytest.mark.parametrize("asked", [60, 600, 28_800])
def test_max_ttl_is_sent_as_it_was_asked_for(task, asked):
    assert task.obtain(SessionRequest("batch", "ibm_fez", asked)).max_ttl == asked


def test_the_record_says_with_which_connection_it_was_opened(task):
    task.obtain()
    assert task.store.get(STORE_KEY)["connection"] == "the_connection"


def test_without_a_store_each_try_opens_one(task, opened):
    task.store = None
    task.obtain()
    task.obtain()
    assert len(opened()) == 2


# Joining


OPEN = Session("s", "batch", "open", True, "ibm_fez", 600)


OPENS_ANEW = "Open a new one: clear the task that opened it, or leave session_id out. Nothing was submitted."
DEDICATED = dataclasses.replace(OPEN, mode="dedicated")


@pytest.mark.parametrize(
    ("session", "asked", "says"),
    [
        (
            dataclasses.replace(OPEN, accepting_jobs=False, state="closed"),
            {},
            f"session_id: batch s is closed. {OPENS_ANEW}",
        ),
        (
            dataclasses.replace(DEDICATED, accepting_jobs=False, state="closed", state_reason="max_ttl"),
            {},
            f"session_id: session s is closed (max_ttl). {OPENS_ANEW}",
        ),
        (
            dataclasses.replace(OPEN, accepting_jobs=False),
            {},
            f"session_id: batch s is being closed and takes no more jobs. {OPENS_ANEW}",
        ),
        (
            DEDICATED,
            {"backend": "ibm_boston"},
            "session_id: session s is on ibm_fez, the task asks for ibm_boston. Name the same backend, or leave the "
            "task's at 'least_busy': it takes the session's. Nothing was submitted.",
        ),
        (
            OPEN,
            {"max_execution_seconds": 601},
            "max_execution_time: 601 s is longer than batch s may live (600 s). Lower it, or open the batch with a "
            "longer max_ttl. Nothing was submitted.",
        ),
    ],
    ids=["closed", "closed, with a reason", "closing", "another backend", "too long"],
)
def test_a_job_that_cannot_join_is_told_why_before_it_is_submitted(session, asked, says):
    with pytest.raises(SessionUnusableError) as raised:
        check_session(session, **{"backend": None, "max_execution_seconds": None, **asked})
    assert str(raised.value) == says


def test_a_job_that_can_join_may():
    check_session(OPEN, backend="ibm_fez", max_execution_seconds=600)
    check_session(dataclasses.replace(OPEN, backend=None), backend="ibm_fez", max_execution_seconds=None)
    check_session(dataclasses.replace(OPEN, max_ttl=None), backend=None, max_execution_seconds=10_000)


# Word by word, without HTTP


@pytest.fixture
def alone(service, store):
    """Opens a session as a try of a task."""

    def obtain(request: SessionRequest = BATCH, choose=lambda: "ibm_fez", **more: Any) -> Session:
        slept: list[float] = []
        usual = {"max_tries": 1, "store": store, "sleep": slept.append, "clock": lambda: 1000.0}
        session = SessionOpener(service, **{**usual, **more}).obtain(request, choose)
        obtain.slept = slept
        return session

    return obtain


@pytest.mark.parametrize(("mode", "kind"), [("batch", "batch"), ("dedicated", "session")])
@pytest.mark.parametrize("keep_open", [True, False])
def test_what_was_opened_is_written_down_for_the_retry_and_for_whoever_closes_it(
    alone, service, store, logged, mode, kind, keep_open
):
    session = alone(SessionRequest(mode, "least_busy"), keep_open=keep_open, connection="c", max_tries=4)
    assert service.asked("create_session") == [{"mode": mode, "backend": "ibm_fez", "max_ttl": 28_800}]
    assert store.get(STORE_KEY) == {
        "mode": mode,
        "backend": "ibm_fez",
        "asked_ttl": None,
        "max_ttl": 28_800,
        "opened_at": 1000.0,
        "max_tries": 4,
        "session_id": session.id,
        "connection": "c",
        "keep_open": keep_open,
    }
    assert logged() == [f"Opened {kind} s1 on ibm_fez."]


def test_one_that_is_open_is_used_by_a_retry_which_chooses_no_backend(alone, logged):
    first = alone()
    assert alone(choose=lambda: pytest.fail("asked for a backend")) == first
    assert logged()[1:] == ["The batch s1 of an earlier try is open; it is used."]
    assert alone.slept == [0.0]


@pytest.mark.parametrize(
    ("request_", "more"),
    [
        (BATCH, {"max_tries": 2}),
        (dataclasses.replace(BATCH, max_ttl=700), {}),
        (dataclasses.replace(BATCH, mode="dedicated"), {}),
        (dataclasses.replace(BATCH, backend="ibm_boston"), {}),
    ],
    ids=["cleared", "another max_ttl", "another mode", "another backend"],
)
def test_one_that_does_not_fit_any_more_is_closed_and_another_opened(alone, service, logged, request_, more):
    alone()
    assert alone(request_, **more).id == "s2"
    assert service.asked("close_session") == ["s1"]
    assert logged()[1] == "The batch s1 of before the clear, or of another input, is closed."


def test_one_that_takes_no_more_jobs_is_left_as_it_is(alone, service):
    alone()
    service.sessions["s1"] = dataclasses.replace(service.sessions["s1"], accepting_jobs=False)
    assert alone().id == "s2"
    assert service.asked("close_session") == []


def test_one_that_the_service_does_not_know_is_asked_for_three_times(alone, service):
    alone()
    service.sessions.clear()
    alone()
    assert (service.asked("session"), alone.slept) == (["s1"] * 3, [0.0, 1.0, 3.0])


def test_an_intent_without_a_session_is_followed_by_another(alone, service, store):
    alone()
    store.set(STORE_KEY, {**store.get(STORE_KEY), "session_id": None, "of_a_later_version": 1})
    alone()
    assert (service.asked("session"), len(service.sessions)) == ([], 2)


def test_while_answers_are_lost_another_is_asked_for(alone, service, logged):
    service.failing["create_session"] = errors.SubmissionUnknownError("The answer was lost.")
    with pytest.raises(errors.SubmissionUnknownError):
        alone()
    assert len(service.asked("create_session")) == 3
    again = "The answer was lost. Another is asked for: one that is never used costs nothing and closes by itself."
    assert logged() == [again] * 2


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("batch", "Opening a batch: the channel 'api_token' has no batches."),
        ("dedicated", "Opening a session: the channel 'api_token' has no sessions that are opened on their own."),
    ],
)
def test_a_channel_without_them_says_so_before_a_backend_is_chosen(service_without_tags, mode, says):
    opener = SessionOpener(service_without_tags, max_tries=1, store=None)
    with pytest.raises(errors.NotOfferedError) as raised:
        opener.obtain(SessionRequest(mode, "least_busy"), lambda: pytest.fail("asked for a backend"))
    assert str(raised.value).startswith(says)
    assert service_without_tags.calls == []


@pytest.mark.parametrize(("cancel", "method"), [(False, "close_session"), (True, "cancel_session")])
def test_closing_says_whether_there_was_anything_to_close(alone, service, cancel, method):
    alone()
    assert close(service, "s1", cancel_queued_jobs=cancel)
    assert service.asked(method) == ["s1"]
    assert not close(service, "nowhere", cancel_queued_jobs=cancel)
    service.failing[method] = errors.ConflictError(409, errors.ErrorBody(), request="DELETE /sessions/s1")
    assert not close(service, "s1", cancel_queued_jobs=cancel)
    service.failing[method] = errors.ConnectionFailedError("no route")
    with pytest.raises(errors.ConnectionFailedError):
        close(service, "s1", cancel_queued_jobs=cancel)
