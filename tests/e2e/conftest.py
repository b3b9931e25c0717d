"""One emulator and one Airflow for all end-to-end tests; each test runs its own DAG."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator
from tests.idle_airflow import IdleAirflow
from tools.demo import connection
from tools.local_airflow import LocalAirflow
from tools.processes import wait_until

ROOT = Path(__file__).resolve().parents[2]


IDLE = IdleAirflow(Path(__file__).parent)


def pytest_runtest_setup() -> None:
    """Called before each test of this folder."""
    IDLE.before_test()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Called after each test of this folder."""
    IDLE.after_test(nextitem)


@pytest.fixture(scope="session")
def service() -> Iterator[Emulator]:
    """The emulator, with an API key that can be searched for in logs."""
    with Emulator(
        api_key=f"key-{secrets.token_hex(12)}", queue_seconds=2, run_seconds=0.5, rate_limit=False
    ) as running:
        yield running


def seed_connections(service: Emulator) -> dict[str, dict]:
    """The connections of example_dags/legacy, as their pages say: one for each generation of the API."""
    present = connection(service)
    older = {"conn_type": "qiskit_runtime", "host": service.root_url, "password": service.api_key}
    login = {"iam_url": service.iam_url, "instance": service.instance}
    internal = {"hub": "ibm-q-internal", "group": "dev-sys-software", "project": "internal-test"}
    return {
        "seed_platform": {**present, "extra": {**login, "api_version": "2025-05-01"}},
        "seed_ibm_cloud": {**older, "extra": {**login, "channel": "ibm_cloud", "application": "your_application"}},
        "seed_ibm_quantum": {**older, "extra": {**internal, "channel": "ibm_quantum", "iam_url": service.iam_url}},
        "seed_api_token": {**older, "extra": {**internal, "channel": "api_token"}},
    }


@pytest.fixture(scope="session")
def airflow(service: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(ROOT / "example_dags", dags)
    shutil.copytree(Path(__file__).parent / "dags", dags, dirs_exist_ok=True)
    connections = {"qiskit_runtime_default": connection(service), **seed_connections(service)}
    # Tasks defer at once, unless their DAG says otherwise: most of these tests are about waits in the triggerer.
    settings = {"AIRFLOW__QISKIT_RUNTIME__DEFER_AFTER": "0"}
    with LocalAirflow(home, dags, connections=connections, settings=settings) as running:
        yield IDLE.shared(running)


@pytest.fixture(scope="session")
def api(service: Emulator) -> Callable[[str], dict]:
    """Asks the service, without the provider."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": service.api_key}
    answer = requests.post(f"{service.iam_url}/identity/token", data=form, timeout=30)
    headers = {
        "Authorization": f"Bearer {answer.json()['access_token']}",
        "Service-CRN": service.instance,
        "IBM-API-Version": "2026-04-15",
    }

    def get(path: str) -> dict:
        found = requests.get(f"{service.url}{path}", headers=headers, timeout=30)
        found.raise_for_status()
        return found.json()

    return get


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


@pytest.fixture
def ask(airflow: LocalAirflow) -> Callable[..., Any]:
    """Asks for what a page shows, as the page does, until it is as expected."""
    token = requests.get(f"{airflow.url}/auth/token", timeout=60).json()["access_token"]

    def until(condition, path, **parameters):
        def answer():
            found = requests.get(
                f"{airflow.url}/qiskit-runtime{path}",
                params=parameters,
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            )
            found.raise_for_status()
            page = found.json()
            return page if condition(page) else None

        return wait_until(answer, seconds=300, what=f"{path} being as expected")

    return until


@pytest.fixture
def traces_of(airflow: LocalAirflow) -> Callable[..., list[str]]:
    """Finds the log files and database tables in which a text stands."""

    def search(*texts: str) -> list[str]:
        wanted = [text.encode() for text in texts]
        logs = [path for path in [*(airflow.home / "logs").rglob("*"), *airflow.home.glob("*.log")] if path.is_file()]
        found = [str(path) for path in logs if any(text in path.read_bytes() for text in wanted)]
        with closing(sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            assert {"xcom", "trigger", "task_state_store", "task_instance"} <= set(tables)
            for table in tables:
                rows = repr(database.execute(f'SELECT * FROM "{table}"').fetchall()).encode()
                found += [table] if any(text in rows for text in wanted) else []
        return found

    return search


@pytest.fixture
def platform_secrets(service: Emulator) -> list[str]:
    """The API key, the account in the CRN, and what IAM tokens of the emulator begin with."""
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": service.api_key}
    token = requests.post(f"{service.iam_url}/identity/token", data=form, timeout=10).json()["access_token"]
    # The header and the first claims of a token are the same in all of them.
    return [service.api_key, service.instance.split(":")[6], token[:60]]
