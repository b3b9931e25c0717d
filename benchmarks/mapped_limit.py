"""Runs 200 mapped tasks through the limit of five submissions a minute, which takes forty minutes at best.

Each task submits a job of its own. The first five are accepted, all others get a 429, leave their workers, and come
back one after the other. The emulator counts as IBM's reference says: five submissions in any sixty seconds.
"""

from __future__ import annotations

import datetime
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.report import Goal, Report, Table
from benchmarks.requests_per_job import kind
from benchmarks.running import TASK, local_airflow

TASKS = 200
SUBMISSIONS_PER_MINUTE = 5
MOST_TIMES = 1.02
SECONDS = 5400.0
"""How long the run may take."""


def report(tasks: int = TASKS) -> Report:
    """Run the tasks once."""
    from airflow_provider_qrt.emulator import Emulator

    floor = 60.0 * tasks / SUBMISSIONS_PER_MINUTE
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(queue_seconds=0.5, run_seconds=2.1, rate_limit=True, seed=7) as emulator,
        local_airflow(emulator, Path(name) / "airflow", circuits=tasks, mapped=tasks, shots=100) as airflow,
    ):
        run_id = airflow.trigger("mapped")
        airflow.expect_end("mapped", run_id, seconds=SECONDS)
        state = airflow.api("GET", f"/dags/mapped/dagRuns/{run_id}")
        counts = [airflow.xcom("mapped", run_id, TASK, map_index=index)["results"] for index in range(tasks)]
        jobs, journal = emulator.jobs(), emulator.requests()
    refused = sum(one["status"] == 429 for one in journal)
    created = sorted(_epoch(job["created"]) for job in jobs)
    waited = created[-1] - created[0]
    took = _epoch(state["end_date"]) - _epoch(state["start_date"])
    requests = Counter(kind(one["method"], one["path"]) for one in journal)
    gaps = [later - earlier for earlier, later in zip(created, created[SUBMISSIONS_PER_MINUTE:], strict=False)]
    return Report(
        "Mapped tasks through the submission limit",
        [
            Table(
                f"{tasks} mapped tasks, one job each, {SUBMISSIONS_PER_MINUTE} submissions a minute:",
                ("", "measured", "at best"),
                [
                    ("jobs", f"{len(jobs)}", f"{tasks}"),
                    ("first to last submission", f"{waited:.0f} s", f"{floor - 60:.0f} s"),
                    ("the whole run", f"{took:.0f} s", f"{floor:.0f} s"),
                    ("time for five submissions, median", f"{statistics.median(gaps):.1f} s", "60 s"),
                    ("submissions that were refused", f"{refused}", f"{tasks - SUBMISSIONS_PER_MINUTE}"),
                    ("requests a task", f"{requests.total() / tasks:.1f}", ""),
                ],
            )
        ],
        [
            Goal("one job for each task, all with results", f"{len(jobs)} jobs, {len(counts)} results",
                 len(jobs) == tasks and all(counts)),
            Goal(f"the last submission at most {MOST_TIMES:g} times {floor / 60:.0f} minutes after the first",
                 f"{waited / floor:.3f} times", waited <= MOST_TIMES * floor),
            Goal(f"the whole run takes at most {MOST_TIMES:g} times {floor / 60:.0f} minutes",
                 f"{took / floor:.3f} times", took <= MOST_TIMES * floor),
        ],
    )  # fmt: skip


def _epoch(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()
