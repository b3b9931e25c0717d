"""Circuits that fit the backend or are transpiled; and the sampler over the executor. Against the emulator."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

BELL = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q; bit[2] c;\nh q[0]; cx q[0], q[1];\nc = measure q;'
FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
NOT_COUPLED = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nbit[1] c;\ncz $0, $100;\nc[0] = measure $0;'
TURN = 'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit[1] q; bit[1] c; rx(theta) q[0]; c = measure q;'


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", str(tmp_path / "circuits"))
    return tmp_path / "circuits"


@pytest.mark.parametrize(
    ("circuit", "says"),
    [(BELL, r"line 4: h on \$0: ibm_fez has no gate 'h'"), (NOT_COUPLED, r"line 4: cz on \$0, \$100")],
    ids=["gate", "coupling"],
)
def test_a_circuit_that_is_not_isa_is_refused_before_it_is_submitted(either_way, emulator, circuit, says):
    with pytest.raises(AirflowFailException, match=says) as caught:
        either_way.run(circuits=circuit)
    assert "optimization_level" in str(caught.value)
    assert emulator.jobs() == []


def test_the_check_can_be_left_to_the_service(task, emulator):
    with pytest.raises(AirflowFailException, match="7000"):
        task.run(circuits=BELL, check_isa=False)
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize("level", [0, "1", 3])
def test_a_circuit_is_transpiled_for_the_backend(either_way, level, own_cache):
    value = either_way.run(circuits=BELL, optimization_level=level, shots=200)
    counts = value["results"][0]["counts"]
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 200
    assert [entry for entry in own_cache.rglob("*") if entry.is_file()]


def test_a_sweep_is_transpiled_with_its_values_in_place(task):
    value = task.run(circuits=[(TURN, [[0.0], [3.141592653589793]])], optimization_level=1, shots=50)
    assert value["results"][0]["counts"] == [{"0": 50}, {"1": 50}]


def test_a_retry_goes_on_with_the_job_of_a_transpiled_circuit(task, emulator):
    emulator.add_fault(method="GET", path="/jobs/*/results", status=403)
    with pytest.raises(AirflowException):
        task.run(circuits=BELL, optimization_level=1)
    task.run(circuits=BELL, optimization_level=1)
    assert len(emulator.jobs()) == 1


def test_another_level_asks_for_something_else(task, emulator):
    task.run(circuits=BELL, optimization_level=1)
    task.run(circuits=BELL, optimization_level=2)
    assert len(emulator.jobs()) == 2


@pytest.mark.parametrize("level", [4, -1, "much"])
def test_a_level_there_is_not_submits_nothing(task, emulator, level):
    with pytest.raises(AirflowFailException, match="optimization_level"):
        task.run(optimization_level=level)
    assert emulator.jobs() == []


def test_a_backend_without_a_calibration_is_transpiled_for_all_the_same(task, emulator):
    emulator.add_fault(method="GET", path="/backends/*/properties", status=404)
    assert task.run(circuits=BELL, optimization_level=1)["status"] == "Completed"


# The executor


def test_switching_to_the_executor_takes_one_argument(either_way, emulator):
    sampler = either_way.run(circuits=FLIP, program_id="sampler")
    either_way.clear()
    executor = either_way.run(circuits=FLIP, program_id="executor")
    assert executor["results"][0]["counts"] == sampler["results"][0]["counts"] == {"1": 20}
    assert executor["results"][0]["registers"] == sampler["results"][0]["registers"]
    assert executor["program_id"] == "executor"
    assert [job["program_id"] for job in emulator.jobs()] == ["sampler", "executor"]


def test_the_executor_takes_transpiled_circuits_and_sweeps(task):
    value = task.run(
        circuits=[(TURN, [[0.0], [3.141592653589793]]), (BELL, None)], optimization_level=1, program_id="executor"
    )
    assert value["results"][0]["counts"] == [{"0": 20}, {"1": 20}]
    assert set(value["results"][1]["counts"]) <= {"00", "11"}


def test_a_retry_goes_on_with_a_job_of_the_executor(task, emulator):
    emulator.add_fault(method="GET", path="/jobs/*/results", status=403)
    with pytest.raises(AirflowException):
        task.run(program_id="executor", circuits=BELL, optimization_level=1)
    task.run(program_id="executor", circuits=BELL, optimization_level=1)
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"program_id": "estimator"}, "'estimator' is not one of auto, executor, sampler"),
        ({"program_id": "executor", "options": {"simulator": {"seed_simulator": 1}}}, "options.simulator"),
    ],
)
def test_what_the_executor_cannot_do_submits_nothing(task, emulator, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        task.run(**arguments)
    assert emulator.jobs() == []
