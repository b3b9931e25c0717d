"""Runs the triggers that ``benchmarks.stream`` measures, like a triggerer without the rest of Airflow.

It prints ``ready``, reads one line with the jobs and the way to wait for them, waits for all at once, and prints one
line with the time of each event in epoch seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any


async def event_of(arguments: dict[str, Any]) -> float:
    """Wait for one job; return the time of its event."""
    from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

    async for event in QiskitRuntimeJobTrigger(**arguments).run():
        now = time.time()
        if event.payload["ending"] != "final":
            raise RuntimeError(f"the wait ended otherwise: {event.payload}")
        return now
    raise RuntimeError("no event")


async def events(asked: list[dict[str, Any]]) -> list[float]:
    """Wait for all jobs."""
    return await asyncio.gather(*map(event_of, asked))


def main() -> None:
    """Run the protocol in the module's docstring."""
    import airflow_provider_qrt.client.client
    import airflow_provider_qrt.client.stream
    import airflow_provider_qrt.triggers.qiskit_runtime  # noqa: F401 - what a triggerer has loaded already

    print("ready", flush=True)
    asked = json.loads(sys.stdin.readline())
    print(json.dumps({"events": asyncio.run(events(asked))}), flush=True)


if __name__ == "__main__":
    main()
