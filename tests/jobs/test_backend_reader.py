"""One reading of the backends for all who wait for one."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.client import QiskitRuntimeClient
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.jobs.backend_reader import BackendReader


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
