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


@pytest.mark.parametrize(
    ("session", "asked", "says"),
    [
        (dataclasses.replace(OPEN, accepting_jobs=False, state="closed"), {}, "is closed.*Open a new one"),
        (dataclasses.replace(OPEN, accepting_jobs=False), {}, "takes no more jobs.*Open a new one"),
        (OPEN, {"backend": "ibm_boston"}, "is on ibm_fez, the task asks for ibm_boston"),
        (OPEN, {"max_execution_seconds": 601}, r"601 s is longer than batch s may live \(600 s\)"),
    ],
    ids=["closed", "closing", "another backend", "too long"],
)
def test_a_job_that_cannot_join_is_told_why_before_it_is_submitted(session, asked, says):
    with pytest.raises(SessionUnusableError, match=says):
        check_session(session, **{"backend": None, "max_execution_seconds": None, **asked})


def test_a_job_that_can_join_may():
    check_session(OPEN, backend="ibm_fez", max_execution_seconds=600)
    check_session(dataclasses.replace(OPEN, backend=None), backend="ibm_fez", max_execution_seconds=None)
