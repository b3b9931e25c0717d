"""The trigger of one deferred job."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseHook
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.execution_time.xcom import XCom

from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.triggers import cancelling
from airflow_provider_qrt.triggers import connection as trigger_connection
from airflow_provider_qrt.triggers.qiskit_runtime import QiskitRuntimeJobTrigger
from airflow_provider_qrt.triggers.timing import FIRST_DELAY
from tests.older_airflow import payloads

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
ONE_JOB = r"^/jobs/[^/]+$"


@pytest.fixture
def submit(emulator, connection):
    """Puts a job into the queue."""
    emulator.configure(queue_seconds=600)

    def submit() -> str:
        params = {"version": 2, "pubs": [[FLIP, None, 5]]}
        submitted = QiskitRuntimeHook().client.submit_job(program_id="sampler", backend="ibm_fez", params=params)
        emulator.clear_requests()
        return submitted.id

    return submit


@pytest.fixture
def job_id(submit) -> str:
    """A job in the queue."""
    return submit()


@pytest.fixture
def trigger(job_id, impatient_triggers):
    def make(**arguments: Any) -> QiskitRuntimeJobTrigger:
        return QiskitRuntimeJobTrigger(**{"job_id": job_id, "poll_interval": 0.02, **arguments})

    return make


def first_event(trigger: QiskitRuntimeJobTrigger) -> dict[str, Any]:
    async def run() -> Any:
        return await anext(trigger.run())

    return asyncio.run(run()).payload


# What travels


def test_a_trigger_survives_the_way_through_json():
    made = QiskitRuntimeJobTrigger(
        job_id="j",
        qiskit_runtime_conn_id="mine",
        submitted_at=1.5,
        deadline=2.5,
        poll_interval=3.5,
        cancel_on_kill=True,
        cancel_on_timeout=True,
    )
    path, arguments = made.serialize()
    again = QiskitRuntimeJobTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert path == "airflow_provider_qrt.triggers.qiskit_runtime.QiskitRuntimeJobTrigger"


def test_the_defaults_survive_too():
    made = QiskitRuntimeJobTrigger(job_id="j")
    assert QiskitRuntimeJobTrigger(**made.serialize()[1]).serialize() == made.serialize()


def test_a_trigger_reads_no_connection_before_it_runs(monkeypatch):
    def asked(*_: Any) -> None:
        raise AssertionError("the connection was read")

    monkeypatch.setattr(BaseHook, "get_connection", asked)
    monkeypatch.setattr(BaseHook, "aget_connection", asked)
    QiskitRuntimeJobTrigger(job_id="j").serialize()


def test_what_travels_holds_no_secret(trigger, emulator):
    assert emulator.instance not in json.dumps(trigger().serialize())


# Waiting


def test_it_fires_when_the_job_has_ended(trigger, emulator, job_id):
    emulator.finish(job_id)
    event = first_event(trigger())
    assert (event["ending"], event["job"]["state"]["status"]) == ("final", "Completed")


def test_it_fires_once(trigger, emulator, job_id):
    emulator.finish(job_id)

    async def run() -> int:
        return len([event async for event in trigger().run()])

    assert asyncio.run(run()) == 1


def test_it_does_not_fetch_the_result(trigger, emulator, job_id, sent):
    emulator.finish(job_id)
    first_event(trigger())
    assert sent() == [f"GET /jobs/{job_id}"]


def test_it_does_not_ask_for_the_input(trigger, emulator, job_id):
    emulator.finish(job_id)
    first_event(trigger())
    assert [one["query"] for one in emulator.requests() if "/jobs/" in one["path"]] == ["exclude_params=true"]


def test_a_clock_that_is_put_back_does_not_put_the_event_off(trigger, emulator, job_id, monkeypatch):
    right, back = time.time, 0.0

    async def run() -> Any:
        nonlocal back
        waiting = asyncio.ensure_future(anext(trigger().run()))
        while not await asyncio.to_thread(emulator.requests):
            await asyncio.sleep(0.01)
        back = 7200.0
        await asyncio.to_thread(emulator.finish, job_id)
        return await asyncio.wait_for(waiting, 30)

    monkeypatch.setattr(time, "time", lambda: right() - back)
    assert asyncio.run(run()).payload["ending"] == "final"


def test_it_waits_for_airflow_to_notice_that_the_worker_is_gone(trigger, emulator, job_id, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.triggers.job.FIRST_DELAY", 1.0)
    emulator.finish(job_id)
    first, second = trigger(), trigger()

    async def run() -> list[float]:
        """Seconds until each fires, the second of which began later: the first one's look tells it too early."""
        begun = time.monotonic()
        one = asyncio.create_task(anext(first.run()))
        await asyncio.sleep(0.5)
        begun_later = time.monotonic()
        await anext(second.run())
        ended = time.monotonic()
        await one
        return [time.monotonic() - begun, ended - begun_later]

    assert min(asyncio.run(run())) >= 0.99
    assert FIRST_DELAY > 5


