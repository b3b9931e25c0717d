"""The estimator operator over the program executor: the official client prepares the program and reads the result."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_ibm_runtime.decoders.executor_estimator.decoder import ClientSideEstimatorDecoder

from airflow_provider_qrt.emulator import Emulator
from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator
from airflow_provider_qrt.primitives import EstimatorResult

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
FLIP = HEAD + "x $0;"
TWO = HEAD + "x $0; rz(0) $1;"
SWEEP = HEAD + "input float[64] theta; rx(theta) $0;"
GHZ = HEAD + "qubit[3] q; h q[0]; cx q[0], q[1]; cx q[1], q[2];"


@pytest.fixture
def task(task, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__CIRCUIT_CACHE", str(task.folder / "cache"))
    task.operator_class = "QiskitRuntimeEstimatorOperator"
    task.defaults = {"circuits": FLIP, "observables": "Z", "precision": 0.1, "program_id": "executor"}
    return task


def rotated(angle=0.3):
    """A circuit that is built anew, which QPY gives other bytes."""
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.rz(angle, 0)
    circuit.sx(0)
    circuit.cz(0, 1)
    return circuit


# The result


def test_the_value_has_the_shape_of_the_program_estimators(either_way, emulator):
    theirs = either_way.run(program_id="estimator", durable=False)
    value = either_way.run(durable=False)
    assert [job["program_id"] for job in emulator.jobs()] == ["estimator", "executor"]
    assert list(value) == list(theirs)
    changing = dict.fromkeys(("job_id", "program_id", "created", "finished", "usage_seconds", "results"))
    assert {**value, **changing} == {**theirs, **changing}
    [result], [their_result] = value["results"], theirs["results"]
    assert {**result, "metadata": None} == {**their_result, "metadata": None}
    assert result["evs"] == -1
    assert result["metadata"] == {"circuit_metadata": {}, "shots": 100, "target_precision": 0.1}
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert EstimatorResult.from_xcom(value)[0].evs == -1


def test_a_sweep_gives_values_in_the_shape_of_observables_and_parameters(task):
    values = {"theta": [0, math.pi, 0]}
    value = task.run(circuits=[(SWEEP, [["Z"], [{"Z": 2, "I": 1}]], values), (TWO, ["IZ", "Z1", {"ZZ": 3}])])
    np.testing.assert_allclose(value["results"][0]["evs"], [[1, -1, 1], [3, -1, 3]])
    np.testing.assert_allclose(value["results"][1]["evs"], [-1, 1, -3])


def test_observables_follow_a_circuit_that_is_transpiled(task):
    value = task.run(circuits=(GHZ, ["ZZI", "XXX", "YYX", {"ZIZ": 0.5, "III": 2.0}]), optimization_level=2)
    np.testing.assert_allclose(value["results"][0]["evs"], [1, 1, -1, 2.5])


def test_a_parameter_without_effect_keeps_its_place(task):
    circuit = QuantumCircuit(1)
    circuit.rz(Parameter("a"), 0)
    circuit.rx(Parameter("b"), 0)
    value = task.run(circuits=[(circuit, "Z", [[1.0, 0.0], [1.0, math.pi]])], optimization_level=2)
    np.testing.assert_allclose(value["results"][0]["evs"], [1, -1])


def test_extrapolation_to_zero_noise_gives_its_own_fields_as_plain_json(task):
    value = task.run(circuits=TWO, observables=["IZ", "ZI"], resilience_level=2)
    [result] = value["results"]
    np.testing.assert_allclose(result["evs"], [-1, 1], atol=1e-6)
    assert np.shape(result["evs_noise_factors"]) == (2, 3)
    assert np.shape(result["evs_extrapolated"]) == (2, 2, 4)
    assert len(result["metadata"]["resilience"]["zne"]["extrapolators"]) == 2
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_readout_errors_are_mitigated_from_level_1_on(task, connect):
    with Emulator(queue_seconds=0, run_seconds=0, noise=True, seed=3) as noisy:
        instance = {"instance": noisy.instance, "iam_url": noisy.iam_url}
        connect(instance, host=noisy.url, password=noisy.api_key)
        given = {"circuits": TWO, "observables": "ZZ", "precision": 0.01, "durable": False}
        plain, mitigated = (task.run(**given, resilience_level=level)["results"][0]["evs"] for level in (0, 1))
    assert plain > -0.995
    assert abs(mitigated + 1) < abs(plain + 1) / 2


def test_another_task_can_fetch_the_result_of_one_that_did_not_wait(task, context):
    job_id = task.run(circuits=TWO, observables=["IZ", "ZI"], wait_for_completion=False)["job_id"]
    value = QiskitRuntimeGetResultOperator(task_id="fetch", job_id=job_id, poll_interval=0.02).execute(context)
    assert value["results"][0]["evs"] == [-1, 1]


def test_the_text_of_the_result_is_enough_in_another_process(task, emulator):
    job_id = task.run(circuits=TWO, observables=["IZ", {"ZI": 2}])["job_id"]
    code = (
        "import sys; from airflow_provider_qrt.primitives import decode_executor_estimates\n"
        "print(decode_executor_estimates(sys.stdin.read())[0].evs.tolist())"
    )
    text = task.operator().hook.client.job_result(job_id)
    done = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [-1, 2]


def test_the_official_client_reads_the_job_as_we_do(task, emulator):
    value = task.run(circuits=(rotated(), ["ZZ", "XI", {"IY": 2.0, "ZI": 1.0}]), precision=0.05)
    raw = emulator.qiskit_service().job(value["job_id"]).result()
    theirs = ClientSideEstimatorDecoder.decode(raw)[0].data
    for name in ("evs", "stds", "ensemble_standard_error"):
        np.testing.assert_array_equal(value["results"][0][name], theirs[name])


# What is sent


def test_a_retry_goes_on_with_the_job_although_its_program_is_never_the_same(task, emulator):
    emulator.add_fault(method="GET", path="/jobs/*/results", status=403)
    with pytest.raises(AirflowException):
        task.run(circuits=(rotated(), "ZZ"), optimization_level=1)
    assert task.run(circuits=(rotated(), "ZZ"), optimization_level=1)["status"] == "Completed"
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"program_id": "estimator"},
        {"resilience_level": 0},
        {"precision": 0.2},
        {"options": {"twirling": {"num_randomizations": 2}}},
        {"observables": "ZX"},
        {"circuits": rotated},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_program_level_option_observable_or_circuit_is_another_job(task, emulator, other):
    def first_try(**more):
        emulator.add_fault(method="GET", path="/jobs/*/results", status=403)
        with pytest.raises(AirflowException):
            task.run(**{"circuits": rotated(), "observables": "ZZ", **more})

    first_try()
    first_try(**{name: rotated(0.4) if callable(value) else value for name, value in other.items()})
    assert len(emulator.jobs()) == 2


def test_a_dry_run_knows_the_executions_to_the_last_one(task, emulator):
    options = {"twirling": {"num_randomizations": 4, "shots_per_randomization": 10}}
    plan = task.run(circuits=(rotated(), ["ZZ", "XX"]), options=options, dry_run=True)
    # Two bases, and the calibration of the readout.
    assert (plan["program_id"], plan["executions"]) == ("executor", 4 * 10 * (2 + 1))
    assert emulator.jobs() == []


def test_options_of_the_official_client_alone_are_taken(task, emulator):
    value = task.run(circuits=TWO, observables=["IZ", "ZI"], options={"twirling": {"group": "balanced_pauli"}})
    assert value["results"][0]["evs"] == [-1, 1]


def test_the_program_may_come_from_a_template(task, emulator):
    task.context["params"] = {"program": "executor"}
    assert task.run(program_id="{{ params.program }}")["program_id"] == "executor"


def test_pulses_of_decoupling_are_timed_for_the_backend(task, emulator):
    value = task.run(
        circuits=(GHZ, "ZZI"),
        optimization_level=1,
        options={"dynamical_decoupling": {"enable": True, "sequence_type": "XY4"}},
        precision=0.2,
    )
    assert value["results"][0]["evs"] == 1


# Refused before anything is submitted


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"program_id": "executer"}, "program_id: 'executer' is not one of auto, executor, estimator"),
        ({"options": {"seed_estimator": 1}}, r"options\.seed_estimator: .*takes no seed.*program_id='estimator'"),
        ({"options": {"resilience": {"pec_mitigation": True}}}, r"options\.resilience\.pec_mitigation: .*noise model"),
        ({"circuits": [(FLIP, "Z", None, 0.1), (FLIP, "Z", None, 0.2)]}, r"circuits\[1\]: asks for a precision of 0.2"),
        ({"precision": 0.0001}, r"comes to 200,.*executions.*10,000,000"),
        ({"circuits": HEAD + "cal { } x $0;", "check_isa": False}, r"circuits\[0\]: .*Give a QuantumCircuit"),
    ],
)
def test_what_cannot_be_served_is_refused_and_says_what_to_do(task, emulator, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        task.run(**arguments)
    assert emulator.jobs() == []


@pytest.mark.parametrize("missing", ["qiskit", "qiskit_ibm_runtime", "qiskit_mitigation"])
def test_without_the_extra_the_task_says_how_to_install_it(task, emulator, monkeypatch, missing):
    for name in [name for name in sys.modules if name.partition(".")[0] == "qiskit_ibm_runtime"]:
        if "executor_estimator" in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        AirflowFailException, match=r"program_id='executor'.*pip install 'airflow-provider-qrt\[qiskit\]'"
    ):
        task.run()
    assert emulator.jobs() == []
