"""Many circuits in few jobs of one task: each job is submitted once, all are cancelled together, results in order."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_qrt import primitives
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Session
from airflow_provider_qrt.compat import TaskDeferralTimeout
from airflow_provider_qrt.execution import leg, rate_limit
from airflow_provider_qrt.execution.failure_callback import cancel_jobs_of_failed_task
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.primitives import SamplerResult
from airflow_provider_qrt.programs.sampler import SamplerProgram
from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
THREE = [(FLIP, None, 90), (FLIP, None, 80), (FLIP, None, 70)]
"""More shots than fit into two jobs."""
ALIKE = [(FLIP, None, 90)] * 3
MAX_BODY = "AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES"


@pytest.fixture(autouse=True)
def a_hundred_executions(monkeypatch) -> None:
    """Reduce IBM's limits for one job to values that a test can reach."""
    monkeypatch.setattr(SamplerProgram, "max_executions", 100)


@pytest.fixture
def slow(emulator):
    emulator.configure(queue_seconds=600)
    return emulator


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    naps: list[float] = []
    monkeypatch.setattr(rate_limit, "sleep", naps.append)
    return naps


def in_order(emulator) -> list[str]:
    """The jobs as they were submitted."""
    return [job["id"] for job in emulator.jobs()]


def shots(value) -> list[int]:
    return [one["shots"] for one in value["results"]]


def batches() -> list[Session]:
    client = QiskitRuntimeHook().client
    return [client.session(one.id) for one in client.workloads(mode="batch")]


def accepting() -> list[bool]:
    return [batch.accepting_jobs for batch in batches()]


def cancelled(emulator) -> list[bool]:
    return [job["cancelled"] for job in emulator.jobs()]


def next_try(task) -> None:
    """Airflow begins a retry without the XComs of the try before."""
    task.context["ti"].try_number += 1
    task.context["ti"].pushed.clear()


def refuse(emulator, *, after: int, times: int = 1) -> None:
    emulator.add_fault(method="POST", path="/jobs", status=429, skip=after, times=times)


def go_on(task, deferred: TaskDeferred, **more) -> TaskDeferred:
    """The leg after the wait for a turn, which submits the rest and defers again."""
    arguments = {**deferred.kwargs, "event": {"waited_until": 0.0}}
    with pytest.raises(TaskDeferred) as again:
        task.operator(deferrable=True, **more).resume_execution(deferred.method_name, arguments, task.context)
    return again.value


# The result


def test_results_come_back_in_the_order_of_the_circuits(either_way, emulator):
    value = either_way.run(circuits=[(FLIP, None, number) for number in (60, 50, 40, 30, 20)])
    assert shots(value) == [60, 50, 40, 30, 20]
    assert [one["counts"] for one in value["results"]] == [{"1": number} for number in (60, 50, 40, 30, 20)]
    assert len(emulator.jobs()) == 2


def test_the_value_is_one_and_names_all_jobs(either_way, emulator):
    emulator.configure(run_seconds=0.2)
    value = either_way.run(circuits=THREE)
    assert value["job_ids"] == in_order(emulator)
    assert value["job_id"] == value["job_ids"][0]
    assert (value["status"], value["backend"]) == ("Completed", "ibm_fez")
    assert value["usage_seconds"] == pytest.approx(0.6)
    assert value["finished"] > value["created"]
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert len(SamplerResult.from_xcom(value)) == 3


def test_the_file_is_one_and_named_after_the_first_job(task, emulator):
    value = task.run(circuits=THREE, result_path=str(task.folder / "out"))
    assert value["result_path"] == str(task.folder / "out" / f"{in_order(emulator)[0]}.json")
    written = json.loads((task.folder / "out" / f"{value['job_id']}.json").read_text())
    assert (shots(written), written["job_ids"]) == ([90, 80, 70], in_order(emulator))


def test_what_fits_into_one_job_is_one_and_has_no_batch(either_way, emulator):
    value = either_way.run(circuits=[(FLIP, None, 50), (FLIP, None, 50)])
    assert (len(emulator.jobs()), batches(), "job_ids" in value) == (1, [], False)
    assert "job_ids" not in either_way.context["ti"].pushed


