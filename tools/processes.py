"""Named processes, each in a separate session, so that all their child processes can be found and ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

STOP_SECONDS = 20
MOST_SLOWNESS = 4.0
"""The largest factor by which waiting times are extended on a slow machine."""


EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""The file with the ports that Linux gives to connections, and to servers that ask for any port."""
FIRST_EPHEMERAL = 32_768
"""The first of them where there is no such file."""
RANGE = 12_000
"""How many ports below these are tried."""
_reserved: list[IO[str]] = []
"""Locked files, one for each port that this process was given; the system unlocks them when it ends."""


def free_port() -> int:
    """Return a TCP port that is free, and stays free until a server that this process starts takes it.

    A server needs seconds to start. Until then the system must not give the port to anything else, so it is none of
    those that it gives away; and nobody who asks here in another process may get it, so a file stands for it.

    Raises:
        RuntimeError: No port is free.
    """
    first = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else FIRST_EPHEMERAL
    folder = Path(tempfile.gettempdir()) / f"reserved-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    candidates = range(max(1024, first - RANGE), first)
    for port in random.sample(candidates, len(candidates)):
        lock = (folder / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _reserved.append(lock)
        return port
    raise RuntimeError(f"No port between {candidates[0]} and {candidates[-1]} is free.")


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str, pause: float = 0.5) -> Any:
    """Wait until ``condition`` returns a true value, and return it.

    Args:
        condition: A function that is called repeatedly.
        seconds: The timeout on an idle machine; it is longer on a loaded one, see :func:`slowness`.
        what: Description of the condition for the message.
        pause: Seconds between two calls.

    Raises:
        TimeoutError: The condition did not become true in time.
    """
    begun, slowest = time.monotonic(), 1.0
    while True:
        if value := condition():
            return value
        slowest = max(slowest, slowness())
        if time.monotonic() > begun + seconds * slowest:
            raise TimeoutError(f"{what} did not happen within {seconds * slowest:.0f} s")
        time.sleep(pause)


def slowness() -> float:
    """Return how much slower than usual the machine is: the load average per core, limited to 1 to 4."""
    return min(MOST_SLOWNESS, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


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
            name: Its name.
            command: The program and its arguments.
            environment: Its complete environment.
            user: The user that runs it; None for the user of this process.
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
        """Return the names of processes that were started and not ended by this object, in the order of their start."""
        return list(self._running)

    def ended(self) -> list[str]:
        """Return the names of processes that have ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def runs(self, name: str) -> bool:
        """Return whether a process of this name was started and is alive."""
        process = self._running.get(name)
        return process is not None and process.poll() is None

    def kill(self, name: str, *, with_children: bool = True) -> None:
        """Kill one process with SIGKILL, as in a crash.

        Args:
            name: The process.
            with_children: Whether to kill its child processes too.
        """
        process = self._running.pop(name)
        members = _members(process)
        process.kill()
        process.wait()
        self._strays += members
        if with_children:
            self._end_strays()

    def stop(self, name: str, *, seconds: float, number: signal.Signals = signal.SIGTERM) -> None:
        """End one process as a service manager does: a signal to the first process, a grace period, then SIGKILL."""
        process = self._running.pop(name)
        self._strays += _members(process)
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        process.wait()
        self._end_strays()

    def signal_group(self, name: str, number: signal.Signals) -> None:
        """Signal one process and its child processes, except those in other process groups."""
        _signal_group(self._running[name], number)

    def stop_all(self, names: Iterable[str] | None = None) -> None:
        """End all processes or the named ones, first gracefully, and all processes that they have left behind."""
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
        """Return the output of a process and of earlier processes with the same name."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def members(self, name: str) -> list[psutil.Process]:
        """Return a process and all its living child processes, including those in other sessions."""
        process = self._running[name]
        found = {member.pid: member for member in _members(process)}
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {member.pid: member for member in psutil.Process(process.pid).children(recursive=True)}
        return list(found.values())

    def _end_strays(self) -> None:
        """Kill processes that outlived their parent, unless their process ids have been reused."""
        for member in self._strays:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self._strays.clear()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the process group that was created with a process, if any of it is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _members(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return all living processes in a process's session.

    Airflow's tasks have separate process groups and are orphaned when their parent dies, but they stay in the session.
    """
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(pid) == process.pid:
                members.append(psutil.Process(pid))
    return members
