"""Tasks with hybrid loops: no job is bought twice, whatever ends a try."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from tests.operators.loops import FLIP, TURN, CrashError, sample


def test_a_loop_returns_what_its_function_returns(loop, emulator, ti):
    def function(qpu, times, *, name):
        return [sample(qpu, name=name) for _ in range(times)]

    assert loop.run(python_callable=function, op_args=[3], op_kwargs={"name": "{{ 'flip' }}"}) == [{"1": 20}] * 3
    jobs = emulator.jobs()
    assert len(jobs) == 3
    manifest = ti.pushed["qiskit_runtime_loop"]
    assert [call["name"] for call in manifest["calls"]] == ["flip"] * 3
    assert {job_id for call in manifest["calls"] for job_id in call["job_ids"]} == {job["id"] for job in jobs}
    assert manifest["calls"][0]["shown"] == {"counts": {"1": 20}, "outcomes": 1}
    assert ti.pushed["job_id"] in {job["id"] for job in jobs}


def test_a_function_takes_values_of_the_context(loop, context):
    def function(qpu, ds=None):
        return ds

    context["ds"] = "2026-11-30"
    assert loop.run(python_callable=function) == "2026-11-30"


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_retry_buys_only_what_is_missing(loop, retry, emulator, sent, deferrable):
    crashes = [CrashError("The worker is out of memory.")]

    def function(qpu):
        counts = []
        for number in range(6):
            counts.append(sample(qpu))
            if number == 3 and crashes:
                raise crashes.pop()
        return counts

    retry(function, CrashError, deferrable=deferrable)
    assert len(emulator.jobs()) == 4
    emulator.clear_requests()
    assert retry(function, deferrable=deferrable) == [{"1": 20}] * 6
    assert len(emulator.jobs()) == 6
    assert Counter(line.split("?")[0] for line in sent("POST")) == {"POST /jobs": 2}


def test_a_finished_journal_is_replayed_without_a_request(loop, emulator, sent, ti):
    def function(qpu):
        return [sample(qpu) for _ in range(3)]

    value = loop.execute(python_callable=function)
    emulator.clear_requests()
    # Airflow never heard that the try had succeeded.
    ti.try_number += 1
    assert loop.execute(python_callable=function) == value
    assert sent() == []


def test_a_lost_answer_costs_no_second_job(loop, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    assert loop.run(python_callable=lambda qpu: [sample(qpu) for _ in range(2)]) == [{"1": 20}] * 2
    assert len(emulator.jobs()) == 2


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_job_whose_answer_came_to_nobody_is_found_by_the_retry(loop, retry, emulator, monkeypatch, phase):
    """The try dies between the submission and the record of the job's id."""
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

    submit, deaths = QiskitRuntimeClient.submit_job, [2]

    def dying(client, **arguments):
        deaths[0] -= 1
        if deaths[0] == 0:
            if phase == "after":
                submit(client, **arguments)
            raise KeyboardInterrupt
        return submit(client, **arguments)

    def function(qpu):
        return [sample(qpu) for _ in range(3)]

    monkeypatch.setattr(QiskitRuntimeClient, "submit_job", dying)
    retry(function, KeyboardInterrupt)
    assert retry(function) == [{"1": 20}] * 3
    assert len(emulator.jobs()) == 3


def test_a_task_leaves_its_worker_from_inside_a_call(loop, emulator, ti):
    emulator.configure(queue_seconds=0.3)
    passes, suppressed, cleaned = [], [], []

    def function(qpu):
        passes.append(1)
        counts = []
        for _ in range(2):
            try:
                counts.append(sample(qpu))
            except Exception as error:
                suppressed.append(error)
            finally:
                cleaned.append(1)
        return counts

    deferred = loop.defer(python_callable=function)
    assert deferred.method_name == "execute_loop"
    assert ti.pushed["job_id"] == emulator.jobs()[0]["id"]
    with pytest.raises(TaskDeferred) as again:
        loop.resume(deferred, python_callable=function)
    assert loop.resume(again.value, python_callable=function) == [{"1": 20}] * 2
    assert (len(passes), suppressed, len(emulator.jobs())) == (3, [], 2)
    assert len(cleaned) == 1 + 2 + 2


