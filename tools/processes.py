"""Processes by name, each in a session of its own, so that whatever they start can be found and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

STOP_SECONDS = 20


def free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str, pause: float = 0.5) -> Any:
    """Wait until ``condition`` returns something true, and return it."""
    end = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(pause)


class Processes:
    """Starts, signals and ends processes; the output of each goes to ``<folder>/<name>.log``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._strays: list[psutil.Process] = []

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, user: str | None = None
    ) -> None:
        """Start a process.

        Args:
            name: What to call it.
            command: The program and its arguments.
            environment: All of its environment.
            user: As whom it runs; None for the user of this process.
        """
        with (self._folder / f"{name}.log").open("ab") as output:
            self._running[name] = subprocess.Popen(
                command,
                env=dict(environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    def names(self) -> list[str]:
        """Those that were started and not ended from here, in the order of their start."""
        return list(self._running)

    def ended(self) -> list[str]:
        """Those that have ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def runs(self, name: str) -> bool:
        """Whether a process of this name was started and lives."""
        process = self._running.get(name)
        return process is not None and process.poll() is None

    def kill(self, name: str, *, with_children: bool = True) -> None:
        """End one at once, as a crash would: with SIGKILL.

        Args:
            name: The process.
            with_children: False spares what it has started.
        """
        process = self._running.pop(name)
        members = _members(process)
        process.kill()
        process.wait()
        self._strays += members
        if with_children:
            self._end_strays()

    def stop(self, name: str, *, seconds: float, number: signal.Signals = signal.SIGTERM) -> None:
        """End one as a service manager does: a signal to the first process, some seconds of grace, SIGKILL."""
        process = self._running.pop(name)
        self._strays += _members(process)
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        process.wait()
        self._end_strays()

    def signal_group(self, name: str, number: signal.Signals) -> None:
        """Signal one and what it has started, those that have process groups of their own excepted."""
        _signal_group(self._running[name], number)

    def stop_all(self, names: Iterable[str] | None = None) -> None:
        """End all of them, or those named, politely first, and whatever any has left behind."""
        stopping = [self._running.pop(name) for name in (self.names() if names is None else names)]
        self._strays += [member for process in stopping for member in _members(process)]
        for process in stopping:
            _signal_group(process, signal.SIGTERM)
            _signal_group(process, signal.SIGCONT)
        end = time.monotonic() + STOP_SECONDS
        for process in stopping:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._end_strays()

    def output(self, name: str) -> str:
        """What a process, and any before it of the same name, has printed."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def members(self, name: str) -> list[psutil.Process]:
        """A process and everything it has started and that still lives, in sessions of their own too."""
        process = self._running[name]
        found = {member.pid: member for member in _members(process)}
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {member.pid: member for member in psutil.Process(process.pid).children(recursive=True)}
        return list(found.values())

    def _end_strays(self) -> None:
        """Kill what outlived the process that had started it; a process id in other hands by now is left alone."""
        for member in self._strays:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self._strays.clear()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the process group that was created with a process, if anything of it is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _members(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Everything in a process's session that still lives.

    Airflow's tasks have process groups of their own, and lose their parent when it dies, but stay in the session.
    """
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(pid) == process.pid:
                members.append(psutil.Process(pid))
    return members
