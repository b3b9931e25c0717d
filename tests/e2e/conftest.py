"""One emulator and one Airflow for all end-to-end tests; each test runs its own DAG."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_qrt.emulator import Emulator
from tools.demo import connection
from tools.local_airflow import LocalAirflow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def service() -> Iterator[Emulator]:
    """The emulator, with an API key that can be searched for in logs."""
    with Emulator(
        api_key=f"key-{secrets.token_hex(12)}", queue_seconds=2, run_seconds=0.5, rate_limit=False
    ) as running:
        yield running


@pytest.fixture(scope="session")
def airflow(service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(ROOT / "example_dags", dags)
    shutil.copytree(Path(__file__).parent / "dags", dags, dirs_exist_ok=True)
    with LocalAirflow(home, dags, connections={"qiskit_runtime_default": connection(service)}) as running:
        yield running


@pytest.fixture(autouse=True)
def calm_service(service: Emulator) -> Iterator[None]:
    """Each test begins with the same timing and without faults."""
    service.clear_faults()
    service.configure(queue_seconds=2, run_seconds=0.5)
    yield
    service.clear_faults()


@pytest.fixture
def submissions(service: Emulator) -> Callable[[str], list[dict]]:
    """Finds the jobs on the server that carry a DAG run's tag."""
    return lambda run_id: [job for job in service.jobs() if f"run:{run_id}"[:86] in job["tags"]]