@pytest.mark.parametrize("job_id", ["", "  ", "None", None], ids=repr)
def test_without_a_job_there_is_nothing_to_wait_for(sent, connection, job_id):
    event = first_event(QiskitRuntimeJobTrigger(job_id=job_id))
    assert (event["ending"], sent()) == ("refused", [])
    assert "job_id is empty" in event["message"]


@pytest.mark.parametrize("cancels", [True, False])
def test_when_the_deadline_passes_it_cancels_the_job_if_asked_to(trigger, emulator, cancels):
    event = first_event(trigger(deadline=time.time() + 0.2, cancel_on_timeout=cancels))
    assert (event["ending"], emulator.jobs()[0]["cancelled"]) == ("timed_out", cancels)


def test_it_fires_though_the_job_cannot_be_cancelled(trigger, emulator):
    emulator.add_fault(path="/jobs/*/cancel", status=403)
    assert first_event(trigger(deadline=time.time() + 0.1, cancel_on_timeout=True))["ending"] == "timed_out"


def test_a_connection_that_airflow_does_not_hand_out_is_waited_for(trigger, emulator, job_id, monkeypatch):
    emulator.finish(job_id)
    real, asked = trigger_connection.ask_airflow, []

    async def sometimes(conn_id: str) -> Any:
        asked.append(conn_id)
        if len(asked) < 3:
            raise RuntimeError("the API server is busy")
        return await real(conn_id)

    monkeypatch.setattr(trigger_connection, "ask_airflow", sometimes)
    assert first_event(trigger())["ending"] == "final"
    assert len(asked) == 3


def test_an_airflow_whose_reads_block_is_not_asked_by_the_event_loop(trigger, emulator, job_id, monkeypatch):
    emulator.finish(job_id)
    real, threads = BaseHook.get_connection, []

    def asked(conn_id: str) -> Any:
        threads.append(threading.current_thread())
        return real(conn_id)

    async def blocks(conn_id: str) -> Any:
        raise AssertionError("the event loop may block for ever")

    monkeypatch.setattr(trigger_connection, "reads_connections_without_blocking", lambda: False)
    monkeypatch.setattr(BaseHook, "get_connection", asked)
    monkeypatch.setattr(BaseHook, "aget_connection", blocks)
    assert first_event(trigger())["ending"] == "final"
    assert threading.main_thread() not in threads


def test_a_connection_that_does_not_exist_ends_the_wait_after_some_time(trigger, believing, monkeypatch):
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    async def missing(conn_id: str) -> Any:
        raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")

    monkeypatch.setattr(trigger_connection, "ask_airflow", missing)
    event = first_event(trigger(qiskit_runtime_conn_id="nowhere"))
    assert event["ending"] == "refused"
    assert "`nowhere` isn't defined" in event["message"]


