"""The trigger of a deferred job on a channel with a live status stream."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.client.tokens import forget_all_tokens
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeJobSensor
from airflow_provider_qrt.triggers import status_stream as following
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger
from airflow_provider_qrt.triggers.timing import FIRST_DELAY

CIRCUIT = 'OPENQASM 3; include "stdgates.inc"; qreg q[1]; creg c[1]; x q[0]; c[0] = measure q[0];'
PROJECT = {"hub": "ibm-q-internal", "group": "near-time", "project": "qiskit-runtime"}
STREAM = "/stream/*"
NEVER = 600.0
"""A poll interval that no test waits for: what is noticed was told by the stream."""
SECONDS = 30.0


@pytest.fixture(autouse=True)
def fresh(impatient_triggers, monkeypatch):
    forget_all_tokens()
    monkeypatch.setattr(following, "_said", set())
    yield
    assert following._streams == set()
    forget_all_tokens()


@pytest.fixture
def on(connect, emulator):
    """Point the default connection to a generation of the emulator."""

    def point(channel: str, **extra: Any) -> None:
        connect({"channel": channel, **PROJECT, **extra}, host=emulator.root_url)

    return point


@pytest.fixture(params=["ibm_cloud"])
def submit(request, on, emulator):
    """Puts a job into the queue."""
    on(request.param)
    emulator.configure(queue_seconds=600)

    def submit() -> str:
        with QiskitRuntimeHook() as hook:
            submitted = hook.client.submit_job(
                program_id="sampler", backend="ibmq_qasm_simulator", params={"circuits": [CIRCUIT]}
            )
        emulator.clear_requests()
        return submitted.id

    return submit


@pytest.fixture
def job_id(submit) -> str:
    return submit()


@pytest.fixture
def trigger(job_id):
    """A trigger whose job is older than it is: without a stream, the next look is far away."""

    def make(**arguments: Any) -> QiskitRuntimeJobTrigger:
        long_ago = time.time() - 10 * NEVER
        made = {"job_id": job_id, "poll_interval": NEVER, "submitted_at": long_ago, **arguments}
        return QiskitRuntimeJobTrigger(**made)

    return make


@pytest.fixture(autouse=True)
def first_look_at_once(monkeypatch):
    """The first look is not put off by a poll interval."""
    from airflow_provider_qrt.jobs.wait.pacing import KeepWaiting
    from airflow_provider_qrt.jobs.wait.poller import JobPoller

    monkeypatch.setattr(JobPoller, "first", lambda self, now: KeepWaiting(self.first_delay))


@pytest.fixture
def said(capsys):
    """Return the triggers' log so far, which Airflow writes to the standard output."""
    texts = []

    def read() -> str:
        texts.append(capsys.readouterr().out)
        return "".join(texts)

    return read


