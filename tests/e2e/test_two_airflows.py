"""Two Airflows with default names share an instance, DAGs and run ids, and neither touches the other's jobs."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_qrt.emulator import Emulator
from tools.demo import connection
from tools.local_airflow import LocalAirflow, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

ROOT = Path(__file__).resolve().parents[2]
RUN = "the_same_run"
LOOK_SECONDS = 5
SETTINGS = {
    "AIRFLOW__QISKIT_RUNTIME__DEFER_AFTER": "0",
    # Airflow's default: there is no base_url.
    "AIRFLOW__API__BASE_URL": "",
    "AIRFLOW__QISKIT_RUNTIME__CLEANUP_INTERVAL": str(LOOK_SECONDS),
}


def start(airflow: LocalAirflow, dag_id: str, service: str) -> None:
    """Start the run that has the same id in both."""
    wait_until(lambda: knows(airflow, dag_id), seconds=300, what=f"The parsing of {dag_id}")
    body: dict[str, Any] = {"dag_run_id": RUN, "logical_date": None, "conf": {"service": service}}
    airflow.api("POST", f"/dags/{dag_id}/dagRuns", json=body)


def knows(airflow: LocalAirflow, dag_id: str) -> bool:
    return any(dag["dag_id"] == dag_id for dag in airflow.api("GET", "/dags", params={"limit": 100})["dags"])


def name_of(airflow: LocalAirflow) -> str:
    return str(airflow.api("GET", "/variables/qiskit_runtime_airflow_name")["value"])


@pytest.fixture
def service():
    with Emulator(rate_limit=False, visibility_seconds=0) as running:
        yield running


@pytest.fixture
def airflows(service, tmp_path_factory):
    with ExitStack() as stack:
        running = []
        for name in ("production", "staging"):
            home = tmp_path_factory.mktemp(name)
            shutil.copytree(ROOT / "tests" / "chaos" / "dags", home / "dags")
            shutil.copytree(ROOT / "example_dags" / "circuits", home / "dags" / "circuits")
            connections = {"shared": connection(service)}
            airflow = LocalAirflow(home, home / "dags", connections=connections, settings=SETTINGS)
            running.append(stack.enter_context(airflow))
        yield running


def test_neither_touches_the_others_job(service, airflows):
    service.configure(queue_seconds=3600)
    production, staging = airflows
    assert name_of(production) != name_of(staging)
    start(production, "chaos_deferred_without_retries", "shared")
    [job] = wait_until(service.jobs, seconds=300, what="Production's job")
    production.wait_for_task_state("chaos_deferred_without_retries", RUN, "measure", "deferred", seconds=240)
    # Staging's task of the same names fails before it has submitted anything, and another one uses the instance.
    start(staging, "chaos_deferred_without_retries", "a_connection_that_is_not_there")
    staging.expect_end("chaos_deferred_without_retries", RUN, "failed")
    start(staging, "chaos_deferred", "shared")
    wait_until(lambda: len(service.jobs()) == 2, seconds=300, what="Staging's job")
    time.sleep(5 * LOOK_SECONDS)
    assert [one["status"] for one in service.jobs()] == ["Queued", "Queued"]
    service.finish(job["id"])
    production.expect_end("chaos_deferred_without_retries", RUN, "success")