def test_a_body_that_is_too_large_is_split(task, emulator, monkeypatch):
    padded = [f"{FLIP} // {'x' * size}" for size in (900, 800, 300, 200)]
    monkeypatch.setenv(MAX_BODY, "4600")
    value = task.run(circuits=[(text, None, number) for number, text in enumerate(padded, start=1)])
    assert (len(emulator.jobs()), shots(value)) == (2, [1, 2, 3, 4])


def test_an_estimators_circuits_are_split_by_their_size(task, emulator, monkeypatch):
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", {"observables": "Z"}
    monkeypatch.setenv(MAX_BODY, "4500")
    gates = ("rz(0.5) $0;", "x $0;")
    value = task.run(circuits=[f'OPENQASM 3.0; include "stdgates.inc"; {gate} // {"x" * 900}' for gate in gates])
    assert len(emulator.jobs()) == 2
    assert [round(one["evs"]) for one in value["results"]] == [1, -1]


def test_one_circuit_that_is_too_much_is_refused(task, sent):
    with pytest.raises(AirflowFailException, match=r"circuits\[1\]: .*10,000,001 executions"):
        task.run(circuits=[FLIP, (FLIP, None, 10_000_001)])
    assert sent("POST") == []


def test_a_dry_run_says_how_many_jobs_there_would_be(task, sent):
    plan = task.run(circuits=THREE, dry_run=True)
    assert (plan["jobs"], plan["executions"]) == (3, 240)
    assert sent("POST") == []


def test_circuits_are_transpiled_part_by_part(task, emulator):
    hadamard = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c; h q[0]; h q[0]; x q[0]; c[0] = measure q[0];'
    )
    value = task.run(circuits=[(hadamard, None, number) for number in (90, 80, 70)], optimization_level=1)
    assert len(emulator.jobs()) == 3
    assert [one["counts"] for one in value["results"]] == [{"1": number} for number in (90, 80, 70)]


def test_a_circuit_the_backend_cannot_run_is_found_before_the_first_job(task, sent):
    with pytest.raises(AirflowFailException, match=r"circuits\[2\]"):
        task.run(circuits=[*THREE[:2], (FLIP.replace("x $0", "h $0"), None, 70)])
    assert sent("POST") == []


# The batch


def test_the_jobs_share_a_batch_that_takes_no_more_when_the_last_is_in_it(task, slow):
    task.defer(circuits=THREE)
    [batch] = batches()
    assert not batch.accepting_jobs
    assert [job["session_id"] for job in slow.jobs()] == [batch.id] * 3
    assert cancelled(slow) == [False] * 3


def test_jobs_in_a_session_of_the_users_open_no_other(task):
    session = QiskitRuntimeHook().client.create_session(mode="batch", backend="ibm_fez")
    value = task.run(circuits=THREE, session_id=session.id)
    assert value["session_id"] == session.id
    assert accepting() == [True]


def test_a_batch_that_cannot_be_closed_costs_nothing(task, emulator):
    emulator.add_fault(method="PATCH", status=403, times=None)
    assert shots(task.run(circuits=THREE)) == [90, 80, 70]


def test_least_busy_is_chosen_once_for_all_jobs(task, emulator, sent):
    task.run(circuits=THREE, backend="least_busy")
    assert len({job["backend"] for job in emulator.jobs()}) == 1
    assert sent("GET /backends").count("GET /backends") == 1


def test_jobs_that_wait_for_their_turn_do_not_move_to_another_backend(task, slow):
    refuse(slow, after=1)
    deferred = task.defer(circuits=THREE, backend="least_busy")
    [first] = slow.jobs()
    slow.configure(backends={first["backend"]: {"queue_length": 99}})
    go_on(task, deferred, circuits=THREE, backend="least_busy")
    assert {job["backend"] for job in slow.jobs()} == {first["backend"]}
    assert (len(slow.jobs()), len(batches())) == (3, 1)


# Submitted once


