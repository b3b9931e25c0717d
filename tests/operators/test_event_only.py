"""A leg after a deferral that gets only the trigger's event, as in ``dag.test()``. Against the emulator."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_qrt.jobs.submit.rate import SubmissionQueue

TURN = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; {} $0; c[0] = measure $0;'
CIRCUITS = [(TURN.format(gate), None, 1000) for gate in ("x", "rz(0)", "x")]


def to_the_end(task: Any, **arguments: Any) -> Any:
    """Run a try to its end; return its value and how often it was deferred."""
    deferrals = 0
    leg = lambda operator: operator.execute(task.context)  # noqa: E731
    while True:
        try:
            return leg(task.operator(deferrable=True, **arguments)), deferrals
        except TaskDeferred as deferred:
            deferrals += 1
            event, method = task.in_the_triggerer(deferred.trigger), deferred.method_name
            leg = lambda operator, event=event, method=method: operator.resume_execution(  # noqa: E731
                method, {"event": event}, task.context
            )


@pytest.fixture(params=["a record", "no record"])
def kept(request, task, monkeypatch) -> Any:
    """With the state store and without."""
    monkeypatch.setattr("airflow_provider_qrt.triggers.submission.FIRST_DELAY", 0.0)
    # Nobody else has waited on this connection just before.
    monkeypatch.setattr("airflow_provider_qrt.triggers.submission._queues", defaultdict(SubmissionQueue))
    monkeypatch.setattr("airflow_provider_qrt.execution.rate_limit.pause_before_submission", lambda *_: 0.0)
    return {"durable": request.param == "a record"}


def test_a_task(task, kept, emulator):
    value, deferrals = to_the_end(task, **kept)
    assert value["results"][0]["counts"] == {"1": 20}
    assert deferrals == 1


def test_a_task_that_had_to_wait_for_its_turn(task, kept, emulator):
    emulator.add_fault(method="POST", path="/jobs", status=429, times=1)
    value, deferrals = to_the_end(task, **kept)
    assert value["status"] == "Completed"
    assert deferrals == 2
    assert len(emulator.jobs()) == 1


def test_a_task_of_several_jobs(task, kept, emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 1000)
    value, _ = to_the_end(task, circuits=CIRCUITS, **kept)
    assert [result["counts"] for result in value["results"]] == [{"1": 1000}, {"0": 1000}, {"1": 1000}]
    assert len(emulator.jobs()) == 3


def test_a_task_of_several_jobs_that_had_to_wait_in_between(task, emulator, monkeypatch, kept):
    monkeypatch.setattr("airflow_provider_qrt.programs.sampler.SamplerProgram.max_executions", 1000)
    monkeypatch.setattr("airflow_provider_qrt.execution.rate_limit.sleep", lambda _: None)
    emulator.add_fault(method="POST", path="/jobs", status=429, times=1, skip=1)
    value, _ = to_the_end(task, circuits=CIRCUITS, **kept)
    assert [result["counts"] for result in value["results"]] == [{"1": 1000}, {"0": 1000}, {"1": 1000}]
    assert len(emulator.jobs()) == 3


def test_a_function_that_returned_qiskit(task, kept, emulator):
    from airflow.sdk import DAG
    from qiskit import QuantumCircuit

    from airflow_provider_qrt.decorators.primitives import qiskit_sampler_task

    calls = []

    def operator(**_: Any) -> Any:
        @qiskit_sampler_task(backend="ibm_fez", deferrable=True, defer_after=0, poll_interval=0.02, **kept)
        def flip() -> QuantumCircuit:
            calls.append(1)
            circuit = QuantumCircuit(1, 1)
            circuit.x(0)
            circuit.measure(0, 0)
            return circuit

        with DAG("the_dag", schedule=None):
            made = flip().operator
        made.render_template_fields({"params": {}, **task.context})
        return made

    task.operator = operator
    value, _ = to_the_end(task)
    assert value["status"] == "Completed"
    assert task.context["ti"].pushed["returned_qiskit"] is True
    assert len(calls) == 1
