"""The event trigger in Airflow's runner reports each event once and never ends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager
from typing import Any

import pytest
from airflow.sdk import Asset, AssetWatcher, BaseHook
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_qrt.compat import has_asset_state_store
from airflow_provider_qrt.jobs.wait.shared_poller import _pollers
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.triggers import backend_event
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeBackendReadyTrigger, QiskitRuntimeBackendTrigger
from tests.older_airflow import encode_trigger

LIST = r"^/backends$"
PROPERTIES = "/backends/ibm_fez/properties"
PATIENCE = 30.0


class StateStore:
    """An asset's state store as the trigger sees it: JSON in, JSON out."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.failures = 0
        self._by_name = {"the asset": self}
        self._by_uri: dict[str, Any] = {}

    async def aget(self, key: str) -> Any:
        self._may_fail()
        return json.loads(self.values[key]) if key in self.values else None

    async def aset(self, key: str, value: Any) -> None:
        self._may_fail()
        self.values[key] = json.dumps(value)

    def _may_fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the API server is busy")

    @property
    def marks(self) -> list[dict[str, Any]]:
        return [json.loads(value) for value in self.values.values()]

    def lacked(self) -> list[str] | None:
        return self.marks[0]["lacked"] if self.marks else None


class BlockingStateStore:
    """The same store as Airflow 3.3.0 and 3.3.1 have it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._by_name = {"the asset": self}
        self._by_uri: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        return json.loads(self.values[key]) if key in self.values else None

    def set(self, key: str, value: Any) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.values[key] = json.dumps(value)


class Triggerer:
    """Airflow's runner with the triggers of some watchers, and a database that stores their events."""

    def __init__(self) -> None:
        from airflow.jobs.triggerer_job_runner import TriggerRunner

        self.runner = TriggerRunner()
        self.stored: list[dict[str, Any]] = []
        self.is_storing = True

    async def start(self, number: int, trigger: QiskitRuntimeBackendTrigger, store: StateStore | None) -> None:
        path, arguments = trigger.serialize()
        again = self.runner.get_trigger_by_classpath(path)(**json.loads(json.dumps(arguments)))
        again.asset_state_store = store
        task = asyncio.create_task(self.runner.run_trigger(number, again))
        self.runner.triggers[number] = {"task": task, "name": f"trigger {number}", "events": 0}

    async def store_events(self) -> None:
        """Pass the runner's events on and confirm them, like the supervisor."""
        while True:
            while self.runner.events and self.is_storing:
                entry = self.runner.events.popleft()
                self.stored.append(json.loads(json.dumps(entry.event.payload)))
                assert entry.persist_seq is not None
                self.runner._shared_streams.confirm_persisted([entry.persist_seq])
            await asyncio.sleep(0.01)

    def tasks(self) -> list[Any]:
        return [details["task"] for details in self.runner.triggers.values()]


@asynccontextmanager
async def triggerer(*watchers: tuple[QiskitRuntimeBackendTrigger, StateStore | None]):
    """A triggerer for a while; it is gone afterwards as if it had been stopped."""
    if not has_asset_state_store():
        pytest.skip("the triggers of this Airflow keep no state of an asset")
    running = Triggerer()
    for number, (trigger, store) in enumerate(watchers):
        await running.start(number, trigger, store)
    storing = asyncio.create_task(running.store_events())
    try:
        yield running
        assert not any(task.done() for task in running.tasks())
    finally:
        for task in [storing, *running.tasks()]:
            task.cancel()
        await asyncio.wait([storing, *running.tasks()])


