"""Measures the time from a trigger's event to the start of the next task: ours, and an empty deferrable operator's.

Both run in the same Airflow, one after the other: a sampler task whose job queues for a minute, and an operator that
waits in the triggerer for as long and then returns. So the rest is Airflow's: the scheduler, the start of a process,
the parsing of the DAG file. The event is the moment at which the triggerer logs it.
"""

from __future__ import annotations

import datetime
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Goal, Report, Table
from benchmarks.running import RUN_TIMEOUT_SECONDS, TASK, local_airflow

if TYPE_CHECKING:
    from tools.local_airflow import LocalAirflow

RUNS = 6
QUEUE_SECONDS = 60.0
APART_SECONDS = 4.5
"""Seconds between two starts: no two tasks return together, and none returns while another one starts."""
MOST_TIMES = 1.3
OURS, EMPTY = "ours_deferred", "empty_deferred"
NAMES = {OURS: "sampler task, deferred", EMPTY: "empty deferrable operator"}
NEXT = "after"
EVENT = "Trigger fired event"


def event_time(log: str) -> float:
    """Return when the trigger fired, in epoch seconds, by the log of its task.

    Raises:
        ValueError: It has not fired.
    """
    for line in log.splitlines():
        if f'"{EVENT}"' in line:
            return _epoch(json.loads(line)["timestamp"])
    raise ValueError(f"no trigger fired:\n{log[-2000:]}")


def measure(airflow: LocalAirflow, dag_id: str, run_id: str) -> tuple[float, float]:
    """Return the seconds from the event to the end of the task, and to the start of the next one."""
    airflow.expect_end(dag_id, run_id, seconds=QUEUE_SECONDS + RUN_TIMEOUT_SECONDS)
    event = event_time(airflow.task_log(dag_id, run_id, TASK))
    ended = _epoch(airflow.task(dag_id, run_id, TASK)["end_date"])
    began = _epoch(airflow.task(dag_id, run_id, NEXT)["start_date"])
    return ended - event, began - event


def report(runs: int = RUNS) -> Report:
    """Start all runs one after the other, and read when they returned."""
    from airflow_provider_qrt.emulator import Emulator

    found: dict[str, list[tuple[float, float]]] = {OURS: [], EMPTY: []}
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(queue_seconds=QUEUE_SECONDS, run_seconds=2.36, rate_limit=False) as emulator,
        local_airflow(emulator, Path(name) / "airflow", queue_seconds=QUEUE_SECONDS) as airflow,
    ):
        started = []
        for _ in range(runs):
            for dag_id in found:
                started.append((dag_id, airflow.trigger(dag_id)))
                time.sleep(APART_SECONDS)
        for dag_id, run_id in started:
            found[dag_id].append(measure(airflow, dag_id, run_id))
    ours, empty = (statistics.median(began for _, began in found[dag_id]) for dag_id in (OURS, EMPTY))
    return Report(
        "After a deferral",
        [
            Table(
                f"Seconds from the trigger's event, after {QUEUE_SECONDS:.0f} s ({runs} runs each, in turn; median, "
                "and the range):",
                ("task", "to its end", "to the start of the next task"),
                [(NAMES[dag_id], *(_figure(column) for column in zip(*times, strict=True)))
                 for dag_id, times in found.items()],
            )
        ],
        [
            Goal(f"at most {MOST_TIMES:g} times the least that Airflow needs", f"{ours / empty:.2f} times",
                 ours <= MOST_TIMES * empty)
        ],
    )  # fmt: skip


def _figure(seconds: tuple[float, ...]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def _epoch(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()
