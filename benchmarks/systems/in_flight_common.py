"""What the programs of ``benchmarks.in_flight`` share: the protocol, how late the event loop is, and memory.

A program says ``ready`` when it has loaded everything, reads one line with the question, and waits for all jobs at
once. It prints ``memory <bytes>`` before it begins and when the jobs are about to end, and at last one line of JSON
with the moment of each event, epoch seconds, and the lateness of the event loop.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

LAG_SLEEP = 0.01
"""Seconds that the coroutine sleeps which measures how late the event loop is."""


def question() -> dict[str, Any]:
    """Say that everything has been loaded, and read what is asked."""
    print("ready", flush=True)
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    return asked


def answer(events: Mapping[str, float], lag: Mapping[str, Sequence[float]]) -> None:
    """Print the last line.

    Args:
        events: When each job's event came, epoch seconds.
        lag: Seconds of lateness while nothing ended (``steady``) and while jobs ended (``ending``).
    """
    summary = {name: percentiles(samples) for name, samples in lag.items() if samples}
    print("\n" + json.dumps({"events": events, "lag": summary}), flush=True)


def percentiles(samples: Sequence[float]) -> list[float]:
    """The median, the 99th percentile (both by nearest rank) and the largest."""
    ordered = sorted(samples)
    return [ordered[math.ceil(part * len(ordered)) - 1] for part in (0.5, 0.99, 1.0)]


def say_memory() -> None:
    """Print the resident memory of this process, bytes."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            print(f"\nmemory {int(line.split()[1]) * 1024}", flush=True)


class Lag:
    """Measures how late the event loop is with a coroutine that wants to go on.

    Attributes:
        samples: Seconds of lateness, by phase.
    """

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = {"steady": [], "ending": []}
        self._phase = "steady"

    def jobs_end(self) -> None:
        """From now on count for the other phase."""
        self._phase = "ending"

    async def measure(self) -> None:
        """Sleep again and again until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_SLEEP)
            self.samples[self._phase].append(time.perf_counter() - before - LAG_SLEEP)


async def wait_for_all(waits: Mapping[str, Coroutine[Any, Any, float]], ends_at: float) -> None:
    """Run all waits as tasks of one event loop, as a triggerer does, and print what came out.

    Args:
        waits: By job; each gives the moment of the event, epoch seconds.
        ends_at: When the first job may end, epoch seconds.
    """
    say_memory()
    lag = Lag()
    tasks = {name: asyncio.create_task(wait) for name, wait in waits.items()}
    measuring = asyncio.create_task(lag.measure())
    await asyncio.sleep(ends_at - time.time())
    # Collecting garbage stops the loop; it is not a part of what is measured.
    measuring.cancel()
    say_memory()
    lag.jobs_end()
    measuring = asyncio.create_task(lag.measure())
    await asyncio.gather(*tasks.values())
    measuring.cancel()
    answer({name: task.result() for name, task in tasks.items()}, lag.samples)
