"""Each polling request is counted once, however many triggers wait."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Stats

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The tags of each poll that was counted."""
    found: list[dict[str, str]] = []

    def incr(name: str, by: float, *, tags: dict[str, str]) -> None:
        if name == "qiskit_runtime.poll_requests":
            found.extend([tags] * int(by))

    monkeypatch.setattr(Stats, "incr", incr)
    return found


def test_each_request_of_the_triggerer_is_one_whoever_waits(emulator, connection, impatient_triggers, counted, sent):
    emulator.configure(queue_seconds=1)
    client = QiskitRuntimeHook().client
    params = {"version": 2, "pubs": [[FLIP, None, 5]]}
    ids = [client.submit_job(program_id="sampler", backend="ibm_fez", params=params).id for _ in range(3)]
    emulator.clear_requests()

    async def wait(job_id: str) -> Any:
        trigger = QiskitRuntimeJobTrigger(job_id=job_id, submitted_at=time.time(), poll_interval=0.3)
        async for event in trigger.run():
            return event.payload
        return None

    async def wait_for_all() -> None:
        await asyncio.gather(*map(wait, ids))

    asyncio.run(wait_for_all())
    assert len(counted) == len(sent("GET /jobs")) > 1
    assert counted[0] == {"conn_id": "qiskit_runtime_default"}


def test_those_of_a_worker_are_counted_as_well(emulator, connection, counted, sent):
    submitted = QiskitRuntimeHook().client.submit_job(
        program_id="sampler", backend="ibm_fez", params={"version": 2, "pubs": [[FLIP, None, 5]]}
    )
    assert counted == []
    with QiskitRuntimeHook() as hook:
        emulator.add_fault(method="GET", path="/jobs/*", drop="after")
        with pytest.raises(Exception, match="no complete answer"):
            hook.create_poll_client().job(submitted.id)
        hook.create_poll_client().job(submitted.id)
    assert len(counted) == 2
