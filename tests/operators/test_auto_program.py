"""program_id="auto": which program a task uses, what happens when IBM withdraws it, and how tries fit together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.submit import look_up

DEFAULT_PROGRAM = "AIRFLOW__QISKIT_RUNTIME__DEFAULT_PROGRAM"
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
FLIP = HEAD + "bit[1] c; x $0; c[0] = measure $0;"
BELL = HEAD + "bit[2] c; sx $0; rz(pi/2) $0; cz $0, $1; c[0] = measure $0; c[1] = measure $1;"
SIMULATED = {"options": {"simulator": {"seed_simulator": 1}}}
"""Only the server's program has options of a simulator."""
TWO_NUMBERS = {"circuits": [(FLIP, None, 5), (FLIP, None, 7)]}
ESTIMATE = {"circuits": HEAD + "x $0;", "observables": "Z", "precision": 0.1}


@pytest.fixture
def estimate(task):
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", dict(ESTIMATE)
    return task


@pytest.fixture
def programs(emulator):
    """The programs of all jobs, in the order of submission."""
    return lambda: [job["program_id"] for job in emulator.jobs()]


def posts(emulator):
    """How often something was submitted, or was meant to be."""
    return sum(_is_submission(one) for one in emulator.requests())


def _is_submission(request):
    return request["method"] == "POST" and request["path"].endswith("/jobs")


def next_try(task) -> None:
    task.context["ti"].try_number += 1
    task.context["ti"].pushed.clear()


# The choice


def test_the_executor_comes_first_and_the_log_says_so(task, programs, caplog):
    assert task.run()["program_id"] == "executor"
    assert programs() == ["executor"]
    assert "Program: executor, which takes the place of the sampler" in caplog.text


def test_an_estimator_goes_to_the_executor_too(estimate, programs):
    value = estimate.run()
    assert (value["program_id"], value["results"][0]["evs"]) == ("executor", -1.0)
    assert programs() == ["executor"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (SIMULATED, "options.simulator: the program executor knows no such options"),
        (TWO_NUMBERS, "with the executor the 2 numbers of shots would take 2 jobs"),
        (
            {
                "circuits": HEAD + "bit[2] c; c[0] = measure $0; if (c[0]) { x $1; }",
                "options": {"twirling": {"enable_measure": True}},
            },
            "the circuit has control flow",
        ),
    ],
)
def test_the_server_gets_what_the_executor_cannot_do_as_well(task, programs, caplog, more, reason):
    assert task.run(**more)["program_id"] == "sampler"
    assert programs() == ["sampler"]
    assert "Program: sampler, which IBM has deprecated" in caplog.text
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"options": {"seed_estimator": 1}}, "options.seed_estimator"),
        ({"circuits": [(HEAD + "x $0;", "Z", None, 0.1), (HEAD + "x $0;", "Z", None, 0.2)]}, "asks for a precision"),
        ({"options": {"resilience": {"pec_mitigation": True}}}, "needs a noise model"),
    ],
)
def test_the_server_gets_estimates_that_the_executor_cannot_make(estimate, programs, caplog, more, reason):
    assert estimate.run(**more)["program_id"] == "estimator"
    assert programs() == ["estimator"]
    assert reason in caplog.text


def test_without_the_extra_texts_go_to_the_executor_and_estimates_to_the_server(task, monkeypatch, programs, caplog):
    monkeypatch.setitem(__import__("sys").modules, "qiskit_ibm_runtime.executor_estimator.prepare", None)
    task.run()
    task.clear()
    task.operator_class, task.defaults = "QiskitRuntimeEstimatorOperator", dict(ESTIMATE)
    task.run()
    assert programs() == ["executor", "estimator"]
    assert "pip install 'airflow-provider-qrt[qiskit]'" in caplog.text


def test_input_that_is_wrong_for_both_is_refused_with_both_reasons(task, emulator):
    reasons = r"^neither program.* sampler: options\.twirling\.group: unknown.* executor: .*simulator"
    with pytest.raises(AirflowFailException, match=reasons):
        task.run(options={"twirling": {"group": "{{ 'pauli' }}"}, "simulator": {"seed_simulator": 1}})
    assert emulator.jobs() == []


def test_input_that_is_wrong_is_refused_as_always(task, emulator):
    with pytest.raises(AirflowFailException, match=r"^circuits\[0\]"):
        task.run(circuits="x $0;")
    assert emulator.jobs() == []


@pytest.mark.parametrize(("pinned", "ran"), [("server", "sampler"), ("executor", "executor"), (" Auto ", "executor")])
def test_the_deployment_can_pin_the_program(task, monkeypatch, pinned, ran):
    monkeypatch.setenv(DEFAULT_PROGRAM, pinned)
    assert task.run()["program_id"] == ran


