"""Runs the provider's triggers in one event loop for jobs from its input; the program of ``benchmarks.trigger_soak``.

It prints ``ready`` when it has loaded everything. A line with a job's id starts a trigger; the program prints
``event <id> <ending> <state>`` when it fires. The answer to ``count`` is ``tasks <number>``. At the end of its input it
waits for the remaining triggers and prints ``left <tasks> <pollers>``.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time

from airflow_provider_qrt.jobs.wait import shared_poller as sharing
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger


async def fire(job_id: str) -> None:
    """Run a trigger and print its event."""
    async for event in QiskitRuntimeJobTrigger(job_id=job_id, submitted_at=time.time()).run():
        state = (event.payload["job"] or {}).get("state", {}).get("status")
        print("event", job_id, event.payload["ending"], state, flush=True)
        return


async def run() -> None:
    """Execute the lines of the input."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    waiting: set[asyncio.Task[None]] = set()
    print("ready", flush=True)
    while line := (await lines.readline()).decode().strip():
        if line == "count":
            gc.collect()
            print("tasks", len(asyncio.all_tasks()), flush=True)
            continue
        task = asyncio.create_task(fire(line))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    # Cancelled tasks end in the next iterations of the loop.
    await asyncio.sleep(1)
    print("left", len(asyncio.all_tasks()), len(sharing._pollers), flush=True)


if __name__ == "__main__":
    asyncio.run(run())
