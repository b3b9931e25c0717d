"""Runs many of prefect-qiskit's loops in one event loop; for the protocol see ``in_flight_common``.

It runs only the code that waits for a job, without Prefect's flows and server.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.systems.common import asked
from benchmarks.systems.in_flight_common import question, wait_for_all


async def run(todo: dict[str, Any]) -> None:
    """Wait for all jobs."""
    from prefect_qiskit.primitives.job import PrimitiveJobRun
    from prefect_qiskit.vendors.ibm_quantum import IBMQuantumCredentials

    service = asked()
    credentials = IBMQuantumCredentials(
        api_key=service["key"],
        crn=service["instance"],
        auth_url=service["iam"] + "/identity/token",
        runtime_url=service["api"] + "/",
    )

    async def event_of(job_id: str) -> float:
        await PrimitiveJobRun(job_id=job_id, credentials=credentials).wait_for_completion()
        return time.time()

    await wait_for_all({one: event_of(one) for one in todo["jobs"]}, todo["ends_at"])


def main() -> None:
    """Run the protocol in the module's docstring."""
    import prefect_qiskit.primitives.job  # noqa: F401 - loaded before the question, as the others do

    asyncio.run(run(question()))


if __name__ == "__main__":
    main()
