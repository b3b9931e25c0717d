"""Measures one short job, from the first token to the counts: its HTTP requests, and when its result is in hand.

All systems run the same two-qubit circuit, already in the machine's gates, on a named backend of the same emulator,
whose journal counts the requests. The job ends three seconds after its submission: it queues, and then runs for as long
as IBM's documentation estimates. Our task is deferrable and runs in a real Airflow with a scheduler and a triggerer.
Every run starts new processes, so that no system can reuse a token of an earlier run. The descriptions of backends that
our tasks and the official client keep on disk are those of the runs before; our first run, without any, has a row.
"""

from __future__ import annotations

import datetime
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Goal, Report, Table, version_of
from benchmarks.running import (
    ROOT,
    RUN_TIMEOUT_SECONDS,
    TASK,
    Answer,
    NotMeasurableError,
    install_prefect,
    is_bell_pair,
    local_airflow,
    run_program,
)

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

RUNS = 5
RUNS_OF_OTHERS = 2
MOST_REQUESTS = 6
MOST_SECONDS = 0.5
"""From the job's end to the result, median."""
LIFE_SECONDS = 3.0
RUN_SECONDS = 2.36
"""The estimate of IBM's documentation for 1024 executions."""
FIRST, OURS, OPEN, DEFERRED = "first", "ours", "open", "deferred"
DAG_IDS = {FIRST: "one_job", OURS: "one_job", OPEN: "one_job", DEFERRED: "one_deferred_job"}
OPEN_SECONDS = 2.0
"""After which the service settles the charge of a job, in one of the rows."""
KINDS = ("token", "backends", "submit", "poll", "result", "other")


@dataclass(frozen=True)
class Run:
    """One job of one system.

    Attributes:
        requests: Number of requests of each kind.
        others: Method and path of requests of kind ``other``.
        noticed: Seconds from the job's end on the server to the poll that found it ended.
        lag: Seconds from the job's end on the server until the counts are available.
    """

    requests: Counter[str]
    others: tuple[str, ...]
    noticed: float
    lag: float

    @property
    def total(self) -> int:
        """Total number of requests."""
        return self.requests.total()


def kind(method: str, path: str) -> str:
    """Return the kind of a request in the journal."""
    parts = path.strip("/").split("/")
    if parts[-2:] == ["identity", "token"]:
        return "token"
    match method, parts[2:]:
        case "GET", ["backends", *_]:
            return "backends"
        case "POST", ["jobs"]:
            return "submit"
        case "GET", ["jobs", _]:
            return "poll"
        case "GET", ["jobs", _, "results"]:
            return "result"
    return "other"


def observe(emulator: Emulator, run: Callable[[], Answer]) -> Run:
    """Let a system run one job, and read its cost from the emulator.

    Args:
        emulator: The emulator, which is reset first.
        run: A function that runs the job.
    """
    emulator.reset()
    answer = run()
    jobs = emulator.jobs()
    if len(jobs) != 1 or not is_bell_pair(answer.counts):
        raise RuntimeError(f"a Bell pair in one job was expected, not {answer.counts} in {len(jobs)} jobs")
    journal = [(kind(one["method"], one["path"]), one) for one in emulator.requests()]
    others = tuple(
        f"{one['method']} {one['path'].replace(jobs[0]['id'], '{id}')}" for what, one in journal if what == "other"
    )
    ended = _epoch(jobs[0]["ended"])
    noticed = max(_epoch(one["time"]) for what, one in journal if what == "poll") - ended
    return Run(Counter(what for what, _ in journal), others, noticed, answer.result_at - ended)


def run_in_airflow(airflow: LocalAirflow, dag_id: str) -> Answer:
    """Run a DAG; the counts are available once the task has ended and its XCom can be read."""
    run_id = airflow.trigger(dag_id)
    state = airflow.wait_for_run(dag_id, run_id, seconds=RUN_TIMEOUT_SECONDS)
    if state != "success":
        raise RuntimeError(f"the DAG run ended as {state}:\n{airflow.task_log(dag_id, run_id, TASK)[-4000:]}")
    counts = airflow.xcom(dag_id, run_id, TASK)["results"][0]["counts"]
    return Answer(counts, _epoch(airflow.task(dag_id, run_id, TASK)["end_date"]))