class Waiting:
    """A trigger under way, and the service that it waits for."""

    def __init__(self, emulator: Any, trigger: QiskitRuntimeJobTrigger) -> None:
        self._emulator = emulator
        self.trigger = trigger
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> dict[str, Any]:
        async for event in self.trigger.run():
            return event.payload
        raise AssertionError("no event")

    async def event(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.task, SECONDS)

    async def journal(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self._emulator.requests)

    async def until(self, what: Callable[[], Any | Awaitable[Any]]) -> Any:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = what()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come to that")

    async def followed(self) -> None:
        """Until the stream is open and the look that its first message asks for is over."""
        await self.until(lambda: any(one._watch.alive for one in following._streams))
        await self.until(self._two_looks)

    async def _two_looks(self) -> bool:
        return len(await self.looks()) >= 2

    async def looks(self) -> list[float]:
        """The reads of a job so far."""
        return [one["time"] for one in await self.journal() if one["path"].startswith("/jobs/")]

    async def streams(self) -> list[dict[str, Any]]:
        """The streams asked for so far."""
        return [one for one in await self.journal() if one["path"].startswith("/stream/")]

    async def control(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        return await asyncio.to_thread(call, *arguments, **more)


@pytest.fixture
def run(emulator):
    """Run what a test does beside a trigger."""

    def run(trigger: QiskitRuntimeJobTrigger, meanwhile: Callable[[Waiting], Awaitable[Any]]) -> Any:
        async def both() -> Any:
            waiting = Waiting(emulator, trigger)
            try:
                return await asyncio.wait_for(meanwhile(waiting), 2 * SECONDS)
            finally:
                waiting.task.cancel()
                await asyncio.wait({waiting.task})

        return asyncio.run(both())

    return run


# Noticing


@pytest.mark.parametrize("submit", ["ibm_cloud", "ibm_quantum"], indirect=True)
@pytest.mark.parametrize("status", ["Completed", "Failed", "Cancelled"])
def test_the_end_of_a_job_is_noticed_within_a_second(trigger, run, emulator, job_id, status):
    async def end(waiting):
        await waiting.followed()
        await waiting.control(emulator.finish, job_id, status=status)
        began = time.monotonic()
        event = await waiting.event()
        return event, time.monotonic() - began

    event, seconds = run(trigger(), end)
    assert (event["ending"], event["job"]["state"]["status"]) == ("final", status)
    assert seconds < SECONDS


def test_the_end_was_read_not_believed(trigger, run, emulator, job_id):
    async def end(waiting):
        await waiting.followed()
        before = len(await waiting.looks())
        await waiting.control(emulator.finish, job_id)
        await waiting.event()
        return before, len(await waiting.looks()), await waiting.streams()

    before, after, streams = run(trigger(), end)
    assert after > before
    assert [one["status"] for one in streams] == [101]


def test_a_job_that_ended_before_the_stream_was_open_is_noticed(trigger, run, emulator, job_id):
    # The server takes its time with the handshake; meanwhile the job ends.
    emulator.add_fault(path=STREAM, delay=1)

    async def end(waiting):
        await waiting.until(waiting.streams)
        await waiting.control(emulator.finish, job_id)
        return await waiting.event()

    assert run(trigger(), end)["ending"] == "final"


def test_while_it_follows_it_asks_no_more(trigger, run):
    async def watch(waiting):
        await waiting.followed()
        await asyncio.sleep(1.5)
        return len(await waiting.looks()), len(await waiting.streams())

    assert run(trigger(poll_interval=0.1, submitted_at=time.time()), watch) == (2, 1)


def test_a_job_that_has_ended_already_opens_no_stream(trigger, run, emulator, job_id):
    emulator.finish(job_id)

    async def watch(waiting):
        event = await waiting.event()
        return event["ending"], len(await waiting.looks()), await waiting.streams()

    assert run(trigger(), watch) == ("final", 1, [])


def test_several_jobs_are_followed_at_the_same_time(trigger, run, emulator, submit, job_id):
    ids = [job_id, submit(), submit()]

    async def end(waiting):
        await waiting.until(lambda: len([each for each in following._streams if each._watch.alive]) == len(ids))
        for one in ids:
            await waiting.control(emulator.finish, one)
        return await waiting.event()

    event = run(trigger(more_job_ids=ids[1:]), end)
    assert (event["ending"], event["job_id"]) == ("final", ids[-1])


def test_nothing_happens_before_airflow_has_noticed_that_the_worker_is_gone(
    trigger, run, emulator, monkeypatch, job_id
):
    monkeypatch.setattr("airflow_provider_qrt.triggers.job.FIRST_DELAY", 1.0)
    emulator.finish(job_id)

    async def watch(waiting):
        await asyncio.sleep(0.5)
        quiet = await waiting.journal()
        return quiet, (await waiting.event())["ending"]

    assert run(trigger(), watch) == ([], "final")
    assert FIRST_DELAY == 6.0


def test_a_deferred_sensor_gets_it(run, emulator, job_id, context):
    with DAG("the_dag", schedule=None):
        sensor = QiskitRuntimeJobSensor(
            task_id="the_task", job_id=job_id, poke_interval=NEVER, timeout=NEVER, deferrable=True
        )
    with pytest.raises(TaskDeferred) as deferral:
        sensor.execute(context)
    emulator.clear_requests()

    async def end(waiting):
        await waiting.followed()
        await waiting.control(emulator.finish, job_id)
        began = time.monotonic()
        event = await waiting.event()
        assert time.monotonic() - began < SECONDS
        return event

    event = run(deferral.value.trigger, end)
    assert sensor.execute_complete(context, event)["status"] == "Completed"


# Not following


@pytest.mark.parametrize("channel", ["ibm_quantum_platform", "api_token"])
def test_a_channel_without_a_stream_is_polled(run, on, connect, emulator, channel):
    connect() if channel == "ibm_quantum_platform" else on(channel)
    emulator.configure(queue_seconds=600)
    body = (
        {"backend": "ibm_fez", "params": {"version": 2, "pubs": [[_FLIP]]}, "program_id": "sampler"}
        if channel == "ibm_quantum_platform"
        else {"backend": "ibmq_montreal", "params": {"iterations": 1}, "program_id": "runtime-simple"}
    )
    job_id = QiskitRuntimeHook().client.submit_job(**body).id

    async def end(waiting):
        await asyncio.sleep(0.5)
        await waiting.control(emulator.finish, job_id)
        event = await waiting.event()
        return event["ending"], await waiting.streams()

    assert run(QiskitRuntimeJobTrigger(job_id=job_id, poll_interval=0.1), end) == ("final", [])


_FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'


def test_a_connection_may_switch_it_off(trigger, run, on, emulator, job_id):
    on("ibm_cloud", stream=False)

    async def end(waiting):
        await asyncio.sleep(0.5)
        await waiting.control(emulator.finish, job_id)
        event = await waiting.event()
        return event["ending"], await waiting.streams()

    assert run(trigger(poll_interval=0.1), end) == ("final", [])


def test_without_the_library_jobs_are_polled_and_it_is_said_once(
    trigger, run, emulator, submit, job_id, monkeypatch, said
):
    monkeypatch.setitem(sys.modules, "websockets.asyncio.client", None)
    other = submit()

    def end_of(one):
        async def end(waiting):
            await asyncio.sleep(0.5)
            await waiting.control(emulator.finish, one)
            return (await waiting.event())["ending"], await waiting.streams()

        return end

    assert run(trigger(poll_interval=0.1), end_of(job_id)) == ("final", [])
    assert run(trigger(poll_interval=0.1, job_id=other), end_of(other)) == ("final", [])
    assert said().count("pip install 'airflow-provider-qrt[stream]'") == 1


def test_there_is_a_limit_and_what_is_beyond_it_is_polled(trigger, run, emulator, monkeypatch, job_id):
    monkeypatch.setattr(following, "MOST_STREAMS", 0)

    async def end(waiting):
        await asyncio.sleep(0.5)
        assert await waiting.streams() == []
        # There is room now.
        monkeypatch.setattr(following, "MOST_STREAMS", 1)
        await waiting.until(waiting.streams)
        await waiting.control(emulator.finish, job_id)
        return (await waiting.event())["ending"]

    assert run(trigger(poll_interval=0.1), end) == "final"


# Faults. The poll interval is short where polling must do the work, and NEVER where the stream must.


@pytest.mark.parametrize("status", [400, 403, 404, 426, 302])
def test_a_stream_that_is_refused_is_not_asked_for_again(trigger, run, emulator, job_id, status):
    emulator.add_fault(path=STREAM, status=status, times=None)

    async def end(waiting):
        await waiting.until(waiting.streams)
        # Its place is another's.
        await waiting.until(lambda: not following._streams)
        await asyncio.sleep(1)
        await waiting.control(emulator.finish, job_id)
        return (await waiting.event())["ending"], len(await waiting.streams())

    assert run(trigger(poll_interval=0.1), end) == ("final", 1)


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"status": 429}, {"drop": "before"}, {"truncate": 0}, {"truncate": 0, "close_code": 1011}],
    ids=str,
)
def test_a_stream_that_is_not_had_at_first_is_tried_again(trigger, run, emulator, job_id, fault):
    emulator.add_fault(path=STREAM, **fault)

    async def end(waiting):
        await waiting.followed()
        await waiting.control(emulator.finish, job_id)
        began = time.monotonic()
        event = await waiting.event()
        return event["ending"], time.monotonic() - began, len(await waiting.streams())

    ending, seconds, streams = run(trigger(), end)
    assert (ending, streams) == ("final", 2)
    assert seconds < SECONDS