def test_a_pinned_program_is_not_left(task, emulator, monkeypatch):
    monkeypatch.setenv(DEFAULT_PROGRAM, "executor")
    with pytest.raises(AirflowFailException, match=r"options\.simulator"):
        task.run(**SIMULATED)
    emulator.configure(withdrawn_programs=["executor"])
    with pytest.raises(AirflowFailException, match="1222"):
        task.run()
    assert emulator.jobs() == []


def test_a_wrong_pin_is_refused(task, emulator, monkeypatch):
    monkeypatch.setenv(DEFAULT_PROGRAM, "sampler")
    with pytest.raises(AirflowFailException, match="default_program: 'sampler' is not one of auto, executor, server"):
        task.run()
    assert emulator.jobs() == []


def test_the_program_of_a_task_beats_the_deployments(task, monkeypatch):
    monkeypatch.setenv(DEFAULT_PROGRAM, "server")
    assert task.run(program_id="executor")["program_id"] == "executor"


def test_a_dry_run_says_which_program_it_would_be(task, emulator):
    assert task.run(dry_run=True)["program_id"] == "executor"
    assert task.run(dry_run=True, **SIMULATED)["program_id"] == "sampler"
    assert emulator.jobs() == []


# A program that IBM has withdrawn


def test_a_withdrawn_executor_is_replaced_once(either_way, emulator, programs, caplog):
    emulator.configure(withdrawn_programs=["executor"])
    value = either_way.run()
    assert (value["program_id"], value["results"][0]["counts"]) == ("sampler", {"1": 20})
    assert programs() == ["sampler"]
    assert posts(emulator) == 2
    assert (
        "The program executor cannot be used, so nothing was submitted with it; sampler is used instead." in caplog.text
    )


def test_a_withdrawn_sampler_is_replaced_once_though_it_takes_more_jobs(either_way, emulator, programs):
    emulator.configure(withdrawn_programs=["sampler"])
    value = either_way.run(**TWO_NUMBERS)
    assert [one["counts"] for one in value["results"]] == [{"1": 5}, {"1": 7}]
    assert value["program_id"] == "executor"
    assert programs() == ["executor", "executor"]
    assert posts(emulator) == 3


def test_a_withdrawn_executor_of_several_jobs_is_replaced(either_way, emulator, programs, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 30)
    emulator.configure(withdrawn_programs=["executor"])
    value = either_way.run(circuits=[FLIP, FLIP, FLIP])
    assert [one["counts"] for one in value["results"]] == [{"1": 20}] * 3
    assert programs() == ["sampler"] * 3


def test_withdrawn_estimators_are_replaced(estimate, emulator, programs):
    emulator.configure(withdrawn_programs=["executor"])
    value = estimate.run()
    assert (value["program_id"], value["results"][0]["evs"]) == ("estimator", -1.0)
    assert programs() == ["estimator"]


@pytest.mark.parametrize("status", [404, 410])
def test_a_refusal_that_names_the_program_is_one_of_it(task, emulator, programs, status):
    gone = {"errors": [{"code": 1, "message": "The program executor is no longer offered."}]}
    emulator.add_fault(method="POST", path="/jobs", status=status, body=gone, times=1)
    assert task.run()["program_id"] == "sampler"
    assert programs() == ["sampler"]


def test_input_that_the_service_refuses_is_tried_with_the_other_program(task, emulator, programs):
    refusal = {"errors": [{"code": 1002, "message": "circuits.data is not allowed."}]}
    emulator.add_fault(method="POST", path="/jobs", status=400, body=refusal, times=1)
    assert task.run()["program_id"] == "sampler"
    assert programs() == ["sampler"]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, 1291, "Backend ibm_fez was not found."),
        (400, 4001, "The session is closed."),
        (400, 1204, "Too many tags."),
        (403, 1200, "Not authorised."),
        (409, 1, "Usage limit."),
    ],
)
def test_a_refusal_of_something_else_stays_one(task, emulator, status, code, message):
    body = {"errors": [{"code": code, "message": message}]}
    emulator.add_fault(method="POST", path="/jobs", status=status, body=body)
    with pytest.raises((AirflowFailException, errors.ApiError)):
        task.run()
    assert posts(emulator) == 1
    assert emulator.jobs() == []


def test_when_both_are_refused_the_task_fails_with_what_is_said_last(task, emulator):
    emulator.configure(withdrawn_programs=["executor", "sampler"])
    with pytest.raises(AirflowFailException, match="sampler"):
        task.run()
    assert posts(emulator) == 2
    assert emulator.jobs() == []


def test_a_program_that_the_task_names_is_not_replaced(task, emulator):
    emulator.configure(withdrawn_programs=["sampler"])
    with pytest.raises(AirflowFailException, match=r"1222.*program_id; 'auto'"):
        task.run(program_id="sampler")
    assert posts(emulator) == 1