def test_a_connection_that_lacks_something_ends_the_wait_after_some_time(trigger, believing, connect):
    connect(password=None)
    event = first_event(trigger())
    assert event["ending"] == "refused"
    assert "has no API key" in event["message"]


def test_the_connection_is_read_once(trigger, emulator, job_id, monkeypatch):
    real, asked = trigger_connection.ask_airflow, []

    async def counted(conn_id: str) -> Any:
        asked.append(conn_id)
        return await real(conn_id)

    monkeypatch.setattr(trigger_connection, "ask_airflow", counted)
    first_event(trigger(deadline=time.time() + 0.3))
    assert asked == ["qiskit_runtime_default"]


def test_a_slow_service_does_not_stall_the_event_loop(trigger, emulator, job_id):
    emulator.finish(job_id)
    emulator.add_fault(method="GET", path=ONE_JOB, delay=3)
    longest = 0.0

    async def run() -> None:
        nonlocal longest
        waiting = asyncio.ensure_future(anext(trigger().run()))
        while not waiting.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    asyncio.run(run())
    assert emulator.faults()[0]["applied"] == 1
    assert longest < 2


# Several jobs


@pytest.fixture
def three(job_id, submit) -> tuple[str, str, str]:
    return job_id, submit(), submit()


def test_it_fires_when_the_last_of_several_has_completed(trigger, emulator, three, sent):
    for one in three:
        emulator.finish(one)
    event = first_event(trigger(more_job_ids=three[1:]))
    assert (event["ending"], event["job_id"]) == ("final", three[2])
    assert sorted(sent()) == sorted(f"GET /jobs/{one}" for one in three)


def test_it_fires_at_the_first_of_several_that_has_not_completed(trigger, emulator, three):
    emulator.finish(three[0])
    emulator.finish(three[1], status="Failed")
    event = first_event(trigger(more_job_ids=three[1:]))
    assert (event["job_id"], event["job"]["state"]["status"]) == (three[1], "Failed")


def test_when_the_deadline_passes_all_that_have_not_completed_are_cancelled(trigger, emulator, three):
    emulator.finish(three[0])
    event = first_event(trigger(more_job_ids=three[1:], deadline=time.time() + 0.3, cancel_on_timeout=True))
    assert (event["ending"], event["cancelled"], event["completed"]) == ("timed_out", True, [three[0]])
    assert event["job_id"] in three[1:]
    assert [job["cancelled"] for job in emulator.jobs()] == [False, True, True]


def test_when_one_cannot_be_cancelled_the_others_are(trigger, emulator, three):
    emulator.add_fault(path=f"/jobs/{three[0]}/cancel", status=403)
    event = first_event(trigger(more_job_ids=three[1:], deadline=time.time() + 0.1, cancel_on_timeout=True))
    assert not event["cancelled"]
    assert [job["cancelled"] for job in emulator.jobs()] == [False, True, True]


def test_a_kill_cancels_all_of_several(trigger, emulator, three):
    asyncio.run(trigger(more_job_ids=three[1:], cancel_on_kill=True).on_kill())
    assert [job["cancelled"] for job in emulator.jobs()] == [True] * 3


def test_jobs_of_a_task_that_another_triggerer_took_over_go_on(trigger, emulator, three, monkeypatch):
    states_are(monkeypatch, {"run": {"task": "deferred"}}, published=three[0])
    asyncio.run(of_a_task(trigger(more_job_ids=three[1:], cancel_on_kill=True)).on_kill())
    assert [job["cancelled"] for job in emulator.jobs()] == [False] * 3


@pytest.fixture
def client(connection):
    return QiskitRuntimeHook().client


@pytest.fixture
def of_loop(trigger, three, client):
    """The trigger of a task that has two more jobs and a session."""
    session = client.create_session(mode="batch", backend="ibm_fez", max_ttl=600)
    made = trigger(cancel_on_kill=True, also_cancel=three[1:], session_id=session.id)
    return made, lambda: client.session(session.id).accepting_jobs


