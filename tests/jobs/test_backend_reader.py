"""One reading of the backends for all tasks that wait for a backend."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.client import QiskitRuntimeClient
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.jobs.backends.calibration import Calibration
from airflow_provider_qrt.jobs.backends.reader import BackendReader


@pytest.fixture
def connect(emulator):
    async def connect():
        settings = ClientSettings.create(
            api_key=emulator.api_key,
            instance=emulator.instance,
            base_url=emulator.url,
            iam_url=emulator.iam_url,
        )
        return QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1)), "the connection"

    return connect


async def waiter(reader, delays):
    with reader.joined():
        return [await reader.backends(seconds) for seconds in delays]


def test_one_reading_serves_all(emulator, connect, sent):
    async def scenario():
        reader = BackendReader(connect)
        return await asyncio.gather(*(waiter(reader, [0.2, 0.2, 0.2]) for _ in range(50)))

    found = asyncio.run(scenario())
    assert all(len(backends) == 4 for seen in found for backends in seen)
    assert sent("GET /backends") == ["GET /backends"] * 3


def test_who_wants_it_first_sets_the_pace(emulator, connect, sent):
    async def scenario():
        reader = BackendReader(connect)
        patient = asyncio.create_task(waiter(reader, [3600]))
        await asyncio.sleep(0)
        await waiter(reader, [0.1])
        return await patient

    [backends] = asyncio.run(scenario())
    assert backends
    assert sent("GET /backends") == ["GET /backends"]


def test_an_error_is_for_each_to_judge(emulator, connect, sent):
    emulator.add_fault(method="GET", path="/backends*", status=503, times=1)

    async def scenario():
        reader = BackendReader(connect)
        with reader.joined():
            failed = await asyncio.gather(*(reader.backends(0) for _ in range(3)), return_exceptions=True)
            return failed, await reader.backends(0)

    failed, backends = asyncio.run(scenario())
    assert [type(one) for one in failed] == [errors.ServerError] * 3
    assert backends


def test_one_who_is_cancelled_harms_no_other(emulator, connect):
    async def scenario():
        reader = BackendReader(connect)
        leaver = asyncio.create_task(waiter(reader, [0.2]))
        stayer = asyncio.create_task(waiter(reader, [0.3]))
        await asyncio.sleep(0.05)
        leaver.cancel()
        await asyncio.wait([leaver])
        return await stayer

    assert asyncio.run(scenario())[0]


def test_a_calibration_is_read_once_for_all_who_want_it(connect, sent):
    async def scenario():
        reader = BackendReader(connect)

        async def late():
            await asyncio.sleep(0.01)
            return await reader.calibration("ibm_fez", 60)

        with reader.joined():
            wanted = [*(reader.calibration("ibm_fez", 60) for _ in range(20)), late()]
            seen = await asyncio.gather(*wanted)
            return [*seen, await reader.calibration("ibm_fez", 60)], await reader.calibration("ibm_boston", 60)

    seen, other = asyncio.run(scenario())
    assert len(set(seen)) == 1
    assert other not in seen
    assert sorted(sent("GET /backends")) == ["GET /backends/ibm_boston/properties", "GET /backends/ibm_fez/properties"]


def test_a_calibration_that_is_too_old_is_read_again(connect, sent):
    async def scenario():
        times = [0.0]
        reader = BackendReader(connect, clock=lambda: times[-1])
        with reader.joined():
            for now in (0.0, 59.0, 61.0):
                times.append(now)
                await reader.calibration("ibm_fez", 60)

    asyncio.run(scenario())
    assert len(sent("GET /backends/ibm_fez/properties")) == 2


def test_a_backend_that_was_never_calibrated_has_no_calibration(emulator, connect):
    emulator.add_fault(method="GET", path="*/properties", status=404, times=1)

    async def scenario():
        reader = BackendReader(connect)
        with reader.joined():
            return await reader.calibration("ibm_fez", 60)

    assert asyncio.run(scenario()) == Calibration(None, None)


def test_a_connection_that_was_refused_is_read_again(emulator, connect):
    connected = []

    async def counting():
        connected.append(True)
        return await connect()

    async def scenario():
        reader = BackendReader(counting)
        with reader.joined():
            for status in (403, 503):
                await asyncio.to_thread(emulator.add_fault, method="GET", path="/backends", status=status, times=1)
                with pytest.raises(errors.ApiError):
                    await reader.backends(0)
            return await reader.backends(0)

    assert asyncio.run(scenario())
    assert len(connected) == 2


def test_a_reading_is_good_for_two_seconds_for_those_who_want_it_now(connect, sent):
    async def scenario():
        now = [1000.0]
        reader = BackendReader(connect, clock=lambda: now[0])
        seen = []
        with reader.joined():
            for moment in (1000.0, 1001.9, 1002.0):
                now[0] = moment
                seen.append(await reader.backends(0))
                seen.append(len(sent("GET /backends")))
        return seen

    seen = asyncio.run(scenario())
    assert seen[1::2] == [1, 1, 2]
    assert seen[0] is seen[2]
    assert seen[0] == seen[4]


def test_the_waiting_times_are_asked_for_with_the_backends(service, monkeypatch):
    asked = []
    monkeypatch.setattr(service, "backends", lambda **fields: asked.append(fields) or [], raising=False)

    async def connect():
        return service, "the connection"

    async def scenario():
        reader = BackendReader(connect)
        with reader.joined():
            return await reader.backends(0.01), reader.where

    assert asyncio.run(scenario()) == ([], "the connection")
    assert asked == [{"fields": ("wait_time_seconds",)}]


def test_a_calibration_that_cannot_be_read_is_an_error_for_each_and_is_read_again(service, monkeypatch):
    answers = [errors.ServerError(503, errors.ErrorBody(), request="GET /backends/ibm_fez/properties"), {}]

    def properties(name: str):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(service, "backend_properties", properties, raising=False)

    async def connect():
        return service, "the connection"

    async def scenario():
        reader = BackendReader(connect)
        with reader.joined():
            wanted = (reader.calibration("ibm_fez", 60) for _ in range(3))
            failed = await asyncio.gather(*wanted, return_exceptions=True)
            return failed, await reader.calibration("ibm_fez", 60)

    failed, calibration = asyncio.run(scenario())
    assert [type(one) for one in failed] == [errors.ServerError] * 3
    assert calibration == Calibration()