def test_what_the_official_client_refuses_goes_to_the_server(task, programs, monkeypatch, caplog):
    twice = HEAD + "bit[2] c; sx $0; c[0] = measure $0; cz $0, $1; c[1] = measure $1;"
    value = task.run(circuits=twice, options={"twirling": {"enable_measure": True}})
    assert value["program_id"] == "sampler"
    assert programs() == ["sampler"]
    assert "the official client's sampler over the executor refuses this input" in caplog.text


def test_a_plan_says_so_too(task, emulator):
    twice = HEAD + "bit[2] c; sx $0; c[0] = measure $0; cz $0, $1; c[1] = measure $1;"
    plan = task.run(circuits=twice, options={"twirling": {"enable_measure": True}}, dry_run=True)
    assert plan["program_id"] == "sampler"
    assert emulator.jobs() == []


def test_a_prepared_program_that_is_too_large_goes_to_the_server(task, programs, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES", "6000")
    assert task.run(circuits=BELL, options={"twirling": {"enable_gates": True}})["program_id"] == "sampler"
    assert programs() == ["sampler"]


def test_qubits_out_of_service_that_the_client_would_measure_leave_the_circuit_to_the_server(
    estimate, emulator, caplog
):
    emulator.configure(backends={"ibm_fez": {"faulty_qubits": [1]}})
    value = estimate.run(circuits=HEAD + "x $0; x $2;", observables="ZIZ")
    assert (value["program_id"], value["results"][0]["evs"]) == ("estimator", 1.0)
    assert "they use qubit 1 of ibm_fez, which is out of service" in caplog.text


# Tries that fit together


@pytest.fixture
def slow(emulator):
    emulator.configure(queue_seconds=600)
    return emulator


def test_a_task_that_an_earlier_version_has_submitted_goes_on_with_its_job(task, slow, monkeypatch):
    with monkeypatch.context() as before:
        before.setenv(DEFAULT_PROGRAM, "server")
        first = task.defer()
    next_try(task)
    assert task.defer().trigger.job_id == first.trigger.job_id
    assert len(slow.jobs()) == 1


def test_a_deferred_task_of_an_earlier_version_reads_the_result_of_the_other_program(task, emulator, monkeypatch):
    with monkeypatch.context() as before:
        before.setenv(DEFAULT_PROGRAM, "server")
        deferred = task.defer()
    value = task.resume(deferred)
    assert (value["program_id"], value["results"][0]["counts"]) == ("sampler", {"1": 20})
    assert len(emulator.jobs()) == 1


def test_without_records_the_job_of_the_other_program_is_found_by_its_tags(task, slow, ti, monkeypatch):
    task.context["task_state_store"] = None
    task.context["dag_run"] = SimpleNamespace(clear_number=0)
    task.arguments = {"retries": 2}
    ti.id = "try-1"
    monkeypatch.setattr(look_up, "LOOK_UP_PAUSES", (0.0,))
    with monkeypatch.context() as before:
        before.setenv(DEFAULT_PROGRAM, "server")
        first = task.defer()
    next_try(task)
    ti.id = "try-2"
    assert task.defer().trigger.job_id == first.trigger.job_id
    assert len(slow.jobs()) == 1


def test_several_jobs_of_the_other_program_are_gone_on_with(task, slow, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 30)
    with monkeypatch.context() as before:
        before.setenv(DEFAULT_PROGRAM, "server")
        first = task.defer(circuits=[FLIP, BELL, FLIP])
    next_try(task)
    again = task.defer(circuits=[FLIP, BELL, FLIP])
    assert (again.trigger.job_id, again.trigger.more_job_ids) == (first.trigger.job_id, first.trigger.more_job_ids)
    assert len(slow.jobs()) == 3


def test_a_job_that_had_to_go_the_other_way_is_found_by_the_retry(task, slow, programs):
    slow.configure(withdrawn_programs=["executor"])
    first = task.defer()
    slow.configure(withdrawn_programs=[])
    next_try(task)
    assert task.defer().trigger.job_id == first.trigger.job_id
    assert programs() == ["sampler"]


def test_other_input_is_another_job_all_the_same(task, slow):
    task.defer()
    next_try(task)
    task.defer(shots=21)
    assert len(slow.jobs()) == 2


def test_the_executor_refused_by_a_rate_limit_is_waited_for_and_not_replaced(task, emulator, programs):
    emulator.add_fault(method="POST", path="/jobs", status=429, times=1)
    deferred = task.defer()
    assert deferred.method_name == "execute_submission"
    assert programs() == []


def test_the_prepared_program_is_made_only_when_something_is_submitted(task, slow, monkeypatch):
    arguments = {"circuits": BELL, "options": {"twirling": {"enable_gates": True}}}
    first = task.defer(**arguments)
    next_try(task)
    monkeypatch.setattr(
        "airflow_provider_qrt.programs.sampler.ExecutorSamplerProgram.fit_input",
        lambda *_: pytest.fail("prepared although nothing is submitted"),
    )
    assert task.defer(**arguments).trigger.job_id == first.trigger.job_id
