"""Runs episodes, each of which its seed reproduces exactly."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from airflow.sdk.execution_time import task_runner

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.emulator.timeline import Timeline
from airflow_provider_qrt.execution import superseded
from airflow_provider_qrt.programs.sampler import SamplerProgram
from tests.fuzz.checks import OURS, broken_promises
from tests.fuzz.clock import WorldClock, in_world_time, repeat_chance
from tests.fuzz.life import Life
from tests.fuzz.plan import MOST_EXECUTIONS, Plan
from tests.fuzz.points import Killed
from tests.fuzz.world import World

LOST_AFTER = 700.0
"""Seconds after which what the service does not know counts as gone."""
QUIET = {"usage_limit_seconds": None, "queue_seconds": 0.0, "run_seconds": 1.0, "rate_limit": False}


@dataclass
class Episode:
    """The outcome of an episode.

    Attributes:
        seed: By which it is repeated.
        broken: What does not hold.
        lines: The trace.
    """

    seed: int
    broken: list[str]
    lines: list[str] = field(repr=False)

    @property
    def moments(self) -> list[str]:
        """When each line was written; what it says names jobs, whose ids the emulator invents."""
        return [line.split()[0] for line in self.lines]

    def __str__(self) -> str:
        return "\n".join([f"Episode {self.seed}:", *self.lines, *(f"!!! {one}" for one in self.broken)])


class Fuzzer:
    """Plays episodes, one after the other, against one emulator."""

    def __init__(self, emulator: Emulator, clock: WorldClock) -> None:
        self._emulator = emulator
        self._clock = clock
        self._take_line: Callable[[str, str], None] = lambda level, text: None

    def play(self, seed: int) -> Episode:
        """Play one."""
        repeat_chance(seed)
        self._clock.reset()
        plan = Plan.of(seed)
        self._emulator.reset()
        self._emulator.configure(**{**QUIET, **plan.settings})
        for end in plan.ends:
            self._emulator.add_rule(**end)
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            world = World(plan, self._emulator, self._clock, Path(folder))
            world.trace(f"{plan}")
            self._take_line = lambda level, text: _note(world, level, text)
            broken = []
            with world.requests_watched():
                try:
                    life = Life(world)
                    life.lead()
                    life.clean_up()
                    broken += broken_promises(world)
                    if not broken:
                        # Of a private job whose result is gone a clear tells; ten minutes later one submits anew.
                        for _ in range(3 if plan.private else 1):
                            life.end_well()
                            life.clean_up()
                            if world.airflow.state == "success":
                                break
                            self._clock.advance(LOST_AFTER)
                        broken += broken_promises(world)
                        if world.airflow.state != "success":
                            broken.append(f"STUCK: a clear in fair weather ends as {world.airflow.state}")
                except Exception:
                    broken.append(f"The episode broke off: {traceback.format_exc()}")
            self._take_line = lambda level, text: None
        return Episode(seed, broken, world.airflow.lines)

    def on_log(self, level: str, text: str) -> None:
        """A line of a log."""
        self._take_line(level, text)


def _note(world: World, level: str, text: str) -> None:
    if level == "debug" or text.startswith(("::", "Pushing xcom", "Pausing task")):
        return
    shown = text if level != "exception" else f"{text.splitlines()[0]}: {text.splitlines()[-1]}"
    world.trace(f"    | {level}: {shown[:600]}")
    if level in ("warning", "error", "exception", "critical") and any(name in text for name in OURS):
        world.airflow.errors.append(text[-3000:])


@contextmanager
def fuzzer() -> Iterator[Fuzzer]:
    """Start an emulator and let the provider live in the world of episodes."""
    clock = WorldClock()

    settings = {
        "AIRFLOW__QISKIT_RUNTIME__AIRFLOW_NAME": "fuzz",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    had_comms = hasattr(task_runner, "SUPERVISOR_COMMS")
    watch_work = Timeline.watch_work

    def at_once(self: Timeline, job: Any, work: Any) -> None:
        # A simulation takes no time that anybody could notice.
        work.exception()
        watch_work(self, job, work)

    with (
        patch.dict(os.environ, settings),
        in_world_time(clock),
        patch.object(Timeline, "watch_work", at_once),
        # Real seconds. On a busy machine an answer that takes longer would change the course of an episode.
        patch.object(superseded, "ANSWER_SECONDS", 60.0),
        patch.object(threading, "excepthook", _of_thread),
        # Airflow's page of rendered fields takes a fifth of the time, and nobody looks at it.
        patch.object(task_runner, "_serialize_rendered_fields", lambda task: {}),
        patch.object(SamplerProgram, "max_executions", MOST_EXECUTIONS),
        Emulator(seed=7) as emulator,
    ):
        os.environ.pop("AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT", None)
        one = Fuzzer(emulator, clock)
        with _logs(one.on_log):
            try:
                yield one
            finally:
                if not had_comms:
                    vars(task_runner).pop("SUPERVISOR_COMMS", None)


def _of_thread(error: Any) -> None:
    """Handle an error that ends a thread."""
    if error.exc_type is not Killed:
        threading.__excepthook__(error)


@contextmanager
def _logs(take: Callable[[str, str], None]) -> Iterator[None]:
    """Hand every line of a log to the episode."""

    def captured(_: Any, method: str, event: dict[str, Any]) -> Any:
        text = str(event.get("event"))
        if event.get("positional_args"):
            text = text % event["positional_args"]
        if method == "exception" or event.get("exc_info"):
            text += "\n" + traceback.format_exc()
        take(method, text)
        raise structlog.DropEvent

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(("airflow", "asyncio")):
                return
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + "".join(traceback.format_exception(*record.exc_info))
            take(record.levelname.lower(), text)

    before = structlog.get_config()
    root, handler = logging.getLogger(), Handler()
    handlers, root.handlers = root.handlers, [handler]
    level = root.level
    root.setLevel(logging.INFO)
    structlog.configure(
        processors=[captured],
        cache_logger_on_first_use=False,
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.PrintLoggerFactory(),
    )
    try:
        yield
    finally:
        structlog.configure(**before)
        root.handlers = handlers
        root.setLevel(level)
