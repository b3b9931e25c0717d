"""A Postgres server and a Redis server of one's own: in a temporary folder, nobody else's, gone when ended."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.processes import Processes, free_port, wait_until

START_SECONDS = 60
STOP_SECONDS = 30
UNPRIVILEGED = ("postgres", "nobody")
"""Postgres refuses to run as root; the first of these users that the machine has runs it then."""
# Nothing here outlives the machine's next crash, so nothing waits for a disk.
IN_MEMORY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
# Not /dev/shm: containers often have 64 MiB there.
MODEST = ("dynamic_shared_memory_type=mmap", "shared_buffers=64MB", "max_connections=200")


INITDB = ("--username=airflow", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")


class NotInstalled(RuntimeError):
    """A program is missing on this machine."""


def find_program(name: str, package: str) -> str:
    """Return the path of a program, Debian's folders of Postgres included.

    Raises:
        NotInstalled: With the package to install.
    """
    if found := shutil.which(name):
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    if versions:
        return str(versions[-1])
    raise NotInstalled(f"{name} was not found. Install it: sudo apt-get install {package}, or your system's package.")


class Postgres:
    """A Postgres server that listens on a socket in its folder only.

    Args:
        processes: Where its process is kept.
        environment: The environment of its process.
    """

    name = "postgres"

    def __init__(self, processes: Processes, environment: Mapping[str, str]) -> None:
        self._processes = processes
        self._environment = environment
        self._programs = {name: find_program(name, "postgresql") for name in ("initdb", "postgres", "pg_isready")}
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        # Not below the caller's folder: that one may be closed to the user who runs Postgres.
        self._folder = Path(tempfile.mkdtemp(prefix="airflow-cluster-postgres-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user, _group(self._user))

    @property
    def connection(self) -> str:
        """What follows ``postgresql+<driver>://`` in the URL of its database."""
        return f"airflow@/postgres?host={self._folder}"

    def start(self) -> None:
        """Create the database at the first time, start the server and wait until it answers."""
        data = self._folder / "data"
        if not data.exists():
            made = subprocess.run(
                [self._programs["initdb"], "--pgdata", data, *INITDB],
                env=dict(self._environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=self._folder,
                user=self._user,
                group=self._user and _group(self._user),
                extra_groups=self._user and [],
            )
            if made.returncode:
                raise RuntimeError(f"initdb failed:\n{made.stdout.decode()[-4000:]}")
        settings = ["listen_addresses=", f"unix_socket_directories={self._folder}", *IN_MEMORY, *MODEST]
        options = [part for setting in settings for part in ("-c", setting)]
        command = [self._programs["postgres"], "-D", str(data), *options]
        self._processes.start(self.name, command, self._environment, user=self._user)
        wait_until(self._answers, seconds=START_SECONDS, what="The start of Postgres", pause=0.1)

    def stop(self) -> None:
        """End the server as its package does: whoever is connected is cut off, what was committed is kept."""
        self._processes.stop(self.name, seconds=STOP_SECONDS, number=signal.SIGINT)

    def restart(self) -> None:
        """Stop and start the server."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Delete its folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        if not self._processes.runs(self.name):
            raise RuntimeError(f"Postgres ended:\n{self._processes.output(self.name)[-4000:]}")
        asked = subprocess.run(
            [self._programs["pg_isready"], "--quiet", "--host", self._folder],
            env=dict(self._environment),
            check=False,
        )
        return asked.returncode == 0


class Redis:
    """A Redis server on a free port of 127.0.0.1 that keeps what it was told over a restart.

    Args:
        processes: Where its process is kept.
        environment: The environment of its process.
        folder: Where it writes; must exist.
    """

    name = "redis"

    def __init__(self, processes: Processes, environment: Mapping[str, str], folder: Path) -> None:
        self._processes = processes
        self._environment = environment
        self._program = find_program("redis-server", "redis-server")
        self._folder = folder
        self._port = free_port()

    @property
    def url(self) -> str:
        """URL of its first database."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {"port": self._port, "bind": "127.0.0.1", "dir": self._folder, "save": "", "appendonly": "yes"}
        command = [self._program, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        self._processes.start(self.name, command, self._environment)
        wait_until(self._answers, seconds=START_SECONDS, what="The start of Redis", pause=0.1)

    def stop(self) -> None:
        """End the server; it writes down what it holds."""
        self._processes.stop(self.name, seconds=STOP_SECONDS)

    def restart(self) -> None:
        """Stop and start the server."""
        self.stop()
        self.start()

    def _answers(self) -> bool:
        if not self._processes.runs(self.name):
            raise RuntimeError(f"Redis ended:\n{self._processes.output(self.name)[-4000:]}")
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _unprivileged_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return name
    raise NotInstalled("Postgres does not run as root, and the machine has no user postgres or nobody.")


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