def test_it_is_tried_again_five_times_and_then_the_job_is_polled(trigger, run, emulator, job_id, monkeypatch, said):
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.status_stream.FIRST_BACKOFF", 0.02)
    emulator.add_fault(path=STREAM, truncate=1, times=None)

    async def end(waiting):
        await waiting.until(lambda: "only polled from now on" in said())
        streams = len(await waiting.streams())
        await waiting.control(emulator.finish, job_id)
        event = await waiting.event()
        return event["ending"], streams, len(await waiting.streams())

    assert run(trigger(poll_interval=0.1), end) == ("final", 6, 6)


@pytest.mark.parametrize("close_code", [None, 1000, 1001, 1011])
def test_a_stream_that_ends_early_does_not_end_the_wait(trigger, run, emulator, job_id, close_code):
    emulator.add_fault(path=STREAM, truncate=1, close_code=close_code)

    async def end(waiting):
        await waiting.until(lambda: _second_stream(waiting))
        assert not waiting.task.done()
        await waiting.until(lambda: any(one._watch.alive for one in following._streams))
        await waiting.control(emulator.finish, job_id)
        began = time.monotonic()
        event = await waiting.event()
        return event["ending"], time.monotonic() - began

    ending, seconds = run(trigger(), end)
    assert ending == "final"
    assert seconds < SECONDS


