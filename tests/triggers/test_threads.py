"""Blocking calls of triggers in threads."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from asgiref.sync import async_to_sync

from airflow_provider_qrt.triggers.threads import asking_airflow, in_thread


async def cancelled_while_it_waits(call) -> None:
    """Wait for a call in a thread, and be cancelled meanwhile."""
    task = asyncio.create_task(in_thread(asking_airflow, call))
    await asyncio.sleep(0.1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_question_to_airflow_is_not_cut_off_when_its_trigger_is_cancelled():
    """Airflow's blocking calls go back to the event loop; before 3.3 one that is cancelled there ends the triggerer."""
    ends = []

    async def ask() -> None:
        try:
            await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            ends.append("cut off")
            raise
        ends.append("answered")

    async def run() -> None:
        await cancelled_while_it_waits(lambda: async_to_sync(ask)())
        await asyncio.sleep(1)

    asyncio.run(run())
    assert ends == ["answered"]


def test_an_answer_and_an_error_arrive():
    async def run() -> None:
        assert await in_thread(asking_airflow, max, 1, 2) == 2
        with pytest.raises(ZeroDivisionError):
            await in_thread(asking_airflow, lambda: 1 / 0)

    asyncio.run(run())
