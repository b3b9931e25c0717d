"""Runs IBM's client with a thread for each job; for the protocol see ``in_flight_common``."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from benchmarks.systems.common import asked, service
from benchmarks.systems.in_flight_common import answer, question, say_memory


def main() -> None:
    """Wait for all jobs."""
    os.environ["IAM_URL"] = asked()["iam"]
    import qiskit_ibm_runtime  # noqa: F401 - loaded before the question, as the others do

    todo = question()
    runtime = service(asked())
    # Fetch the jobs one after the other, because only the wait is measured.
    jobs = {one: runtime.job(one) for one in todo["jobs"]}
    events: dict[str, float] = {}

    def wait(name: str, job: Any) -> None:
        job.wait_for_final_state()
        events[name] = time.time()

    say_memory()
    threads = [threading.Thread(target=wait, args=item) for item in jobs.items()]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, todo["ends_at"] - time.time()))
    say_memory()
    for thread in threads:
        thread.join()
    answer(events, {})


if __name__ == "__main__":
    main()