@pytest.mark.parametrize("state", [None, "scheduled", "running", "deferred"])
def test_of_a_task_that_goes_on_the_other_jobs_and_the_session_are_its_own(of_loop, emulator, monkeypatch, state):
    killed, is_open = of_loop
    states_are(monkeypatch, {"run": {"task": state}}, published="another")
    asyncio.run(of_a_task(killed).on_kill())
    assert [job["cancelled"] for job in emulator.jobs()] == [True, False, False]
    assert is_open()


def test_of_a_task_that_has_returned_from_another_triggerer_nothing_is_touched(of_loop, emulator, monkeypatch, three):
    killed, is_open = of_loop
    states_are(monkeypatch, {"run": {"task": "running"}}, published=three[0])
    asyncio.run(of_a_task(killed).on_kill())
    assert [job["cancelled"] for job in emulator.jobs()] == [False] * 3
    assert is_open()


@pytest.mark.parametrize("state", ["running", "up_for_retry", "failed", "deferred"])
def test_a_task_that_has_returned_keeps_its_jobs_whatever_becomes_of_it(of_loop, emulator, monkeypatch, state, three):
    killed, _ = of_loop
    tell(monkeypatch, ("running", three[0]), ("running", three[0]), (state, three[0]))
    asyncio.run(of_a_task(killed).on_kill())
    assert [job["cancelled"] for job in emulator.jobs()] == [False] * 3


@pytest.mark.parametrize("then", [("running", None), ("running", "another"), ("deferred", "another"), ("failed", None)])
def test_a_cleared_task_whose_worker_has_just_begun_loses_the_job(of_loop, emulator, monkeypatch, then, three):
    """Its worker deletes the job id of the try before a while after Airflow calls the task running."""
    killed, _ = of_loop
    monkeypatch.setattr(cancelling, "UNCERTAIN_SECONDS", 60.0)
    tell(monkeypatch, ("running", three[0]), ("running", three[0]), then)
    asyncio.run(of_a_task(killed).on_kill())
    assert emulator.jobs()[0]["cancelled"]


@pytest.mark.parametrize("states", [{"run": {"task": "failed"}}, {}])
def test_a_task_that_is_stopped_loses_its_other_jobs_and_its_session_too(of_loop, emulator, monkeypatch, states):
    killed, is_open = of_loop
    states_are(monkeypatch, states, published="another")
    asyncio.run(of_a_task(killed).on_kill())
    assert [job["cancelled"] for job in emulator.jobs()] == [True] * 3
    assert not is_open()


def test_a_timeout_cancels_what_was_waited_for_and_nothing_else(trigger, three, emulator, client):
    session = client.create_session(mode="batch", backend="ibm_fez", max_ttl=600)
    late = trigger(also_cancel=three[1:], session_id=session.id, deadline=time.time() + 0.1, cancel_on_timeout=True)
    assert first_event(late)["cancelled"]
    assert [job["cancelled"] for job in emulator.jobs()] == [True, False, False]
    assert client.session(session.id).accepting_jobs


def test_a_trigger_of_one_job_travels_as_it_did_before_there_were_several():
    assert "more_job_ids" not in QiskitRuntimeJobTrigger(job_id="j").serialize()[1]
    several = QiskitRuntimeJobTrigger(job_id="j", more_job_ids=["k"])
    assert QiskitRuntimeJobTrigger(**several.serialize()[1]).more_job_ids == ("k",)


# Being killed


def states_are(monkeypatch, answer: Any, published: Any = None) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def get_task_states(**which: Any) -> Any:
        asked.append(which)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get_one(*, key: str, **_: Any) -> Any:
        assert key == "job_id"
        return published

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))
    monkeypatch.setattr(XCom, "get_one", get_one)
    return asked


