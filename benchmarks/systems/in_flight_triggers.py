"""Runs many of the provider's triggers at once, as in a triggerer; the argument selects the variant.

``shared``: unchanged triggers. ``alone``: each trigger with a separate poller and client. ``bare``: Airflow triggers
that only sleep, for the basic cost of a trigger. For the protocol see ``in_flight_common``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from itertools import islice
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

import airflow_provider_qrt.jobs.wait.watch_plan as plan
import airflow_provider_qrt.triggers.job as triggers
from airflow_provider_qrt.triggers.connection import connect
from benchmarks.systems.in_flight_common import question, wait_for_all

WARM_UP_JOBS = 10


class Sleeper(BaseTrigger):
    """Sleeps until a given time in epoch seconds, then fires."""

    def __init__(self, *, job_id: str, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, as every trigger must."""
        return (f"{__name__}.Sleeper", {"job_id": self.job_id, "until": self.until})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep, then yield the event."""
        await asyncio.sleep(self.until - time.time())
        yield TriggerEvent({"ending": "final"})


async def event_of(trigger: BaseTrigger) -> float:
    """Run a trigger; return the time of its event in epoch seconds."""
    async for event in trigger.run():
        now = time.time()
        if event.payload["ending"] != "final":
            raise RuntimeError(f"the wait ended otherwise: {event.payload}")
        return now
    raise RuntimeError("no event")


async def warm_up(job_id: str) -> None:
    """Load everything that the first request loads, so that it does not count as memory of the jobs."""
    client, _ = await connect("qiskit_runtime_default")
    client.job(job_id)
    list(islice(client.jobs(pending=True), WARM_UP_JOBS))
    client.close()


def trigger_of(way: str, job_id: str, asked: dict[str, Any]) -> BaseTrigger:
    """Build the trigger of a job."""
    if way == "bare":
        return Sleeper(job_id=job_id, until=asked["ends_at"])
    return triggers.QiskitRuntimeJobTrigger(
        job_id=job_id, submitted_at=asked["submitted_at"], poll_interval=asked["poll_interval"]
    )


async def run(way: str, asked: dict[str, Any]) -> None:
    """Wait for all jobs."""
    if way != "bare":
        await warm_up(asked["jobs"][0])
    waits = {job_id: event_of(trigger_of(way, job_id, asked)) for job_id in asked["jobs"]}
    await wait_for_all(waits, asked["ends_at"])


def main() -> None:
    """Run the protocol in the module's docstring."""
    way = sys.argv[1]
    if way == "alone":
        triggers.shared = lambda kind, _name, connect: kind(connect)
    # This is the state from the tenth minute on, when there is always a job that is read separately.
    plan.CONFIRM_AFTER = 0.0
    asyncio.run(run(way, question()))


if __name__ == "__main__":
    main()
