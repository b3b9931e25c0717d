"""The trigger of a task that waits until it may submit."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from airflow_provider_qrt.jobs.submit.rate import SubmissionQueue
from airflow_provider_qrt.triggers import submission
from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A queue of this test's own, ten to the second."""
    monkeypatch.setattr(submission, "FIRST_DELAY", 0.0)
    queues = submission.defaultdict(lambda: SubmissionQueue(spacing=0.1))
    monkeypatch.setattr(submission, "_queues", queues)


async def fired(trigger: QiskitRuntimeSubmissionTrigger) -> float:
    async for _ in trigger.run():
        return time.time()
    raise AssertionError("It ended without an event.")


def test_it_survives_being_written_down():
    trigger = QiskitRuntimeSubmissionTrigger(qiskit_runtime_conn_id="ibm", not_before=5.0)
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_qrt.triggers.submission.QiskitRuntimeSubmissionTrigger"
    assert QiskitRuntimeSubmissionTrigger(**arguments).serialize() == (path, arguments)


def test_it_does_not_fire_early():
    not_before = time.time() + 0.3
    assert asyncio.run(fired(QiskitRuntimeSubmissionTrigger(qiskit_runtime_conn_id="c", not_before=not_before))) >= (
        not_before
    )


def test_tasks_of_one_connection_come_one_after_the_other():
    async def all_of_them() -> list[float]:
        triggers = [QiskitRuntimeSubmissionTrigger(qiskit_runtime_conn_id="c", not_before=0.0) for _ in range(5)]
        return await asyncio.gather(*map(fired, triggers))

    moments = sorted(asyncio.run(all_of_them()))
    assert all(later - earlier > 0.05 for earlier, later in itertools.pairwise(moments))


def test_connections_do_not_wait_for_each_other():
    async def both() -> list[float]:
        submission._queues["busy"].reserve(time.time() + 1000)
        return await asyncio.wait_for(
            fired(QiskitRuntimeSubmissionTrigger(qiskit_runtime_conn_id="free", not_before=0.0)), 5
        )

    asyncio.run(both())


def test_a_task_that_waits_for_long_holds_nobody_up():
    async def both() -> None:
        tomorrow = QiskitRuntimeSubmissionTrigger(qiskit_runtime_conn_id="c", not_before=time.time() + 86_400)
        patient = asyncio.create_task(fired(tomorrow))
        await asyncio.sleep(0)
        await asyncio.wait_for(fired(QiskitRuntimeSubmissionTrigger(qiskit_runtime_conn_id="c", not_before=0.0)), 30)
        assert not patient.done()
        patient.cancel()

    asyncio.run(both())


def test_tasks_that_were_stopped_in_the_queue_hold_nobody_up():
    async def some_are_stopped() -> None:
        def trigger() -> QiskitRuntimeSubmissionTrigger:
            return QiskitRuntimeSubmissionTrigger(qiskit_runtime_conn_id="c", not_before=0.0)

        waiting = [asyncio.create_task(fired(trigger())) for _ in range(1000)]
        await waiting[0]
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.wait_for(fired(trigger()), 30)

    asyncio.run(some_are_stopped())