def test_no_worker_is_left_for_a_short_wait(loop, emulator):
    emulator.configure(queue_seconds=0.2)
    assert loop.execute(python_callable=sample, deferrable=True, defer_after=60) == {"1": 20}


def test_another_call_than_before_buys_nothing_and_names_the_difference(loop, retry, emulator):
    angles = [0.5, 0.25]

    def function(qpu):
        sample(qpu)
        qpu.estimate(TURN, "Z0", {"theta": angles.pop()}, precision=0.1, program_id="estimator", name="energy")
        raise CrashError

    retry(function, CrashError)
    told = retry(function, AirflowFailException)
    assert "Call 2 (estimate 'energy')" in told
    assert "was 0.25 and is 0.5" in told
    assert "qpu.rng" in told
    assert "qpu.step" in told
    assert len(emulator.jobs()) == 2


def test_a_call_that_is_under_way_is_compared_too(loop, retry, emulator, monkeypatch):
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

    monkeypatch.setattr(QiskitRuntimeClient, "receive_result", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    shots = [10, 20]

    def function(qpu):
        return qpu.sample(FLIP, shots=shots.pop(0)).get_counts()

    retry(function, KeyboardInterrupt)
    assert "circuits[0][2] was 10 and is 20" in retry(function, AirflowFailException)
    [job] = emulator.jobs()
    assert job["status"] == "Completed"


def test_a_loop_may_go_on_after_another_call_than_before(loop, retry, emulator, caplog):
    shots = iter([[10, 20, 30], [10, 21, 30]])

    def function(qpu, crash):
        counts = [sum(qpu.sample(FLIP, shots=one).get_counts().values()) for one in next(shots)]
        if crash:
            raise CrashError
        return counts

    retry(function, CrashError, op_args=[True])
    assert retry(function, op_args=[False], on_divergence="continue") == [10, 21, 30]
    assert len(emulator.jobs()) == 5
    assert "from number 2 on are dropped: 2 jobs" in caplog.text


def test_a_clear_begins_anew(loop, emulator):
    def function(qpu):
        return [sample(qpu) for _ in range(2)]

    loop.run(python_callable=function)
    loop.clear()
    loop.run(python_callable=function)
    assert len(emulator.jobs()) == 4


def test_a_clear_cancels_what_was_under_way(loop, emulator, context):
    emulator.configure(queue_seconds=3600)
    loop.defer(python_callable=sample)
    [former] = emulator.jobs()
    loop.clear()
    loop.defer(python_callable=sample)
    assert sorted(job["status"] for job in emulator.jobs()) == ["Cancelled", "Queued"]
    assert next(job for job in emulator.jobs() if job["id"] == former["id"])["status"] == "Cancelled"


@pytest.mark.parametrize(
    ("limit", "told"), [({"max_jobs": 3}, "max_jobs is 3"), ({"max_seconds": 3.5}, "max_seconds is 3.5")]
)
def test_a_loop_that_runs_away_is_stopped_before_the_next_job(loop, emulator, ti, limit, told):
    emulator.configure(run_seconds=0.1)

    def function(qpu):
        while True:
            sample(qpu)

    with pytest.raises(AirflowFailException, match=told):
        loop.run(python_callable=function, **limit)
    submitted = len(emulator.jobs())
    assert 0 < submitted <= 40
    assert len(ti.pushed["qiskit_runtime_loop"]["calls"]) == submitted
    if "max_jobs" in limit:
        assert submitted == 3


def test_a_budget_stops_a_loop_with_few_questions(loop, emulator, sent):
    emulator.configure(run_seconds=1.0)

    def function(qpu):
        while True:
            sample(qpu)

    with pytest.raises(AirflowFailException, match="budget"):
        loop.run(python_callable=function, budget={"max_seconds": 8})
    assert 1 <= len(emulator.jobs()) < 8
    assert len(sent("GET /instances/usage")) <= 3


@pytest.mark.parametrize("mode", ["batch", "dedicated"])
def test_a_session_is_used_by_a_retry_and_closed_in_the_end(loop, retry, emulator, client, mode):
    crashes = [CrashError()]

    def function(qpu):
        sample(qpu)
        if crashes:
            raise crashes.pop()
        sample(qpu)
        return qpu.session_id

    retry(function, CrashError, mode=mode)
    [session_id] = {job["session_id"] for job in emulator.jobs()}
    assert client.session(session_id).accepting_jobs
    assert retry(function, mode=mode) == session_id
    assert [job["session_id"] for job in emulator.jobs()] == [session_id] * 2
    assert not client.session(session_id).accepting_jobs


def test_a_session_that_has_ended_is_opened_anew(loop, emulator, client, caplog):
    def function(qpu):
        sample(qpu)
        client.close_session(qpu.session_id)
        sample(qpu)
        return qpu.session_id

    last = loop.run(python_callable=function, mode="batch")
    of_jobs = [job["session_id"] for job in emulator.jobs()]
    assert (len(of_jobs), len(set(of_jobs)), of_jobs.count(last)) == (2, 2, 1)
    assert "takes no more jobs; another is opened" in caplog.text


def test_the_session_of_a_task_that_fails_for_good_is_closed(loop, emulator, client, ti):
    ti.max_tries, ti.try_number = 0, 1

    def function(qpu):
        sample(qpu)
        raise CrashError

    with pytest.raises(CrashError):
        loop.run(python_callable=function, mode="batch")
    [job] = emulator.jobs()
    assert not client.session(job["session_id"]).accepting_jobs
    assert len(ti.pushed["qiskit_runtime_loop"]["calls"]) == 1


def test_private_results_are_read_once_and_kept(loop, retry, emulator):
    crashes = [CrashError()]

    def function(qpu):
        counts = [sample(qpu), sample(qpu)]
        if crashes:
            raise crashes.pop()
        return counts

    retry(function, CrashError, private=True)
    assert retry(function, private=True) == [{"1": 20}] * 2
    assert len(emulator.jobs()) == 2


def test_two_jobs_run_side_by_side_and_a_crash_between_costs_neither(loop, retry, emulator):
    crashes = [CrashError()]

    def function(qpu):
        first = qpu.submit_sample(FLIP, shots=10)
        second = qpu.submit_sample(FLIP, shots=20)
        if crashes:
            raise crashes.pop()
        return [sum(one.result().get_counts().values()) for one in (second, first)]

    retry(function, CrashError)
    assert retry(function) == [20, 10]
    assert len(emulator.jobs()) == 2


def test_a_job_whose_result_nobody_asks_for_is_cancelled(loop, emulator, caplog):
    emulator.configure(queue_seconds=3600)
    assert loop.run(python_callable=lambda qpu: bool(qpu.submit_sample(FLIP))) is True
    [job] = emulator.jobs()
    assert job["status"] == "Cancelled"
    assert "Call result()" in caplog.text


def test_a_list_is_packed_into_the_fewest_jobs(loop, emulator, monkeypatch, retry):
    from airflow_provider_qrt.programs.sampler import SamplerProgram

    monkeypatch.setattr(SamplerProgram, "max_executions", 50)
    crashes = [CrashError()]

    def function(qpu):
        result = qpu.sample([FLIP] * 5, shots=20, program_id="sampler")
        if crashes:
            raise crashes.pop()
        return [dict(pub.get_counts()) for pub in result]

    retry(function, CrashError)
    assert retry(function) == [{"1": 20}] * 5
    assert len(emulator.jobs()) == 3


def test_a_job_that_failed_ends_the_loop_even_if_the_function_goes_on(loop, emulator):
    emulator.configure(queue_seconds=3600)

    def function(qpu):
        pending = qpu.submit_sample(FLIP)
        emulator.finish(pending.job_ids[0], "Cancelled")
        for _ in range(2):
            with suppress(Exception):
                pending.result()
        return "all is well"

    with pytest.raises(AirflowException, match="Call 1"):
        loop.run(python_callable=function)
    assert len(emulator.jobs()) == 1


def test_steps_the_clock_and_random_numbers_are_the_same_in_a_retry(loop, retry):
    runs, seen, crashes = [], [], [CrashError()]

    def slow(number):
        runs.append(number)
        return {"number": number, "pair": (1, 2.5)}

    def function(qpu):
        seen.append((qpu.step("slow", slow, 7), qpu.now(), qpu.rng.integers(0, 1000, 5).tolist()))
        if crashes:
            raise crashes.pop()
        return True

    retry(function, CrashError)
    retry(function)
    assert runs == [7]
    assert seen[0] == seen[1]
    assert seen[0][0] == {"number": 7, "pair": (1, 2.5)}


def test_a_step_returns_what_can_be_kept(loop):
    with pytest.raises(AirflowFailException, match=r"the value of call 1 \(step 'open'\) is of the type object"):
        loop.run(python_callable=lambda qpu: qpu.step("open", object))


@pytest.mark.parametrize("in_files", [True, False])
def test_a_large_answer_goes_to_a_file_or_into_several_values(loop, retry, store, tmp_path, in_files):
    import numpy as np

    crashes = [CrashError()]
    path = {"journal_path": str(tmp_path / "journal")} if in_files else {}

    def function(qpu):
        large = qpu.step("large", lambda: np.arange(20_000))
        if crashes:
            raise crashes.pop()
        return int(large.sum())

    retry(function, CrashError, **path)
    assert retry(function, **path) == sum(range(20_000))
    files = [one for one in (tmp_path / "journal").rglob("*") if one.is_file()]
    assert len(files) == (1 if in_files else 0)
    assert max(len(value) for value in store.values.values()) < 64_000


def test_without_a_state_store_a_folder_is_needed(loop, context, emulator, tmp_path, retry, ti):
    del context["task_state_store"]
    ti.id = "first"
    with pytest.raises(AirflowFailException, match="journal_path"):
        loop.run(python_callable=sample)
    assert emulator.jobs() == []
    crashes = [CrashError()]

    def function(qpu):
        counts = [sample(qpu), sample(qpu)]
        if crashes:
            raise crashes.pop()
        return counts

    retry(function, CrashError, journal_path=str(tmp_path / "journal"))
    ti.id = "second"
    assert retry(function, journal_path=str(tmp_path / "journal")) == [{"1": 20}] * 2
    assert len(emulator.jobs()) == 2


def test_a_kill_during_call_seven_cancels_its_job_and_closes_the_session(loop, emulator, client):
    def function(qpu):
        for _ in range(6):
            sample(qpu)
        emulator.configure(queue_seconds=3600)
        pending = qpu.submit_sample(FLIP)
        loop.last.on_kill()
        return pending.result()

    with pytest.raises(AirflowException, match="Call 7"):
        loop.run(python_callable=function, mode="batch")
    jobs = emulator.jobs()
    assert Counter(job["status"] for job in jobs) == {"Completed": 6, "Cancelled": 1}
    assert not client.session(jobs[0]["session_id"]).accepting_jobs


def test_a_worker_that_is_shut_down_leaves_the_loop_to_the_retry(loop, retry, emulator, client, monkeypatch):
    from airflow_provider_qrt.execution.superseded import Standing

    monkeypatch.setattr("airflow_provider_qrt.hybrid.task.standing_of", lambda *_, **__: Standing.RUNNING)
    shut_down = [True]

    def function(qpu):
        sample(qpu)
        pending = qpu.submit_sample(FLIP, shots=20)
        if shut_down:
            emulator.configure(queue_seconds=3600)
            pending = qpu.submit_sample(FLIP, shots=30)
            shut_down.pop()
            loop.last.on_kill()
        return pending.result()

    retry(function, AirflowException, mode="batch")
    assert [job["status"] for job in emulator.jobs()].count("Queued") == 1
    [session_id] = {job["session_id"] for job in emulator.jobs()}
    assert client.session(session_id).accepting_jobs


@pytest.mark.parametrize(
    ("error", "told", "status"),
    [("Trigger failure", "was not cancelled and goes on", "Queued"), ("Trigger timeout", "cancelled", "Cancelled")],
)
def test_of_a_task_whose_trigger_is_gone_the_job_is_seen_to(loop, emulator, ti, error, told, status):
    """A trigger that failed says nothing about the job."""
    from airflow_provider_qrt.compat import TaskDeferralError, TaskDeferralTimeout

    ti.max_tries = 0
    emulator.configure(queue_seconds=3600)
    loop.defer(python_callable=sample)
    operator = loop.operator(python_callable=sample, deferrable=True)
    with pytest.raises((TaskDeferralError, TaskDeferralTimeout), match=told):
        operator.resume_execution("__fail__", {"error": error}, loop.context)
    [job] = emulator.jobs()
    assert job["status"] == status


def test_a_submission_that_must_wait_is_tried_again(loop, emulator, monkeypatch):
    pauses = []
    monkeypatch.setattr(
        "airflow_provider_qrt.execution.task_jobs.TaskJobs.sleep", lambda _, seconds: pauses.append(seconds)
    )
    emulator.add_fault(method="POST", path="/jobs", status=429, retry_after=7)
    assert loop.run(python_callable=sample) == {"1": 20}
    assert pauses[0] >= 7
    assert len(emulator.jobs()) == 1


def test_a_deferrable_loop_waits_for_its_turn_in_the_triggerer(loop, emulator):
    emulator.add_fault(method="POST", path="/jobs", status=429, retry_after=7)
    deferred = loop.defer(python_callable=sample)
    assert type(deferred.trigger).__name__ == "QiskitRuntimeSubmissionTrigger"
    assert deferred.method_name == "execute_loop"
    assert loop.operator(python_callable=sample).execute_loop(loop.context, {"waited_until": 0}) == {"1": 20}
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("how", ["finally", "bare except"])
def test_nothing_is_submitted_while_a_task_leaves_its_worker(loop, emulator, how):
    emulator.configure(queue_seconds=0.3)

    def in_finally(qpu):
        try:
            return [sample(qpu)]
        finally:
            qpu.sample(FLIP, shots=30)

    def with_bare_except(qpu):
        with suppress(BaseException):
            sample(qpu)
        return qpu.sample(FLIP, shots=30).shots

    function = in_finally if how == "finally" else with_bare_except
    deferred = loop.defer(python_callable=function)
    [job] = emulator.jobs()
    assert deferred.trigger.job_id == job["id"]
    value = loop._resume_to_the_end(deferred, python_callable=function)
    assert value == ([{"1": 20}] if how == "finally" else 30)
    assert len(emulator.jobs()) == 2


def test_a_step_may_use_neither_the_qpu_nor_its_generator(loop, emulator):
    def sampling(qpu):
        return qpu.step("sample", sample, qpu)

    def drawing(qpu):
        return qpu.step("draw", lambda: qpu.rng.random())

    with pytest.raises(AirflowFailException, match=r"Call 1 \(step 'sample'\) uses the QPU"):
        loop.run(python_callable=sampling)
    with pytest.raises(AirflowFailException, match=r"Call 1 \(step 'draw'\) uses qpu\.rng"):
        loop.run(python_callable=drawing)
    assert emulator.jobs() == []


def test_texts_that_a_step_is_given_are_not_kept(loop, retry, store):
    given = iter(["a token", "a fresh key"])

    def function(qpu):
        qpu.step("fetch", lambda token: len(token), next(given))
        raise CrashError

    retry(function, CrashError)
    assert "a token" not in json.dumps(store.values)
    told = retry(function, AirflowFailException)
    assert "was a long text or list with the digest sha256:" in told
    assert "token" not in told
    assert "a fresh key" not in told


def test_one_try_does_not_buy_the_same_again_and_again(loop, emulator):
    emulator.configure(queue_seconds=0.3)
    shots = iter(range(10, 100))

    def function(qpu):
        return qpu.sample(FLIP, shots=next(shots)).shots

    deferred = loop.defer(python_callable=function, on_divergence="continue")
    with pytest.raises(AirflowFailException, match="differs from the call that an earlier try"):
        loop.resume(deferred, python_callable=function, on_divergence="continue")
    assert len(emulator.jobs()) == 1


def test_refused_submissions_do_not_count(loop, emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.execution.task_jobs.TaskJobs.sleep", lambda *_: None)
    emulator.configure(run_seconds=0.1)
    emulator.add_fault(method="POST", path="/jobs", status=429, times=8)
    assert loop.run(python_callable=sample, max_seconds=4) == {"1": 20}


def test_jobs_of_a_call_with_several_are_cancelled_by_a_clear(loop, emulator, monkeypatch):
    from airflow_provider_qrt.programs.sampler import SamplerProgram

    monkeypatch.setattr(SamplerProgram, "max_executions", 50)
    emulator.configure(queue_seconds=3600)

    def function(qpu):
        return qpu.sample([FLIP] * 5, shots=20, program_id="sampler")

    loop.defer(python_callable=function)
    loop.clear()
    emulator.configure(queue_seconds=0)
    loop.run(python_callable=function)
    assert Counter(job["status"] for job in emulator.jobs()) == {"Cancelled": 3, "Completed": 3}


def test_a_job_of_a_call_that_is_not_made_any_more_is_cancelled(loop, retry, emulator):
    more = [True]

    def function(qpu):
        sample(qpu)
        if more:
            more.pop()
            emulator.configure(queue_seconds=3600)
            qpu.submit_sample(FLIP, shots=30)
            raise CrashError
        return "less"

    retry(function, CrashError)
    assert retry(function) == "less"
    assert Counter(job["status"] for job in emulator.jobs()) == {"Completed": 1, "Cancelled": 1}


def test_a_last_try_that_fails_early_sees_to_the_job_of_the_try_before(loop, retry, emulator, ti):
    ti.max_tries = 1
    crash = [False, True]

    def function(qpu):
        if crash.pop():
            emulator.configure(queue_seconds=3600)
            qpu.submit_sample(FLIP)
        raise CrashError("Out of memory.")

    retry(function, CrashError)
    assert emulator.jobs()[0]["status"] == "Queued"
    assert "was cancelled" in retry(function, CrashError)
    assert emulator.jobs()[0]["status"] == "Cancelled"


def test_a_task_that_is_stopped_while_it_waits_cancels_its_other_jobs_too(loop, emulator):
    emulator.configure(queue_seconds=3600)

    def function(qpu):
        first, second = qpu.submit_sample(FLIP), qpu.submit_sample(FLIP, shots=30)
        return first.result(), second.result()

    deferred = loop.defer(python_callable=function, mode="batch")
    first, second = (job["id"] for job in sorted(emulator.jobs(), key=lambda job: job["created"]))
    assert (deferred.trigger.job_id, deferred.trigger.also_cancel) == (first, (second,))
    asyncio.run(deferred.trigger.on_kill())
    assert {job["status"] for job in emulator.jobs()} == {"Cancelled"}


def test_when_the_worker_is_killed_in_the_last_try_the_present_job_is_cancelled(loop, emulator, client):
    def function(qpu):
        sample(qpu)
        emulator.configure(queue_seconds=3600)
        qpu.submit_sample(FLIP)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.run(python_callable=function, mode="batch")
    # Airflow calls this in another process, which knows nothing but XCom.
    loop.operator(python_callable=function)
    loop.fail()
    jobs = emulator.jobs()
    assert Counter(job["status"] for job in jobs) == {"Completed": 1, "Cancelled": 1}
    assert not client.session(jobs[0]["session_id"]).accepting_jobs


def test_the_seconds_used_are_the_same_at_the_same_place(loop, retry, emulator):
    emulator.configure(run_seconds=0.1, usage_pending_seconds=0)
    seen, crashes = [], [CrashError()]

    def function(qpu):
        used = []
        for _ in range(3):
            sample(qpu)
            used.append(qpu.seconds_used)
        seen.append(used)
        if crashes:
            raise crashes.pop()

    retry(function, CrashError)
    retry(function)
    assert seen[0] == seen[1]
    assert seen[0] == sorted(seen[0])


def test_a_result_that_may_have_no_room_is_refused_before_it_is_bought(loop, emulator, tmp_path):
    wide = 'OPENQASM 3.0; include "stdgates.inc"; bit[20] c; ' + "".join(f"c[{n}] = measure ${n};" for n in range(20))

    def large(qpu):
        return qpu.sample(wide, shots=1_000_000).shots

    with pytest.raises(AirflowFailException, match="journal_path"):
        loop.run(python_callable=large)
    assert emulator.jobs() == []


@pytest.mark.parametrize(
    "budget",
    [
        {"max_seconds": 9, "per": "dag", "window": 3600, "when_exceeded": "defer"},
        {"max_seconds": 9, "estimate": "service"},
    ],
)
def test_what_a_loop_does_not_do_with_a_budget_is_refused(loop, budget):
    from airflow_provider_qrt.arguments.constants import InvalidConstantError

    with pytest.raises(InvalidConstantError, match="a loop"):
        loop.operator(python_callable=sample, budget=budget)


def test_no_secret_is_kept(loop, emulator, store, ti):
    loop.run(python_callable=lambda qpu: [sample(qpu) for _ in range(2)], mode="batch")
    kept = json.dumps([store.values, ti.pushed])
    assert emulator.api_key not in kept
    assert emulator.instance not in kept
