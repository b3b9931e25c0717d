"""Dry runs by the service: free jobs on a backend's mock twin, for a plan, or for the estimate of a budget."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_qrt.emulator import Emulator
from tests.conftest import QUICK

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
FLIP = HEAD + "bit[1] c; x $0; c[0] = measure $0;"
NOT_ISA = HEAD + "bit[1] c; h $0; c[0] = measure $0;"
DRY = {"dry_run": "service"}


def all_jobs(emulator):
    """All jobs, those on mock twins too."""
    return emulator.jobs()


def on_twins(emulator):
    return [job for job in all_jobs(emulator) if job["backend"].startswith("mock_")]


def next_try(task) -> None:
    task.context["ti"].try_number += 1
    task.context["ti"].pushed.clear()


# The plan


def test_the_plan_has_ibms_estimate_beside_that_of_the_formula(either_way, emulator):
    plan = either_way.run(**DRY, shots=1000)
    [job] = all_jobs(emulator)
    assert (plan["dry_run"], plan["backend"], plan["estimate"]) == (True, "ibm_fez", "service")
    assert plan["dry_run_job_ids"] == [job["id"]]
    assert plan["formula_seconds"] == pytest.approx(2.35)
    assert plan["estimated_seconds"] > 0
    assert job["backend"] == "mock_fez"
    assert "results" not in plan


def test_nothing_is_charged(task, emulator):
    task.run(**DRY)
    assert task.last.hook.client.instance_usage().consumed_seconds == 0


def test_several_jobs_are_estimated_one_by_one(either_way, emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 30)
    plan = either_way.run(**DRY, circuits=[FLIP, FLIP, FLIP])
    assert plan["jobs"] == 3
    assert sorted(plan["dry_run_job_ids"]) == sorted(job["id"] for job in on_twins(emulator))
    assert len(all_jobs(emulator)) == 3


def test_the_service_sees_what_would_be_submitted(task, emulator):
    task.run(**DRY, circuits=FLIP, optimization_level=1, program_id="executor")
    [job] = all_jobs(emulator)
    assert job["program_id"] == "executor"


def test_what_the_service_refuses_fails_the_task_with_its_reason(either_way, emulator):
    with pytest.raises(AirflowException, match=r"on mock_fez failed.*h.*not"):
        either_way.run(**DRY, circuits=NOT_ISA, check_isa=False, program_id="sampler")
    assert len(all_jobs(emulator)) == 1


@pytest.fixture
def no_twins(connect):
    """An instance whose plan has no dry runs."""
    with Emulator(**QUICK, plan="open") as small:
        connect({"instance": small.instance, "iam_url": small.iam_url}, host=small.url, password=small.api_key)
        yield small


def test_a_plan_without_dry_runs_gets_the_formula_and_says_so(task, no_twins, caplog):
    plan = task.run(**DRY, shots=1000)
    assert (plan["estimate"], plan["estimated_seconds"], plan["dry_run_job_ids"]) == (
        "formula",
        pytest.approx(2.35),
        [],
    )
    assert "This instance has no dry runs on ibm_fez: mock_fez is not among its backends" in caplog.text
    assert all_jobs(no_twins) == []


def test_a_budget_is_compared_with_ibms_estimate(task, emulator):
    with pytest.raises(AirflowFailException, match="estimated at"):
        task.run(**DRY, budget=0.001)
    assert len(on_twins(emulator)) == len(all_jobs(emulator)) == 1


def test_a_retry_goes_on_with_the_dry_run(task, emulator):
    emulator.configure(queue_seconds=600)
    first = task.defer(**DRY)
    assert first.method_name == "execute_stage"
    next_try(task)
    assert task.defer(**DRY).trigger.job_id == first.trigger.job_id
    assert len(all_jobs(emulator)) == 1


def test_a_dry_run_whose_answer_was_lost_is_found(task, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after", times=1)
    plan = task.run(**DRY)
    assert plan["dry_run_job_ids"] == [job["id"] for job in all_jobs(emulator)]


def test_without_records_the_dry_run_is_found_by_its_tags(task, emulator, ti):
    emulator.configure(queue_seconds=600)
    task.context["task_state_store"] = None
    task.context["dag_run"] = SimpleNamespace(clear_number=0)
    task.arguments = {"retries": 2}
    ti.id = "try-1"
    first = task.defer(**DRY)
    next_try(task)
    ti.id = "try-2"
    assert task.defer(**DRY).trigger.job_id == first.trigger.job_id
    assert len(all_jobs(emulator)) == 1


def test_a_session_is_left_alone(task, emulator):
    client = task.operator().hook.client
    session = client.create_session(mode="batch", backend="ibm_fez")
    plan = task.run(**DRY, session_id=session.id)
    assert plan["session_id"] == session.id
    [job] = all_jobs(emulator)
    assert job["session_id"] is None


def test_the_real_job_is_another_one(task, emulator):
    task.run(**DRY)
    task.clear()
    value = task.run()
    assert value["results"][0]["counts"] == {"1": 20}
    assert [job["backend"] for job in all_jobs(emulator)] == ["mock_fez", "ibm_fez"]


@pytest.mark.parametrize("text", ["service", " Service "])
def test_the_word_may_come_from_a_template(task, emulator, text):
    assert task.run(dry_run="{{ '" + text + "' }}")["estimate"] == "service"


def test_another_word_is_refused(task, emulator):
    with pytest.raises(AirflowFailException, match="dry_run: expected True, False or 'service'"):
        task.run(dry_run="{{ 'ibm' }}")
    assert all_jobs(emulator) == []


# The estimate of a budget

BUDGET = {"max_seconds": 100, "estimate": "service"}


def test_a_budget_may_ask_ibm_first(either_way, emulator, caplog):
    value = either_way.run(budget=BUDGET)
    assert value["results"][0]["counts"] == {"1": 20}
    mock, real = all_jobs(emulator)
    assert (mock["backend"], real["backend"]) == ("mock_fez", "ibm_fez")
    assert value["job_id"] == real["id"]
    assert value["estimated_seconds"] > 0
    assert f"Dry run {mock['id']} on mock_fez: the job is valid" in caplog.text


def test_a_job_that_ibm_estimates_too_high_is_not_bought(task, emulator):
    with pytest.raises(AirflowFailException, match="estimated at"):
        task.run(budget={**BUDGET, "max_seconds": 0.001})
    assert [job["backend"] for job in all_jobs(emulator)] == ["mock_fez"]


def test_each_of_several_jobs_is_estimated_by_ibm(task, emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 30)
    value = task.run(budget=BUDGET, circuits=[FLIP, FLIP, FLIP])
    assert len(value["job_ids"]) == 3
    assert len(on_twins(emulator)) == 3


def test_without_dry_runs_the_formula_decides(task, no_twins):
    value = task.run(budget=BUDGET)
    assert value["estimated_seconds"] == pytest.approx(2.007)
    assert len(all_jobs(no_twins)) == 1


def test_a_retry_that_has_its_job_asks_nothing_again(task, emulator):
    emulator.configure(queue_seconds=600)
    deferred = task.defer(budget=BUDGET)
    assert deferred.method_name == "execute_stage"
    emulator.advance(600)
    with pytest.raises(TaskDeferred) as caught:
        task.resume(deferred, budget=BUDGET)
    first = caught.value.trigger
    next_try(task)
    assert task.defer(budget=BUDGET).trigger.job_id == first.job_id
    assert [job["backend"] for job in all_jobs(emulator)] == ["mock_fez", "ibm_fez"]


def test_the_formula_stays_the_default_and_its_estimate_is_kept(either_way, emulator):
    value = either_way.run(budget=100, shots=1000)
    assert value["estimated_seconds"] == pytest.approx(2.35)
    assert len(all_jobs(emulator)) == 1


def test_without_a_budget_there_is_no_estimate(task):
    assert "estimated_seconds" not in task.run()


# A job before the task's own that does not end in time


GAVE_UP = ("__fail__", {"error": "Trigger timeout"})
BROKE = ("__fail__", {"error": "Trigger failure"})


def test_a_dry_run_that_does_not_end_in_time_ends_the_task(either_way, emulator):
    emulator.configure(queue_seconds=600)
    with pytest.raises(AirflowException, match=r"after its timeout of 0 s\. Job \w+ was cancelled"):
        either_way.run(**DRY, timeout=0.2)
    assert len(all_jobs(emulator)) == 1


def test_a_wait_for_a_dry_run_that_airflow_gave_up_ends_the_task_and_names_it(task, emulator):
    emulator.configure(queue_seconds=600)
    deferred = task.defer(**DRY, timeout=0.2)
    with pytest.raises(AirflowException, match=f"Job {deferred.trigger.job_id} is still queued after its timeout"):
        task.operator(**DRY, timeout=0.2).resume_execution(*GAVE_UP, task.context)


def test_a_dry_run_that_ended_before_airflow_gave_up_the_wait_is_read(task, emulator):
    emulator.configure(queue_seconds=600)
    deferred = task.defer(**DRY)
    emulator.finish(deferred.trigger.job_id)
    plan = task.operator(**DRY).resume_execution(*GAVE_UP, task.context)
    assert plan["dry_run_job_ids"] == [deferred.trigger.job_id]


def test_a_trigger_that_broke_leaves_the_dry_run_and_says_so(task, emulator):
    emulator.configure(queue_seconds=600)
    deferred = task.defer(**DRY)
    with pytest.raises(AirflowException, match=f"Trigger failure.*Job {deferred.trigger.job_id} .*goes on"):
        task.operator(**DRY).resume_execution(*BROKE, task.context)
    next_try(task)
    assert task.defer(**DRY).trigger.job_id == deferred.trigger.job_id


@pytest.mark.parametrize("durable", [True, False], ids=["by tags", "submitting anew"])
def test_without_a_record_the_dry_run_is_not_repeated_after_the_wait(task, emulator, durable):
    task.context["task_state_store"] = None
    deferred = task.defer(**DRY, durable=durable)
    with_answer = {**DRY, "durable": durable, "deferrable": True}
    resumed = task.operator(**with_answer)
    event = task.in_the_triggerer(deferred.trigger)
    plan = resumed.resume_execution(deferred.method_name, {"event": event}, task.context)
    assert plan["dry_run_job_ids"] == [deferred.trigger.job_id]
    assert len(all_jobs(emulator)) == 1
