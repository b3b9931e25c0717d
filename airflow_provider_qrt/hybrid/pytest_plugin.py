"""A pytest fixture for tests of hybrid functions, without Airflow's scheduler and without an account.

pytest loads this plugin automatically when the provider is installed. It imports nothing but pytest until a test uses
the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["qiskit_runtime_hybrid"]

RunHybrid = Callable[..., Any]


@pytest.fixture
def qiskit_runtime_hybrid(qiskit_runtime_emulator: Any, tmp_path: Path) -> Iterator[RunHybrid]:
    """Provide a function that runs a hybrid function against the emulator.

    Call it with the function and its arguments. It takes the arguments of ``run_hybrid`` too, except ``client`` and
    ``journal``; the backend is ``ibm_fez`` by default. Called again with the same function, it goes on with the journal
    of the test, as a retry does.
    """
    from airflow_provider_qrt.client import ClientSettings, QiskitRuntimeClient
    from airflow_provider_qrt.hybrid.running import run_hybrid

    settings = ClientSettings.create(
        api_key=qiskit_runtime_emulator.api_key,
        instance=qiskit_runtime_emulator.instance,
        base_url=qiskit_runtime_emulator.url,
        iam_url=qiskit_runtime_emulator.iam_url,
    )
    with QiskitRuntimeClient(settings) as client:

        def run(function: Callable[..., Any], *args: Any, backend: str = "ibm_fez", **kwargs: Any) -> Any:
            return run_hybrid(function, client, *args, journal=tmp_path / "journal", backend=backend, **kwargs)

        yield run