async def until(true, what="what was waited for"):
    for _ in range(int(PATIENCE / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not come")


@pytest.fixture
def store() -> StateStore:
    return StateStore()


@pytest.fixture
def watch(connection, monkeypatch):
    """Makes triggers that look every twentieth of a second."""
    monkeypatch.setattr("airflow_provider_qrt.jobs.backends.events.SHORTEST_INTERVAL", 0.01)
    monkeypatch.setattr("airflow_provider_qrt.jobs.backends.events.LONGEST_PAUSE", 0.2)

    def make(**arguments: Any) -> QiskitRuntimeBackendTrigger:
        return QiskitRuntimeBackendTrigger(**{"backend": "ibm_fez", "poll_interval": 0.05, **arguments})

    return make


@pytest.fixture
def set_backend(emulator):
    async def change(**change: Any) -> None:
        await asyncio.to_thread(emulator.configure, backends={"ibm_fez": change})

    return change


@pytest.fixture
def calibrate(emulator):
    """Gives the backend a calibration of its own."""

    def change(hour: int, error: float) -> None:
        emulator.clear_faults()
        parameters = [{"name": "gate_error", "value": error}]
        body = {
            "last_update_date": f"2026-11-21T{hour:02}:00:00+00:00",
            "gates": [{"gate": "cz", "qubits": [0, 1], "parameters": parameters}],
            "qubits": [],
        }
        emulator.add_fault(method="GET", path=PROPERTIES, status=200, body=body, times=None)

    async def calibrated(hour: int, error: float = 0.003) -> None:
        await asyncio.to_thread(change, hour, error)

    return calibrated


def test_a_trigger_survives_the_way_through_json():
    made = QiskitRuntimeBackendTrigger(
        backend="ibm_fez",
        max_queue=0,
        max_two_qubit_error=0.004,
        recalibrated=True,
        qiskit_runtime_conn_id="mine",
        poll_interval=30,
    )
    path, arguments = made.serialize()
    assert QiskitRuntimeBackendTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
    assert path == "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeBackendTrigger"
    assert arguments == {
        "backend": "ibm_fez",
        "max_queue": 0,
        "max_two_qubit_error": 0.004,
        "recalibrated": True,
        "qiskit_runtime_conn_id": "mine",
        "poll_interval": 30.0,
    }


def test_what_is_not_understood_is_refused_where_it_was_written():
    with pytest.raises(InvalidInputError, match="max_queue: expected a whole number"):
        QiskitRuntimeBackendTrigger(backend="ibm_fez", max_queue="few")
    with pytest.raises(InvalidInputError, match="poll_interval: must be at least 1 s"):
        QiskitRuntimeBackendTrigger(backend="ibm_fez", poll_interval=0.1)


def test_an_asset_may_have_it_for_a_watcher_without_its_connection_being_read(monkeypatch):
    def asked(*_: Any) -> None:
        raise AssertionError("the connection was read")

    monkeypatch.setattr(BaseHook, "get_connection", asked)
    monkeypatch.setattr(BaseHook, "aget_connection", asked)
    watcher = AssetWatcher(name="back", trigger=QiskitRuntimeBackendTrigger(backend="ibm_fez"))
    assert Asset("backend", watchers=[watcher]).watchers == [watcher]


def test_airflow_knows_it_again_when_the_dag_file_is_read_again():
    from airflow.models.trigger import Trigger

    # It compares hashes; a trigger that it does not know again would be begun anew each time.
    encoded = encode_trigger(QiskitRuntimeBackendTrigger(backend="ibm_fez", max_queue=3, max_two_qubit_error=0.004))
    stored = Trigger(encoded["classpath"], encoded["kwargs"])
    before, after = (encoded["classpath"], encoded["kwargs"]), (stored.classpath, stored.kwargs)
    assert BaseEventTrigger.hash(*before) == BaseEventTrigger.hash(*after)


def test_each_return_of_a_backend_is_told_once(watch, store, set_backend, emulator):
    async def scenario():
        async with triggerer((watch(), store)) as running:
            for number in (1, 2):
                await until(lambda: store.lacked() == [])
                await set_backend(status="paused", reason="calibrating")
                await until(lambda: store.lacked() == ["online"])
                await set_backend(status="online", queue_length=number)
                await until(lambda number=number: len(running.stored) == number)
            await until(lambda: store.lacked() == [])
            await asyncio.sleep(0.3)
            return running.stored

    first, second = asyncio.run(scenario())
    assert (first["backend"], first["happened"], first["status"]) == ("ibm_fez", ["online"], "online")
    assert (first["queue_length"], second["queue_length"]) == (1, 2)
    assert first["calibrated"] == "2025-02-26T20:16:25+00:00"
    assert first["two_qubit_error"] == pytest.approx(0.0039, abs=1e-4)
    assert first["event_id"] != second["event_id"]
    told = json.dumps([first, second, store.marks])
    assert emulator.api_key not in told
    assert emulator.instance.split(":")[6] not in told


def test_a_queue_a_calibration_and_an_error_are_told(watch, set_backend, calibrate):
    stores = [StateStore() for _ in range(3)]

    async def scenario():
        await set_backend(queue_length=9)
        await calibrate(1, 0.02)
        watchers = [watch(max_queue=5), watch(recalibrated=True), watch(max_two_qubit_error=0.01)]
        async with triggerer(*zip(watchers, stores, strict=True)) as running:
            await until(lambda: [one.lacked() for one in stores] == [["queue"], ["recalibrated"], ["two_qubit_error"]])
            await set_backend(queue_length=5)
            await until(lambda: len(running.stored) == 1)
            await calibrate(2, 0.02)
            await until(lambda: len(running.stored) == 2)
            await calibrate(2, 0.002)
            await until(lambda: len(running.stored) == 3)
            await asyncio.sleep(0.4)
            return running.stored

    told = asyncio.run(scenario())
    assert [one["happened"] for one in told] == [["queue"], ["recalibrated"], ["two_qubit_error"]]
    assert [one["two_qubit_error"] for one in told] == [0.02, 0.02, 0.002]
    assert [one["calibrated"][11:13] for one in told] == ["01", "02", "02"]


def test_what_happens_while_no_triggerer_runs_is_told_by_the_next_one(watch, store, set_backend):
    async def scenario():
        async with triggerer((watch(), store)):
            await set_backend(status="offline")
            await until(lambda: store.lacked() == ["online"])
        await set_backend(status="online")
        async with triggerer((watch(), store)) as second:
            await until(lambda: second.stored)
            await until(lambda: store.lacked() == [])
        async with triggerer((watch(), store)) as third:
            await asyncio.sleep(0.4)
            return second.stored, third.stored

    second, third = asyncio.run(scenario())
    assert [one["happened"] for one in second] == [["online"]]
    assert third == []


def test_a_store_without_asynchronous_methods_is_used_in_a_thread(watch, set_backend):
    store = BlockingStateStore()

    async def scenario():
        async with triggerer((watch(), store)):
            await set_backend(status="offline")
            await until(lambda: any('"online"' in value for value in store.values.values()))
        await set_backend(status="online")
        async with triggerer((watch(), store)) as second:
            await until(lambda: second.stored)
            return second.stored

    assert [one["happened"] for one in asyncio.run(scenario())] == [["online"]]


def test_an_event_that_airflow_did_not_store_is_told_by_the_next_triggerer(watch, store, set_backend):
    async def scenario():
        async with triggerer((watch(), store)) as first:
            await set_backend(status="offline")
            await until(lambda: store.lacked() == ["online"])
            first.is_storing = False
            await set_backend(status="online")
            await until(lambda: first.runner.events)
            await asyncio.sleep(0.3)
            lost = first.runner.events[0].event.payload
        assert store.lacked() == ["online"]
        async with triggerer((watch(), store)) as second:
            await until(lambda: second.stored)
            return lost, second.stored

    lost, told = asyncio.run(scenario())
    assert [one["event_id"] for one in told] == [lost["event_id"]]


def test_events_that_are_stored_late_leave_the_last_watermark(watch, store, set_backend):
    async def scenario():
        async with triggerer((watch(), store)) as running:
            await until(lambda: store.lacked() == [])
            await set_backend(status="offline")
            await until(lambda: store.lacked() == ["online"])
            running.is_storing = False
            await set_backend(status="online")
            await until(lambda: len(running.runner.events) == 1)
            await set_backend(status="offline")
            await asyncio.sleep(0.3)
            # Not ahead of the event: who begins here would never tell it.
            held = store.marks[0]
            running.is_storing = True
            await until(lambda: store.marks[0]["since"] > held["since"] and store.lacked() == ["online"])
            return held, running.stored

    held, told = asyncio.run(scenario())
    assert held["lacked"] == ["online"]
    assert len(told) == 1


def test_a_watcher_of_several_assets_keeps_what_it_saw_with_each(watch, set_backend):
    both, one = StateStore(), StateStore()
    both._by_name = {"first": both, "second": one}

    async def scenario():
        await set_backend(status="offline")
        async with triggerer((watch(), both)):
            await until(lambda: both.lacked() == one.lacked() == ["online"])
        await set_backend(status="online")
        # The first asset is gone.
        async with triggerer((watch(), one)) as running:
            await until(lambda: running.stored)

    asyncio.run(scenario())


def test_two_watchers_of_one_asset_do_not_mix_up_what_they_saw(watch, store):
    async def scenario():
        async with triggerer((watch(), store), (watch(max_queue=3), store), (watch(max_queue=4), store)):
            await until(lambda: len(store.values) == 3)

    asyncio.run(scenario())


def test_another_interval_is_the_same_watch(watch, store, set_backend):
    async def scenario():
        await set_backend(status="offline")
        async with triggerer((watch(), store)):
            await until(lambda: store.lacked() == ["online"])
        await set_backend(status="online")
        async with triggerer((watch(poll_interval=0.1), store)) as running:
            await until(lambda: running.stored)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 503},
        {"status": 429, "retry_after": "0"},
        {"drop": "before"},
        {"status": 502, "html": "<html>bad gateway</html>"},
        {"effect": "revoke_tokens"},
        {"status": 401},
        {"status": 403},
        {"status": 404},
        {"status": 200, "body": {"devices": "none"}},
        {"status": 200, "body": {"devices": []}},
    ],
    ids=str,
)
def test_no_trouble_ends_the_watch(watch, store, set_backend, emulator, trouble):
    async def scenario():
        async with triggerer((watch(), store)) as running:
            await set_backend(status="offline")
            await until(lambda: store.lacked() == ["online"])
            rule = await asyncio.to_thread(lambda: emulator.add_fault(method="GET", path=LIST, times=5, **trouble))
            await set_backend(status="online")
            await until(lambda: running.stored)
            return rule, emulator.faults()

    _, faults = asyncio.run(scenario())
    assert faults[0]["applied"] == 5


@pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 403}, {"status": 200, "body": {"gates": 3}}], ids=str)
def test_no_trouble_with_the_calibration_ends_the_watch(watch, store, calibrate, emulator, trouble):
    async def scenario():
        await calibrate(1)
        async with triggerer((watch(recalibrated=True), store)) as running:
            await until(lambda: store.lacked() == ["recalibrated"])
            await calibrate(2)
            await asyncio.to_thread(emulator.clear_faults)
            await asyncio.to_thread(lambda: emulator.add_fault(method="GET", path=PROPERTIES, times=3, **trouble))
            await until(lambda: emulator.faults()[0]["applied"] == 3)
            await calibrate(3)
            await until(lambda: running.stored and running.stored[-1]["calibrated"].startswith("2026-11-21T03"))

    asyncio.run(scenario())


def test_an_event_is_told_without_the_calibration_when_that_cannot_be_read(watch, store, set_backend, emulator):
    emulator.add_fault(method="GET", path=PROPERTIES, status=500, times=None)

    async def scenario():
        async with triggerer((watch(), store)) as running:
            await set_backend(status="offline")
            await until(lambda: store.lacked() == ["online"])
            await set_backend(status="online")
            await until(lambda: running.stored)
            return running.stored[0]

    told = asyncio.run(scenario())
    assert (told["calibrated"], told["two_qubit_error"]) == (None, None)


