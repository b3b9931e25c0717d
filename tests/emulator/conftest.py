"""A fast emulator without limits for tests, and a simple HTTP client for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_provider_qrt.emulator import Emulator

from .older import Classic, Cloud, First

GRANT = "urn:ibm:params:oauth:grant-type:apikey"
HEADER = 'OPENQASM 3.0; include "stdgates.inc"; '

# Hadamard on both sides of CZ makes a CNOT, all in the basis of a Heron machine.
_H = "rz(pi/2) ${0}; sx ${0}; rz(pi/2) ${0}; "


def h(qubit: int) -> str:
    return _H.format(qubit)


def bell(first: int = 0, second: int = 1) -> str:
    return (
        f"{HEADER}bit[2] meas; {h(first)}{h(second)}cz ${first}, ${second}; {h(second)}"
        f"meas[0] = measure ${first}; meas[1] = measure ${second};"
    )


def refusal(answer: requests.Response) -> tuple[int, Any]:
    """The status and IBM code of a refusal, which must have the error body's shape."""
    body = answer.json()
    assert set(body) == {"errors", "trace"}
    assert body["trace"]
    assert {"code", "message", "solution", "more_info"} <= set(body["errors"][0])
    return answer.status_code, body["errors"][0]["code"]


class Api:
    """A simple client that sends requests without retries."""

    qasm = HEADER
    h = staticmethod(h)
    bell = staticmethod(bell)
    refusal = staticmethod(refusal)

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.http = requests.Session()
        self.http.trust_env = False
        self.headers = {
            "Authorization": f"Bearer {self.token()}",
            "Service-CRN": emulator.instance,
            "IBM-API-Version": "2026-04-15",
        }

    def token(self) -> str:
        form = {"grant_type": GRANT, "apikey": self.emulator.api_key}
        answer = self.http.post(f"{self.emulator.iam_url}/identity/token", data=form, timeout=10)
        return str(answer.json()["access_token"])

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        timeout = options.pop("timeout", 30)
        return self.http.request(method, f"{self.emulator.url}{path}", headers=headers, timeout=timeout, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.send("GET", path, **options)

    def post_job(self, *pubs: Any, params: dict[str, Any] | None = None, **body: Any) -> requests.Response:
        inputs = {"version": 2, "pubs": [list(pub) if isinstance(pub, tuple) else pub for pub in pubs]}
        whole = {"program_id": "sampler", "backend": "ibm_fez", "params": {**inputs, **(params or {})}, **body}
        return self.send("POST", "/jobs", json=whole)

    def submit(self, *pubs: Any, **options: Any) -> str:
        answer = self.post_job(*pubs, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/jobs/{job_id}", params={"exclude_params": "true"}, **options).json()
        return found

    def wait(self, job_id: str, seconds: float = 60.0) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.job(job_id)
            if job["state"]["status"] not in ("Queued", "Running"):
                return job
            time.sleep(0.02)
        raise AssertionError(f"still {job['state']} after {seconds} seconds")

    def result(self, job_id: str) -> dict[str, Any]:
        job = self.wait(job_id)
        assert job["state"]["status"] == "Completed", job["state"]
        found: dict[str, Any] = self.get(f"/jobs/{job_id}/results").json()
        return found

    def failure(self, *pubs: Any, **options: Any) -> dict[str, Any]:
        job = self.wait(self.submit(*pubs, **options))
        assert job["state"]["status"] == "Failed", job["state"]
        state: dict[str, Any] = job["state"]
        return state


@pytest.fixture(scope="session")
def _quick() -> Iterator[Emulator]:
    with Emulator(queue_seconds=0, run_seconds=0, rate_limit=False, seed=11) as emulator:
        yield emulator


@pytest.fixture
def emulator(_quick: Emulator) -> Iterator[Emulator]:
    _quick.reset()
    _quick.configure(
        queue_seconds=0,
        run_seconds=0,
        usage_pending_seconds=0,
        visibility_seconds=0,
        rate_limit=False,
        usage_limit_seconds=None,
        calibration_seconds=None,
        lanes=None,
        max_result_bytes=None,
        withdrawn_programs=[],
    )
    return _quick


@pytest.fixture
def api(emulator: Emulator) -> Api:
    return Api(emulator)


@pytest.fixture
def connect() -> type[Api]:
    """For tests that start an emulator of their own."""
    return Api


@pytest.fixture
def cloud(emulator: Emulator) -> Cloud:
    return Cloud(emulator)


@pytest.fixture
def classic(emulator: Emulator) -> Classic:
    return Classic(emulator)


@pytest.fixture
def first(emulator: Emulator) -> First:
    return First(emulator)
