"""Keeps the machine busy, so that a benchmark can say what that changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def busy() -> Iterator[int]:
    """Let as many processes compute as there are cores; yield their number."""
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield number
    finally:
        for process in running:
            process.kill()
            process.wait()
