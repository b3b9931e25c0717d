"""Compares two hundred circuits in one job and in separate jobs, with our provider and with the official client.

All variants run the same two-qubit circuits, which differ in one angle, on one emulator whose journal counts the
requests. A job runs and is charged for the time that IBM's documentation estimates: about 2 s plus 0.00035 s for each
execution. The limit of five submissions per minute is off during the measurement; its cost is calculated.

Our one task and the official client's one ``run()`` run in turn, and their times are compared as they are: from the
trigger of the DAG run to the end of the task instance, whose result is then in XCom, and from the start of the process
to the counts. Airflow's own part of the first, for which the second has no counterpart, stands beside it: the time of a
task that does nothing, in the same Airflow. A job for each circuit with the official client takes longer and has a
report of its own.
"""

from __future__ import annotations

import datetime
import math
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
MAPPED = 10
"""Circuits that are measured as separate tasks; all of them would take a small machine more than five minutes."""
ROUNDS = 3
"""How often our one task and the official client's one ``run()`` are measured, in turn."""
SHOTS = 100
QUEUE_SECONDS = 4.0
SUBMISSIONS_PER_MINUTE = 5
"""IBM's limit for one user."""
MOST_REQUESTS = 12
MOST_REQUESTS_MAPPED = 5
MOST_TIMES_AS_LONG = 1.05
"""The longest that our one task may take, in times of the official client's one ``run()``."""
SIGMAS = 5

Ones = dict[int, int]
"""The count of 11 by the number of the circuit."""


@dataclass(frozen=True)
class Run:
    """The measured values of one variant.

    Attributes:
        jobs: Number of jobs on the server.
        requests: Number of HTTP requests of each kind.
        wall_seconds: Time from the start of the program, or the trigger of the DAG run, until all counts are available:
            in XCom, with the end of the last task instance.
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


def middle(runs: Sequence[Run]) -> Run:
    """Return the one of several runs of the same variant that took the median time."""
    return sorted(runs, key=lambda run: run.wall_seconds)[len(runs) // 2]


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


def empty_task(airflow: LocalAirflow) -> float:
    """Run a task that does nothing; return the seconds from the trigger of the DAG run to its end."""
    triggered = time.time()
    run_id = airflow.run_dag("empty")
    return _epoch(airflow.api("GET", f"/dags/empty/dagRuns/{run_id}")["end_date"]) - triggered


def _run_dag(airflow: LocalAirflow, dag_id: str) -> tuple[str, float]:
    """Run a DAG; return the run's id and the end of its last task instance in epoch seconds."""
    run_id = airflow.trigger(dag_id)
    airflow.expect_end(dag_id, run_id, seconds=2 * RUN_TIMEOUT_SECONDS)
    found = airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 1 + MAPPED})
    return run_id, max(_epoch(task["end_date"]) for task in found["task_instances"])


