"""Installs Postgres and Redis with apt if they are missing; used by ``make test-cluster``.

It starts no server, because the tests start their own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.servers import NotInstalledError, find_program

PACKAGES = {"postgres": "postgresql", "redis-server": "redis-server"}
"""Debian packages by the program that must be installed."""
POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian runs this program before it starts a service; exit status 101 prevents the start."""
FORBID = "#!/bin/sh\nexit 101\n"


def main() -> int:
    """Install the missing packages; return the exit status."""
    missing = [package for program, package in PACKAGES.items() if not is_there(program, package)]
    if not missing:
        return 0
    by_hand = f"Install {' and '.join(missing)} with your system's package manager, then try again."
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(
            f"Postgres and Redis are needed, and only root on Debian or Ubuntu gets them here. {by_hand}",
            file=sys.stderr,
        )
        return 1
    print(f"Installing {' and '.join(missing)} with apt-get; nothing of them will be started.")
    try:
        with nothing_starts():
            install(missing)
    except subprocess.CalledProcessError as failed:
        print(f"{' '.join(failed.cmd)} failed:\n{failed.stdout[-2000:]}\n{by_hand}", file=sys.stderr)
        return 1
    return 0


def is_there(program: str, package: str) -> bool:
    """Return whether a program is installed."""
    try:
        find_program(program, package)
    except NotInstalledError:
        return False
    return True


@contextlib.contextmanager
def nothing_starts() -> Iterator[None]:
    """Keep Debian from starting the servers of packages, unless that is already prevented."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(FORBID)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def install(packages: list[str]) -> None:
    """Install Debian packages.

    Raises:
        CalledProcessError: apt-get failed; its output is in the error.
    """
    options = ["-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"]
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", *options, *packages]):
        subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )


if __name__ == "__main__":
    sys.exit(main())
