"""The trigger that waits for a backend."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseHook

from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.triggers import backend as backend_trigger
from airflow_provider_qrt.triggers import connection as trigger_connection
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeBackendReadyTrigger
from airflow_provider_qrt.triggers.timing import FIRST_DELAY
from tests.older_airflow import payloads

LIST = r"^/backends$"


@pytest.fixture
def trigger(connection, impatient_triggers):
    def make(**arguments: Any) -> QiskitRuntimeBackendReadyTrigger:
        return QiskitRuntimeBackendReadyTrigger(**{"backend": "ibm_fez", "poll_interval": 0.02, **arguments})

    return make


def first_event(trigger: QiskitRuntimeBackendReadyTrigger) -> dict[str, Any]:
    async def run() -> Any:
        return await anext(trigger.run())

    return asyncio.run(run()).payload


def test_a_trigger_survives_the_way_through_json():
    made = QiskitRuntimeBackendReadyTrigger(
        backend="ibm_fez",
        backend_filters={"max_queue": 0, "processor_family": "Heron", "names": ["ibm_fez"]},
        qiskit_runtime_conn_id="mine",
        since=1.5,
        deadline=2.5,
        poll_interval=3.5,
    )
    path, arguments = made.serialize()
    again = QiskitRuntimeBackendReadyTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert arguments == {
        "backend": "ibm_fez",
        "backend_filters": {"max_queue": 0, "processor_family": "Heron", "names": ["ibm_fez"]},
        "qiskit_runtime_conn_id": "mine",
        "since": 1.5,
        "deadline": 2.5,
        "poll_interval": 3.5,
    }
    assert path == "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeBackendReadyTrigger"


def test_what_is_not_understood_is_refused_where_it_was_written():
    with pytest.raises(InvalidInputError, match="did you mean 'min_qubits'"):
        QiskitRuntimeBackendReadyTrigger(backend_filters={"min_qubit": 3})


def test_a_trigger_reads_no_connection_before_it_runs(monkeypatch):
    def asked(*_: Any) -> None:
        raise AssertionError("the connection was read")

    monkeypatch.setattr(BaseHook, "get_connection", asked)
    monkeypatch.setattr(BaseHook, "aget_connection", asked)
    QiskitRuntimeBackendReadyTrigger().serialize()


def test_what_travels_holds_no_secret(trigger, emulator):
    told = json.dumps([trigger().serialize(), first_event(trigger())])
    assert "ibm_fez" in told
    assert emulator.instance not in told
    assert emulator.api_key not in told


def test_it_waits_for_airflow_to_notice_that_the_worker_is_gone(connection, monkeypatch):
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise TimeoutError

    # The trigger's alone: the emulator's thread sleeps too.
    monkeypatch.setattr(backend_trigger, "asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(TimeoutError):
        first_event(QiskitRuntimeBackendReadyTrigger(since=time.time()))
    assert slept == [FIRST_DELAY]


def test_it_fires_once(trigger):
    async def run() -> int:
        return len([event async for event in trigger().run()])

    assert asyncio.run(run()) == 1


def test_a_ready_backend_is_in_the_event(trigger):
    event = first_event(trigger())
    assert (event["ending"], event["backend"]["backend"]) == ("ready", "ibm_fez")


def test_the_waiting_time_is_asked_for(trigger, emulator):
    emulator.configure(backends={"ibm_fez": {"queue_length": 3, "run_seconds": 20}})
    assert first_event(trigger())["backend"]["wait_time_seconds"] == 60.0


def test_the_connection_is_read_once(trigger, emulator, monkeypatch):
    emulator.configure(backends={"ibm_fez": {"status": "paused"}})
    real, asked = trigger_connection.ask_airflow, []

    async def counted(conn_id: str) -> Any:
        asked.append(conn_id)
        return await real(conn_id)

    monkeypatch.setattr(trigger_connection, "ask_airflow", counted)
    event = first_event(trigger(deadline=time.time() + 0.3))
    assert (event["ending"], asked) == ("timed_out", ["qiskit_runtime_default"])


def test_a_connection_that_airflow_does_not_hand_out_is_waited_for(trigger, monkeypatch):
    real, asked = trigger_connection.ask_airflow, []

    async def sometimes(conn_id: str) -> Any:
        asked.append(conn_id)
        if len(asked) < 3:
            raise RuntimeError("the API server is busy")
        return await real(conn_id)

    monkeypatch.setattr(trigger_connection, "ask_airflow", sometimes)
    assert first_event(trigger())["ending"] == "ready"
    assert len(asked) == 3


def test_a_connection_that_does_not_exist_ends_the_wait_after_some_time(trigger, believing, monkeypatch):
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    async def missing(conn_id: str) -> Any:
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")

    monkeypatch.setattr(trigger_connection, "ask_airflow", missing)
    event = first_event(trigger(qiskit_runtime_conn_id="nowhere"))
    assert event["ending"] == "unread"
    assert "`nowhere` isn't defined" in event["message"]


def test_a_slow_service_does_not_stall_the_event_loop(trigger, emulator):
    emulator.add_fault(method="GET", path=LIST, delay=3)
    longest = 0.0

    async def run() -> Any:
        nonlocal longest
        waiting = asyncio.ensure_future(anext(trigger().run()))
        while not waiting.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
        return waiting.result().payload

    assert asyncio.run(run())["ending"] == "ready"
    assert emulator.faults()[0]["applied"] == 1
    assert longest < 2


@pytest.mark.parametrize("killed", [False, True])
def test_in_airflows_own_runner(trigger, emulator, killed):
    if killed:
        emulator.configure(backends={"ibm_fez": {"status": "paused"}})

    async def run() -> Any:
        from airflow.jobs.triggerer_job_runner import TriggerRunner

        runner = TriggerRunner()
        task = asyncio.create_task(runner.run_trigger(1, trigger()))
        runner.triggers[1] = {"task": task, "name": "the trigger", "events": 0}  # type: ignore[typeddict-item]
        if killed:
            await asyncio.sleep(0.15)
            runner.to_cancel.append(1)
            await runner.cancel_triggers()
        _, pending = await asyncio.wait([task], timeout=30)
        assert not pending
        return [payload["ending"] for payload in payloads(runner)]

    assert asyncio.run(run()) == ([] if killed else ["ready"])


def test_many_sensors_cost_one_reading(emulator, connection, impatient_triggers, sent):
    emulator.configure(backends={"ibm_fez": {"status": "paused"}})

    async def first_event(trigger):
        return (await anext(trigger.run())).payload

    async def scenario():
        triggers = [QiskitRuntimeBackendReadyTrigger(backend="ibm_fez", poll_interval=0.5) for _ in range(40)]
        waits = [asyncio.create_task(first_event(trigger)) for trigger in triggers]
        await asyncio.sleep(1.2)
        await asyncio.to_thread(emulator.configure, backends={"ibm_fez": {"status": "online"}})
        return await asyncio.gather(*waits)

    found = asyncio.run(scenario())
    assert {one["backend"]["backend"] for one in found} == {"ibm_fez"}
    # Alone each of the 40 would have read them three times at least.
    assert len(sent("GET /backends")) <= 12