async def _second_stream(waiting: Waiting) -> bool:
    return len(await waiting.streams()) == 2


def test_a_silent_stream_leaves_the_job_to_the_polls(trigger, run, emulator, job_id):
    emulator.add_fault(path=STREAM, effect="silence", times=None)

    async def end(waiting):
        await waiting.until(waiting.streams)
        await waiting.control(emulator.finish, job_id)
        return (await waiting.event())["ending"]

    assert run(trigger(poll_interval=0.2), end) == "final"


def test_a_token_that_was_revoked_is_replaced_for_the_stream_too(trigger, run, emulator, job_id):
    emulator.add_fault(path=STREAM, effect="revoke_tokens")

    async def end(waiting):
        await waiting.followed()
        await waiting.control(emulator.finish, job_id)
        event = await waiting.event()
        return event["ending"], [one["status"] for one in await waiting.streams()]

    assert run(trigger(), end) == ("final", [401, 101])


def test_a_read_that_fails_when_the_job_has_ended_is_made_up_for(trigger, run, emulator, job_id):
    async def end(waiting):
        await waiting.followed()
        await waiting.control(emulator.add_fault, path="/jobs/*", status=503, times=2)
        await waiting.control(emulator.finish, job_id)
        began = time.monotonic()
        event = await waiting.event()
        return event["ending"], time.monotonic() - began

    ending, seconds = run(trigger(), end)
    assert ending == "final"
    assert seconds < SECONDS


# A stream that lies


@pytest.fixture
def liar(monkeypatch):
    """The stream says what a test wants, and then stays open, or not."""
    from websockets.asyncio.server import serve

    from airflow_provider_qrt.client.client import QiskitRuntimeClient

    class Liar:
        words: tuple[str, ...] = ()
        stays = True
        goes_on = False

        async def __aenter__(self):
            self._server = await serve(self._tell, "127.0.0.1", 0).__aenter__()
            port = self._server.sockets[0].getsockname()[1]
            monkeypatch.setattr(QiskitRuntimeClient, "stream_url", lambda *_: f"ws://127.0.0.1:{port}/stream/jobs/j")
            return self

        async def __aexit__(self, *_):
            self._server.close()
            await self._server.wait_closed()

        async def _tell(self, connection):
            for word in self.words:
                await connection.send(word)
            while self.goes_on:
                for word in self.words:
                    await connection.send(word)
                    await asyncio.sleep(0.001)
            if self.stays:
                await connection.wait_closed()

        @property
        def connections(self):
            return len(self._server.connections)

    return Liar()


