"""Compares two hundred circuits in one job and in separate jobs, with our provider and with the official client.

All variants run the same two-qubit circuits, which differ in one angle, on one emulator whose journal counts the
requests. A job runs and is charged for the time that IBM's documentation estimates: about 2 s plus 0.00035 s for each
execution. The limit of five submissions per minute is off during the measurement; its cost is calculated.
"""

from __future__ import annotations

import datetime
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Goal, Report, Table, version_of
from benchmarks.requests_per_job import KINDS, kind
from benchmarks.running import RUN_TIMEOUT_SECONDS, TASK, NotMeasurableError, local_airflow, run_program

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

CIRCUITS = 200
MAPPED = 20
"""Circuits that are measured as separate tasks; all of them would take a small machine more than ten minutes."""
SHOTS = 100
QUEUE_SECONDS = 4.0
SUBMISSIONS_PER_MINUTE = 5
"""IBM's limit for one user."""
MOST_REQUESTS = 12
SIGMAS = 5

Ones = dict[int, int]
"""The count of 11 by the number of the circuit."""


@dataclass(frozen=True)
class Run:
    """The measured values of one variant.

    Attributes:
        jobs: Number of jobs on the server.
        requests: Number of HTTP requests of each kind.
        wall_seconds: Time from the start of the program, or the trigger of the DAG run, until all counts are available.
        qpu_seconds: QPU time charged to the instance.
        times: Number of such runs that all circuits would need.
    """

    jobs: int
    requests: Counter[str]
    wall_seconds: float
    qpu_seconds: float
    times: int = 1

    def row(self, name: str) -> tuple[str, ...]:
        """Return the table row, extrapolated to all circuits."""
        jobs = self.jobs * self.times
        return (
            name,
            f"{jobs:,}",
            f"{self.requests.total() * self.times:,}",
            _duration(least_seconds(jobs)),
            _duration(self.wall_seconds * self.times),
            f"{self.qpu_seconds * self.times:.0f} s",
        )


def least_seconds(jobs: int) -> float:
    """Calculate the time from the first to the last submission at five submissions per minute."""
    return 60.0 * (math.ceil(jobs / SUBMISSIONS_PER_MINUTE) - 1)


def qpu_seconds(circuits: int) -> float:
    """Return the estimate of IBM's documentation for a simple sampler job."""
    return 2.0 + 0.00035 * circuits * SHOTS


def check(ones: Mapping[int, int]) -> None:
    """Check that each circuit has the counts for its angle.

    Raises:
        RuntimeError: A circuit has other counts.
    """
    for number, count in ones.items():
        chance = math.cos(math.pi * number / (CIRCUITS - 1) / 2) ** 2
        off = abs(count - SHOTS * chance)
        if off > SIGMAS * (1 + math.sqrt(SHOTS * chance * (1 - chance))):
            raise RuntimeError(f"circuit {number} gave 11 in {count} of {SHOTS} shots; {SHOTS * chance:.0f} expected")


