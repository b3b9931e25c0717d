"""One emulator and one cluster for all tests of this folder."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_qrt.emulator import Emulator
from tools.cluster import LocalCluster
from tools.demo import connection

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "AIRFLOW__QISKIT_RUNTIME__DEFER_AFTER": "0",
    # Of each scheduler, queued tasks included.
    "AIRFLOW__CORE__PARALLELISM": "16",
    "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "16",
    # So many seconds after its last sign of life a task of a worker that was killed is given up (default: 300) ...
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    # ... and one that it had taken from Redis but not begun is queued again (600).
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "90",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    # A scheduler (30), whose tasks the other adopts when it looks for them (every 300 s), and a triggerer (30).
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
}


@pytest.fixture(scope="session")
def service() -> Iterator[Emulator]:
    with Emulator(
        api_key=f"key-{secrets.token_hex(12)}", queue_seconds=3600, run_seconds=0.1, rate_limit=False
    ) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(Path(__file__).parent / "dags", dags)
    shutil.copytree(ROOT / "example_dags" / "circuits", dags / "circuits")
    connections = {"qiskit_runtime_default": connection(service)}
    with LocalCluster(home, dags, connections=connections, settings=SETTINGS) as running:
        yield running
