"""Hybrid loops where two things happen at once: a divergence with jobs under way, a kill while a leg begins."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from tests.operators.loops import FLIP, TURN, CrashError, sample


def shots_of(pub: Any) -> int:
    return sum(pub.get_counts().values())


@pytest.fixture
def unread(monkeypatch):
    """Let the process die before the result of the second job is read."""
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

    read, reads = QiskitRuntimeClient.receive_result, []

    def dying(client, job_id, new_reader):
        reads.append(job_id)
        if len(reads) == 2:
            raise KeyboardInterrupt
        return read(client, job_id, new_reader)

    monkeypatch.setattr(QiskitRuntimeClient, "receive_result", dying)


# Another call than before


def test_the_answer_of_a_job_that_was_dropped_is_not_taken_for_that_of_the_new_call(loop, retry, emulator, ti):
    """The job is under way, and its wait ends in the triggerer in the very leg in which the function changes."""
    emulator.configure(queue_seconds=0.3)
    shots = iter([10, 10, 20])

    def function(qpu):
        return shots_of(qpu.sample(FLIP, shots=next(shots)))

    loop.defer(python_callable=function)
    # The worker of the next leg is lost, and a retry waits for the same job.
    ti.try_number += 1
    deferred = loop.defer(python_callable=function)
    deferred = loop.resume_until_deferred(deferred, python_callable=function, on_divergence="continue")
    assert {job["id"]: job["status"] for job in emulator.jobs()}[deferred.trigger.job_id] != "Cancelled"
    shots = iter([20] * 9)
    assert loop._resume_to_the_end(deferred, python_callable=function, on_divergence="continue") == 20
    assert len(emulator.jobs()) == 2


def test_in_one_try_the_journal_is_dropped_once(loop, emulator, ti):
    emulator.configure(queue_seconds=0.3)
    shots = iter([10, 10, 20, 30])

    def function(qpu):
        return shots_of(qpu.sample(FLIP, shots=next(shots)))

    loop.defer(python_callable=function)
    ti.try_number += 1
    deferred = loop.defer(python_callable=function)
    deferred = loop.resume_until_deferred(deferred, python_callable=function, on_divergence="continue")
    with pytest.raises(AirflowFailException, match="differs from the call that an earlier try"):
        loop.resume(deferred, python_callable=function, on_divergence="continue")
    assert len(emulator.jobs()) == 2


def test_calls_that_were_dropped_are_not_taken_for_calls_under_way(loop, retry, emulator):
    emulator.configure(queue_seconds=3600)

    def side_by_side(qpu):
        pending = [qpu.submit_sample(FLIP, shots=shots) for shots in (10, 20, 30)]
        if crashes:
            raise crashes.pop()
        return [shots_of(one.result()) for one in pending]

    def one_by_one(qpu):
        emulator.configure(queue_seconds=0)
        found = []
        for shots in (10, 21, 31):
            found.append(shots_of(qpu.sample(FLIP, shots=shots)))
            if shots == 21 and crashes:
                raise crashes.pop()
        return found

    crashes = [CrashError()]
    retry(side_by_side, CrashError)
    assert Counter(job["status"] for job in emulator.jobs()) == {"Queued": 3}
    emulator.finish(next(job["id"] for job in emulator.jobs() if job["ordinal"] == 1))
    crashes.append(CrashError())
    retry(one_by_one, CrashError, on_divergence="continue")
    assert retry(one_by_one) == [10, 21, 31]
    assert Counter(job["status"] for job in emulator.jobs()) == {"Completed": 3, "Cancelled": 2}


def test_a_call_before_the_dropped_ones_keeps_its_job(loop, retry, emulator):
    """It is under way while a later call differs, and a crash follows."""
    emulator.configure(queue_seconds=3600)
    plans = iter([([10, 20], True), ([10, 21], True), ([10, 21], False)])

    def function(qpu):
        shots, crash = next(plans)
        pending = [qpu.submit_sample(FLIP, shots=one) for one in shots]
        if crash:
            raise CrashError
        for one in pending:
            emulator.finish(one.job_ids[0])
        return [shots_of(one.result()) for one in pending]

    retry(function, CrashError)
    retry(function, CrashError, on_divergence="continue")
    assert retry(function, on_divergence="continue") == [10, 21]
    assert Counter(job["status"] for job in emulator.jobs()) == {"Completed": 2, "Cancelled": 1}


def test_a_call_under_way_may_differ_in_the_last_bits_of_its_numbers(loop, retry, emulator, unread):
    angles = iter([[0.1, 0.3], [0.1, 0.1 + 0.2]])

    def function(qpu):
        return [
            float(qpu.estimate(TURN, "Z0", {"theta": angle}, precision=0.1, program_id="estimator").evs)
            for angle in next(angles)
        ]

    retry(function, KeyboardInterrupt)
    assert len(retry(function)) == 2
    assert len(emulator.jobs()) == 2


# Limits


@pytest.mark.parametrize("why", ["timeout", "cancelled"])
def test_jobs_that_never_completed_count_among_those_that_a_loop_may_submit(loop, retry, emulator, why):
    emulator.configure(queue_seconds=3600)

    def function(qpu):
        pending = qpu.submit_sample(FLIP)
        if why == "cancelled":
            emulator.finish(pending.job_ids[0], "Cancelled")
        return pending.result()

    more = {"max_jobs": 2, "timeout": 0.5} if why == "timeout" else {"max_jobs": 2}
    for _ in range(2):
        retry(function, AirflowException, **more)
    assert "max_jobs is 2" in retry(function, AirflowFailException, **more)
    assert len(emulator.jobs()) == 2


def test_a_submission_that_fails_before_it_is_sent_counts_nothing(loop, retry, emulator):
    """The job of an earlier try was cancelled, and what takes its place cannot be submitted at first."""
    emulator.configure(queue_seconds=3600)
    cancel = [True]

    def function(qpu):
        pending = qpu.submit_sample(FLIP)
        if cancel:
            cancel.pop()
            emulator.finish(pending.job_ids[0], "Cancelled")
        return shots_of(pending.result())

    retry(function, AirflowException, max_jobs=2)
    # With a wait that is too long to be waited for on the worker.
    emulator.add_fault(method="GET", path="/backends", status=503, retry_after=100, times=None)
    for _ in range(3):
        retry(function, Exception, max_jobs=2)
    emulator.clear_faults()
    emulator.configure(queue_seconds=0)
    retry(function, max_jobs=2)
    assert len(emulator.jobs()) == 2


def test_seconds_of_a_result_that_was_not_asked_for_yet_are_not_counted(loop, retry, emulator):
    emulator.configure(run_seconds=0.1, usage_pending_seconds=0)
    crashes, seen = [CrashError()], []

    def function(qpu):
        first, second = qpu.submit_sample(FLIP), qpu.submit_sample(FLIP, shots=30)
        second.result()
        seen.append(qpu.seconds_used)
        first.result()
        if crashes:
            raise crashes.pop()

    retry(function, CrashError)
    retry(function)
    assert seen[0] == seen[1] > 0


# Reading


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_result_that_the_service_does_not_give_out_is_left_to_the_retry(loop, retry, emulator, client, status):
    sessions = []

    def function(qpu):
        sample(qpu)
        sessions.append(qpu.session_id)
        return shots_of(qpu.sample(FLIP, shots=30))

    def wholly(qpu):
        emulator.add_fault(method="GET", path="/jobs/*/results", status=status, times=50, skip=1)
        return function(qpu)

    told = retry(wholly, AirflowException, mode="batch")
    assert "Call 2" in told
    assert "goes on" in told
    assert client.session(sessions[0]).accepting_jobs
    emulator.clear_faults()
    assert retry(function, mode="batch") == 30
    assert len(emulator.jobs()) == 2


def test_a_loop_whose_access_is_refused_half_way_is_left_to_its_retries(loop, retry, emulator):
    """AirflowFailException would end the task, and a clear buys everything again."""

    def function(qpu):
        sample(qpu)
        return shots_of(qpu.sample(FLIP, shots=30))

    emulator.add_fault(method="POST", path="/jobs", status=403, times=9, skip=1)
    with pytest.raises(AirflowException) as raised:
        loop.run(python_callable=function)
    assert not isinstance(raised.value, AirflowFailException)
    emulator.clear_faults()
    assert retry(function) == 30
    assert len(emulator.jobs()) == 2


# Its end


def test_a_task_that_skips_itself_leaves_neither_a_job_nor_a_session(loop, emulator, client):
    sessions = []

    def function(qpu):
        emulator.configure(queue_seconds=3600)
        qpu.submit_sample(FLIP)
        sessions.append(qpu.session_id)
        raise AirflowSkipException("Nothing to do.")

    with pytest.raises(AirflowSkipException):
        loop.run(python_callable=function, mode="batch")
    assert [job["status"] for job in emulator.jobs()] == ["Cancelled"]
    assert not client.session(sessions[0]).accepting_jobs


def test_a_retry_that_only_waits_can_be_cleaned_up_after(loop, emulator, client, ti):
    """It has submitted nothing itself, and the XComs of the try before are gone."""
    emulator.configure(queue_seconds=3600)
    crashes = [CrashError(), KeyboardInterrupt()]

    def function(qpu):
        qpu.submit_sample(FLIP)
        raise crashes.pop(0)

    with pytest.raises(CrashError):
        loop.run(python_callable=function, mode="batch")
    ti.try_number += 1
    ti.pushed.clear()
    with pytest.raises(KeyboardInterrupt):
        loop.run(python_callable=function, mode="batch")
    # Airflow calls this in another process, which knows nothing but XCom.
    loop.operator(python_callable=function)
    loop.fail()
    [job] = emulator.jobs()
    assert job["status"] == "Cancelled"
    assert not client.session(job["session_id"]).accepting_jobs


def test_a_job_whose_id_nobody_knows_is_cancelled_with_a_task_that_is_killed(loop, retry, emulator, monkeypatch):
    from airflow_provider_qrt.client.client import QiskitRuntimeClient

    emulator.configure(queue_seconds=3600)
    submit, deaths = QiskitRuntimeClient.submit_job, [True]

    def dying(client, **arguments):
        submitted = submit(client, **arguments)
        if deaths:
            deaths.pop()
            raise KeyboardInterrupt
        return submitted

    def function(qpu):
        if not deaths:
            loop.last.on_kill()
        return sample(qpu)

    monkeypatch.setattr(QiskitRuntimeClient, "submit_job", dying)
    retry(function, KeyboardInterrupt)
    retry(function, AirflowException)
    assert [job["status"] for job in emulator.jobs()] == ["Cancelled"]


def test_a_kill_while_a_leg_begins_waits_until_it_is_known_what_to_cancel(loop, emulator, store, client, monkeypatch):
    """A signal may interrupt a question to Airflow, and whoever asks another one then waits for itself."""
    emulator.configure(queue_seconds=3600)
    sessions = []

    def function(qpu):
        qpu.submit_sample(FLIP)
        sessions.append(qpu.session_id)
        raise CrashError

    with pytest.raises(CrashError):
        loop.run(python_callable=function, mode="batch")
    loop.context["ti"].try_number += 1
    read, asking, kills = store.get, [], []

    def interrupted(key: str, default: Any = None) -> Any:
        if asking and not isinstance(asking[0], str):
            raise AssertionError("unreachable")
        if asking:
            raise RuntimeError("Airflow is being asked already.")
        asking.append(key)
        try:
            if not kills:
                kills.append(key)
                loop.last.on_kill()
            return read(key, default)
        finally:
            asking.clear()

    monkeypatch.setattr(store, "get", interrupted)
    with pytest.raises(AirflowException, match="killed"):
        loop.run(python_callable=function, mode="batch")
    assert kills
    assert [job["status"] for job in emulator.jobs()] == ["Cancelled"]
    assert not client.session(sessions[0]).accepting_jobs


def test_a_retry_does_not_split_what_is_under_way_as_one_job(loop, retry, emulator, monkeypatch):
    from airflow_provider_qrt.programs.sampler import SamplerProgram

    crashes = [CrashError()]

    def function(qpu):
        pending = qpu.submit_sample([FLIP] * 5, shots=20, program_id="sampler")
        if crashes:
            raise crashes.pop()
        return [shots_of(pub) for pub in pending.result()]

    retry(function, CrashError)
    monkeypatch.setattr(SamplerProgram, "max_executions", 50)
    assert retry(function) == [20] * 5
    assert len(emulator.jobs()) == 1


# A call under way is the same by its outline alone


def test_a_call_with_many_values_may_differ_in_their_last_bits(loop, retry, emulator, unread):
    angles = iter([[0.1, 0.3], [0.1, 0.1 + 0.2]])

    def function(qpu):
        return [
            qpu.estimate(TURN, "Z0", {"theta": [angle] * 70}, precision=0.1, program_id="estimator").evs.tolist()
            for angle in next(angles)
        ]

    retry(function, KeyboardInterrupt)
    assert len(retry(function)) == 2
    assert len(emulator.jobs()) == 2


def test_numbers_may_differ_in_one_retry_and_be_the_first_again_in_the_next(loop, retry, emulator):
    emulator.configure(queue_seconds=3600)
    angles = iter([0.3, 0.1 + 0.2, 0.3])
    endings = ["Cancelled", "Completed", None]

    def function(qpu):
        values = {"theta": next(angles)}
        pending = qpu.submit_estimate(TURN, "Z0", values, precision=0.1, program_id="estimator")
        ending = endings.pop(0)
        if ending is not None:
            emulator.finish(pending.job_ids[0], ending)
            raise CrashError
        return pending.result()

    retry(function, CrashError)
    retry(function, CrashError)
    retry(function)
    assert Counter(job["status"] for job in emulator.jobs()) == {"Cancelled": 1, "Completed": 1}


@pytest.mark.parametrize("change", [{"max_execution_time": 90}, {"backend": "ibm_boston"}])
def test_another_limit_in_the_dag_file_buys_no_call_under_way_again(loop, retry, emulator, change):
    crashes = [CrashError()]

    def function(qpu):
        pending = qpu.submit_sample(FLIP, shots=20)
        if crashes:
            raise crashes.pop()
        return shots_of(pending.result())

    retry(function, CrashError, max_execution_time=60)
    assert retry(function, **{"max_execution_time": 60, **change}) == 20
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("programs", [("sampler", "executor"), ("executor", "sampler")])
def test_another_program_in_the_dag_file_reads_what_the_first_has_measured(loop, retry, emulator, programs):
    crashes, chosen = [CrashError()], iter(programs)

    def function(qpu):
        pending = qpu.submit_sample(FLIP, shots=20, program_id=next(chosen))
        if crashes:
            raise crashes.pop()
        return shots_of(pending.result())

    retry(function, CrashError)
    assert retry(function) == 20
    [job] = emulator.jobs()
    assert job["program_id"] == programs[0]


def test_a_list_that_was_split_stays_split_as_it_was(loop, retry, emulator, monkeypatch):
    from airflow_provider_qrt.programs.sampler import SamplerProgram

    emulator.configure(queue_seconds=3600)
    monkeypatch.setattr(SamplerProgram, "max_executions", 50)
    crashes = [CrashError()]

    def function(qpu):
        pending = qpu.submit_sample([FLIP] * 6, shots=20, program_id="sampler")
        if crashes:
            raise crashes.pop()
        for job_id in pending.job_ids:
            emulator.finish(job_id)
        return [shots_of(pub) for pub in pending.result()]

    retry(function, CrashError, max_execution_time=60)
    monkeypatch.setattr(SamplerProgram, "max_executions", 60)
    assert retry(function, max_execution_time=90) == [20] * 6
    assert [job["status"] for job in emulator.jobs()] == ["Completed"] * 3


@pytest.mark.parametrize("kind", ["float", "scalar", "array", "long array", "list of scalars"])
def test_numbers_that_a_step_is_given_may_differ_in_their_last_bits(loop, retry, kind):
    import numpy as np

    make = {
        "float": float,
        "scalar": np.float64,
        "array": lambda number: np.array([number, 1.0]),
        "long array": lambda number: np.array([number] * 100),
        "list of scalars": lambda number: [np.float64(number)],
    }[kind]
    given = iter([0.3, 0.1 + 0.2, 0.31])

    def function(qpu):
        qpu.step("fit", lambda value: 1, make(next(given)))
        raise CrashError

    retry(function, CrashError)
    retry(function, CrashError)
    assert "differs from the call that an earlier try" in retry(function, AirflowFailException)


def test_numbers_that_are_no_more_than_noise_are_the_same_in_a_long_list(loop, retry, emulator):
    noise, crashes = iter([1.2246e-16, 1.2251e-17]), [CrashError()]

    def function(qpu):
        qpu.estimate(TURN, "Z0", {"theta": [next(noise)] * 70}, precision=0.1, program_id="estimator")
        if crashes:
            raise crashes.pop()

    retry(function, CrashError)
    retry(function)
    assert len(emulator.jobs()) == 1


# After a clear, an upgrade, a delivery that nobody heard of


def test_a_clear_does_not_ask_for_jobs_whose_answers_were_kept(loop, emulator, client, ti):
    loop.run(python_callable=sample)
    [job] = emulator.jobs()
    client.delete_job(job["id"])
    loop.clear()
    ti.try_number += 1
    assert loop.run(python_callable=sample) == {"1": 20}


def test_a_clear_goes_on_if_the_service_does_not_tell_of_a_job_of_before(loop, emulator, context, caplog):
    emulator.configure(queue_seconds=3600)
    loop.defer(python_callable=sample)
    [job] = emulator.jobs()
    emulator.add_fault(method="GET", path=f"/jobs/{job['id']}", status=403, times=None)
    emulator.configure(queue_seconds=0)
    loop.clear()
    assert loop.run(python_callable=sample) == {"1": 20}
    assert "An earlier job of call 1 (sample) may still run and be charged" in caplog.text


def test_an_airflow_that_keeps_state_takes_the_journal_over_from_files(loop, retry, emulator, context, tmp_path, ti):
    emulator.configure(queue_seconds=3600)
    ti.id, crashes = "first try", [CrashError()]

    def function(qpu):
        emulator.configure(queue_seconds=0)
        sample(qpu)
        emulator.configure(queue_seconds=3600)
        pending = qpu.submit_sample(FLIP, shots=30)
        if crashes:
            raise crashes.pop()
        emulator.finish(pending.job_ids[0])
        return shots_of(pending.result())

    store = context.pop("task_state_store")
    retry(function, CrashError, journal_path=str(tmp_path / "journal"))
    context["task_state_store"], ti.id = store, "second try"
    assert retry(function, journal_path=str(tmp_path / "journal")) == 30
    assert [job["status"] for job in emulator.jobs()] == ["Completed"] * 2


def test_a_call_whose_answer_nobody_asked_for_is_not_made_again(loop, emulator, ti):
    emulator.configure(queue_seconds=3600)

    def function(qpu):
        return bool(qpu.submit_sample(FLIP))

    loop.execute(python_callable=function)
    # Airflow never heard that the try had succeeded.
    ti.try_number += 1
    loop.execute(python_callable=function)
    assert [job["status"] for job in emulator.jobs()] == ["Cancelled"]
    assert ti.pushed["qiskit_runtime_loop"]["jobs"] == 1


def test_calls_that_were_done_and_dropped_count_once(loop, retry, emulator, ti):
    plans = iter([[10, 20, 30], [11], [11, 12, 13], [11, 12, 13]])
    ends = [CrashError(), CrashError()]
    more = {"on_divergence": "continue", "max_jobs": 6}

    def function(qpu):
        pending = [qpu.submit_sample(FLIP, shots=shots) for shots in next(plans)]
        for one in pending:
            one.result()
        if ends:
            raise ends.pop()

    retry(function, CrashError, **more)
    retry(function, CrashError, **more)
    retry(function, **more)
    assert ti.pushed["qiskit_runtime_loop"]["jobs"] == len(emulator.jobs()) == 6


# Refusals


def test_a_refusal_while_a_first_job_runs_leaves_it_to_the_retry(loop, emulator):
    emulator.configure(queue_seconds=3600)

    def function(qpu):
        qpu.submit_sample(FLIP)
        return qpu.sample(FLIP, shots=30)

    emulator.add_fault(method="POST", path="/jobs", status=403, times=9, skip=1)
    with pytest.raises(AirflowException, match="a retry goes on with it") as raised:
        loop.run(python_callable=function)
    assert not isinstance(raised.value, AirflowFailException)
    assert [job["status"] for job in emulator.jobs()] == ["Queued"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_service_that_refuses_all_submissions_ends_the_try_at_its_timeout(loop, emulator, monkeypatch, deferrable):
    emulator.add_fault(method="POST", path="/jobs", status=429, retry_after=50, times=None)
    clock = [1e9]
    monkeypatch.setattr("airflow_provider_qrt.hybrid.turn.time.time", lambda: clock[0])
    monkeypatch.setattr(
        "airflow_provider_qrt.execution.task_jobs.TaskJobs.sleep",
        lambda _, seconds: clock.__setitem__(0, clock[0] + seconds),
    )
    arguments = {"python_callable": sample, "timeout": 300}
    told = pytest.raises(AirflowException, match="no further submission within the timeout of 300 s")
    if not deferrable:
        with told:
            loop.execute(**arguments)
    else:
        deferred = loop.defer(**arguments)
        assert deferred.kwargs == {"since": 1e9}
        clock[0] += 290
        with told:
            loop.operator(**arguments, deferrable=True).resume_execution(
                deferred.method_name, {**deferred.kwargs, "event": {"waited_until": 1}}, loop.context
            )
    assert emulator.jobs() == []


@pytest.mark.parametrize("wrong", [{"mode": "{{ 'batsch' }}"}, {"backend": "{{ '' }}"}])
def test_a_wrong_setting_makes_no_retries(loop, wrong):
    with pytest.raises(AirflowFailException):
        loop.run(python_callable=sample, **wrong)
