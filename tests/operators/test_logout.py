"""On the channel ``ibm_quantum``, tasks and triggers log out however they end."""

from __future__ import annotations

import asyncio
import threading

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_qrt.client.tokens import forget_all_tokens
from airflow_provider_qrt.operators.jobs import QiskitRuntimeCancelJobOperator, QiskitRuntimeGetResultOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger

PROJECT = {"hub": "ibm-q-internal", "group": "near-time", "project": "qiskit-runtime"}
CIRCUIT = 'OPENQASM 3; include "stdgates.inc"; qreg q[1]; creg c[1]; x q[0]; c[0] = measure q[0];'


@pytest.fixture(autouse=True)
def classic(connect, emulator):
    forget_all_tokens()
    connect({"channel": "ibm_quantum", **PROJECT}, host=emulator.iam_url)
    yield
    forget_all_tokens()


@pytest.fixture
def logins(emulator):
    """How many logins and how many logouts there were so far."""

    def count():
        paths = [one["path"] for one in emulator.requests() if one["status"] == 200]
        return paths.count("/api/users/loginWithToken"), paths.count("/api/users/logout")

    return count


def sampler(**more):
    given = {"circuits": CIRCUIT, "backend": "ibmq_qasm_simulator", "poll_interval": 0.02, **more}
    return QiskitRuntimeSamplerOperator(task_id="the_task", **given)


def job_of(context, **more):
    with pytest.raises(TaskDeferred):
        sampler(deferrable=True, defer_after=0, **more).execute(context)
    return context["ti"].pushed["job_id"]


def test_a_task_that_waits(context, logins):
    sampler().execute(context)
    assert logins() == (1, 1)


def test_a_task_that_fails(context, logins):
    with pytest.raises(AirflowFailException):
        sampler(backend="no_such_backend").execute(context)
    assert logins() == (1, 1)


def test_a_task_whose_job_fails(context, emulator, logins):
    emulator.add_rule(status="Failed")
    with pytest.raises(AirflowException, match="failed"):
        sampler(retries=0).execute(context)
    assert logins() == (1, 1)


def test_each_leg_of_a_deferred_task_and_its_trigger(context, emulator, logins, in_the_triggerer):
    with pytest.raises(TaskDeferred) as deferral:
        sampler(deferrable=True, defer_after=0).execute(context)
    assert logins() == (1, 1)
    event = in_the_triggerer(deferral.value.trigger)
    assert logins() == (2, 2)
    sampler(deferrable=True, defer_after=0).execute_complete(context, event)
    assert logins() == (3, 3)


def test_triggers_share_a_login_until_the_last_is_done(context, emulator, logins, impatient_triggers):
    job_id = job_of(context)
    before = logins()

    async def wait_twice():
        async def wait():
            trigger = QiskitRuntimeJobTrigger(job_id=job_id, poll_interval=0.2)
            return [event async for event in trigger.run()]

        emulator.configure(queue_seconds=0.0)
        return await asyncio.gather(wait(), wait())

    assert len(asyncio.run(wait_twice())) == 2
    in_common = tuple(after - then for after, then in zip(logins(), before, strict=True))
    assert in_common[0] == in_common[1]
    assert in_common[0] in (1, 2)


def test_a_trigger_that_is_cancelled(context, emulator, logins, impatient_triggers):
    emulator.configure(queue_seconds=60.0)
    job_id = job_of(context)

    async def give_up():
        async def wait():
            return [event async for event in QiskitRuntimeJobTrigger(job_id=job_id, poll_interval=0.05).run()]

        task = asyncio.create_task(wait())
        while not any(one["path"] == f"/jobs/{job_id}" for one in await asyncio.to_thread(emulator.requests)):
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert logins() == (2, 2)


def test_a_trigger_that_is_cancelled_while_it_logs_in(context, emulator, logins, impatient_triggers):
    job_id = job_of(context)
    emulator.add_fault(path="*/loginWithToken", delay=1.0)

    async def give_up():
        waiting = asyncio.create_task(anext(QiskitRuntimeJobTrigger(job_id=job_id, poll_interval=0.05).run()))
        while not any(thread.name.startswith("qiskit-runtime-poll") for thread in threading.enumerate()):
            await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(give_up())
    assert logins() == (2, 2)


@pytest.mark.parametrize("kind", [QiskitRuntimeGetResultOperator, QiskitRuntimeCancelJobOperator])
def test_other_operators(context, logins, kind):
    job_id = job_of(context)
    kind(task_id="another", job_id=job_id).execute(context)
    assert logins() == (2, 2)


def test_the_sensor(context, logins):
    job_id = job_of(context)
    QiskitRuntimeJobSensor(task_id="another", job_id=job_id, poke_interval=0.02).execute(context)
    assert logins() == (2, 2)
