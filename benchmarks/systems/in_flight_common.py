"""The shared parts of the programs of ``benchmarks.in_flight``: the protocol, event-loop lateness, and memory.

A program prints ``ready`` when it has loaded everything, reads one line with the question, and waits for all jobs at
once. It prints ``memory <bytes>`` before the wait and when the jobs are about to end, and finally one line of JSON with
the time of each event in epoch seconds and the lateness of the event loop.
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
"""Sleep in seconds of the coroutine that measures the lateness of the event loop."""


def question() -> dict[str, Any]:
    """Print that everything is loaded, and read the question."""
    print("ready", flush=True)
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    return asked


def answer(events: Mapping[str, float], lag: Mapping[str, Sequence[float]]) -> None:
    """Print the line with the answer.

    Args:
        events: The time of each job's event in epoch seconds.
        lag: Lateness in seconds while no job ended (``steady``) and while jobs ended (``ending``).
    """
    summary = {name: percentiles(samples) for name, samples in lag.items() if samples}
    print("\n" + json.dumps({"events": events, "lag": summary}), flush=True)


def percentiles(samples: Sequence[float]) -> list[float]:
    """Return the median, the 99th percentile (both by nearest rank) and the maximum."""
    ordered = sorted(samples)
    return [ordered[math.ceil(part * len(ordered)) - 1] for part in (0.5, 0.99, 1.0)]


def say_memory() -> None:
    """Print the resident memory of this process in bytes."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            print(f"\nmemory {int(line.split()[1]) * 1024}", flush=True)


class Lag:
    """Measures the lateness of the event loop with a coroutine that wakes up at fixed intervals.

    Attributes:
        samples: Seconds of lateness, by phase.
    """

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = {"steady": [], "ending": []}
        self._phase = "steady"

    def jobs_end(self) -> None:
        """Switch to the other phase."""
        self._phase = "ending"

    async def measure(self) -> None:
        """Sleep repeatedly until cancelled."""
        while True:
            before = time.perf_counter()
            await asyncio.sleep(LAG_SLEEP)
            self.samples[self._phase].append(time.perf_counter() - before - LAG_SLEEP)


async def wait_for_all(waits: Mapping[str, Coroutine[Any, Any, float]], ends_at: float) -> None:
    """Run all waits as tasks of one event loop, like a triggerer, and print the results.

    Args:
        waits: The waits by job; each returns the time of the event in epoch seconds.
        ends_at: The earliest end of a job, in epoch seconds.
    """
    say_memory()
    lag = Lag()
    tasks = {name: asyncio.create_task(wait) for name, wait in waits.items()}
    measuring = asyncio.create_task(lag.measure())
    await asyncio.sleep(ends_at - time.time())
    # Garbage collection would stop the loop, and is not part of the measurement.
    measuring.cancel()
    say_memory()
    lag.jobs_end()
    measuring = asyncio.create_task(lag.measure())
    await asyncio.gather(*tasks.values())
    measuring.cancel()
    answer({name: task.result() for name, task in tasks.items()}, lag.samples)
