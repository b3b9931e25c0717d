"""A separate emulator for the documents, with the token, CRN and hosts that they read from files.

Each test sends a document's requests in the document's order, with the headers and bodies written there, by the
packages used there. Only the hosts are replaced, and jobs do not keep anybody waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator

NO_LONGER = 60
"""Seconds that a test waits for a job before it fails."""


@dataclass(frozen=True)
class Service:
    """The service that a document speaks to.

    Attributes:
        qasm: The circuit of documents 000, 001 and 003: one qubit, flipped and measured.
    """

    emulator: Emulator
    qasm: str = (
        '\nOPENQASM 3;\ninclude "stdgates.inc";\nqreg q[1];\ncreg c[1];\nx q[0];\nc[0] = measure q[0]; \n'  # as printed
    )

    @property
    def url(self) -> str:
        return self.emulator.root_url

    @property
    def token(self) -> str:
        return self.emulator.api_key

    @property
    def crn(self) -> str:
        return self.emulator.instance

    def get_until(
        self, url: str, headers: dict[str, str], done: Callable[[requests.Response], bool]
    ) -> requests.Response:
        """Repeat a GET as a reader does who runs a cell again."""
        deadline = time.monotonic() + NO_LONGER
        while time.monotonic() < deadline:
            response = requests.get(url, headers=headers, timeout=30)
            if done(response):
                return response
            time.sleep(0.02)
        raise AssertionError(f"{url} still answers {response.status_code} {response.text[:200]}")

    @staticmethod
    def is_flipped_qubit(quasi_dist: dict[str, float]) -> bool:
        """Whether quasi-probabilities are such as the documents print: near 1 for "1", and exactly 1 in all."""
        return (
            set(quasi_dist) <= {"0", "1"}
            and abs(quasi_dist["1"] - 1) < 0.05
            and abs(sum(quasi_dist.values()) - 1) < 1e-9
        )


@pytest.fixture(scope="session")
def _running() -> Iterator[Emulator]:
    with Emulator(queue_seconds=0, run_seconds=0, seed=4) as running:
        yield running


@pytest.fixture
def service(_running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Service:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    _running.reset()
    _running.configure(queue_seconds=0, run_seconds=0)
    return Service(_running)