def report(runs: int = RUNS) -> Report:
    """Measure all systems in turn."""
    from airflow_provider_qrt.emulator import Emulator

    ours = f"airflow-provider-qrt {version_of('airflow-provider-qrt')}"
    names = {
        FIRST: f"{ours}, first task of a worker",
        OURS: ours,
        OPEN: f"{ours}, charge settled {OPEN_SECONDS:g} s later",
        DEFERRED: f"{ours}, defer_after=0",
        "official": f"qiskit-ibm-runtime {version_of('qiskit-ibm-runtime')}",
        "prefect": "prefect-qiskit",
    }
    found: dict[str, list[Run]] = {}
    reasons: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="qrt-bench-", ignore_cleanup_errors=True) as name,
        Emulator(queue_seconds=LIFE_SECONDS - RUN_SECONDS, run_seconds=RUN_SECONDS, rate_limit=False) as emulator,
    ):
        folder = Path(name)
        try:
            python, names["prefect"] = install_prefect(folder / "venv")
        except NotMeasurableError as reason:
            reasons["prefect"] = str(reason)
        with local_airflow(emulator, folder / "airflow") as airflow:
            systems: dict[str, Callable[[Path], Answer]] = {
                **{one: lambda _, dag=dag: run_in_airflow(airflow, dag) for one, dag in DAG_IDS.items()},
                "official": lambda place: run_program(sys.executable, "official_client", emulator, place),
                "prefect": lambda place: run_program(python, "prefect_flow", emulator, place),
            }
            for number in range(runs):
                for system, run in systems.items():
                    wanted = {FIRST: 1, OURS: runs}.get(system, RUNS_OF_OTHERS)
                    if system in reasons or number >= wanted:
                        continue
                    place = folder / f"{system}-{number}"
                    emulator.configure(usage_pending_seconds=OPEN_SECONDS if system == OPEN else 0.0)
                    try:
                        found.setdefault(system, []).append(observe(emulator, lambda run=run, place=place: run(place)))
                    except NotMeasurableError as reason:
                        reasons[system] = str(reason)
        longer = looks_table(folder / "looks")
    rows = [_row(names[system], found.get(system, []), reasons.get(system)) for system in names]
    requests = statistics.median(run.total for run in found[OURS])
    seconds = statistics.median(run.lag for run in found[OURS])
    return Report(
        "One short job",
        [
            Table(
                f"One sampler job that ends {LIFE_SECONDS:g} s after its submission ({runs} runs of "
                f"ours, {RUNS_OF_OTHERS} of the others, in turn; median, and the range where runs differ):",
                ("system", "requests", *KINDS, "end noticed after", "result after"),
                rows,
            ),
            longer,
        ],
        [
            Goal(f"the result is in hand at most {MOST_SECONDS:g} s after the job's end (median)", f"{seconds:.2f} s",
                 seconds <= MOST_SECONDS),
            Goal(f"at most {MOST_REQUESTS} requests, token included (median)", f"{requests:g}",
                 requests <= MOST_REQUESTS),
        ],
        [f"Of kind other, {names[system]}: {', '.join(runs_[-1].others)}."
         for system, runs_ in found.items() if runs_[-1].others],
    )  # fmt: skip


def looks(life: float) -> int:
    """Return the number of polls by the trigger for a job of this duration, from its decisions in simulated time.

    This imports Airflow, which changes logging for the whole process, so do not call it in the benchmarks' process.
    """
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.jobs.defaults import DEFAULT_POLL_INTERVAL
    from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
    from airflow_provider_qrt.jobs.wait.poller import JobPoller
    from airflow_provider_qrt.triggers.timing import FIRST_DELAY

    poller = JobPoller("id", 0.0, None, DEFAULT_POLL_INTERVAL, first_delay=FIRST_DELAY, random=random.Random(7))
    decision = poller.first(0.0)
    now, count = 0.0, 0
    while not isinstance(decision, WaitOutcome):
        now += decision.seconds
        count += 1
        state = {"status": "Queued" if now < life else "Completed"}
        decision = poller.on_job(Job.from_json({"id": "id", "state": state}), now)
    return count


def looks_table(home: Path) -> Table:
    """Return the table of polls for jobs that take longer than the measured one; ``home`` is a folder for Airflow."""
    lives = {"5 s": 5, "1 minute": 60, "10 minutes": 600, "1 hour": 3600, "1 day": 86_400}
    program = f"from benchmarks.requests_per_job import looks; print(*map(looks, {list(lives.values())}))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    ours = map(int, done.stdout.splitlines()[-1].split())
    return Table(
        "Polls of longer jobs, calculated, not measured (the deferred task's own decisions in imagined time, at the "
        "default poll_interval; beside them one poll every half second, the pace of the other two above):",
        ("job ends after", "ours", "every 0.5 s"),
        [(name, f"{count:,}", f"{life * 2:,}") for (name, life), count in zip(lives.items(), ours, strict=True)],
    )


def _row(name: str, runs: list[Run], reason: str | None) -> tuple[str, ...]:
    if reason is not None or not runs:
        return (f"{name}: not measured: {reason}", *["-"] * (len(KINDS) + 3))
    return (
        name,
        _figure([run.total for run in runs]),
        *(_figure([run.requests[what] for run in runs]) for what in KINDS),
        _duration([run.noticed for run in runs]),
        _duration([run.lag for run in runs]),
    )


def _duration(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def _epoch(moment: str) -> float:
    return datetime.datetime.fromisoformat(moment).timestamp()


def _figure(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    middle = f"{statistics.median(counts):g}"
    return middle if low == high else f"{middle} ({low} to {high})"
