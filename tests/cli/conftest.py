"""Runs commands as users type them against the emulator, in this process (faster) or in a separate one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_qrt.cli.main import main
from airflow_provider_qrt.client import QiskitRuntimeClient
from airflow_provider_qrt.client.settings import ClientSettings

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


class Typed:
    """The outcome of a command.

    Attributes:
        code: Its exit code.
        text: What it printed.
    """

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def run(connection: None) -> Callable[..., Typed]:
    def typed(*arguments: str) -> Typed:
        out = io.StringIO()
        return Typed(main(arguments, out), out.getvalue())

    return typed


@pytest.fixture
def client(emulator):
    settings = ClientSettings.create(
        api_key=emulator.api_key, instance=emulator.instance, base_url=emulator.url, iam_url=emulator.iam_url
    )
    with QiskitRuntimeClient(settings) as made:
        yield made


@pytest.fixture
def submit(client, emulator) -> Callable[..., str]:
    """Submit a job as another program would; returns its id."""

    def do(circuit: str = FLIP, *, backend: str = "ibm_fez", shots: int = 20, **more: Any) -> str:
        params = {"pubs": [[circuit, None, shots]], "version": 2}
        return client.submit_job(program_id="sampler", backend=backend, params=params, **more).id

    return do


@pytest.fixture
def finished(submit, client) -> Callable[..., str]:
    def do(**more: Any) -> str:
        job_id = submit(**more)
        while not client.job(job_id).status.is_final:
            pass
        return job_id

    return do
