"""A separate Airflow home, an emulator, a connection to it, and the context of a task."""

from __future__ import annotations

import asyncio
import atexit
import gc
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

MEMORY_FOLDER = Path("/dev/shm")
MEMORY_NEEDED = 2**31
"""Bytes. Containers often have 64 MiB there."""


def _in_memory() -> str | None:
    """A folder that no disk has to write, where there is one: SQLite waits for the disk with every change.

    On a slow disk that makes Airflow's processes wait for each other until requests time out.
    """
    try:
        enough = shutil.disk_usage(MEMORY_FOLDER).free >= MEMORY_NEEDED
    except OSError:
        return None
    return str(MEMORY_FOLDER) if enough and os.access(MEMORY_FOLDER, os.W_OK) else None


_FAST = _in_memory()
if _FAST is not None:
    # pytest's own temporary folders too.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _FAST)

# Before anything imports Airflow: it reads these once.
_HOME = tempfile.mkdtemp(prefix="airflow-provider-qrt-tests-", dir=_FAST)
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["XDG_CACHE_HOME"] = _HOME
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
# The emulators of the tests change their backends between two tests, and use each other's ports.
os.environ.setdefault("AIRFLOW__QISKIT_RUNTIME__BACKEND_CACHE", "none")
os.environ.setdefault("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "False")

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # noqa: E402

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator

# Ten thousand tests and what they import are no garbage: to look for some takes a quarter of the collection.
gc.disable()

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

CONNECTION = "AIRFLOW_CONN_QISKIT_RUNTIME_DEFAULT"
QUICK: dict[str, Any] = {
    "queue_seconds": 0.0,
    "run_seconds": 0.0,
    "usage_pending_seconds": 0.0,
    "visibility_seconds": 0.0,
    "rate_limit": False,
    "usage_limit_seconds": None,
    "withdrawn_programs": (),
}


REFUSAL_PATIENCE = 12.0
"""Seconds for which a refusal must be repeated in tests before it ends a wait; longer than the hiccups they make."""
HERE = Path(__file__).parent
MAKE_TEST = "not e2e and not slow"
"""The expression with which ``make test`` chooses its tests."""
TOGETHER = (
    "tests/chaos/",
    "tests/e2e/test_examples_hybrid.py",
    "tests/e2e/test_legacy_dags.py",
    "tests/e2e/test_monitoring.py",
    "tests/fuzz/",
)
"""Tests that stay in one process: the chaos suite, those that look at the same runs, and those with one emulator."""
ORDER = {"e2e": 0, "upgrade": 0, "chaos": 1}
"""Folders with a real Airflow come first; all others come at 2."""
SLOW = (
    "fuzz",
    "third_party",
    "arguments/test_types.py",
    "cleanup/test_runner.py",
    "doctor",
    "emulator/test_load.py",
    "emulator/test_official_primitives.py",
    "emulator/test_openapi.py",
    "emulator/test_pytest_plugin.py",
    "emulator/test_simulator.py",
    "emulator/test_state.py",
    "operators/test_against_qiskit.py",
    "operators/test_estimator_over_executor.py",
    "operators/test_executions_agree.py",
    "operators/test_like_ibms_options.py",
    "plugins/test_odd_answers.py",
    "primitives/test_circuit_cache.py",
    "primitives/test_transpile.py",
    "security/test_bombs.py",
    "security/test_odd_waits.py",
    "test_example_functions.py",
    "test_imports.py",
)
"""Property tests, tests with many processes, and tests of Qiskit's own work: ``make test`` leaves them to others."""


class ChaosTogether(LoadScopeScheduling):
    """Deals tests out to processes one by one, those of the chaos suite and of the seed DAGs all to one.

    Each process has an Airflow of its own for the end-to-end tests, which wait more than they compute. Chaos computes:
    it has one Airflow, and beside it run the tests without any.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((start for start in TOGETHER if nodeid.startswith(start)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Deal the tests out as :class:`ChaosTogether` does."""
    return ChaosTogether(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no test file all of whose tests ``-m`` leaves out: some of these load Qiskit and its client."""
    if config.option.markexpr != MAKE_TEST or not collection_path.is_relative_to(HERE):
        return None
    place = collection_path.relative_to(HERE).as_posix()
    return True if place in SLOW or place in ORDER else None


def pytest_collection_finish() -> None:
    """Look for garbage again, and not among what the collection has made."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and mark what is slow."""
    places = {path: path.relative_to(HERE) for path in {item.path for item in items}}
    items.sort(key=lambda item: ORDER.get(places[item.path].parts[0], 2))
    for item in items:
        place = places[item.path]
        if place.parts[0] in SLOW or place.as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _secrets_of_the_test_alone() -> Iterator[None]:
    """Forget the secrets of a test, such as the word token, which are not secret in the next test."""
    from airflow_provider_qrt.untrusted import blotter

    known = blotter._blotter._known.copy()
    yield
    blotter._blotter._known = known


@pytest.fixture(scope="session")
def _shared_emulator() -> Iterator[Emulator]:
    from airflow_provider_qrt.emulator import Emulator

    with Emulator(**QUICK, seed=7) as emulator:
        yield emulator


@pytest.fixture
def emulator(_shared_emulator: Emulator) -> Emulator:
    """A Qiskit Runtime service without jobs, faults or delays."""
    _shared_emulator.reset()
    _shared_emulator.configure(**QUICK)
    return _shared_emulator


@pytest.fixture
def connect(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Define the default connection to the emulator, with any part of it replaced."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def define(extra: dict[str, Any] | None = None, **parts: Any) -> None:
        whole = {
            "conn_type": "qiskit_runtime",
            "password": emulator.api_key,
            "host": emulator.url,
            "extra": {"instance": emulator.instance, "iam_url": emulator.iam_url, **(extra or {})},
            **parts,
        }
        monkeypatch.setenv(CONNECTION, json.dumps(whole))

    return define


@pytest.fixture
def connection(connect: Callable[..., None]) -> None:
    """The default connection leads to the emulator."""
    connect()


class StateStore:
    """A task's state store: JSON in, JSON out."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.retentions: list[Any] = []

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.values[key] = json.dumps(value)
        assert json.loads(self.values[key]) == value, "Airflow's store takes plain JSON: no tuples, and texts as keys."
        self.retentions.append(retention)


@dataclass
class TaskInstance:
    """The parts of a task instance that operators use. ``max_tries`` grows when the task is cleared."""

    dag_id: str = "the_dag"
    run_id: str = "manual__2026-01-01"
    task_id: str = "the_task"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 2
    pushed: dict[str, Any] = field(default_factory=dict)
    task: Any = None
    id: str = "0190a000-0000-7000-8000-000000000001"

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:
        return self.pushed.get(key)


@pytest.fixture
def ti() -> TaskInstance:
    return TaskInstance()


@pytest.fixture
def store() -> StateStore:
    return StateStore()


@pytest.fixture
def context(ti: TaskInstance, store: StateStore) -> dict[str, Any]:
    """Return the context of a task, which is the same object for every try."""
    return {"ti": ti, "task_state_store": store}


@pytest.fixture
def impatient_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triggers do not put off their first look, as they do for the sake of Airflow's supervisor."""
    for module in ("job", "backend"):
        monkeypatch.setattr(f"airflow_provider_qrt.triggers.{module}.FIRST_DELAY", 0.0)
    # Nor do they believe only after ten minutes what the service refuses.
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__REFUSAL_PATIENCE", str(REFUSAL_PATIENCE))
    # Nor do they give a worker much time to begin.
    monkeypatch.setattr("airflow_provider_qrt.triggers.cancelling.LOOK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr("airflow_provider_qrt.triggers.cancelling.UNCERTAIN_SECONDS", 0.1)
    # Nor do they leave a service alone for long that failed.
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.watch_plan.FIRST_BACK_OFF", 0.05)


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals are believed when they are repeated; to be asked for after ``impatient_triggers``."""
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__REFUSAL_PATIENCE", "0")


@pytest.fixture
def in_the_triggerer(impatient_triggers: None) -> Callable[[Any], Any]:
    """Send a trigger through JSON as Airflow does, run it, and return its event's payload, through JSON as well."""

    def run(trigger: Any) -> Any:
        path, arguments = trigger.serialize()
        module, _, name = path.rpartition(".")
        kind = getattr(importlib.import_module(module), name)
        assert kind is type(trigger)
        again = kind(**json.loads(json.dumps(arguments)))

        async def first_event() -> Any:
            async for event in again.run():
                return event.payload
            return None

        return json.loads(json.dumps(asyncio.run(first_event())))

    return run


@pytest.fixture
def sent(emulator: Emulator) -> Callable[..., list[str]]:
    """The requests that reached the API, as ``"POST /jobs"``; without those to IAM."""

    def requests(start: str = "") -> list[str]:
        lines = [f"{one['method']} {one['path'].removeprefix('/api/v1')}" for one in emulator.requests()]
        return [line for line in lines if line.startswith(start) and "/identity/token" not in line]

    return requests
