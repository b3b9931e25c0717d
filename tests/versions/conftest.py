"""One Airflow of each version, on the packages of its time, against emulators of this environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_qrt.emulator import Emulator
from tests.chaos.conftest import SETTINGS
from tests.chaos.lanes import CALM, Lane
from tools.demo import connection
from tools.local_airflow import LocalAirflow
from tools.versions import OLDEST, VERSIONS, Version, install

ROOT = Path(__file__).resolve().parents[2]
LANES = 6
EXAMPLES = (
    "batch_of_circuits",
    "first_circuit",
    "h2_vqe_rounds",
    "parameter_sweep",
    "submit_and_wait",
    "wait_for_backend",
)
"""The example DAGs that run: with sensors, sessions, decorators and mapped tasks, and without Qiskit."""
NEED_3_2 = ("alert_on_long_queue", "approve_submission")
"""The example DAGs with alerts on deadlines and a time limit for an answer, which Airflow 3.1 does not have."""
CHOSEN = os.environ.get("AIRFLOW_VERSIONS", OLDEST.name).split(",")
"""Names of the versions to test, as in tools/versions.py."""
RECORDS, TAGS = "records", "tags"
"""How a retry finds its job: in a record (Airflow's own, or record_path), or by the job's tags alone."""


def kinds() -> list[tuple[Version, str]]:
    """Return the Airflows to test: those without a state store with ``record_path`` and without it."""
    chosen = [version for version in VERSIONS if version.name in CHOSEN or version.airflow in CHOSEN]
    return [
        (version, kind) for version in chosen for kind in ((RECORDS, TAGS) if version.airflow < "3.3" else (RECORDS,))
    ]


@pytest.fixture(scope="session", params=kinds(), ids=lambda kind: f"{kind[0].name}-{kind[1]}")
def kind(request: pytest.FixtureRequest) -> tuple[Version, str]:
    """A version, and how a retry finds its job."""
    return request.param


@pytest.fixture(scope="session")
def services() -> Iterator[list[Emulator]]:
    """An emulator for each scenario."""
    running = [Emulator(**CALM).start() for _ in range(LANES)]
    yield running
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(Emulator.stop, running))


@pytest.fixture(scope="session")
def service() -> Iterator[Emulator]:
    """The service of the example DAGs."""
    with Emulator(**CALM) as running:
        yield running


@pytest.fixture(scope="session")
def airflow(
    kind: tuple[Version, str],
    services: list[Emulator],
    service: Emulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalAirflow]:
    """An Airflow of the version."""
    version, how = kind
    python = install(version)
    home = tmp_path_factory.mktemp("airflow")
    shutil.copytree(ROOT / "tests" / "chaos" / "dags", home / "dags")
    shutil.copytree(ROOT / "example_dags", home / "dags", dirs_exist_ok=True)
    if version.airflow < "3.2":
        for name in NEED_3_2:
            (home / "dags" / f"{name}.py").unlink()
    shutil.copytree(Path(__file__).with_name("dags"), home / "dags", dirs_exist_ok=True)
    records = {"AIRFLOW__QISKIT_RUNTIME__RECORD_PATH": str(home / "records")} if how == RECORDS else {}
    connections = {f"service_{number}": connection(service) for number, service in enumerate(services)}
    connections["qiskit_runtime_default"] = connection(service)
    with LocalAirflow(
        home, home / "dags", connections=connections, settings={**SETTINGS, **records}, python=python
    ) as running:
        yield running


@pytest.fixture(scope="session")
def all_lanes(airflow: LocalAirflow, services: list[Emulator]) -> list[Lane]:
    """A lane for each emulator."""
    return [Lane(airflow, service, f"service_{number}") for number, service in enumerate(services)]