@pytest.mark.parametrize("stays", [True, False], ids=["stays open", "closes"])
def test_a_stream_that_lies_does_not_end_the_wait(trigger, emulator, job_id, liar, stays):
    liar.words, liar.stays = ("ACK", "Completed"), stays

    async def lied_to():
        async with liar:
            waiting = Waiting(emulator, trigger())
            await waiting.until(lambda: _looks(waiting, 4))
            assert not waiting.task.done()
            looks = len(await waiting.looks())
            await waiting.control(emulator.finish, job_id)
            # The looks that follow a claim come at growing distances; the next of them sees the truth.
            return looks, (await waiting.event())["ending"]

    looks, ending = asyncio.run(lied_to())
    assert ending == "final"
    assert looks < 8


class Unasked:
    """A job that is looked at when a test says so."""

    job_id = "j"

    def ask(self) -> None: ...

    def steady(self, seconds: float | None) -> None: ...


@pytest.mark.parametrize("claims", [0, 1])
def test_an_end_that_a_poll_saw_before_the_stream_was_believed_leaves_no_task(monkeypatch, claims):
    async def listen(self: Any, _client: Any, _url: str) -> None:
        for word in ("Running", *["Completed"] * claims):
            self._watch.on_message(word, time.time())
        self._changed.set()
        await asyncio.Event().wait()

    async def until_asked(follower: Any) -> None:
        while not follower._asked:
            await asyncio.sleep(0)

    async def scenario() -> set[asyncio.Task[Any]]:
        client = SimpleNamespace(settings=SimpleNamespace(stream=True), stream_url=lambda _: "ws://unused")
        async with following.Follower(Unasked(), NEVER, logging.getLogger()) as follower:
            follower.seen(JobStatus.RUNNING)
            follower.start(client)
            await until_asked(follower)
            follower.seen(JobStatus.RUNNING)
            for _ in range(10):
                # Now it waits until the claim is worth another look.
                await asyncio.sleep(0)
            follower.seen(JobStatus.COMPLETED)
        return asyncio.all_tasks() - {asyncio.current_task()}

    monkeypatch.setattr(following.Follower, "_listen", listen)
    assert asyncio.run(scenario()) == set()


async def _looks(waiting: Waiting, number: int) -> bool:
    return len(await waiting.looks()) >= number


def test_a_stream_that_never_stops_talking_does_not_flood_the_service(trigger, emulator, liar):
    liar.words, liar.goes_on = ("ACK", "Completed", "Queued", "an interim result"), True

    async def lied_to():
        async with liar:
            begun = time.monotonic()
            waiting = Waiting(emulator, trigger())
            await waiting.until(lambda: _looks(waiting, 3))
            await asyncio.sleep(2)
            waiting.task.cancel()
            await asyncio.wait({waiting.task})
            return len(await waiting.looks()) / (time.monotonic() - begun)

    # It says something every few milliseconds.
    looks_per_second = asyncio.run(lied_to())
    assert looks_per_second < 20


# The end of the wait


def test_the_deadline_is_met_though_the_stream_is_alive(trigger, run, emulator):
    async def wait(waiting):
        event = await waiting.event()
        return event["ending"], time.time(), len(await waiting.streams())

    deadline = time.time() + 2
    ending, ended, streams = run(trigger(deadline=deadline, cancel_on_timeout=True), wait)
    assert (ending, streams) == ("timed_out", 1)
    assert 0 <= ended - deadline < 10
    assert emulator.jobs()[0]["cancelled"]


