"""A task with a function that returns circuits: when the function is called, and how its return value is used."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_qrt.triggers.submission import QiskitRuntimeSubmissionTrigger

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
IDLE = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; c[0] = measure $0;'
TURN = 'OPENQASM 3.0; include "stdgates.inc"; input float a; bit[1] c; sx $0; rz(a) $0; sx $0; c[0] = measure $0;'
FLIPPED = 'OPENQASM 3.0; include "stdgates.inc"; x $0;'


def flip_circuit():
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def counts(value):
    return [one["counts"] for one in value["results"]]


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (FLIP, [{"1": 20}]),
        ([FLIP, IDLE], [{"1": 20}, {"0": 20}]),
        ((FLIP, None, 5), [{"1": 5}]),
        ([(FLIP, None, 5), IDLE], [{"1": 5}, {"0": 20}]),
        ((TURN, {"a": 0.0}), [{"1": 20}]),
    ],
    ids=["text", "list", "PUB", "list with a PUB", "PUB with values"],
)
def test_the_circuits_are_what_the_function_returns(either_way, emulator, returned, expected):
    assert counts(either_way.run(returned, shots=20)) == expected
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("make", [flip_circuit, lambda: [flip_circuit()], lambda: (flip_circuit(), None, 20)])
def test_a_quantum_circuit_is_welcome(either_way, make):
    assert counts(either_way.run(make(), shots=20)) == [{"1": 20}]


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_estimators_function_returns_what_to_measure_as_well(estimator_task, deferrable):
    estimator_task.arguments["deferrable"] = deferrable
    value = estimator_task.run([(FLIPPED, "Z"), (FLIPPED, [["Z"], ["X"]])], precision=0.05)
    assert value["results"][0]["evs"] == pytest.approx(-1, abs=0.1)
    assert value["results"][1]["evs"][0][0] == pytest.approx(-1, abs=0.1)


def test_a_tuple_is_one_pub_of_the_estimator_too(estimator_task):
    assert estimator_task.run((FLIPPED, "Z"))["results"][0]["evs"] == pytest.approx(-1, abs=0.1)


def test_the_estimators_observables_may_stand_on_the_decorator(estimator_task):
    value = estimator_task.run([FLIPPED], observables="Z")
    assert value["results"][0]["evs"] == pytest.approx(-1, abs=0.1)


def test_the_function_gets_its_arguments_rendered_and_a_files_name_as_its_text(task):
    (task.folder / "one.qasm").write_text(FLIP)
    task.execute(FLIP, "{{ params.qubit }}", "one.qasm", shots="{{ params.shots }}")
    assert task.calls == [("2", FLIP)]
    assert task.operator(FLIP, shots="{{ params.shots }}").shots == "33"


def test_the_function_gets_what_it_asks_of_the_context(task):
    asked = []

    def measure(again, params, ti):
        asked.append((again, params["qubit"], ti.task_id))
        return FLIP

    task.execute(measure, 3)
    assert asked == [(3, 2, "the_task")]
    assert "again" not in task.context


def test_a_task_whose_job_has_ended_does_not_call_the_function_again(task, emulator):
    deferred = task.defer(FLIP, shots=20)
    assert task.calls == [()]
    assert counts(task.resume(deferred, FLIP)) == [{"1": 20}]
    assert task.calls == [()]
    assert len(emulator.jobs()) == 1


def test_a_task_that_waits_for_its_turn_to_submit_calls_the_function_again(task, emulator):
    emulator.add_fault(method="POST", path="/jobs", status=429, times=1)
    deferred = task.defer(FLIP)
    assert isinstance(deferred.trigger, QiskitRuntimeSubmissionTrigger)
    assert FLIP not in json.dumps(deferred.trigger.serialize()[1]) + json.dumps(deferred.kwargs)
    arguments = {**deferred.kwargs, "event": {"waited_until": 0.0}}
    with pytest.raises(TaskDeferred) as waiting:
        task.operator(FLIP, deferrable=True).resume_execution(deferred.method_name, arguments, task.context)
    assert task.resume(waiting.value, FLIP)["status"] == "Completed"
    assert task.calls == [(), ()]
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("make", [lambda: FLIP, flip_circuit], ids=["text", "QuantumCircuit"])
def test_a_retry_goes_on_with_the_job_when_the_function_returns_the_same(task, emulator, make):
    emulator.configure(queue_seconds=600)
    first = task.defer(make())
    task.context["ti"].try_number = 2
    again = task.defer(make())
    assert again.trigger.serialize()[1]["job_id"] == first.trigger.serialize()[1]["job_id"]
    assert len(emulator.jobs()) == 1


def test_a_retry_replaces_the_job_when_the_function_returns_something_else(task, emulator):
    emulator.configure(queue_seconds=600)
    task.defer(FLIP)
    task.context["ti"].try_number = 2
    task.defer(IDLE)
    assert sorted(job["cancelled"] for job in emulator.jobs()) == [False, True]


def test_that_the_circuits_are_qiskits_work_is_known_after_the_wait(either_way):
    path = str(either_way.folder / "result.json")
    either_way.run(flip_circuit(), result_path=path)
    assert "qiskit" in json.loads((either_way.folder / "result.json").read_text())["provenance"]["software"]


def test_text_is_nobodys_work(either_way):
    either_way.run(FLIP, result_path=str(either_way.folder / "result.json"))
    assert "qiskit" not in json.loads((either_way.folder / "result.json").read_text())["provenance"]["software"]


def test_many_circuits_become_several_jobs_and_one_result(either_way, emulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES", "3400")
    value = either_way.run([FLIP, IDLE] * 3, shots=4)
    assert counts(value) == [{"1": 4}, {"0": 4}] * 3
    assert len(emulator.jobs()) > 1


def test_a_dry_run_plans_what_the_function_returns(task, emulator):
    plan = task.execute([FLIP, FLIP], shots=50, dry_run=True)
    assert (plan["executions"], plan["jobs"]) == (100, 1)
    assert emulator.jobs() == []


def test_airflow_shows_what_the_function_has_returned(task):
    operator = task.operator(FLIP)
    assert "set during execution" in str(operator.circuits.serialize())
    operator.execute(task.context)
    assert operator.circuits == FLIP
    assert operator.overwrite_rtif_after_execution


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, r"returned None\. Has it a return statement\?"),
        (3, "returned an object of type int"),
        ({"counts": {}}, "returned an object of type dict"),
        ("bell.qasm", "returned the name of a file, 'bell.qasm'"),
        ([], "the list is empty"),
        ([FLIP, None], r"circuits\[1\]: expected OpenQASM 3 text"),
        ("not a circuit", r"circuits\[0\]"),
    ],
)
def test_what_is_no_circuit_fails_at_once_and_the_error_names_function_and_task(task, emulator, returned, said):
    with pytest.raises(AirflowFailException, match=said) as failed:
        task.execute(returned)
    assert "the function 'measure' of task 'the_task'" in str(failed.value)
    assert emulator.jobs() == []


def test_an_error_that_is_not_about_the_circuits_does_not_name_the_function(task):
    with pytest.raises(AirflowFailException, match="shots") as failed:
        task.execute(FLIP, shots=0)
    assert "measure" not in str(failed.value)


def test_the_functions_own_error_is_the_tasks_and_nothing_is_submitted(task, emulator):
    def measure():
        raise LookupError("no such molecule")

    with pytest.raises(LookupError, match="no such molecule"):
        task.execute(measure)
    assert emulator.jobs() == []


def test_without_a_connection_the_function_is_not_called(task, monkeypatch):
    with pytest.raises(Exception, match="nowhere"):
        task.execute(FLIP, qiskit_runtime_conn_id="nowhere")
    assert task.calls == []


def test_a_job_that_was_cancelled_with_an_earlier_try_is_submitted_anew_after_the_wait(task, emulator):
    emulator.configure(queue_seconds=600)
    task.defer(FLIP, shots=20)
    task.context["ti"].try_number = 2
    waiting = task.defer(FLIP, shots=20)
    [job] = emulator.jobs()
    emulator.finish(job["id"], "Cancelled")
    with pytest.raises(TaskDeferred) as again:
        task.resume(waiting, FLIP, shots=20)
    assert task.calls == [()] * 3
    emulator.finish(again.value.trigger.serialize()[1]["job_id"])
    assert counts(task.resume(again.value, FLIP)) == [{"1": 20}]
    assert len(emulator.jobs()) == 2
