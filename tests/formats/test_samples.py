"""Arguments of triggers, events, records and XComs that earlier releases wrote are read by this code.

``samples/<version>.json`` was written by that release; there is one for each, and none is ever changed.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_qrt.execution.cancel_note import XCOM_KEY, CancelNote
from airflow_provider_qrt.jobs.sessions.opening import STORE_KEY as SESSION_KEY
from airflow_provider_qrt.jobs.sessions.opening import SessionRecord
from airflow_provider_qrt.jobs.submit.identity import fingerprint_of
from airflow_provider_qrt.jobs.submit.record import STORE_KEY, SubmissionRecord
from airflow_provider_qrt.jobs.submit.split import Split, part_store
from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.primitives import SamplerResult
from tests.conftest import StateStore, TaskInstance

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))


@pytest.fixture(params=SAMPLES, ids=lambda file: file.stem)
def written(request) -> dict[str, Any]:
    return json.loads(request.param.read_text())


def store_with(values: dict[str, Any]) -> StateStore:
    store = StateStore()
    for key, value in values.items():
        store.set(key, value)
    return store


@pytest.mark.parametrize("kind", ["one_job", "two_jobs", "rate_limited"])
def test_a_deferred_task_wakes_up(written, kind):
    path, arguments = written[kind]["trigger"]
    module, _, name = path.rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**arguments)
    assert trigger.serialize() == (path, arguments)
    method = getattr(QiskitRuntimeJobOperator, written[kind]["method"])
    accepted = method.__code__.co_varnames[: method.__code__.co_argcount + method.__code__.co_kwonlyargcount]
    assert set(written[kind]["next_kwargs"]) <= set(accepted)


@pytest.mark.parametrize("kind", ["one_job", "two_jobs"])
def test_an_event_is_understood(written, kind):
    outcome = WaitOutcome.from_event(written[kind]["event"])
    assert outcome.is_completion
    assert outcome.job_id in written[kind]["xcoms"].get("job_ids", [written[kind]["xcoms"]["job_id"]])


def test_the_record_of_one_job_is_read(written):
    record = SubmissionRecord.read(store_with(written["one_job"]["store"]))
    assert record.job_id == written["one_job"]["xcoms"]["job_id"]
    assert record.fingerprint.startswith(fingerprint_of([record.tag]))
    assert (record.number, record.cancel, record.delivered) == (1, True, False)


def test_the_records_of_several_jobs_are_read(written):
    store = store_with(written["two_jobs"]["store"])
    split = Split.read(store)
    assert split.jobs == ((0,), (1,))
    assert split == Split.from_json(written["two_jobs"]["next_kwargs"]["parts"])
    found = [SubmissionRecord.read(part_store(store, part)).job_id for part in (1, 2)]
    assert found == written["two_jobs"]["xcoms"]["job_ids"]


def test_a_submission_that_was_refused_is_known(written):
    record = SubmissionRecord.read(store_with(written["rate_limited"]["store"]))
    assert (record.refused, record.job_id) == (True, None)


def test_the_record_of_a_session_is_read(written):
    record = SessionRecord.read(store_with({SESSION_KEY: written["session"]}))
    assert (record.mode, record.session_id) == ("batch", written["session"]["session_id"])


def test_the_note_for_whoever_cancels_is_read(written):
    ti = TaskInstance(pushed=written["one_job"]["xcoms"])
    assert XCOM_KEY in ti.pushed
    note = CancelNote.pull(ti)
    assert (note.cancel, note.tags) == (True, [written["one_job"]["store"][STORE_KEY]["tag"]])


def test_a_result_in_xcom_is_read(written):
    value = written["one_job"]["value"]
    assert SamplerResult.from_xcom(value)[0].get_counts() == value["results"][0]["counts"]


def test_there_is_a_sample_for_this_release():
    from airflow_provider_qrt import __version__

    assert __version__ in [file.stem for file in SAMPLES]
