"""Measures what a deferral costs and what waiting on the worker costs, which decides where ``defer_after`` should lie.

The same task runs with and without a wait on its worker, for jobs that take from three to fifteen seconds.
Worker seconds are counted from the first to the last line that each process of the task logs; the starts of the
processes come on top.
"""

from __future__ import annotations

import datetime
import json
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Report, Table
from benchmarks.running import RUN_TIMEOUT_SECONDS, TASK, local_airflow

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

RUNS = 1
RUN_SECONDS = 2.36
LIVES = (3.0, 9.0, 15.0)
"""Seconds from the submission to the end of a job."""
WAYS = {"one_deferred_job": "defers at once", "one_awaited_job": "waits on its worker"}
FIRST_LINE = "::group::Pre Execute"


def worker_seconds(log: str) -> float:
    """Return the seconds that a task's processes have taken, by its log."""
    legs: list[list[float]] = []
    for line in log.splitlines():
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        if (
            "timestamp" not in entry
            or "trigger" in str(entry.get("filename", ""))
            or ".triggers." in entry.get("logger", "")
        ):
            continue
        moment = datetime.datetime.fromisoformat(entry["timestamp"]).timestamp()
        if FIRST_LINE in str(entry.get("event", "")):
            legs.append([])
        if legs:
            legs[-1].append(moment)
    # The lines of the triggerer follow those of the last process, and are older.
    return sum(max(leg) - leg[0] for leg in legs)


def measure(airflow: LocalAirflow, emulator: Emulator, dag_id: str) -> tuple[float, float]:
    """Return the seconds on a worker, and those from the job's end to the task's."""
    emulator.reset()
    run_id = airflow.trigger(dag_id)
    airflow.expect_end(dag_id, run_id, seconds=RUN_TIMEOUT_SECONDS)
    [job] = emulator.jobs()
    ended = datetime.datetime.fromisoformat(airflow.task(dag_id, run_id, TASK)["end_date"]).timestamp()
    lag = ended - datetime.datetime.fromisoformat(job["ended"]).timestamp()
    return worker_seconds(airflow.task_log(dag_id, run_id, TASK)), lag


def report() -> Report:
    """Measure all durations, both ways in turn."""
    from airflow_provider_qrt.emulator import Emulator

    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(run_seconds=RUN_SECONDS, rate_limit=False) as emulator,
        local_airflow(emulator, Path(name) / "airflow") as airflow,
    ):
        for life in LIVES:
            emulator.configure(queue_seconds=life - RUN_SECONDS)
            found = {dag_id: [measure(airflow, emulator, dag_id) for _ in range(RUNS)] for dag_id in WAYS}
            cells = []
            for part in (0, 1):
                cells += [f"{statistics.median(one[part] for one in found[dag_id]):.1f} s" for dag_id in WAYS]
            rows.append((f"{life:.0f} s", *cells))
    columns = [f"{what}, {way}" for what in ("worker", "result after") for way in WAYS.values()]
    return Report(
        "Waiting on the worker, or deferring",
        [Table(f"Worker seconds, and seconds from the job's end to the result ({RUNS} run each):",
               ("job ends after", *columns), rows)],
        [],
    )  # fmt: skip
