"""Private Postgres and Redis servers in temporary folders, which are deleted at the end."""

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
"""Users that run Postgres in place of root, as which it refuses to run; the first one that exists is used."""
# No data has to survive a crash of the machine, so nothing is synced to disk.
IN_MEMORY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
# Do not use /dev/shm, which is often only 64 MiB in containers.
MODEST = ("dynamic_shared_memory_type=mmap", "shared_buffers=64MB", "max_connections=200")


INITDB = ("--username=airflow", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")


class NotInstalledError(RuntimeError):
    """A program is not installed."""


def find_program(name: str, package: str) -> str:
    """Return the path of a program, searching Debian's Postgres folders too.

    Raises:
        NotInstalledError: It is not installed; the message names the package.
    """
    if found := shutil.which(name):
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    if versions:
        return str(versions[-1])
    raise NotInstalledError(
        f"{name} was not found. Install it: sudo apt-get install {package}, or your system's package."
    )


class Postgres:
    """A Postgres server that listens only on a socket in its folder.

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
        # Do not use the caller's folder, which the user who runs Postgres may not be able to access.
        self._folder = Path(tempfile.mkdtemp(prefix="airflow-cluster-postgres-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user, _group(self._user))

    @property
    def connection(self) -> str:
        """The part of the database URL after ``postgresql+<driver>://``."""
        return f"airflow@/postgres?host={self._folder}"

    def start(self) -> None:
        """Create the database on the first start, start the server and wait until it answers."""
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
        """Stop the server as its Debian package does, which closes all connections and keeps committed data."""
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
    """A Redis server on a free port of 127.0.0.1 that keeps its data across restarts.

    Args:
        processes: Where its process is kept.
        environment: The environment of its process.
        folder: The existing folder for its data.
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
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {"port": self._port, "bind": "127.0.0.1", "dir": self._folder, "save": "", "appendonly": "yes"}
        command = [self._program, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        self._processes.start(self.name, command, self._environment)
        wait_until(self._answers, seconds=START_SECONDS, what="The start of Redis", pause=0.1)

    def stop(self) -> None:
        """Stop the server, which saves its data."""
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
    raise NotInstalledError("Postgres does not run as root, and the machine has no user postgres or nobody.")


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
