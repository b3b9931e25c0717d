"""Any program, any job. Against the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from airflow_provider_qrt.operators.jobs import (
    QiskitRuntimeCancelJobOperator,
    QiskitRuntimeGetResultOperator,
    QiskitRuntimeSubmitJobOperator,
)
from airflow_provider_qrt.primitives.results.any_result import read_any_result

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
SAMPLER = {"version": 2, "support_qiskit": False, "pubs": [[FLIP, None, 20]]}


@pytest.fixture
def run(context, connection):
    """Execute an operator as the task runner does after its templates were rendered."""

    def execute(kind: type, **arguments: Any) -> Any:
        return kind(task_id="the_task", **arguments).execute(context)

    return execute


def submit(run, **more: Any) -> Any:
    given = {"program_id": "sampler", "program_params": SAMPLER, "backend": "ibm_fez", "poll_interval": 0.02, **more}
    return run(QiskitRuntimeSubmitJobOperator, **given)


def test_a_known_programs_result_is_decoded(run):
    value = submit(run)
    assert value["results"][0]["counts"] == {"1": 20}
    assert value["program_id"] == "sampler"


def test_any_result_may_be_had_as_the_service_gave_it(run):
    value = submit(run, decode=False)
    assert value["results"]["results"][0]["data"]["c"]["num_bits"] == 1


def test_it_is_submitted_once_as_every_job_is(run, emulator):
    emulator.add_fault(method="POST", path="/jobs", drop="after")
    submit(run)
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"program_id": ""}, "program_id: name a program"),
        ({"program_params": [1]}, "expected a mapping, not list"),
        ({"program_params": {"x": float("nan")}}, "cannot be written as JSON"),
        ({"program_params": {"x": object()}}, "cannot be written as JSON"),
        ({"budget": {"max_seconds": 10}}, "Set max_execution_time"),
    ],
    ids=["no program", "a list", "NaN", "an object", "a budget without an estimate"],
)
def test_bad_input_submits_nothing(run, emulator, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        submit(run, **arguments)
    assert emulator.jobs() == []


def test_a_limited_job_of_any_program_fits_a_budget(run, emulator):
    assert submit(run, budget={"max_seconds": 100}, max_execution_time=60)["status"] == "Completed"


# Results of jobs submitted elsewhere


@pytest.mark.parametrize("private", [False, True])
def test_the_result_of_a_job_submitted_elsewhere(run, emulator, private):
    job_id = submit(run, wait_for_completion=False, private=private)["job_id"]
    value = run(QiskitRuntimeGetResultOperator, job_id=job_id, poll_interval=0.02)
    assert value["results"][0]["counts"] == {"1": 20}
    assert value["job_id"] == job_id
    # Of a private job as well: it was kept.
    assert run(QiskitRuntimeGetResultOperator, job_id=job_id)["results"] == value["results"]


def test_waiting_without_a_worker(run, emulator, context, in_the_triggerer):
    emulator.configure(run_seconds=0.3)
    job_id = submit(run, wait_for_completion=False)["job_id"]
    with pytest.raises(TaskDeferred) as deferred:
        run(QiskitRuntimeGetResultOperator, job_id=job_id, deferrable=True, defer_after=0, poll_interval=0.02)
    event = in_the_triggerer(deferred.value.trigger)
    operator = QiskitRuntimeGetResultOperator(task_id="the_task", job_id=job_id)
    assert operator.execute_complete(context, event)["status"] == "Completed"


def test_a_job_that_takes_too_long_is_left_alone(run, emulator, ti):
    emulator.configure(queue_seconds=600)
    job_id = submit(run, wait_for_completion=False)["job_id"]
    ti.pushed.clear()
    with pytest.raises(AirflowException, match="The job goes on: this task does not own it"):
        run(QiskitRuntimeGetResultOperator, job_id=job_id, timeout=0.2, poll_interval=0.02)
    assert emulator.jobs()[0]["status"] == "Queued"
    assert ti.pushed == {"_link_QiskitRuntimeJobLink": f"{emulator.url}/jobs/{job_id}"}


def test_a_failed_job_fails_the_task_with_its_reason(run, emulator):
    emulator.configure(queue_seconds=600)
    job_id = submit(run, wait_for_completion=False)["job_id"]
    emulator.finish(job_id, status="Failed", reason="Broken.", reason_code=5203)
    with pytest.raises(AirflowFailException, match=r"reason code 5203.*Broken") as caught:
        run(QiskitRuntimeGetResultOperator, job_id=job_id)
    assert "clear the one that did" in str(caught.value)
    assert "A retry submits" not in str(caught.value)


@pytest.mark.parametrize("job_id", ["", None, "None"])
def test_no_job_is_an_error(run, sent, job_id):
    with pytest.raises(AirflowFailException, match="job_id is empty"):
        run(QiskitRuntimeGetResultOperator, job_id=job_id)
    assert sent() == []


def test_an_unknown_job_is_an_error_that_says_where_it_was_looked_for(run):
    with pytest.raises(AirflowFailException, match="qiskit_runtime_default"):
        run(QiskitRuntimeGetResultOperator, job_id="nosuchjob")


# Cancelling


def test_a_job_is_cancelled(run, emulator):
    emulator.configure(queue_seconds=600)
    job_id = submit(run, wait_for_completion=False)["job_id"]
    assert "was cancelled" in run(QiskitRuntimeCancelJobOperator, job_id=job_id)
    assert emulator.jobs()[0]["cancelled"]


def test_what_cannot_be_cancelled_is_fine(run):
    job_id = submit(run)["job_id"]
    assert "has ended" in run(QiskitRuntimeCancelJobOperator, job_id=job_id)
    assert "not known" in run(QiskitRuntimeCancelJobOperator, job_id="nosuchjob")
    assert "no job" in run(QiskitRuntimeCancelJobOperator, job_id=None)


# Reading


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a": [1, NaN]}', {"a": [1, None]}), ("no JSON", "no JSON"), ("3", 3)],
)
def test_a_program_nobody_knows_gives_its_json_or_its_text(text, value):
    result = read_any_result("my-program", text)
    assert result.to_xcom_results() == value
    assert result.estimated_xcom_bytes() >= len(json.dumps(value))