def _epoch(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


def _ones(result: dict[str, dict[str, int]]) -> int:
    return result["counts"].get("11", 0)


def official(emulator: Emulator, folder: Path, way: str) -> tuple[Ones, float]:
    """Run IBM's client in a plain process."""
    found = run_program(sys.executable, "official_many", emulator, folder, way=way, circuits=CIRCUITS, shots=SHOTS)
    return {int(number): count for number, count in found.counts.items()}, found.result_at


def report() -> Report:
    """Measure our variants, and the official client's one ``run()`` in turn with our one task."""
    from airflow_provider_qrt.emulator import Emulator

    packed: list[Run] = []
    theirs: list[Run] = []
    empty: list[float] = []
    reasons: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(rate_limit=False, seed=7) as emulator,
    ):
        folder = Path(name)
        with local_airflow(emulator, folder / "airflow", circuits=CIRCUITS, mapped=MAPPED, shots=SHOTS) as airflow:
            # Airflow reads the DAG files when it has started, which is not part of a run.
            for dag_id in ("empty", "packed", "mapped"):
                airflow.wait_for_dag(dag_id)
            for number in range(ROUNDS):
                empty.append(empty_task(airflow))
                packed.append(observe(emulator, CIRCUITS, 1, partial(packed_task, airflow)))
                try:
                    run = partial(official, emulator, folder / f"pubs-{number}", "pubs")
                    theirs.append(observe(emulator, CIRCUITS, 1, run))
                except NotMeasurableError as reason:
                    reasons.append(f"{_client()}, one `run()` was not measured: {reason}.")
            mapped = observe(emulator, MAPPED, MAPPED, partial(mapped_tasks, airflow))
    ours = f"airflow-provider-qrt {version_of('airflow-provider-qrt')}"
    rows = [
        middle(packed).row(f"{ours}: one task with a list"),
        mapped.row(f"{ours}: {CIRCUITS} mapped tasks ({MAPPED} measured, times {mapped.times})"),
    ]
    if theirs:
        rows.insert(1, middle(theirs).row(f"{_client()}: one `run()`"))
    most = middle(packed).requests.total()
    each = mapped.requests.total() / mapped.jobs
    return Report(
        "Packing",
        [_table(rows)],
        [
            Goal("a list is one job", f"{packed[0].jobs}", all(run.jobs == 1 for run in packed)),
            Goal(f"at most {MOST_REQUESTS} requests for it (median)", str(most), most <= MOST_REQUESTS),
            _time_goal(packed, theirs),
            Goal(
                f"at most {MOST_REQUESTS_MAPPED} requests for a mapped task",
                f"{each:.1f}",
                each <= MOST_REQUESTS_MAPPED,
            ),
        ],
        [
            f"A task that does nothing takes {statistics.median(empty):.1f} s in the same Airflow ({_spread(empty)}), "
            "from the trigger of its DAG run to the end of the run. That time is Airflow's and part of ours; the "
            "official client's process has no scheduler.",
            f"One task with a list: {_spread([run.wall_seconds for run in packed])}; "
            f"one `run()`: {_spread([run.wall_seconds for run in theirs])} ({ROUNDS} times, in turn).",
            LAST_SUBMISSION,
            f"Requests of the one task: {_listed(middle(packed).requests)}.",
            f"The {MAPPED} mapped tasks took {mapped.wall_seconds:.0f} s; their requests: {_listed(mapped.requests)}.",
            *reasons,
        ],
    )


def batch_report() -> Report:
    """Measure a job for each circuit with the official client, in a batch."""
    from airflow_provider_qrt.emulator import Emulator

    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(rate_limit=False, seed=7) as emulator,
    ):
        run = observe(emulator, CIRCUITS, CIRCUITS, partial(official, emulator, Path(name), "separate"))
    return Report(
        "Packing, beside a batch",
        [_table([run.row(f"{_client()}: {CIRCUITS} `run()` in a Batch")])],
        [],
        [LAST_SUBMISSION],
    )


LAST_SUBMISSION = (
    f"Last submission after: arithmetic, not measured, from the {SUBMISSIONS_PER_MINUTE} submissions a minute that IBM "
    "takes."
)


def _time_goal(ours: Sequence[Run], theirs: Sequence[Run]) -> Goal:
    """Return the goal for the time of one task, decided by the median of the ratios of the rounds."""
    claim = f"it takes at most {MOST_TIMES_AS_LONG} times as long as the official client's one `run()`"
    if len(theirs) < len(ours):
        return Goal(claim, "not measured", met=False)
    ratios = [mine.wall_seconds / other.wall_seconds for mine, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    range_ = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return Goal(claim, f"{ratio:.2f} times (median; {range_})", ratio <= MOST_TIMES_AS_LONG)


def _table(rows: list[tuple[str, ...]]) -> Table:
    return Table(
        f"{CIRCUITS} circuits of {SHOTS} shots each, {QUEUE_SECONDS:.0f} s in the queue:",
        ("way", "jobs", "requests", "last submission after", "all results after", "QPU seconds charged"),
        rows,
    )


def _client() -> str:
    return f"qiskit-ibm-runtime {version_of('qiskit-ibm-runtime')}"


def _spread(seconds: Sequence[float]) -> str:
    return ", ".join(f"{one:.1f} s" for one in seconds) or "not measured"


def _listed(requests: Counter[str]) -> str:
    return ", ".join(f"{requests[one]} {one}" for one in KINDS if requests[one])


def _duration(seconds: float) -> str:
    if 0 < seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
