"""The simulated time of an episode, which replaces sleeping and the current time.

The provider's modules, the emulator's clock and the event loop of a triggerer all use it. Sleeping moves it forward.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import random
import selectors
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from multiprocessing.sharedctypes import RawValue
from typing import Any

import airflow_provider_qrt

START = 1_790_000_000.0
"""Epoch seconds at which every episode begins."""
IDLE_LOOKS = 400
"""Looks of a few milliseconds at an event loop in which nothing is due, before it is said to hang."""
NOT_LOADED = ("airflow_provider_qrt.emulator", "airflow_provider_qrt.plugins.")


class HangsError(Exception):
    """Somebody waits for something that will never come."""


class WorldClock:
    """Epoch seconds, kept where a forked process sees them too.

    Attributes:
        before_sleep: Called with the seconds that somebody is about to sleep; returns how long it really is.
    """

    def __init__(self) -> None:
        self._now = RawValue("d", START)
        self.before_sleep: Callable[[float], None] = self.advance

    def reset(self) -> None:
        """Begin anew."""
        self._now.value = START

    def time(self) -> float:
        """Epoch seconds."""
        return float(self._now.value)

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return float(self._now.value - START + 1000.0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now.value += max(0.0, seconds)

    def sleep(self, seconds: float) -> None:
        """Replace ``time.sleep`` in the code under test."""
        self.before_sleep(seconds)


def _modules() -> list[types.ModuleType]:
    """All of the provider that takes part, loaded; and what of the emulator asks for the time."""
    for found in pkgutil.walk_packages(airflow_provider_qrt.__path__, "airflow_provider_qrt."):
        if not found.name.startswith(NOT_LOADED):
            importlib.import_module(found.name)
    importlib.import_module("airflow_provider_qrt.emulator.clock")
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("airflow_provider_qrt.")
        and (not name.startswith(NOT_LOADED) or name == "airflow_provider_qrt.emulator.clock")
    ]


def _functions(module: types.ModuleType) -> Iterator[Any]:
    for thing in list(vars(module).values()):
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        if isinstance(thing, types.FunctionType):
            yield thing
        elif isinstance(thing, type):
            for member in vars(thing).values():
                member = getattr(member, "__func__", member)
                if isinstance(member, types.FunctionType):
                    yield member


def _datetime_of(clock: WorldClock) -> type[datetime]:
    class SeenAs(type):
        def __instancecheck__(cls, one: Any) -> bool:
            return isinstance(one, datetime)

    class WorldDatetime(datetime, metaclass=SeenAs):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(clock.time(), tz)

    return WorldDatetime


@contextmanager
def in_world_time(clock: WorldClock) -> Iterator[None]:
    """Let the provider and the emulator go by this clock, and chance by :func:`repeat_chance`."""
    own = types.ModuleType("time")
    vars(own).update({name: getattr(time, name) for name in dir(time) if not name.startswith("__")})
    vars(own).update(time=clock.time, monotonic=clock.monotonic, sleep=clock.sleep)
    replaced = {time.time: clock.time, time.monotonic: clock.monotonic, time.sleep: clock.sleep}
    own_datetime = _datetime_of(clock)
    with ExitStack() as stack:
        for module in _modules():
            for name, value in list(vars(module).items()):
                if value is time:
                    _set(stack, module, name, own)
                elif value is datetime and module.__name__ != "airflow_provider_qrt.emulator.clock":
                    _set(stack, module, name, own_datetime)
            for function in _functions(module):
                if function.__defaults__:
                    defaults = tuple(_swap(replaced, one) for one in function.__defaults__)
                    _set(stack, function, "__defaults__", defaults)
                if function.__kwdefaults__:
                    named = {name: _swap(replaced, one) for name, one in function.__kwdefaults__.items()}
                    _set(stack, function, "__kwdefaults__", named)
        seed = random.Random.seed
        # Chance without a seed is the same in every run.
        _set(stack, random.Random, "seed", lambda self, a=None, version=2: seed(self, _chance[0] if a is None else a))
        yield


_chance = [0]


def repeat_chance(seed: int) -> None:
    """Let chance take the same course as in the last episode of this seed."""
    _chance[0] = seed
    random.seed(seed)


def _swap(replaced: dict[Any, Any], one: Any) -> Any:
    try:
        return replaced.get(one, one)
    except TypeError:
        return one


def _set(stack: ExitStack, owner: Any, name: str, value: Any) -> None:
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Never waits: the time until something is due passes at once, unless a thread is at work."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__()
        self._clock = clock
        self._idle = 0
        self.at_work = 0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            self._idle = 0
            return super().select(0)
        if self.at_work:
            return super().select(0.05)
        ready = super().select(0.002 if timeout is None else 0)
        if ready:
            self._idle = 0
            return ready
        if timeout is None:
            self._idle += 1
            if self._idle > IDLE_LOOKS:
                raise HangsError("Nothing is due in the event loop, and it goes on waiting.")
            return []
        self._clock.advance(timeout + 1e-6)
        return []


class WorldLoop(asyncio.SelectorEventLoop):
    """An event loop that goes by the clock of the episode."""

    def __init__(self, clock: WorldClock) -> None:
        self._world = clock
        self._own_selector = _Selector(clock)
        super().__init__(self._own_selector)

    @property
    def at_work(self) -> int:
        """Threads that do something for this loop."""
        return self._own_selector.at_work

    def time(self) -> float:
        return self._world.monotonic()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self._own_selector.at_work += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Any) -> None:
        self._own_selector.at_work -= 1
