"""``make demo`` and ``make ui``: run the example DAG in a real Airflow against the emulator."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_provider_qrt.emulator import Emulator
from tools.local_airflow import LocalAirflow

ROOT = Path(__file__).resolve().parent.parent
DAG = "qiskit_runtime_bell_pair"
KINDS = {
    DAG: "counts of two circuits",
    "qiskit_runtime_ising_energy": "expectation values",
    "qiskit_runtime_parameter_sweep": "a sweep of parameters",
    "qiskit_runtime_batch_of_circuits": "several jobs in one batch",
    "qiskit_runtime_budget": "a budget, and what was spent",
    "qiskit_runtime_h2_vqe": "a hybrid loop",
    "energy_landscape": "a plane of two parameters, and a loop in a dedicated session",
}
"""DAGs that ``make ui`` runs first, with a description of each."""
FAILING = "qiskit_runtime_first_circuit"
NIGHTLY, NIGHTS, ANOTHER = "nightly_check", 30, 18
"""The DAG with a drift, how many nights it has run, and from which on it runs on another machine."""
PAST = {"behind_seconds": NIGHTS * 86400, "rate_limit": False}
"""How the emulator starts for ``make ui``: as many nights ago, and without the minutes that its limit would take."""


def connection(emulator: Emulator) -> dict[str, object]:
    """Return the Airflow connection that points at the emulator."""
    return {
        "conn_type": "qiskit_runtime",
        "host": emulator.url,
        "password": emulator.api_key,
        "extra": {"instance": emulator.instance, "iam_url": emulator.iam_url},
    }


def main() -> int:
    """Run the demo; return exit status 0 if the counts are physically right."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--ui", action="store_true", help="leave everything running and print where to look")
    options = arguments.parse_args()
    with demo_airflow(with_history=options.ui) as (airflow, emulator):
        return stay(airflow, emulator) if options.ui else run(airflow, emulator)


@contextmanager
def demo_airflow(*, with_history: bool) -> Iterator[tuple[LocalAirflow, Emulator]]:
    """Run an emulator, and an Airflow with the example DAGs and a connection to it.

    Args:
        with_history: Whether the emulator starts as many nights ago as :func:`fill` then makes, and Airflow has the
            DAGs of ``tools/demo_dags`` too.
    """
    with (
        tempfile.TemporaryDirectory(prefix="qrt-demo-") as folder,
        Emulator(**(PAST if with_history else {}), queue_seconds=20, run_seconds=1) as emulator,
    ):
        say(f"Qiskit Runtime emulator at {emulator.root_url}: nothing reaches IBM, nothing costs money")
        say("Starting Airflow: api-server, scheduler, dag-processor, triggerer, on SQLite")
        with LocalAirflow(Path(folder), dags_of(Path(folder)) if with_history else ROOT / "example_dags") as airflow:
            define_connection(airflow, emulator)
            yield airflow, emulator


def dags_of(folder: Path) -> Path:
    """Return a folder with the example DAGs, and those that are for looking at the pages."""
    dags = folder / "dags"
    shutil.copytree(ROOT / "example_dags", dags)
    shutil.copytree(ROOT / "tools" / "demo_dags", dags, dirs_exist_ok=True)
    return dags


def run_nights(airflow: LocalAirflow, emulator: Emulator) -> None:
    """Run the nightly DAG once for each of the last nights, at the time that it was on the emulator's clock then."""
    begin = datetime.now(UTC) - timedelta(days=NIGHTS)
    airflow.api("PATCH", f"/dags/{NIGHTLY}", json={"is_paused": False})
    for night in range(NIGHTS):
        queue, run = 300 + 400 * (night * 7 % 10), 20 + night * 7 % 13
        emulator.configure(queue_seconds=queue, run_seconds=run)
        jobs = len(emulator.jobs())
        after = (begin + timedelta(days=night)).isoformat()
        conf = {"night": night, "backend": "ibm_fez" if night < ANOTHER else "ibm_boston"}
        body = {"dag_run_id": f"night_{night:02}", "logical_date": after, "run_after": after, "conf": conf}
        run_id = str(airflow.api("POST", f"/dags/{NIGHTLY}/dagRuns", json=body)["dag_run_id"])
        end = time.monotonic() + 120
        while len(emulator.jobs()) < jobs + 2 and time.monotonic() < end:
            time.sleep(0.2)
        emulator.advance(queue + run)
        airflow.wait_for_run(NIGHTLY, run_id, seconds=120)
        emulator.advance(max(0.0, 86400 - queue - run))


