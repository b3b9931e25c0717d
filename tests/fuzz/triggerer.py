"""A triggerer that runs the trigger of the deferred task like ``TriggerRunner``."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from airflow.jobs.triggerer_job_runner import _USER_ACTION_CANCEL_MSG
from airflow.sdk.serde import deserialize

from tests.fuzz.clock import WorldLoop
from tests.fuzz.points import Killed, Process
from tests.fuzz.processes import begin_process
from tests.fuzz.world import World

ON_KILL_SECONDS = 30.0
"""``[triggerer] on_kill_timeout``."""
LINGER_SECONDS = 90.0
"""Seconds that the triggerer continues after the trigger has ended, so that its other tasks can end too."""


@dataclass
class Outcome:
    """The outcome: the payload of an event, or an error of the trigger, or neither."""

    payload: Any = None
    error: BaseException | None = None


def run_triggerer(
    world: World, process: Process, fate: str, act: Callable[[], None], meanwhile: Callable[[], None], ti: Any
) -> Outcome:
    """Run the trigger until it fires, or until its fate comes.

    Args:
        world: The world.
        process: The triggerer.
        fate: ``fires``, or what happens at the process' ``stopped_at``: ``user`` (``act``), ``shut down``, or ``taken
            for gone``: another triggerer has the trigger, and this one comes back.
        act: What the user does.
        meanwhile: What may happen elsewhere between that and the moment in which the triggerer knows.
        ti: The task instance as the triggerer knows it.
    """
    outcome = Outcome()
    assert world.airflow.trigger is not None
    path, kwargs = world.airflow.trigger

    def run() -> None:
        loop = WorldLoop(world.clock)
        try:
            loop.run_until_complete(_run(world, process, loop, (path, kwargs), fate, act, meanwhile, ti, outcome))
        finally:
            _end(loop)

    begin_process(world, process, run)
    return outcome


async def _run(
    world: World,
    process: Process,
    loop: WorldLoop,
    row: tuple[str, Any],
    fate: str,
    act: Callable[[], None],
    meanwhile: Callable[[], None],
    ti: Any,
    outcome: Outcome,
) -> None:
    stopped = loop.create_future()
    noticed = threading.Event()
    of_the_loop = threading.get_ident()

    def stop() -> None:
        act()
        loop.call_soon_threadsafe(lambda: stopped.done() or stopped.set_result("stopped"))
        if threading.get_ident() != of_the_loop:
            # So that what comes first does not depend on the machine.
            noticed.wait(10)

    process.on_stop = stop
    process.on_death = lambda: loop.call_soon_threadsafe(lambda: stopped.done() or stopped.set_result("dead"))
    module, _, name = row[0].rpartition(".")
    trigger = getattr(importlib.import_module(module), name)(**deserialize(json.loads(json.dumps(row[1]))))
    trigger.task_instance = ti
    work = loop.create_task(_trigger(trigger))
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if process.dead:
        raise Killed
    if not work.done():
        await _cancel(loop, work, noticed, fate, meanwhile)
    noticed.set()
    _read_outcome(world, work, outcome)
    if isinstance(outcome.error, Killed) or process.dead:
        raise Killed
    if fate != "shut down":
        await _linger(process)


async def _cancel(
    loop: WorldLoop, work: asyncio.Task[Any], noticed: threading.Event, fate: str, meanwhile: Callable[[], None]
) -> None:
    """Cancel the trigger as Airflow's supervisor does, which compares once a second."""
    comparing = loop.create_task(asyncio.sleep(1))
    await asyncio.sleep(0)
    noticed.set()
    if fate == "user":
        while loop.at_work:
            # This process must finish the calls that its threads have begun.
            await asyncio.sleep(0)
        meanwhile()
    await comparing
    work.cancel(*([] if fate == "shut down" else [_USER_ACTION_CANCEL_MSG]))
    await asyncio.wait({work})


def _read_outcome(world: World, work: asyncio.Task[Any], outcome: Outcome) -> None:
    """Copy the error or the payload of the trigger, if it was not cancelled."""
    if work.cancelled():
        return
    outcome.error = work.exception()
    if outcome.error is None:
        outcome.payload = json.loads(json.dumps(work.result()))
        world.trace(f"event {outcome.payload}"[:500])


async def _linger(process: Process) -> None:
    """Let what the trigger has begun beside itself end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=LINGER_SECONDS)
    if process.dead:
        raise Killed


async def _trigger(trigger: Any) -> Any:
    """Run a trigger like ``TriggerRunner.run_trigger``; return the payload of the event."""
    try:
        async for event in trigger.run():
            return event.payload
        return None
    except asyncio.CancelledError as error:
        if error.args and error.args[0] == _USER_ACTION_CANCEL_MSG:
            with suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(trigger.on_kill(), ON_KILL_SECONDS)
        raise
    finally:
        with suppress(Exception):
            await trigger.cleanup()


def _end(loop: WorldLoop) -> None:
    """Drop what is left, as the end of a process does."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        with suppress(BaseException):
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.set_exception_handler(lambda *_: None)
    with suppress(BaseException):
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
