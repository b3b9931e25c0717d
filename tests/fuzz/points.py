"""The points of a process at which it can be interrupted: a request, a message to Airflow, a sleep.

SIGKILL is an exception that no code catches. After it, the process is dead, and every further point raises it again. In
a forked process the real signal is used.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fuzz.world import World

TERM_SECONDS = 5.0
"""Between SIGTERM and SIGKILL, as Airflow's supervisor has it."""
SHORT_SLEEP = 1.0
LONG_SLEEP = 20.0
MOST_POINTS = 6000
"""More than any wait of an episode takes."""


class Killed(BaseException):
    """The process is no more."""


class EndlessError(Exception):
    """A process does not come to an end."""


@dataclass
class Process:
    """A process of Airflow's in which code of the provider runs.

    Attributes:
        world: Where it runs.
        name: For the trace.
        chance: Of its own, so that what happens in it does not depend on other processes.
        killed_at: The point at which SIGKILL comes, before or after what is done there; None for never.
        stopped_at: The point at which a user stops it.
        on_stop: What the user does then.
        looked_at: The point at which the janitor looks, in a process of its own.
        on_look: Its look.
        forked: Whether it is a process of its own.
        dead: Whether SIGKILL has come.
        replaced: Whether Airflow has taken it for dead, and goes on without it.
        on_death: Called then, before anything else.
        ti_id: Of the task instance, in a worker.
    """

    world: World
    name: str
    chance: random.Random
    killed_at: tuple[int, str] | None = None
    stopped_at: int | None = None
    on_stop: Callable[[], None] = lambda: None
    looked_at: int | None = None
    on_look: Callable[[], None] = lambda: None
    forked: bool = False
    dead: bool = False
    replaced: bool = False
    on_death: Callable[[], None] = lambda: None
    ti_id: Any = None
    _points: int = 0
    _kill_due: float | None = None
    _slept_at: float = 0.0
    _lock: Any = field(default_factory=threading.RLock)

    def before(self, what: str) -> None:
        """Something is about to be done."""
        with self._lock:
            self._check()
            self._points += 1
            if self._points > MOST_POINTS:
                raise EndlessError(f"{self.name} has come to {MOST_POINTS} points, the last is {what}.")
            if self.killed_at == (self._points, "before"):
                self.die(f"before {what}")
            is_looked_at = self.looked_at is not None and self._points >= self.looked_at
            if is_looked_at:
                self.looked_at = None
            is_stopped = self.stopped_at is not None and self._points >= self.stopped_at and self._may_be_stopped()
            if is_stopped:
                self.stopped_at = None
        if is_looked_at:
            self.on_look()
            self._check()
        if is_stopped:
            # Without the lock: other threads may have something to do about it.
            self.on_stop()
            self._check()

    def after(self, what: str) -> None:
        """It was done."""
        with self._lock:
            if self.dies_here:
                self.die(f"after {what}")
            self._check()

    @property
    def dies_here(self) -> bool:
        """Whether SIGKILL comes when what is begun now is done."""
        return self.killed_at == (self._points, "after")

    def sleep(self, seconds: float) -> None:
        """Let time pass, with all that may happen meanwhile. Of many short sleeps few are points."""
        now = self.world.clock.time()
        if seconds < SHORT_SLEEP and now - self._slept_at < LONG_SLEEP:
            self._check()
            self.world.clock.advance(seconds)
            return
        self._slept_at = now
        self.before(f"a sleep of {seconds:.1f} s")
        if self._kill_due is not None and self.world.clock.time() + seconds > self._kill_due:
            self.world.clock.advance(self._kill_due - self.world.clock.time())
            self.die("five seconds after SIGTERM")
        self.world.clock.advance(seconds)
        self.after("a sleep")

    def terminate(self) -> None:
        """Send SIGTERM; SIGKILL follows."""
        self.world.trace(f"SIGTERM to {self.name}")
        self.world.airflow.disturbed = True
        self._kill_due = self.world.clock.time() + TERM_SECONDS
        handler = signal.getsignal(signal.SIGTERM)
        if callable(handler):
            handler(signal.SIGTERM, None)

    def die(self, when: str) -> None:
        """SIGKILL."""
        self.world.trace(f"SIGKILL to {self.name}, {when}")
        self.dead = True
        self.world.airflow.disturbed = True
        if self.forked:
            self.world.keep()
            os.kill(os.getpid(), signal.SIGKILL)
        self.on_death()
        raise Killed

    def _check(self) -> None:
        if self.dead:
            raise Killed
        if self._kill_due is not None and self.world.clock.time() > self._kill_due:
            self.die("five seconds after SIGTERM")

    def _may_be_stopped(self) -> bool:
        """Signals are handled in the main thread."""
        return threading.current_thread() is threading.main_thread() or not self.name.startswith("worker")