def tell(monkeypatch, *told: tuple[str | None, str | None]) -> None:
    """Let Airflow answer so, look by look, the last again and again: state of the task, and the job it published."""
    answers = [*told[:-1], *[told[-1]] * 1000]

    def get_task_states(**_: Any) -> Any:
        return {"run": {"task": answers[0][0]}}

    def get_one(**_: Any) -> Any:
        return answers.pop(0)[1]

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(get_task_states))
    monkeypatch.setattr(XCom, "get_one", get_one)


def of_a_task(trigger: QiskitRuntimeJobTrigger, map_index: int = -1) -> QiskitRuntimeJobTrigger:
    # A property since Airflow 3.3, whose setter wants more of a task instance.
    name = "_task_instance" if isinstance(getattr(type(trigger), "task_instance", None), property) else "task_instance"
    setattr(trigger, name, SimpleNamespace(dag_id="dag", task_id="task", run_id="run", map_index=map_index))
    return trigger


@pytest.fixture
def cancelled(emulator):
    return lambda: emulator.jobs()[0]["cancelled"]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_kill_cancels_the_job_only_if_asked_to(trigger, cancelled, wanted):
    asyncio.run(trigger(cancel_on_kill=wanted).on_kill())
    assert cancelled() is wanted


def test_a_kill_after_the_event_cancels_nothing(trigger, sent, emulator, job_id):
    killed = trigger(cancel_on_kill=True, deadline=time.time())
    assert first_event(killed)["ending"] == "timed_out"
    emulator.clear_requests()
    asyncio.run(killed.on_kill())
    assert sent() == []


@pytest.mark.parametrize("state", ["failed", "success", "up_for_retry", None])
def test_a_task_that_was_marked_or_cleared_loses_its_job(trigger, cancelled, monkeypatch, state):
    states_are(monkeypatch, {"run": {"task": state}})
    asyncio.run(of_a_task(trigger(cancel_on_kill=True)).on_kill())
    assert cancelled()


def test_a_task_whose_run_was_deleted_loses_its_job(trigger, cancelled, monkeypatch):
    states_are(monkeypatch, {})
    asyncio.run(of_a_task(trigger(cancel_on_kill=True)).on_kill())
    assert cancelled()


@pytest.mark.parametrize(("map_index", "key"), [(-1, "task"), (3, "task_3")])
def test_a_task_that_another_triggerer_took_over_keeps_its_job(trigger, cancelled, monkeypatch, job_id, map_index, key):
    asked = states_are(monkeypatch, {"run": {key: "deferred"}}, published=job_id)
    asyncio.run(of_a_task(trigger(cancel_on_kill=True), map_index).on_kill())
    assert not cancelled()
    assert asked == [{"dag_id": "dag", "task_ids": ["task"], "run_ids": ["run"], "map_index": map_index}]


def test_a_task_that_was_cleared_and_waits_for_another_job_loses_the_first(trigger, cancelled, monkeypatch):
    states_are(monkeypatch, {"run": {"task": "deferred"}}, published="dother")
    asyncio.run(of_a_task(trigger(cancel_on_kill=True)).on_kill())
    assert cancelled()


def test_a_deferred_task_whose_job_is_not_published_keeps_it(trigger, cancelled, monkeypatch):
    states_are(monkeypatch, {"run": {"task": "deferred"}})
    asyncio.run(of_a_task(trigger(cancel_on_kill=True)).on_kill())
    assert not cancelled()


def test_another_mapped_tasks_deferral_does_not_count(trigger, cancelled, monkeypatch):
    states_are(monkeypatch, {"run": {"task_4": "deferred", "task_3": "failed"}})
    asyncio.run(of_a_task(trigger(cancel_on_kill=True), 3).on_kill())
    assert cancelled()


