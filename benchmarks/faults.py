"""Counts the jobs that one task costs when something goes wrong, in our provider and in its alternatives.

Each system runs the same circuit under the same faults of a separate emulator, so that all can run at the same time.
Every failure is retried twice, one second later:

- Our provider by Airflow: one real Airflow runs a DAG for each row.
- The official client as Airflow would retry a plain task with it: a new process for each try.
- prefect-qiskit by its task retries, with a Prefect server, and in a new process if its process was killed.

A job is *left behind* if it was not cancelled and its result was not obtained: it runs and is charged for nothing.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fault_lanes import Lane, Outcome, in_airflow, in_processes
from benchmarks.fault_rows import RETRIES, ROWS, Row
from benchmarks.report import Goal, Report, Table, version_of
from benchmarks.running import NotMeasurableError, install_prefect, local_airflow, prefect_server

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator


@contextmanager
def _peers(stop: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """Run the systems that are programs in threads, which end soon after the main thread fails."""
    with ThreadPoolExecutor() as threads:
        try:
            yield threads
        except BaseException:
            stop.set()
            raise


def report(only: Sequence[str] = ()) -> Report:
    """Measure all systems at the same time.

    Args:
        only: Names of the rows to measure; empty for all rows.
    """
    from airflow_provider_qrt.emulator import Emulator

    rows = [row for row in ROWS if not only or row.name in only]
    names = {
        "ours": f"airflow-provider-qrt {version_of('airflow-provider-qrt')}",
        "official": f"qiskit-ibm-runtime {version_of('qiskit-ibm-runtime')}",
        "prefect": "prefect-qiskit",
    }
    stop = threading.Event()
    started = time.monotonic()

    def lane_of(system: str) -> tuple[Emulator, Lane]:
        emulator = emulators[system]
        return emulator, Lane(
            emulator, stop, lambda text: print(f"[{time.monotonic() - started:3.0f} s] {system}, {text}", flush=True)
        )

    def official(folder: Path) -> dict[str, Outcome]:
        emulator, lane = lane_of("official")
        return lane.measure(rows, in_processes(lane, emulator, sys.executable, "official_client", folder))

    def prefect(folder: Path) -> dict[str, Outcome]:
        emulator, lane = lane_of("prefect")
        python, names["prefect"] = install_prefect(folder / "venv")
        with prefect_server(python, folder) as url:
            run = in_processes(lane, emulator, python, "prefect_flow", folder, {"PREFECT_API_URL": url})
            return lane.measure(rows, run)

    def ours(folder: Path) -> dict[str, Outcome]:
        emulator, lane = lane_of("ours")
        # This runs in the main thread, which handles signals.
        with local_airflow(emulator, folder) as airflow:
            return lane.measure(rows, in_airflow(lane, airflow))

    with tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        emulators = {system: Emulator(rate_limit=False) for system in names}
        with emulators["ours"], emulators["official"], emulators["prefect"], _peers(stop) as threads:
            waiting = {
                "official": threads.submit(official, folder / "official"),
                "prefect": threads.submit(prefect, folder / "prefect"),
            }
            found: dict[str, dict[str, Outcome] | str] = {"ours": ours(folder / "ours")}
            found |= {system: _outcomes(future) for system, future in waiting.items()}
    return _report(rows, names, found)


def _outcomes(future: Future[dict[str, Outcome]]) -> dict[str, Outcome] | str:
    """Return the outcomes of a lane, or the reason why there are none."""
    try:
        return future.result()
    except NotMeasurableError as reason:
        return str(reason)


def _report(rows: Sequence[Row], names: dict[str, str], found: dict[str, dict[str, Outcome] | str]) -> Report:
    measured = {system: outcomes for system, outcomes in found.items() if not isinstance(outcomes, str)}
    ours = measured["ours"]
    table = Table(
        f"One task with one sampler job, retried up to {RETRIES} times; what became of it:",
        ("fault", "`--only`", *(names[system] for system in names)),
        [
            (
                row.title,
                row.name,
                *(str(measured[system][row.name]) if system in measured else "not measured" for system in names),
            )
            for row in rows
        ],
        words=True,
    )
    once = [row for row in rows if row.our_jobs == 1]
    late = [row for row in rows if row.our_jobs > 1]
    goals = [
        _goal("exactly 1 job for a task of ours, in every row but timeouts that are retried", once,
              lambda row: ours[row.name].jobs == 1),
        _goal("a timeout of ours that is retried: a job for each try, each cancelled", late,
              lambda row: ours[row.name].jobs == ours[row.name].cancelled == row.our_jobs),
        _goal("no job of ours left behind", rows, lambda row: ours[row.name].left == 0),
        _goal("ours obtains the result, in every row but the timeouts", [row for row in rows if row.our_result],
              lambda row: ours[row.name].tried.result),
    ]  # fmt: skip
    notes = [
        "Left behind: neither cancelled nor the job whose result was obtained. It runs and is charged for nothing."
    ]
    reasons = {system: why.rstrip(".") for system, why in found.items() if isinstance(why, str)}
    notes += [f"{names[system]} was not measured: {why}." for system, why in reasons.items()]
    return Report("Jobs per task under faults", [table], [goal for goal in goals if goal is not None], notes)


def _goal(claim: str, rows: Sequence[Row], holds: Callable[[Row], bool]) -> Goal | None:
    """Return the claim about these rows; None if none of them was measured."""
    if not rows:
        return None
    broken = [row.name for row in rows if not holds(row)]
    measured = f"not for {', '.join(broken)}" if broken else f"so in {len(rows)} of {len(rows)} rows"
    return Goal(claim, measured, not broken)
