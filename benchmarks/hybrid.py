"""Times a loop of sixty energies that scipy asks for, as a hybrid task and with IBM's client in a Python task.

Both run in the same Airflow against the same emulator, without a queue and with 0.2 s of QPU time for each job, one
after the other. The unrolled DAG of the examples gives the seconds that a round takes as tasks. A loop of two hundred
calls that fails at its end is replayed by a retry.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Goal, Report, Table, version_of
from benchmarks.requests_per_job import kind
from benchmarks.running import BACKEND, ROOT

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator
    from tools.local_airflow import LocalAirflow

CALLS, REPLAYED, ROUNDS = 60, 200, 3
RUNS = 3
MOST_TIME, MOST_REQUESTS, MOST_OF_ROUND, MOST_REPLAY = 1.1, 0.5, 0.1, 2.0
PATIENCE = 1200.0
UNROLLED = "qiskit_runtime_h2_vqe_rounds"


def airflow_for(emulator: Emulator, home: Path) -> LocalAirflow:
    """Return an Airflow with the loops, without starting it."""
    from tools.demo import connection
    from tools.local_airflow import LocalAirflow

    dags = home / "dags"
    shutil.copytree(ROOT / "benchmarks" / "systems" / "loop_dags", dags)
    shutil.copy(ROOT / "example_dags" / "h2_vqe_rounds.py", dags)
    question = {
        "api": emulator.url,
        "root": emulator.root_url,
        "iam": emulator.iam_url,
        "key": emulator.api_key,
        "instance": emulator.instance,
        "backend": BACKEND,
        "calls": CALLS,
        "replayed": REPLAYED,
    }
    return LocalAirflow(
        home,
        dags,
        connections={"qiskit_runtime_default": connection(emulator)},
        settings={"BENCHMARK_QUESTION": json.dumps(question), "PYTHONPATH": str(ROOT)},
    )


def run_loop(airflow: LocalAirflow, emulator: Emulator, dag_id: str) -> tuple[dict[str, Any], Counter[str]]:
    """Run a DAG with a loop; return what its task returned, and its requests by kind."""
    emulator.reset()
    run_id = airflow.trigger(dag_id)
    airflow.expect_end(dag_id, run_id, seconds=PATIENCE)
    value = dict(airflow.xcom(dag_id, run_id, "loop"))
    value["starts"] = airflow.task_log(dag_id, run_id, "loop").count("::group::Pre Execute")
    return value, Counter(kind(one["method"], one["path"]) for one in emulator.requests())


def seconds_per_round(airflow: LocalAirflow, emulator: Emulator) -> float:
    """Run the example with a task for each step; return the seconds from one round to the next."""
    emulator.reset()
    run_id = airflow.trigger(UNROLLED, {"backend": BACKEND})
    airflow.expect_end(UNROLLED, run_id, seconds=PATIENCE)
    moments = [_epoch(airflow.task(UNROLLED, run_id, f"improve_{number}")["end_date"]) for number in (1, ROUNDS)]
    return (moments[1] - moments[0]) / (ROUNDS - 1)


def report(runs: int = RUNS) -> Report:
    """Measure, and return the report."""
    from airflow_provider_qrt.emulator import Emulator

    found: dict[str, list[tuple[dict[str, Any], Counter[str]]]] = {"hybrid": [], "official": []}
    with (
        Emulator(queue_seconds=0, run_seconds=0.2, rate_limit=False, visibility_seconds=0, seed=3) as emulator,
        tempfile.TemporaryDirectory() as folder,
        airflow_for(emulator, Path(folder)) as airflow,
    ):
        for _ in range(runs):
            for dag_id, values in found.items():
                values.append(run_loop(airflow, emulator, dag_id))
        unrolled = seconds_per_round(airflow, emulator)
        replayed, of_replay = run_loop(airflow, emulator, "replayed")
        bought = len(emulator.jobs())
    ours, theirs = (min(found[name], key=lambda one: one[0]["seconds"]) for name in ("hybrid", "official"))
    time_ratio = ours[0]["seconds"] / theirs[0]["seconds"]
    request_ratio = ours[1].total() / theirs[1].total()
    of_round = ours[0]["seconds"] / CALLS / unrolled
    table = Table(
        f"A loop of {CALLS} energies that COBYLA asks for, in a session; the best of {runs} runs:",
        ("", "seconds", "requests", "submit", "poll", "result", "other"),
        [_row("hybrid task", *ours), _row(f"IBM's client {version_of('qiskit-ibm-runtime')} in a task", *theirs)],
    )
    goals = [
        Goal(f"time: at most {MOST_TIME} of IBM's client", f"{time_ratio:.2f}", time_ratio <= MOST_TIME),
        Goal(
            f"requests: at most {MOST_REQUESTS} of IBM's client", f"{request_ratio:.2f}", request_ratio <= MOST_REQUESTS
        ),
        Goal(
            f"a round: at most {MOST_OF_ROUND} of a round as tasks ({unrolled:.1f} s)",
            f"{of_round:.3f}",
            of_round <= MOST_OF_ROUND,
        ),
        Goal(
            f"replay of {REPLAYED} calls: under {MOST_REPLAY:g} s, and {REPLAYED} jobs in all",
            f"{replayed['seconds']:.2f} s, {bought} jobs",
            replayed["seconds"] < MOST_REPLAY and bought == REPLAYED,
        ),
        Goal(
            f"starts of the task for {REPLAYED} calls without a queue: 1 for each try",
            str(replayed["starts"]),
            replayed["starts"] == 2,
        ),
    ]
    notes = [f"Requests of the loop that was replayed: {dict(of_replay)}."]
    return Report("Hybrid loops", [table], goals, notes)


def _row(name: str, value: dict[str, Any], requests: Counter[str]) -> tuple[str, ...]:
    others = requests.total() - sum(requests[one] for one in ("submit", "poll", "result"))
    shown = (requests.total(), requests["submit"], requests["poll"], requests["result"], others)
    return (name, f"{value['seconds']:.1f}", *map(str, shown))


def _epoch(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
