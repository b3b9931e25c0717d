"""The watcher against the emulator: one client for all jobs, without losses, blocking and leftovers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import ExitStack

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.retry import RetryPolicy
from airflow_provider_qrt.client.settings import ClientSettings
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.wait import watcher as watcher_module
from airflow_provider_qrt.jobs.wait.shared_poller import shared
from airflow_provider_qrt.jobs.wait.watch_plan import FEW
from airflow_provider_qrt.jobs.wait.watcher import JobWatcher
from tools.local_airflow import wait_until

CIRCUIT = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


@pytest.fixture
def client_of(emulator):
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

    def create():
        settings = ClientSettings.create(
            api_key=emulator.api_key,
            instance=emulator.instance,
            base_url=emulator.url,
            iam_url=emulator.iam_url,
        )
        return QiskitRuntimeClient(settings, retry=RetryPolicy(attempts=1))

    return create


@pytest.fixture
def submit(client_of):
    client = client_of()

    def submit(number):
        params = {"version": 2, "pubs": [[CIRCUIT, None, 1]]}
        return [client.submit_job(program_id="sampler", backend="ibm_fez", params=params).id for _ in range(number)]

    return submit


@pytest.fixture
def connect(client_of):
    async def connect():
        connect.calls += 1
        return client_of(), "the connection"

    connect.calls = 0
    return connect


async def wait_for(watcher, job_id, *, longest=0.5):
    now = time.time()
    with watcher.watch(job_id, submitted_at=now, longest=longest, first_look=now) as watch:
        while True:
            seen = await watch.news(30)
            assert isinstance(seen, Job), seen
            if seen.status.is_final:
                return seen


def test_many_wait_with_one_client_and_each_hears_of_its_own_job(emulator, submit, connect, sent):
    emulator.configure(queue_seconds=600)
    job_ids = submit(30)
    first = len(sent())

    async def scenario():
        watcher = JobWatcher(connect)
        waits = [asyncio.create_task(wait_for(watcher, job_id)) for job_id in job_ids]
        await asyncio.sleep(1.5)
        for job_id in job_ids[:10]:
            await asyncio.to_thread(emulator.finish, job_id)
        for job_id in job_ids[10:]:
            await asyncio.to_thread(emulator.finish, job_id, status="Cancelled")
        return await asyncio.gather(*waits)

    found = asyncio.run(scenario())
    assert [job.id for job in found] == job_ids
    assert {job.status for job in found[:10]} == {JobStatus.COMPLETED}
    assert {job.status for job in found[10:]} == {JobStatus.CANCELLED}
    assert connect.calls == 1
    assert any(one.startswith("GET /jobs") and not one.startswith("GET /jobs/") for one in sent()[first:])


def test_one_who_leaves_or_fails_harms_no_other_and_the_last_one_out_ends_it(emulator, submit, connect):
    emulator.configure(queue_seconds=600)
    one, other = submit(2)

    async def scenario():
        ended = []
        watcher = JobWatcher(connect)
        watcher.on_end = lambda: ended.append(True)
        leaver = asyncio.create_task(wait_for(watcher, one))
        stayer = asyncio.create_task(wait_for(watcher, other))
        await asyncio.sleep(0.5)
        leaver.cancel()
        await asyncio.wait([leaver])
        assert not ended
        await asyncio.to_thread(emulator.finish, other)
        await stayer
        assert ended == [True]
        await asyncio.sleep(0.1)
        return [task.get_name() for task in asyncio.all_tasks()]

    assert "JobWatcher" not in asyncio.run(scenario())


def test_two_may_wait_for_one_job(emulator, submit, connect):
    emulator.configure(queue_seconds=600)
    [job_id] = submit(1)

    async def scenario():
        watcher = JobWatcher(connect)
        waits = [asyncio.create_task(wait_for(watcher, job_id)) for _ in range(2)]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(emulator.finish, job_id)
        return await asyncio.gather(*waits)

    assert [job.id for job in asyncio.run(scenario())] == [job_id, job_id]


def test_who_comes_after_the_last_one_has_left_is_served_too(emulator, submit, connect):
    async def scenario():
        watcher = JobWatcher(connect)
        for job_id in submit(2):
            assert (await wait_for(watcher, job_id)).id == job_id

    asyncio.run(scenario())
    assert connect.calls == 2


def test_a_job_that_is_not_there_is_an_error_for_its_waiter_alone(emulator, submit, connect, caplog):
    [job_id] = submit(1)

    async def scenario():
        watcher = JobWatcher(connect)
        now = time.time()
        with watcher.watch("nowhere", submitted_at=now, longest=1, first_look=now) as watch:
            ended, seen = await asyncio.gather(wait_for(watcher, job_id), watch.news(30))
        assert ended.status is JobStatus.COMPLETED
        assert isinstance(seen.error, errors.NotFoundError)
        assert not seen.definite

    asyncio.run(scenario())
    assert "cannot be asked" not in caplog.text


def test_a_service_that_was_away_is_waited_for(emulator, submit, connect, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.watch_plan.FIRST_BACK_OFF", 0.2)
    [job_id] = submit(1)
    emulator.add_fault(method="GET", path="/jobs/*", status=503, times=2)

    async def scenario():
        watcher = JobWatcher(connect)
        heard = []
        now = time.time()
        with watcher.watch(job_id, submitted_at=now, longest=1, first_look=now) as watch:
            while not heard or not isinstance(heard[-1], Job):
                heard.append(await watch.news(30))
        return [name_of(one) for one in heard]

    assert asyncio.run(scenario()) == ["ServerError", "ServerError", "Job"]


def name_of(news) -> str:
    """Return the kind of a report: a job, or the name of an error."""
    return "Job" if isinstance(news, Job) else type(news.error).__name__


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (RuntimeError, errors.UnexpectedAnswerError),
        (AttributeError, errors.InternalError),
        (TypeError, errors.InternalError),
    ],
)
def test_a_failure_nobody_thought_of_leaves_nobody_without_news(emulator, submit, connect, monkeypatch, raised, kind):
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.watch_plan.FIRST_BACK_OFF", 0.2)
    [job_id] = submit(1)
    read, calls = watcher_module._read, []

    def once_wrong(client, *, step):
        calls.append(step)
        if len(calls) == 1:
            raise raised("boom")
        return read(client, step=step)

    monkeypatch.setattr(watcher_module, "_read", once_wrong)

    async def scenario():
        watcher = JobWatcher(connect)
        now = time.time()
        with watcher.watch(job_id, submitted_at=now, longest=1, first_look=now) as watch:
            return [await watch.news(30), await watch.news(30)]

    first, second = asyncio.run(scenario())
    assert isinstance(first.error, kind)
    assert first.definite is (kind is errors.InternalError)
    assert isinstance(second, Job)


def test_the_event_loop_goes_on_while_the_service_takes_its_time(emulator, submit, connect):
    [job_id] = submit(1)
    emulator.add_fault(method="GET", path="/jobs/*", delay=1.0, times=1)

    async def scenario():
        ticks = 0
        waiting = asyncio.create_task(wait_for(JobWatcher(connect), job_id))
        while not waiting.done():
            await asyncio.sleep(0.02)
            ticks += 1
        return ticks

    assert asyncio.run(scenario()) >= 10


def test_no_news_by_the_time_named_is_none(emulator, submit, connect):
    emulator.configure(queue_seconds=600)
    [job_id] = submit(1)

    async def scenario():
        now = time.time()
        with JobWatcher(connect).watch(job_id, submitted_at=now, longest=60, first_look=now + 60) as watch:
            return await watch.news(0.2)

    assert asyncio.run(scenario()) is None


def test_who_asks_need_not_wait_for_the_next_look(emulator, submit, connect):
    [job_id] = submit(1)

    async def scenario():
        now = time.time()
        with JobWatcher(connect).watch(job_id, submitted_at=now, longest=600, first_look=now + 600) as watch:
            watch.ask()
            return await watch.news(30)

    assert asyncio.run(scenario()).id == job_id


def test_a_clock_that_is_put_back_puts_nothing_off(emulator, submit, connect, monkeypatch):
    emulator.configure(queue_seconds=600)
    [job_id] = submit(1)
    right, back = time.time, 0.0

    async def scenario():
        nonlocal back
        watcher, now = JobWatcher(connect), time.time()
        with watcher.watch(job_id, submitted_at=now, longest=0.5, first_look=now) as watch:
            assert await watch.news(30) is not None
            back = 7200.0
            await asyncio.to_thread(emulator.finish, job_id)
            while (seen := await watch.news(30)) is not None and not seen.status.is_final:
                pass
            return seen

    monkeypatch.setattr(time, "time", lambda: right() - back)
    assert asyncio.run(scenario()) is not None


def test_who_asks_and_leaves_at_once_leaves_nothing_behind(emulator, submit, connect):
    emulator.configure(queue_seconds=600)
    [job_id] = submit(1)

    async def scenario():
        watcher, now = JobWatcher(connect), time.time()
        with watcher.watch(job_id, submitted_at=now, longest=30.0, first_look=now) as watch:
            assert await watch.news(30) is not None
            for _ in range(10):
                # Now the poller waits until the next look.
                await asyncio.sleep(0)
            watch.ask()
        for _ in range(10):
            await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(scenario()) == set()


def test_a_connection_has_one_watcher_in_an_event_loop_and_none_when_nobody_waits(emulator, submit, connect):
    async def scenario():
        one, same, other = (shared(JobWatcher, name, lambda: JobWatcher(connect)) for name in ("a", "a", "b"))
        assert one is same
        assert one is not other
        now = time.time()
        with ExitStack() as stack:
            for watcher in (one, other):
                stack.enter_context(watcher.watch("x", submitted_at=now, longest=60, first_look=now + 60))
        later = shared(JobWatcher, "a", lambda: JobWatcher(connect))
        assert later is not one
        with later.joined():
            pass

    asyncio.run(scenario())


def test_the_client_is_closed_when_the_last_one_has_left_and_not_earlier(emulator, submit, client_of, monkeypatch):
    emulator.configure(queue_seconds=600)
    one, other = submit(2)
    client, closed = client_of(), []
    monkeypatch.setattr(client, "close", lambda: closed.append(True))

    async def connect():
        return client, "the connection"

    async def scenario():
        watcher = JobWatcher(connect)
        waits = [asyncio.create_task(wait_for(watcher, job_id)) for job_id in (one, other)]
        await asyncio.to_thread(emulator.finish, one)
        await waits[0]
        await asyncio.sleep(0.5)
        assert not closed
        await asyncio.to_thread(emulator.finish, other)
        await waits[1]

    asyncio.run(scenario())
    # In a thread, for which nobody waits.
    wait_until(lambda: closed, seconds=60, what="The end of the client", pause=0.01)
    assert closed == [True]


def test_all_hear_of_a_list_that_cannot_be_read_and_once_of_an_outage(emulator, submit, connect, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.watch_plan.FIRST_BACK_OFF", 0.1)
    emulator.configure(queue_seconds=600)
    job_ids = submit(60)
    emulator.add_fault(method="GET", path="/jobs", status=503, times=3)

    async def hear(watcher, job_id):
        now = time.time()
        with watcher.watch(job_id, submitted_at=now, longest=0.2, first_look=now) as watch:
            heard = []
            while not heard or not isinstance(heard[-1], Job):
                heard.append(await watch.news(30))
            return [name_of(one) for one in heard]

    async def scenario():
        watcher = JobWatcher(connect)
        return await asyncio.gather(*(hear(watcher, job_id) for job_id in job_ids))

    heard = asyncio.run(scenario())
    assert emulator.faults()[0]["applied"] == 3
    # The first few were read one by one.
    assert Counter(tuple(one) for one in heard)["ServerError", "Job"] >= len(job_ids) - FEW


def test_a_connection_that_was_given_another_key_is_read_again(emulator, submit, client_of):
    emulator.configure(queue_seconds=600)
    [job_id] = submit(1)
    clients = [client_of(), client_of()]

    async def connect():
        return clients.pop(0), "the connection"

    async def scenario():
        waiting = asyncio.create_task(wait_for(JobWatcher(connect), job_id))
        await asyncio.sleep(1.0)
        # The key that was good so far is refused, once with the old token and twice with a fresh one.
        emulator.add_fault(method="GET", path="/jobs*", status=401, times=3)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(emulator.finish, job_id)
        return await waiting

    assert asyncio.run(scenario()).status is JobStatus.COMPLETED
    assert not clients