def observe(emulator: Emulator, circuits: int, jobs: int, run: Callable[[], tuple[Ones, float]]) -> Run:
    """Let a system run circuits, and read its cost from the emulator.

    Args:
        emulator: The emulator, which is reset first.
        circuits: Number of circuits.
        jobs: Expected number of jobs, which determines the run time of each.
        run: A function that runs the circuits and returns the counts and the time they were available, in epoch
            seconds.
    """
    emulator.reset()
    emulator.configure(queue_seconds=QUEUE_SECONDS, run_seconds=qpu_seconds(circuits // jobs))
    started = time.time()
    ones, ended = run()
    if len(ones) != circuits:
        raise RuntimeError(f"{len(ones)} results, not {circuits}")
    check(ones)
    requests = Counter(kind(one["method"], one["path"]) for one in emulator.requests())
    return Run(len(emulator.jobs()), requests, ended - started, _charged(emulator), CIRCUITS // circuits)


def _charged(emulator: Emulator) -> float:
    """Return the QPU seconds that the instance has used, according to the service."""
    from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient

    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    with QiskitRuntimeClient(settings) as client:
        return client.instance_usage().consumed_seconds


def packed_task(airflow: LocalAirflow) -> tuple[Ones, float]:
    """Run all circuits as one task."""
    run_id, ended = _run_dag(airflow, "packed")
    results = airflow.xcom("packed", run_id, TASK)["results"]
    return {number: _ones(result) for number, result in enumerate(results)}, ended


def mapped_tasks(airflow: LocalAirflow) -> tuple[Ones, float]:
    """Run some of the circuits with a task for each."""
    run_id, ended = _run_dag(airflow, "mapped")
    values = [airflow.xcom("mapped", run_id, TASK, map_index=index) for index in range(MAPPED)]
    return {index * (CIRCUITS // MAPPED): _ones(value["results"][0]) for index, value in enumerate(values)}, ended


def _run_dag(airflow: LocalAirflow, dag_id: str) -> tuple[str, float]:
    run_id = airflow.trigger(dag_id)
    airflow.expect_end(dag_id, run_id, seconds=2 * RUN_TIMEOUT_SECONDS)
    ended = airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["end_date"]
    return run_id, datetime.datetime.fromisoformat(ended).timestamp()


def _ones(result: dict[str, dict[str, int]]) -> int:
    return result["counts"].get("11", 0)


def official(emulator: Emulator, folder: Path, way: str) -> tuple[Ones, float]:
    """Run IBM's client in a plain process."""
    found = run_program(sys.executable, "official_many", emulator, folder, way=way, circuits=CIRCUITS, shots=SHOTS)
    return {int(number): count for number, count in found.counts.items()}, found.result_at


def report() -> Report:
    """Measure all variants one after the other."""
    from airflow_provider_qrt.emulator import Emulator

    ours = f"airflow-provider-qrt {version_of('airflow-provider-qrt')}"
    client = f"qiskit-ibm-runtime {version_of('qiskit-ibm-runtime')}"
    found: dict[str, Run] = {}
    reasons: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(rate_limit=False, seed=7) as emulator,
    ):
        folder = Path(name)
        with local_airflow(emulator, folder / "airflow", circuits=CIRCUITS, mapped=MAPPED, shots=SHOTS) as airflow:
            packed = observe(emulator, CIRCUITS, 1, partial(packed_task, airflow))
            mapped = observe(emulator, MAPPED, MAPPED, partial(mapped_tasks, airflow))
        found[f"{ours}: one task with a list"] = packed
        found[f"{ours}: {CIRCUITS} mapped tasks ({MAPPED} measured, times {mapped.times})"] = mapped
        for way, jobs, words in (("pubs", 1, "one `run()`"), ("separate", CIRCUITS, f"{CIRCUITS} `run()` in a Batch")):
            try:
                found[f"{client}: {words}"] = observe(
                    emulator, CIRCUITS, jobs, partial(official, emulator, folder / way, way)
                )
            except NotMeasurableError as reason:
                reasons.append(f"{client}, {words} was not measured: {reason}.")
    return Report(
        "Packing",
        [
            Table(
                f"{CIRCUITS} circuits of {SHOTS} shots each, {QUEUE_SECONDS:.0f} s in the queue:",
                ("way", "jobs", "requests", "last submission after", "all results after", "QPU seconds charged"),
                [run.row(name) for name, run in found.items()],
            )
        ],
        [
            Goal("a list is one job", f"{packed.jobs}", packed.jobs == 1),
            Goal(
                f"at most {MOST_REQUESTS} requests for it",
                str(packed.requests.total()),
                packed.requests.total() <= MOST_REQUESTS,
            ),
        ],
        [
            f"Last submission after: arithmetic, not measured, from the {SUBMISSIONS_PER_MINUTE} submissions a minute "
            "that IBM takes.",
            f"Requests of the one task: {_listed(packed.requests)}.",
            f"The {MAPPED} mapped tasks took {mapped.wall_seconds:.0f} s; their requests: {_listed(mapped.requests)}.",
            *reasons,
        ],
    )


def _listed(requests: Counter[str]) -> str:
    return ", ".join(f"{requests[one]} {one}" for one in KINDS if requests[one])


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
