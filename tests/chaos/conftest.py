"""One Airflow for the whole suite, and enough services to run scenarios side by side."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_qrt.emulator import Emulator
from tests.chaos.lanes import CALM, Lane, Stage
from tests.chaos.secrets_search import LINEAGE, find_in_airflow, secrets_of
from tests.chaos.vault import VAULTED, Vault
from tests.idle_airflow import IdleAirflow
from tools.demo import connection
from tools.local_airflow import LocalAirflow

ROOT = Path(__file__).resolve().parents[2]
LANES = 12
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "14",
    # Tasks defer at once, unless their DAG says otherwise.
    "AIRFLOW__QISKIT_RUNTIME__DEFER_AFTER": "0",
    # A lane's service changes from one scenario to the next: what the last one said of its queue must not count.
    "AIRFLOW__QISKIT_RUNTIME__BACKEND_CACHE": "none",
    # What no process of a task is left to cancel is seen to in seconds instead of minutes.
    "AIRFLOW__QISKIT_RUNTIME__CLEANUP_INTERVAL": "5",
    # So long must a refusal go on before it is believed (default: 600).
    "AIRFLOW__QISKIT_RUNTIME__REFUSAL_PATIENCE": "20",
    # A worker is taken for dead after so many seconds without a heartbeat (default: 300). An API server that restarts
    # must be back by then, however busy the machine is; tests that kill a worker do not wait for it (expire_task).
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "240",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    # Seconds between two searches for the tasks of a dead scheduler, which are adopted or started again (default: 300).
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
    # A triggerer is taken for dead after so many seconds (30).
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
}


IDLE = IdleAirflow(Path(__file__).parent)


def pytest_runtest_setup() -> None:
    """Called before each test of this folder."""
    IDLE.before_test()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Called after each test of this folder."""
    IDLE.after_test(nextitem)


@pytest.fixture(scope="session")
def services() -> Iterator[list[Emulator]]:
    """The emulators: one account, and a key each that can be searched for."""
    account = secrets.token_hex(16)
    running = [
        Emulator(
            api_key=f"key-{secrets.token_hex(12)}",
            instance=f"crn:v1:bluemix:public:quantum-computing:us-east:a/{account}:{number:08}-0000::",
            **CALM,
        ).start()
        for number in range(LANES)
    ]
    yield running
    # Each waits a moment for requests that are still held.
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(Emulator.stop, running))


@pytest.fixture(scope="session")
def proxy_password() -> str:
    """The password of the proxies that are named wrongly."""
    return f"proxy-{secrets.token_hex(12)}"


@pytest.fixture(scope="session")
def wrong_proxies(services: list[Emulator], proxy_password: str) -> dict[str, dict[str, Any]]:
    """Connections with a proxy that nobody can reach, and with proxies whose address is mistyped."""
    proxies = {
        "unreachable": f"http://quantum:{proxy_password}@127.0.0.1:9",
        "without_scheme": f"quantum:{proxy_password}@127.0.0.1:9",
        "with_a_slash_too_few": f"http:/quantum:{proxy_password}@127.0.0.1:9",
        "with_a_wrong_port": f"http://quantum:{proxy_password}@127.0.0.1:port",
    }
    made = {}
    for name, address in proxies.items():
        settings = connection(services[0])
        made[f"proxy_{name}"] = {**settings, "extra": {**settings["extra"], "proxies": {"http": address}}}
    return made


@pytest.fixture(scope="session")
def hidden(services: list[Emulator], proxy_password: str) -> list[str]:
    """Return the secrets that must not appear anywhere."""
    return [proxy_password, *(secret for service in services for secret in secrets_of(service))]


@pytest.fixture(scope="session")
def vault_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the secrets backend keeps its connections: not among what Airflow writes, which may hold no secret."""
    folder = tmp_path_factory.mktemp("vault")
    yield folder
    Vault(folder).remove()


@pytest.fixture(scope="session")
def airflow(
    services: list[Emulator],
    wrong_proxies: dict[str, dict[str, Any]],
    hidden: list[str],
    vault_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalAirflow]:
    """The Airflow. When all is over, nothing it has written may hold a secret, whatever had happened."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    shutil.copytree(Path(__file__).parent / "dags", dags)
    shutil.copytree(ROOT / "example_dags" / "circuits", dags / "circuits")
    connections = {f"service_{number}": connection(service) for number, service in enumerate(services)}
    vault = Vault(vault_folder)
    vault.keep(VAULTED, connection(services[0]))
    lineage = {"type": "file", "log_file_path": str(home / LINEAGE), "append": True}
    settings = {**SETTINGS, **vault.settings(), "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(lineage)}
    with LocalAirflow(home, dags, connections={**connections, **wrong_proxies}, settings=settings) as running:
        yield IDLE.shared(running)
    assert find_in_airflow(home, hidden) == []


@pytest.fixture
def vault(vault_folder: Path) -> Iterator[Vault]:
    """The secrets backend, which works again after the test."""
    vault = Vault(vault_folder)
    yield vault
    vault.works(True)


@pytest.fixture(scope="session")
def all_lanes(airflow: LocalAirflow, services: list[Emulator]) -> list[Lane]:
    return [Lane(airflow, service, f"service_{number}") for number, service in enumerate(services)]


@pytest.fixture(scope="session")
def stage(all_lanes: list[Lane]) -> Iterator[Stage]:
    stage = Stage(all_lanes)
    yield stage
    stage.close()


@pytest.fixture
def played(request: pytest.FixtureRequest, stage: Stage) -> Callable[[], None]:
    """Waits for the scenario that is the test's parameter.

    The first test to ask sets off the scenarios of all tests that are going to.
    """
    items = [item for item in request.session.items if "played" in getattr(item, "fixturenames", ())]
    stage.play({item.nodeid: item.callspec.params["scenario"] for item in items})
    return partial(stage.expect_success, request.node.nodeid)


@pytest.fixture
def lanes(airflow: LocalAirflow, all_lanes: list[Lane], stage: Stage) -> Iterator[list[Lane]]:
    """The lanes, for a test that needs Airflow for itself."""
    stage.wait()
    for lane in all_lanes:
        lane.calm()
    yield all_lanes
    # A test that failed half-way must not fail the next one.
    airflow.start_missing_components()
