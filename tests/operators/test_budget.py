"""Budgets and dry runs. Against the emulator."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt.compat import TaskDeferralTimeout
from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget
from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger
from tools.local_airflow import wait_until


@pytest.fixture
def spent(task, emulator):
    """Ten QPU seconds were spent by this DAG, in this run."""
    emulator.configure(run_seconds=0)
    emulator.add_rule(run_seconds=10)
    emulator.configure(queue_seconds=0)
    task.execute(deferrable=False, wait_for_completion=False)
    emulator.advance(60)
    # The simulation takes a moment of real time as well.
    wait_until(lambda: emulator.jobs()[0]["final"], seconds=30, what="The end of the job")
    [job] = emulator.jobs()
    emulator.clear_rules()
    task.context["ti"].task_id = "next_task"
    task.context["task_state_store"] = None
    return job


def within(seconds: float, **more) -> QiskitRuntimeBudget:
    return QiskitRuntimeBudget(seconds, **more)


@pytest.mark.parametrize("per", ["dag_run", "dag", "connection"])
def test_a_job_over_the_budget_is_refused_before_it_is_submitted(task, emulator, spent, per):
    with pytest.raises(AirflowFailException, match="Nothing was submitted"):
        task.run(budget=within(11, per=per), retries=3)
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("per", ["dag_run", "dag", "connection"])
def test_a_job_within_the_budget_runs(task, emulator, spent, per):
    assert task.run(budget=within(13, per=per))["status"] == "Completed"


def test_another_run_of_the_dag_has_a_budget_of_its_own(task, spent):
    task.context["ti"].run_id = "another_run"
    assert task.run(budget=within(3))["status"] == "Completed"
    task.context["ti"].task_id = "third_task"
    with pytest.raises(AirflowFailException):
        task.run(budget=within(3, per="dag"))


def test_the_instances_own_limit_counts(task, emulator):
    emulator.configure(usage_limit_seconds=1)
    with pytest.raises(AirflowFailException, match=r"has 1\.0 s left of its usage limit"):
        task.run(budget=within(100))
    assert emulator.jobs() == []


def test_a_deferrable_task_may_wait_for_room_without_a_worker(task, emulator, spent):
    deferred = task.defer(budget=within(11, per="dag", window=20_000, when_exceeded="defer"), timeout=86_400)
    assert isinstance(deferred.trigger, QiskitRuntimeSubmissionTrigger)
    created = datetime.fromisoformat(spent["created"])
    assert deferred.trigger.not_before == pytest.approx(created.timestamp() + 20_000, abs=5)
    assert len(emulator.jobs()) == 1


def test_a_task_does_not_wait_for_room_that_comes_after_its_timeout(task, emulator, spent):
    with pytest.raises(AirflowFailException):
        task.defer(budget=within(11, per="dag", when_exceeded="defer"), timeout=60)


def test_a_cleared_task_that_never_had_room_does_not_end_with_the_result_of_before(task, emulator, store, spent):
    task.context["task_state_store"] = store
    task.run()
    task.clear()
    room = within(11, per="dag", window=20_000, when_exceeded="defer")
    task.defer(budget=room, timeout=86_400)
    with pytest.raises(TaskDeferralTimeout, match="Nothing was submitted"):
        task.operator(budget=room).resume_execution("__fail__", {"error": "Trigger timeout"}, task.context)


@pytest.mark.parametrize("budget", [{"max_seconds": 11, "per": "dag"}, 11, "11"])
def test_the_connection_may_carry_the_budget(task, emulator, connect, spent, budget):
    connect({"budget": budget})
    with pytest.raises(AirflowFailException, match="budget of 11 s"):
        task.run()
    assert task.run(budget={"max_seconds": 1000})["status"] == "Completed"


@pytest.mark.parametrize("budget", [{"max_seconds": -1}, {"seconds": 5}, "a lot", -600])
def test_a_budget_that_makes_no_sense_submits_nothing(task, emulator, budget):
    with pytest.raises(AirflowFailException, match="budget: "):
        task.run(budget=budget)
    assert emulator.jobs() == []


@pytest.mark.parametrize("text", ["a lot", "[1]"])
def test_a_connections_budget_that_cannot_be_read_names_the_connection(task, connect, text):
    connect({"budget": text})
    with pytest.raises(AirflowFailException, match=r"qiskit_runtime_default.*Budget \(budget\) must be JSON"):
        task.run()


@pytest.mark.parametrize(("own", "cost"), [(None, 30), (20, 20), (600, 30)])
def test_a_budget_bounds_the_job_that_it_admits(task, emulator, own, cost, caplog):
    """Whatever it really takes: here it would take longer, and IBM stops it."""
    caplog.set_level(logging.INFO)
    emulator.configure(run_seconds=45)
    job_id = task.run(budget=30, max_execution_time=own, wait_for_completion=False)["job_id"]
    [job] = emulator.jobs()
    assert job["cost"] == cost
    log = caplog.text
    assert (f"max_execution_time is {cost} s, which is what the budget has left" in log) == (own != cost)
    emulator.advance(60)
    wait_until(lambda: emulator.jobs()[0]["final"], seconds=30, what="The end of the job")
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    ended = QiskitRuntimeHook().client.job(job_id)
    assert ended.state.reason_code == 1305
    assert ended.usage.seconds == cost


def test_the_bound_is_what_is_left_and_does_not_change_what_is_asked_for(task, emulator, spent):
    before = task.run(budget=within(20), dry_run=True)
    assert before["max_execution_time"] == 10
    assert before["fingerprint"] == task.run(dry_run=True)["fingerprint"]


def test_parts_share_what_is_left(task, emulator, store, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 1000)
    circuits = [(task.defaults["circuits"], None, 1000), (task.defaults["circuits"], None, 1000)]
    task.run(budget=30, circuits=circuits)
    assert [job["cost"] for job in emulator.jobs()] == [15, 15]


def test_a_warning_says_that_nothing_stops_the_job(task, caplog):
    words = "Neither max_execution_time nor a budget is set"
    task.run(max_execution_time=60)
    task.clear()
    task.run(budget=60)
    assert words not in caplog.text
    task.clear()
    task.run()
    assert caplog.text.count(words) == 1


@pytest.fixture
def held(task, emulator):
    """This run has held a machine for 82 seconds with a dedicated session, for a job of 3 seconds."""
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    client = QiskitRuntimeHook().client
    emulator.configure(run_seconds=3)
    session = client.create_session(mode="dedicated", backend="ibm_fez")
    asked = {"wait_for_completion": False, "session_id": session.id, "max_execution_time": 60}
    job_id = task.execute(**asked)["job_id"]
    wait_until(lambda: client.job(job_id).status.value == "Running", seconds=30, what="The start of the job")
    emulator.advance(52)
    wait_until(lambda: emulator.jobs()[0]["final"], seconds=30, what="The end of the job")
    emulator.advance(30)
    client.close_session(session.id)
    emulator.configure(run_seconds=0)
    task.context["ti"].task_id = "next_task"
    task.context["task_state_store"] = None
    return client.session(session.id).elapsed_seconds


@pytest.mark.parametrize("more", [{}, {"per": "dag"}, {"per": "connection", "window": 3600}])
def test_a_dedicated_session_counts_with_what_it_held(task, held, more):
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    assert held >= 60
    with pytest.raises(AirflowFailException, match=rf"has spent {held:.1f} s"):
        task.run(budget={"max_seconds": held, **more})
    assert task.run(budget={"max_seconds": held + 3, **more})["status"] == "Completed"
    used = QiskitRuntimeHook().seconds_used(dag_id="the_dag")
    assert used.charged_seconds == pytest.approx(held, abs=0.5)
    assert used.jobs == 2


# Dry run


def test_a_dry_run_says_what_would_be_submitted_and_submits_nothing(task, emulator, sent):
    plan = task.run(dry_run=True, budget=within(100), shots=1000)
    assert plan["dry_run"] is True
    assert (plan["backend"], plan["program_id"], plan["executions"]) == ("ibm_fez", "executor", 1000)
    assert plan["estimated_seconds"] == pytest.approx(2.35)
    assert plan["budget_seconds"] == 100
    assert sent("POST") == []


@pytest.mark.parametrize("text", ["True", "true"])
def test_a_dry_run_can_come_from_a_template(task, emulator, text):
    assert task.run(dry_run=text)["dry_run"] is True
    assert emulator.jobs() == []


def test_the_connection_may_ask_for_dry_runs(task, emulator, connect):
    connect({"dry_run": True})
    assert task.run()["dry_run"] is True
    assert emulator.jobs() == []


def test_a_dry_run_checks_as_a_real_one(task):
    with pytest.raises(AirflowFailException, match="Did you mean"):
        task.run(dry_run=True, backend="ibm_fezz")
    with pytest.raises(AirflowFailException, match="budget of 1 s"):
        task.run(dry_run=True, budget=within(1))


def test_the_rendered_field_of_a_dry_run_bears_the_name_that_users_write(task):
    operator = task.operator(dry_run="{{ params.shots == 33 }}")
    assert "dry_run" in operator.template_fields
    assert operator.dry_run == "True"