def define_connection(airflow: LocalAirflow, emulator: Emulator) -> None:
    """Create the connection as a user would in the form, so that people can look at the form."""
    given = connection(emulator)
    body = {**given, "connection_id": "qiskit_runtime_default", "extra": json.dumps(given["extra"])}
    airflow.api("POST", "/connections", json=body)


def run(airflow: LocalAirflow, emulator: Emulator) -> int:
    """Run the DAG once and print its result."""
    run_id = airflow.trigger(DAG)
    say(f"Triggered {DAG}")
    airflow.wait_for_task_state(DAG, run_id, "measure", "deferred", seconds=120)
    job_id = airflow.xcom(DAG, run_id, "measure", "job_id")
    say(
        f"Task 'measure' has submitted job {job_id}, which does not end within seconds; it is deferred: no worker waits"
    )
    state = airflow.wait_for_run(DAG, run_id, seconds=180)
    if state != "success":
        sys.stderr.write(airflow.task_log(DAG, run_id, "measure"))
        say(f"The run ended as {state}; the task's log is above")
        return 1
    result = airflow.xcom(DAG, run_id, "measure")
    say(f"Job {result['job_id']} on {result['backend']}: {result['status']}, {result['usage_seconds']} s of QPU time")
    for name, circuit in zip(("bell_phi.qasm", "bell_psi.qasm"), result["results"], strict=True):
        print(f"    {name}: {circuit['counts']}")
    correlations = airflow.xcom(DAG, run_id, "correlation")
    print(f"    downstream task: correlations {correlations}")
    jobs = len(emulator.jobs())
    say(f"{jobs} job on the server, as it should be" if jobs == 1 else f"{jobs} jobs on the server, which is wrong")
    return 0 if jobs == 1 and correlations["phi"] > 0.5 and correlations["psi"] < -0.5 else 1


def fill(airflow: LocalAirflow, emulator: Emulator) -> None:
    """Run one DAG of every kind, so that no page is empty: counts, values, a sweep, a batch, and a failure."""
    emulator.add_rule(
        tag=f"dag:{FAILING}",
        status="Failed",
        reason="The emulator ended this job, so that there is a failure to look at.",
        reason_code=5203,
        reason_solution="Nothing is wrong: trigger the DAG again.",
        times=1,
    )
    say(f"Running {NIGHTLY} for the last {NIGHTS} nights, which takes some minutes")
    run_nights(airflow, emulator)
    emulator.configure(queue_seconds=5, run_seconds=1)
    say(f"Running {len(KINDS) + 1} DAGs once, so that no page is empty")
    runs = {dag_id: airflow.trigger(dag_id) for dag_id in (*KINDS, FAILING)}
    for dag_id, run_id in runs.items():
        try:
            state = airflow.wait_for_run(dag_id, run_id, seconds=300)
        except TimeoutError:
            # People can look at the pages while this runs.
            state = "still running"
        say(f"{dag_id}: {KINDS.get(dag_id, 'a job that fails')}: {state}")


def stay(airflow: LocalAirflow, emulator: Emulator) -> int:
    """Leave Airflow running until Ctrl-C."""
    say(f"Airflow UI: {airflow.url}  (no login; trigger {DAG} and watch it)")
    say("Ctrl-C ends it")
    try:
        fill(airflow, emulator)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return 0


STARTED = time.monotonic()


def say(text: str) -> None:
    """Print a line with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:5.1f} s] {text}", flush=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