def test_a_connection_that_is_set_right_is_used(watch, store, set_backend, connect, emulator):
    connect(password="wrong")

    async def scenario():
        async with triggerer((watch(), store)):
            await until(lambda: any(one["status"] == 400 for one in emulator.requests()), "a refused login")
            connect()
            await until(lambda: store.lacked() == [])

    asyncio.run(scenario())


def test_a_backend_that_is_not_there_yet_is_waited_for(watch, store, emulator, capsys):
    async def scenario():
        async with triggerer((watch(backend="ibm_fezz"), store), (watch(), StateStore())):
            await until(lambda: len([one for one in emulator.requests() if one["path"].endswith("/backends")]) > 9)

    asyncio.run(scenario())
    assert capsys.readouterr().out.count("'ibm_fezz' is not among the backends") == 1


def test_trouble_is_logged_once(watch, store, emulator, capsys):
    rule = {"method": "GET", "path": LIST, "status": 503, "times": 6}

    async def scenario():
        emulator.add_fault(**rule)
        async with triggerer((watch(), store)):
            await until(lambda: store.lacked() == [])

    asyncio.run(scenario())
    assert emulator.faults()[0]["applied"] == 6
    assert capsys.readouterr().out.count("ibm_fez is polled again later") == 1


def test_a_state_store_that_cannot_be_used_is_waited_for(watch, store, set_backend, capsys):
    async def scenario():
        await set_backend(status="offline")
        store.failures = 3
        async with triggerer((watch(), store)) as running:
            await until(lambda: store.lacked() == ["online"])
            store.failures = 3
            await set_backend(status="online")
            await until(lambda: store.lacked() == [])
            return running.stored

    assert len(asyncio.run(scenario())) == 1
    assert capsys.readouterr().out.count("asset state store cannot be used") == 2