def test_a_lost_answer_to_the_second_submission_buys_nothing_twice(either_way, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after", skip=1)
    value = either_way.run(circuits=ALIKE)
    assert value["job_ids"] == in_order(emulator)
    assert len(set(value["job_ids"])) == 3


def test_alike_jobs_carry_tags_that_tell_them_apart(task, emulator):
    task.run(circuits=ALIKE)
    tags = [next(tag for tag in job["tags"] if tag.startswith("qrt:")) for job in emulator.jobs()]
    assert [tag.split(":")[3] for tag in tags] == ["1.1", "1.2", "1.3"]
    assert len({tuple(tag.split(":")[:3]) for tag in tags}) == 1


def test_a_crash_between_two_jobs_is_made_good_by_the_retry(either_way, slow):
    slow.add_fault(method="POST", path="/jobs", status=500, skip=1, times=None)
    with pytest.raises(errors.SubmissionUnknownError, match=r"go on; a retry goes on with them"):
        either_way.run(circuits=ALIKE, retries=3)
    assert accepting() == [False]
    slow.clear_faults()
    slow.configure(queue_seconds=0)
    next_try(either_way)
    [first] = in_order(slow)
    slow.finish(first)
    value = either_way.run(circuits=ALIKE, retries=3)
    assert value["job_ids"] == in_order(slow)
    assert (value["job_ids"][0], len(value["job_ids"])) == (first, 3)
    assert accepting() == [False, False]


def test_a_retry_goes_on_with_all_jobs(task, slow):
    first = task.defer(circuits=THREE).trigger
    next_try(task)
    second = task.defer(circuits=THREE).trigger
    assert (second.job_id, second.more_job_ids) == (first.job_id, first.more_job_ids)
    assert (len(slow.jobs()), len(batches())) == (3, 1)


def test_a_retry_keeps_to_the_partition_though_the_bytes_have_changed(task, slow, monkeypatch):
    task.defer(circuits=THREE)
    monkeypatch.setattr(SamplerProgram, "max_executions", 1000)
    next_try(task)
    assert len(task.defer(circuits=THREE).trigger.more_job_ids) == 2
    assert len(slow.jobs()) == 3


def test_a_job_that_went_out_as_one_stays_one(task, slow, monkeypatch):
    monkeypatch.setattr(SamplerProgram, "max_executions", 1000)
    task.defer(circuits=THREE)
    monkeypatch.setattr(SamplerProgram, "max_executions", 100)
    next_try(task)
    task.defer(circuits=THREE)
    assert len(slow.jobs()) == 1


def test_a_failed_part_is_the_tasks_failure_and_only_it_is_submitted_again(either_way, emulator, monkeypatch):
    emulator.configure(queue_seconds=600)
    real = leg.wait_for_jobs

    def jobs_end() -> None:
        one, two, _ = in_order(emulator)
        emulator.finish(one)
        emulator.finish(two, status="Failed", reason="The control electronics hiccuped.", reason_code=1234)

    def wait(*arguments, **more):
        jobs_end()
        return real(*arguments, **more)

    def first_try() -> None:
        if either_way.arguments["deferrable"]:
            deferred = either_way.defer(circuits=THREE, retries=3)
            jobs_end()
            either_way.resume(deferred, circuits=THREE, retries=3)
        else:
            either_way.execute(circuits=THREE, retries=3)

    with monkeypatch.context() as patch:
        patch.setattr(leg, "wait_for_jobs", wait)
        with pytest.raises(AirflowException, match=r"hiccuped.*Jobs? .* (goes|go) on; a retry goes on with"):
            first_try()
    one, _, three = in_order(emulator)
    next_try(either_way)
    emulator.configure(queue_seconds=0)
    emulator.finish(three)
    value = either_way.run(circuits=THREE, retries=3)
    again = in_order(emulator)[-1]
    assert value["job_ids"] == [one, again, three]
    assert shots(value) == [90, 80, 70]
    assert len(emulator.jobs()) == 4


def test_a_part_that_fails_for_good_takes_the_others_along(task, slow):
    task.context["ti"].max_tries = 0
    deferred = task.defer(circuits=THREE)
    one, two, three = in_order(slow)
    slow.finish(one)
    slow.finish(two, status="Failed", reason="The control electronics hiccuped.", reason_code=1234)
    with pytest.raises(
        AirflowException, match=rf"hiccuped.*No retry will go on with the jobs?: .*Job {three} was cancelled"
    ):
        task.resume(deferred, circuits=THREE)
    assert cancelled(slow) == [False, False, True]


def test_a_clear_buys_all_anew(either_way, emulator):
    either_way.run(circuits=THREE)
    either_way.clear()
    value = either_way.run(circuits=THREE)
    assert value["job_ids"] == in_order(emulator)[3:]


def test_a_clear_cancels_what_goes_on(task, slow):
    task.defer(circuits=THREE)
    task.clear()
    task.defer(circuits=THREE)
    assert cancelled(slow) == [True] * 3 + [False] * 3


def test_what_was_paid_for_and_not_delivered_is_not_bought_by_a_clear(task, slow):
    deferred = task.defer(circuits=THREE)
    one, two, three = in_order(slow)
    slow.finish(one)
    slow.finish(two, status="Failed", reason="The control electronics hiccuped.", reason_code=1234)
    with pytest.raises(AirflowException):
        task.resume(deferred, circuits=THREE, retries=0)
    slow.configure(queue_seconds=0)
    task.clear()
    value = task.run(circuits=THREE)
    assert value["job_ids"][0] == one
    assert not {two, three} & set(value["job_ids"])


@pytest.mark.parametrize("fewer", [[(FLIP, None, 10)], [(FLIP, None, 60), (FLIP, None, 50)]], ids=["one", "two"])
def test_another_input_with_fewer_jobs_leaves_none_of_the_former_running(task, slow, fewer):
    task.defer(circuits=THREE)
    next_try(task)
    task.defer(circuits=fewer)
    assert cancelled(slow) == [True] * 3 + [False] * len(fewer)


def test_another_input_with_more_jobs_does_not_leave_the_former_running(task, slow):
    task.defer(circuits=[(FLIP, None, 10)])
    next_try(task)
    task.defer(circuits=THREE)
    assert cancelled(slow) == [True, False, False, False]


# The submission limit


def test_a_deferrable_task_waits_for_its_turn_in_the_triggerer_and_goes_on(task, emulator, slept):
    refuse(emulator, after=2)
    deferred = task.defer(circuits=THREE)
    assert isinstance(deferred.trigger, QiskitRuntimeSubmissionTrigger)
    assert (list(deferred.trigger.job_ids), slept) == (in_order(emulator), [])
    assert task.context["ti"].pushed["job_ids"] == in_order(emulator)
    assert accepting() == [True]
    waiting = go_on(task, deferred, circuits=THREE)
    assert shots(task.resume(waiting, circuits=THREE)) == [90, 80, 70]
    assert (len(emulator.jobs()), accepting()) == (3, [False])


def test_a_blocking_task_waits_on_its_worker(task, emulator, slept):
    refuse(emulator, after=2, times=2)
    value = task.execute(circuits=THREE)
    assert (shots(value), len(emulator.jobs()), len(batches())) == ([90, 80, 70], 3, 1)
    assert len([nap for nap in slept if nap >= 12]) == 2


def test_a_task_that_keeps_no_record_waits_on_its_worker_once_it_has_jobs(task, emulator, slept):
    refuse(emulator, after=2)
    value = task.run(circuits=THREE, durable=False, deferrable=True)
    assert (shots(value), len(emulator.jobs())) == ([90, 80, 70], 3)
    assert len([nap for nap in slept if nap >= 12]) == 1


@pytest.mark.parametrize("durable", [True, False])
def test_a_batch_that_ends_while_a_task_waits_on_its_worker_is_followed_by_another(
    task, emulator, monkeypatch, durable
):
    def outlive_the_batch(seconds: float) -> None:
        if seconds >= 12:
            [batch] = batches()
            QiskitRuntimeHook().client.close_session(batch.id)

    monkeypatch.setattr(rate_limit, "sleep", outlive_the_batch)
    refuse(emulator, after=1)
    assert shots(task.execute(circuits=THREE, durable=durable)) == [90, 80, 70]
    assert (len(emulator.jobs()), accepting()) == (3, [False, False])


def test_a_turn_that_does_not_come_fails_the_task_and_cancels_what_was_submitted(task, slow, slept):
    refuse(slow, after=2, times=99)
    task.context["ti"].max_tries = 0
    with pytest.raises(
        AirflowException, match=r"no further submission.*2 of 3 jobs are submitted.*No retry will go on"
    ):
        task.execute(circuits=THREE, timeout=10)
    assert (cancelled(slow), accepting()) == ([True, True], [False])


def test_a_task_given_up_while_it_waits_for_its_turn_leaves_no_job(task, slow):
    refuse(slow, after=2)
    task.defer(circuits=THREE)
    with pytest.raises(AirflowException, match=r"Job \w+ was cancelled\. Job \w+ was cancelled") as caught:
        task.operator(circuits=THREE).resume_execution("__fail__", {"error": "Trigger timeout"}, task.context)
    assert not isinstance(caught.value, TaskDeferralTimeout)
    assert (cancelled(slow), accepting()) == ([True, True], [False])


def test_a_task_cleared_while_it_waits_for_its_turn_leaves_no_job(task, slow):
    refuse(slow, after=2)
    trigger = task.defer(circuits=THREE).trigger
    asyncio.run(QiskitRuntimeSubmissionTrigger(**trigger.serialize()[1]).on_kill())
    assert (cancelled(slow), accepting()) == ([True, True], [False])


def test_a_part_that_failed_while_another_waited_for_its_turn_ends_the_task(task, slow):
    refuse(slow, after=2)
    deferred = task.defer(circuits=THREE, retries=3)
    one, _ = in_order(slow)
    slow.finish(one, status="Failed", reason="The control electronics hiccuped.", reason_code=1234)
    operator = task.operator(circuits=THREE, deferrable=True, retries=3)
    arguments = {**deferred.kwargs, "event": {"waited_until": 0.0}}
    with pytest.raises(AirflowException, match="hiccuped"):
        operator.resume_execution(deferred.method_name, arguments, task.context)
    assert len(slow.jobs()) == 2
    assert accepting() == [False]


# The budget


def test_a_budget_is_held_against_the_sum_before_the_first_job(task, sent):
    with pytest.raises(AirflowFailException, match="Nothing was submitted"):
        task.run(circuits=THREE, budget={"max_seconds": 5, "per": "dag_run"})
    assert sent("POST") == []


def test_a_budget_for_all_of_them_is_enough(task, emulator):
    emulator.configure(run_seconds=0.01)
    assert shots(task.run(circuits=THREE, budget={"max_seconds": 9, "per": "dag_run"})) == [90, 80, 70]


# Being stopped


def test_a_task_killed_while_it_waits_takes_all_jobs_along(task, slow, monkeypatch):
    operator = task.operator(circuits=THREE)
    real = leg.wait_for_jobs

    def killed(*arguments, **more):
        operator.on_kill()
        return real(*arguments, **more)

    monkeypatch.setattr(leg, "wait_for_jobs", killed)
    with pytest.raises(AirflowException):
        operator.execute(task.context)
    assert cancelled(slow) == [True] * 3


def test_a_task_killed_between_two_jobs_takes_the_first_along_and_submits_no_more(task, slow, monkeypatch):
    operator = task.operator(circuits=THREE)
    push = task.context["ti"].xcom_push

    def killed(key, value):
        push(key, value)
        if key == "job_ids" and len(value) == 2:
            operator.on_kill()

    monkeypatch.setattr(task.context["ti"], "xcom_push", killed)
    with pytest.raises(AirflowException, match="was killed"):
        operator.execute(task.context)
    assert (cancelled(slow), accepting()) == ([True, True], [False])


def test_a_deferred_task_that_is_cleared_loses_all_jobs(task, slow):
    trigger = task.defer(circuits=THREE).trigger
    asyncio.run(type(trigger)(**trigger.serialize()[1]).on_kill())
    assert cancelled(slow) == [True] * 3


@pytest.mark.parametrize("cancels", [True, False])
def test_a_timeout_is_that_of_all_jobs(either_way, slow, cancels):
    with pytest.raises(AirflowException, match="timeout") as caught:
        either_way.run(circuits=THREE, timeout=0.3, cancel_on_timeout=cancels, retries=0)
    assert cancelled(slow) == [cancels] * 3
    if not cancels:
        assert all(job_id in str(caught.value) for job_id in in_order(slow))


def test_a_task_that_airflow_gave_up_fetches_what_has_completed(task, slow):
    task.defer(circuits=THREE)
    for job_id in in_order(slow):
        slow.finish(job_id)
    resumed = task.operator(circuits=THREE).resume_execution("__fail__", {"error": "Trigger timeout"}, task.context)
    assert shots(resumed) == [90, 80, 70]


def test_a_trigger_that_broke_leaves_the_jobs(task, slow):
    task.context["ti"].max_tries = 0
    task.defer(circuits=THREE)
    with pytest.raises(AirflowException, match=r"Jobs .* were not cancelled and go on"):
        task.operator(circuits=THREE).resume_execution("__fail__", {"error": "Trigger failure"}, task.context)
    assert cancelled(slow) == [False] * 3


def test_an_airflow_that_keeps_nothing_any_more_leaves_none_of_the_jobs(task, slow, failing):
    task.context["ti"].max_tries = 0
    seconds = iter([False, True])
    failing(lambda value: value.get("tag") and value.get("job_id") and next(seconds))
    with pytest.raises(
        RuntimeError,
        match=r"is away\. No retry will go on with the jobs: Job \w+ was cancelled\. Job \w+ was cancelled\.$",
    ):
        task.execute(circuits=THREE)
    assert cancelled(slow) == [True, True]


def test_the_last_resort_finds_all_jobs(task, slow):
    task.defer(circuits=THREE)
    cancel_jobs_of_failed_task({"task": task.operator(circuits=THREE), "ti": task.context["ti"]})
    assert cancelled(slow) == [True] * 3


def test_a_task_that_does_not_wait_names_all_jobs(task, slow):
    value = task.execute(circuits=THREE, wait_for_completion=False)
    assert (value["job_id"], value["job_ids"]) == (in_order(slow)[0], in_order(slow))


def test_nothing_secret_is_handed_to_the_triggerer(task, slow, ti):
    deferred = task.defer(circuits=THREE)
    handed = json.dumps([deferred.trigger.serialize(), deferred.kwargs, ti.pushed])
    for secret in (slow.api_key, slow.instance.split(":")[6], "OPENQASM"):
        assert secret not in handed.replace(slow.url, "")


def test_without_a_store_the_jobs_are_still_one_task(either_way, emulator):
    either_way.context["task_state_store"] = None
    assert shots(either_way.run(circuits=THREE)) == [90, 80, 70]
    assert len(emulator.jobs()) == 3


# Private jobs


def test_the_results_of_private_jobs_are_read_once_each(either_way, emulator, monkeypatch):
    whole, read = primitives.decode_sampler_result, []

    def breaks_at_the_second(text, **limits):
        read.append(text)
        if len(read) == 2:
            raise RuntimeError("the worker died here")
        return whole(text, **limits)

    monkeypatch.setattr(primitives, "decode_sampler_result", breaks_at_the_second)
    with pytest.raises(RuntimeError, match=r"died here.*have completed.*fetches their results"):
        either_way.run(circuits=THREE, private=True, retries=1)
    next_try(either_way)
    assert shots(either_way.run(circuits=THREE, private=True, retries=1)) == [90, 80, 70]
    reads = [one["path"] for one in emulator.requests() if one["path"].endswith("/results")]
    assert (len(reads), len(set(reads)), len(emulator.jobs())) == (3, 3, 3)