def _open_streams(emulator) -> int:
    """The emulator writes down how long a stream took when it is done with it."""
    return sum(one["seconds"] == 0 for one in emulator.requests() if one["path"].startswith("/stream/"))


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_leaves_no_connection_open(trigger, emulator, liar, times):
    liar.words = ("ACK", "Queued")

    async def cancel():
        async with liar:
            waiting = Waiting(emulator, trigger())
            await waiting.followed()
            assert liar.connections == 1
            for _ in range(times):
                waiting.task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait({waiting.task}, timeout=SECONDS)
            assert waiting.task.cancelled()
            await waiting.until(lambda: not liar.connections)

    asyncio.run(cancel())


def test_a_cancellation_is_not_held_up_by_a_server_that_hangs(trigger, emulator, liar):
    async def cancel():
        over = asyncio.Event()

        class Deaf(type(liar)):
            async def _tell(self, connection):
                await connection.send("ACK")
                connection.transport.pause_reading()
                await over.wait()
                connection.transport.abort()

        async with Deaf():
            waiting = Waiting(emulator, trigger())
            await waiting.followed()
            waiting.task.cancel()
            began = time.monotonic()
            await asyncio.wait({waiting.task}, timeout=SECONDS)
            seconds = time.monotonic() - began
            over.set()
            return seconds

    assert asyncio.run(cancel()) < SECONDS


def test_airflows_runner_closes_the_stream_of_a_task_that_is_cleared(trigger, emulator):
    from airflow.jobs.triggerer_job_runner import TriggerRunner

    async def clear():
        runner = TriggerRunner()
        cleared = trigger(cancel_on_kill=True)
        task = asyncio.create_task(runner.run_trigger(1, cleared))
        runner.triggers[1] = {"task": task, "name": "the trigger", "events": 0}  # type: ignore[typeddict-item]
        deadline = time.monotonic() + SECONDS
        while not any(one._watch.alive for one in following._streams) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        assert len(following._streams) == 1
        runner.to_cancel.append(1)
        await runner.cancel_triggers()
        await asyncio.wait([task], timeout=SECONDS)
        assert following._streams == set()
        return await asyncio.to_thread(_open_streams, emulator)

    assert asyncio.run(clear()) in (0, 1)
    deadline = time.monotonic() + SECONDS
    while _open_streams(emulator) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _open_streams(emulator) == 0
    assert emulator.jobs()[0]["cancelled"]


def test_no_secret_is_logged(trigger, run, emulator, job_id, monkeypatch, caplog, said):
    monkeypatch.setattr("airflow_provider_qrt.jobs.wait.status_stream.FIRST_BACKOFF", 0.02)
    tokens = set()
    real = following.asyncio.to_thread

    async def watched(call, *arguments, **more):
        found = await real(call, *arguments, **more)
        if getattr(call, "__name__", "") == "stream_headers":
            tokens.add(found["Authorization"].removeprefix("Bearer "))
        return found

    monkeypatch.setattr(following.asyncio, "to_thread", watched)
    for fault in ({"status": 401}, {"status": 503}, {"truncate": 1}, {"drop": "before"}):
        emulator.add_fault(path=STREAM, **fault)

    async def end(waiting):
        await waiting.until(lambda: any(one._watch.alive for one in following._streams))
        await waiting.until(lambda: _fifth_stream(waiting))
        await waiting.control(emulator.finish, job_id)
        return await waiting.event()

    # The emulator logs in this process too; a client's logs are what is looked at.
    with caplog.at_level(logging.DEBUG):
        told = str(run(trigger(), end)) + str(trigger().serialize())
    ours = [r for r in caplog.records if not r.name.startswith(("uvicorn", "websockets.server"))]
    told += "".join(f"{record.getMessage()} {record.exc_text}" for record in ours)
    told += said()
    assert "live status was lost" in told
    assert tokens
    for secret in (*tokens, emulator.instance, emulator.instance.split(":")[6]):
        assert secret not in told


async def _fifth_stream(waiting: Waiting) -> bool:
    return len(await waiting.streams()) >= 5