def test_a_watermark_that_cannot_be_read_yet_is_not_taken_for_none(watch, store, set_backend):
    async def scenario():
        await set_backend(status="offline")
        async with triggerer((watch(), store)):
            await until(lambda: store.lacked() == ["online"])
        await set_backend(status="online")
        store.failures = 5
        async with triggerer((watch(), store)) as running:
            await until(lambda: running.stored)

    asyncio.run(scenario())


def test_watchers_and_deferred_sensors_of_a_connection_share_one_reading(
    watch, set_backend, emulator, sent, impatient_triggers, monkeypatch
):
    monkeypatch.setattr(backend_event, "LOOKS_PER_CALIBRATION", 1000)

    async def scenario():
        await set_backend(status="offline")
        watchers = [
            (watch(max_queue=number, recalibrated=bool(number % 2), poll_interval=0.2), StateStore())
            for number in range(30)
        ]
        async with triggerer(*watchers) as running:
            sensor = QiskitRuntimeBackendReadyTrigger(backend="ibm_fez", poll_interval=0.2)
            waiting = asyncio.create_task(anext(sensor.run()))
            await until(lambda: all(store.lacked() for _, store in watchers))
            assert len(_pollers) == 1, _pollers
            before, began = len(sent("GET /backends")), time.monotonic()
            await asyncio.sleep(1.0)
            looks = len(sent("GET /backends")) - before
            rounds = (time.monotonic() - began) / 0.2
            await set_backend(status="online")
            await until(lambda: len(running.stored) >= 15)
            await waiting
        return looks, rounds

    looks, rounds = asyncio.run(scenario())
    # One or two in a round, more where a busy machine puts watchers out of step; 31 if each read for itself.
    assert 0 < looks <= 10 * rounds
    assert len([line for line in sent() if line.endswith("ibm_fez/properties")]) == 1
    # None where an earlier test has left a token.
    assert len([one for one in emulator.requests() if "/identity/token" in one["path"]]) <= 1
    assert _pollers == {}


def test_it_runs_without_a_triggerer_too(watch, set_backend):
    async def scenario():
        events = watch().run()
        first = asyncio.create_task(anext(events))
        # Until it has seen both; nothing tells when it looks.
        for _ in range(int(PATIENCE)):
            for status in ("offline", "online"):
                await set_backend(status=status)
                await asyncio.wait([first], timeout=0.5)
            if first.done():
                break
        payload = (await first).payload
        await events.aclose()
        return payload

    assert asyncio.run(scenario())["happened"] == ["online"]
