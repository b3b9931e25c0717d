"""Pytest fixtures for tests of DAGs: a Qiskit Runtime service on this machine, and an Airflow connection to it.

pytest loads this plugin automatically when the provider is installed. It imports nothing but pytest until a test uses
one of the fixtures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator import Emulator

__all__ = ["qiskit_runtime_connection", "qiskit_runtime_emulator"]

CONNECTION_ID = "qiskit_runtime_default"
CONNECTION_VARIABLE = f"AIRFLOW_CONN_{CONNECTION_ID.upper()}"

_FIXED = ("plan",)
"""Settings that can be read but not changed."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(scope="session")
def _qiskit_runtime_emulator_of_the_session() -> Iterator[Emulator]:
    from airflow_provider_qrt.emulator import Emulator

    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=1) as emulator:
        yield emulator


@pytest.fixture
def qiskit_runtime_emulator(_qiskit_runtime_emulator_of_the_session: Emulator) -> Iterator[Emulator]:
    """Provide a Qiskit Runtime service without jobs, faults, waiting times and submission limit.

    It starts once for all tests, and its jobs, sessions, faults, journal and settings are reset for each test. The
    n-th job of a session gets the same samples in every run.
    """
    emulator = _qiskit_runtime_emulator_of_the_session
    emulator.reset()
    before = {name: value for name, value in emulator.configure().items() if name not in _FIXED}
    yield emulator
    emulator.reset()
    emulator.configure(**before)


@pytest.fixture
def qiskit_runtime_connection(qiskit_runtime_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the connection ``qiskit_runtime_default`` at the emulator, and return the connection's id.

    The connection is an environment variable, which takes precedence over Airflow's database, so a DAG needs no
    change.
    """
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    connection = {
        "conn_type": "qiskit_runtime",
        "host": qiskit_runtime_emulator.url,
        "password": qiskit_runtime_emulator.api_key,
        "extra": {"instance": qiskit_runtime_emulator.instance, "iam_url": qiskit_runtime_emulator.iam_url},
    }
    monkeypatch.setenv(CONNECTION_VARIABLE, json.dumps(connection))
    return CONNECTION_ID