def test_when_the_state_of_the_task_cannot_be_read_the_job_goes_on(trigger, cancelled, monkeypatch):
    states_are(monkeypatch, RuntimeError("no answer"))
    asyncio.run(of_a_task(trigger(cancel_on_kill=True)).on_kill())
    assert not cancelled()


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429, "retry_after": 0}, {"drop": "before"}], ids=str)
def test_a_hiccup_does_not_leave_the_job_of_a_killed_task_running(trigger, emulator, cancelled, fault):
    emulator.add_fault(path="/jobs/*/cancel", **fault)
    asyncio.run(trigger(cancel_on_kill=True).on_kill())
    assert cancelled()


@pytest.mark.parametrize("status", [403, 404, 409])
def test_a_kill_never_raises_and_never_insists(trigger, emulator, sent, status):
    emulator.add_fault(path="/jobs/*/cancel", times=None, status=status)
    asyncio.run(trigger(cancel_on_kill=True).on_kill())
    assert len(sent("POST")) == 1


# In Airflow's own runner


async def in_airflows_runner(trigger: QiskitRuntimeJobTrigger, *, kill: bool) -> Any:
    from airflow.jobs.triggerer_job_runner import TriggerRunner

    runner = TriggerRunner()
    task = asyncio.create_task(runner.run_trigger(1, trigger))
    runner.triggers[1] = {"task": task, "name": "the trigger", "events": 0}  # type: ignore[typeddict-item]
    if kill:
        await asyncio.sleep(0.15)
        runner.to_cancel.append(1)
        await runner.cancel_triggers()
    await asyncio.wait([task], timeout=30)
    return runner


def test_airflows_runner_gets_the_event(trigger, emulator, job_id):
    emulator.finish(job_id)
    runner = asyncio.run(in_airflows_runner(trigger(cancel_on_kill=True), kill=False))
    assert [payload["ending"] for payload in payloads(runner)] == ["final"]


def test_airflows_runner_cancels_the_job_of_a_task_that_is_cleared(trigger, cancelled):
    runner = asyncio.run(in_airflows_runner(trigger(cancel_on_kill=True), kill=True))
    assert (cancelled(), list(runner.events)) == (True, [])


def test_repeated_cancellations_do_not_stop_the_job_from_being_cancelled(trigger, emulator, cancelled):
    emulator.add_fault(path="/jobs/*/cancel", delay=0.5)

    async def run() -> None:
        killing = asyncio.create_task(trigger(cancel_on_kill=True).on_kill())
        for _ in range(3):
            await asyncio.sleep(0.05)
            killing.cancel()
        deadline = time.monotonic() + 10
        while not await asyncio.to_thread(cancelled) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    asyncio.run(run())
    assert cancelled()


def test_a_triggerer_that_shuts_down_leaves_the_job(trigger, cancelled, job_id, monkeypatch):
    states_are(monkeypatch, {"run": {"task": "deferred"}}, published=job_id)

    async def run() -> None:
        from airflow.jobs.triggerer_job_runner import TriggerRunner

        runner = TriggerRunner()
        task = asyncio.create_task(runner.run_trigger(1, of_a_task(trigger(cancel_on_kill=True))))
        runner.triggers[1] = {"task": task, "name": "the trigger", "events": 0}  # type: ignore[typeddict-item]
        await asyncio.sleep(0.15)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())
    assert not cancelled()


# On an Airflow that cancels a trigger and says nothing else (before 3.3)


@pytest.mark.parametrize(("state", "stops"), [("failed", True), ("success", True), (None, True), ("deferred", False)])
def test_a_trigger_that_is_cancelled_asks_whether_its_task_was_stopped(
    trigger, cancelled, job_id, monkeypatch, state, stops
):
    monkeypatch.setattr(cancelling, "triggerer_calls_on_kill", lambda: False)
    states_are(monkeypatch, {"run": {"task": state}}, published=job_id)

    async def run() -> None:
        waiting = asyncio.create_task(anext(of_a_task(trigger(cancel_on_kill=True)).run()))
        await asyncio.sleep(0.15)
        waiting.cancel()
        await asyncio.wait([waiting])

    asyncio.run(run())
    assert cancelled() is stops
