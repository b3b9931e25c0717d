"""The estimator operator, end to end against the emulator."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator
from airflow_provider_qrt.primitives import EstimatorResult

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
FLIP = HEAD + "x $0;"
TWO = HEAD + "x $0; rz(0) $1;"
SWEEP = HEAD + "input float[64] theta; rx(theta) $0;"
MEASURED = HEAD + "bit[1] c; x $0; c[0] = measure $0;"
MAX_BYTES = "AIRFLOW__QISKIT_RUNTIME__MAX_XCOM_BYTES"


@pytest.fixture
def task(task):
    task.operator_class = "QiskitRuntimeEstimatorOperator"
    # The program on IBM's servers; the other one has a file of its own.
    task.defaults = {"circuits": FLIP, "observables": "Z", "precision": 0.1, "program_id": "estimator"}
    return task


@pytest.fixture
def jobs(emulator):
    return emulator.jobs


@pytest.fixture
def slow(emulator):
    """Jobs stay in the queue until somebody ends them."""
    emulator.configure(queue_seconds=600)
    return emulator


# The result


def test_the_task_returns_the_values_and_says_where_they_come_from(either_way, jobs):
    value = either_way.run()
    job = jobs()[0]
    assert {key: value[key] for key in value if key not in ("created", "finished", "usage_seconds", "results")} == {
        "job_id": job["id"],
        "backend": "ibm_fez",
        "program_id": "estimator",
        "status": "Completed",
        "session_id": None,
        "result_path": None,
        "usage_complete": True,
    }
    [result] = value["results"]
    assert (result["evs"], result["stds"], result["metadata"]["target_precision"]) == (-1.0, 0.0, 0.1)


def test_both_ways_of_waiting_give_the_same_xcom(task):
    blocking, deferred = task.run(durable=False), task.run(durable=False, deferrable=True)
    changing = dict.fromkeys(("job_id", "created", "finished", "usage_seconds"))
    assert {**blocking, **changing} == {**deferred, **changing}


def test_the_value_can_be_read_back_as_an_object(task):
    result = EstimatorResult.from_xcom(task.run(circuits=TWO, observables=["IZ", "ZI", {"ZZ": 2, "II": 1}]))
    assert result[0].evs.tolist() == [-1, 1, -1]
    assert result.job["program_id"] == "estimator"


def test_qubits_may_be_named_in_an_observable(task):
    assert task.run(circuits=TWO, observables=["Z0", "Z1", {"Z0 Z1": 3}])["results"][0]["evs"] == [-1, 1, -3]


def test_a_list_of_circuits_becomes_one_job_each_with_its_own_or_the_tasks_observables(task, jobs):
    value = task.run(circuits=[FLIP, (FLIP, {"Z": 2}), (FLIP, None, None, 0.5)])
    assert len(jobs()) == 1
    assert [one["evs"] for one in value["results"]] == [-1, -2, -1]
    assert [one["metadata"]["target_precision"] for one in value["results"]] == [0.1, 0.1, 0.5]


def test_a_sweep_gives_values_in_the_shape_of_observables_and_parameters(task):
    values = {"theta": [0, math.pi, 0]}
    value = task.run(circuits=[(SWEEP, [["Z"], [{"Z": 2, "I": 1}]], values)])
    assert value["results"][0]["evs"] == [[1, -1, 1], [3, -1, 3]]


def test_a_circuit_may_stand_in_a_file_beside_the_dag(task):
    (task.folder / "flip.qasm").write_text(FLIP)
    assert task.run(circuits=[("flip.qasm", "Z")])["results"][0]["evs"] == -1


def answer_with(emulator, text):
    emulator.add_fault(method="GET", path="/jobs/*/results", status=200, html=text)


def test_nan_from_the_service_is_null_in_an_xcom_of_strict_json(either_way, emulator):
    data = {"evs": [0.5, math.nan], "stds": [math.inf, 0.1], "ensemble_standard_error": [math.nan, 0.1]}
    result = {"results": [{"data": data, "metadata": {"resilience": {"spread": math.nan}}}], "metadata": {}}
    answer_with(emulator, json.dumps(result))
    value = either_way.run()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert value["results"] == [
        {
            "evs": [0.5, None],
            "stds": [None, 0.1],
            "ensemble_standard_error": [None, 0.1],
            "metadata": {"resilience": {"spread": None}},
            "observables": "Z",
        }
    ]
    np.testing.assert_array_equal(EstimatorResult.from_xcom(value)[0].evs, [0.5, math.nan])


# Values


def random_circuit(rng):
    """Gates that the backend has, on qubits that it couples."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(3)
    for _ in range(25):
        qubit = int(rng.integers(3))
        match rng.integers(4):
            case 0:
                circuit.rz(float(rng.uniform(0, 2 * math.pi)), qubit)
            case 1 | 2:
                circuit.sx(qubit)
            case 3:
                circuit.cz(qubit, (qubit + 1) if qubit < 2 else 1)
    return circuit


def test_values_of_random_circuits_are_those_of_qiskits_statevector_estimator(task, jobs):
    from qiskit import qasm3
    from qiskit.primitives import StatevectorEstimator
    from qiskit.quantum_info import SparsePauliOp, random_pauli_list

    rng = np.random.default_rng(2026)
    ours, theirs, spreads = [], [], []
    for number in range(20):
        circuit = random_circuit(rng)
        paulis = random_pauli_list(3, 4, phase=False, seed=number).to_labels()
        operator = SparsePauliOp(paulis, rng.normal(size=4)).simplify()
        text = qasm3.dumps(circuit).replace("qubit[3] q;", "").replace("q[", "$").replace("]", "")
        ours.append((circuit, operator) if number % 2 else (text, dict(operator.to_list())))
        theirs.append((circuit, operator))
        spreads.append(np.sqrt(np.sum(np.abs(operator.coeffs) ** 2)))
    value = task.run(circuits=ours, precision=0.02)
    exact = [float(pub.data.evs) for pub in StatevectorEstimator().run(theirs).result()]
    assert len(jobs()) == 1
    assert np.std(exact) > 0.3
    for result, expected, spread in zip(value["results"], exact, spreads, strict=True):
        # At most so far from the exact value is one standard error, each Pauli string being measured by itself.
        assert abs(result["evs"] - expected) < 5 * 0.02 * spread
        assert result["stds"] <= 0.02 * spread * 1.01


def test_a_sweep_of_a_quantum_circuit_is_that_of_qiskits_statevector_estimator(task):
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.primitives import StatevectorEstimator
    from qiskit.quantum_info import SparsePauliOp

    circuit = QuantumCircuit(2)
    for name in ("b", "a"):
        circuit.rx(Parameter(name), 0)
        circuit.rz(Parameter(name + "2"), 0)
        circuit.cz(0, 1)
    observables = [[SparsePauliOp(["ZZ", "IX"], [1, 0.5])], ["IZ"]]
    values = np.random.default_rng(1).uniform(0, math.pi, (5, 4))
    [theirs] = StatevectorEstimator().run([(circuit, observables, values)]).result()
    value = task.run(circuits=[(circuit, observables, values)], precision=0.02)
    ours = np.array(value["results"][0]["evs"])
    assert ours.shape == theirs.data.evs.shape == (2, 5)
    assert np.abs(ours - theirs.data.evs).max() < 5 * 0.02 * 1.2


def test_observables_follow_their_qubits_when_the_circuit_is_transpiled(task):
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.x(1)
    value = task.run(circuits=circuit, observables=["ZIZ", "XIX", "Z1", {"YIY": 2, "III": 1}], optimization_level=1)
    assert value["results"][0]["evs"] == [1, 1, -1, -1]


# Templates and input


def test_numbers_may_come_as_text(task):
    value = task.run(precision="0.25", resilience_level="0", timeout="60")
    assert value["results"][0]["metadata"]["target_precision"] == 0.25


def test_nothing_may_come_as_the_text_none(task):
    value = task.run(precision="None", resilience_level="None", result_path="None")
    assert value["results"][0]["metadata"]["target_precision"] == 0.015625


def test_arguments_are_templates(task):
    value = task.run(
        precision="{{ 1 / params.shots }}",
        observables="{{ 'Z' }}",
        resilience_level="{{ 1 + 1 }}",
        backend="{{ params.backend }}",
    )
    assert (value["backend"], value["results"][0]["evs"]) == ("ibm_boston", -1)
    assert value["results"][0]["metadata"]["target_precision"] == pytest.approx(1 / 33)


def test_what_is_asked_for_is_what_is_sent(task):
    params = (
        task.operator(resilience_level=2, options={"resilience": {"zne_mitigation": False}})
        .make_program()
        .build()
        .params
    )
    assert params == {
        "version": 2,
        "support_qiskit": True,
        "pubs": [[FLIP, {"Z": 1.0}, None, 0.1]],
        "resilience_level": 2,
        "options": {"resilience": {"zne_mitigation": False}},
    }


def test_everything_a_user_may_vary_is_a_template():
    assert set(QiskitRuntimeEstimatorOperator.template_fields) >= {
        "circuits",
        "observables",
        "precision",
        "resilience_level",
        "options",
        "backend",
        "session_id",
        "tags",
        "result_path",
        "qiskit_runtime_conn_id",
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"circuits": ""}, "circuit is empty"),
        ({"circuits": []}, "list is empty"),
        ({"circuits": MEASURED}, "the circuit measures, in line 1"),
        ({"circuits": [FLIP, "ZZ"]}, r"circuits\[1\]: 'ZZ' is an observable and stands where a circuit should"),
        ({"circuits": SWEEP}, "inputs and no values were given: theta"),
        ({"circuits": [(SWEEP, {"theta": 0.1})]}, "the second item of an estimator's PUB holds observables"),
        ({"circuits": [(SWEEP, ["Z", "X"], {"theta": [1, 2, 3]})]}, "numpy cannot broadcast"),
        ({"observables": None}, "there is nothing to measure"),
        (
            {"observables": "ZZ"},
            r"'ZZ' has 2 letters, and the circuit has 1 qubits \(the highest .* \$0\)",
        ),
        ({"observables": "Q"}, "'Q' is no Pauli string"),
        ({"observables": {"Z": "1"}}, "the weight of 'Z' must be a real number"),
        ({"observables": "{{ ['Z'] }}"}, "render_template_as_native_obj"),
        ({"precision": 0}, "precision: expected a standard error"),
        ({"precision": 4096}, "precision: .*use options.default_shots"),
        ({"precision": "fine"}, "precision: expected a standard error such as .*not 'fine'"),
        ({"resilience_level": 3}, "resilience_level: must be at most 2"),
        ({"resilience_level": "one"}, "resilience_level: expected a whole number"),
        ({"options": {"resilience": {"zne_mitigaton": True}}}, "unknown; did you mean 'zne_mitigation'"),
        ({"options": {"resilience": {"zne_mitigation": True, "pec_mitigation": True}}}, "exclude each other"),
        ({"options": {"default_precision": -1}}, "default_precision: expected a standard error"),
        ({"options": {"shots": 5}}, "an estimator takes a precision"),
        ({"backend": "ibm_fezz"}, "Did you mean 'ibm_fez'"),
    ],
    ids=str,
)
def test_bad_input_fails_at_once_and_submits_nothing(task, sent, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        task.run(**arguments)
    assert sent("POST") == []


# Once


def test_input_built_anew_for_a_retry_is_the_same_input(task, slow):
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.quantum_info import SparsePauliOp

    def build():
        circuit = QuantumCircuit(1)
        circuit.rz(Parameter("theta"), 0)
        return [(circuit, SparsePauliOp(["Z", "X"], [1, 2]), [0.5])]

    task.defer(circuits=build())
    task.defer(circuits=build())
    assert len(slow.jobs()) == 1


@pytest.mark.parametrize(
    "other", [{"observables": "X"}, {"precision": 0.2}, {"resilience_level": 0}, {"options": {"seed_estimator": 1}}]
)
def test_something_else_asked_for_is_another_job(task, slow, other):
    task.defer()
    task.defer(**other)
    assert len(slow.jobs()) == 2


def test_the_result_of_a_private_job_is_read_once(either_way, emulator):
    value = either_way.run(private=True)
    assert value["results"][0]["evs"] == -1
    assert len([one for one in emulator.requests() if one["path"].endswith("/results")]) == 1


def test_a_damaged_result_names_what_is_wrong_and_a_retry_reads_it_again(task, emulator, jobs):
    answer_with(emulator, json.dumps({"results": [{"data": {"c": {"samples": ["0x1"], "num_bits": 1}}}]}))
    with pytest.raises(Exception, match="result of a sampler"):
        task.run(retries=1)
    assert task.run()["results"][0]["evs"] == -1
    assert len(jobs()) == 1


# Large results


def test_a_result_that_may_be_too_large_is_refused_before_anything_is_submitted(task, monkeypatch, sent):
    monkeypatch.setenv(MAX_BYTES, "1000")
    with pytest.raises(AirflowFailException, match=r"may take [\d,]+ bytes, more than the 1,000 .* split the sweep"):
        task.run(circuits=[(SWEEP, "Z", [0.1] * 100)])
    assert sent("POST") == []


def test_of_a_large_result_xcom_keeps_a_manifest(task, monkeypatch):
    monkeypatch.setenv(MAX_BYTES, "1000")
    value = task.run(circuits=[(SWEEP, "Z", [0.1] * 100)], result_path=str(task.folder))
    [entry] = value["results"]
    assert (entry["evs"], entry["stds"], entry["shape"]) == (None, None, [100])
    with pytest.raises(ValueError, match=r"EstimatorResult.from_file\("):
        EstimatorResult.from_xcom(value)
    whole = json.loads((task.folder / f"{value['job_id']}.json").read_text())
    assert EstimatorResult.from_xcom(whole)[0].evs.shape == (100,)


# The example


def test_the_example_finds_the_mean_field_energy_of_the_chain(task):
    import runpy
    from pathlib import Path

    examples = Path(__file__).parents[2] / "example_dags"
    example = runpy.run_path(str(examples / "ising_energy.py"))
    circuit = (examples / "circuits" / "tilted_spins.qasm").read_text()
    observables = [[example["ENERGY"]], [example["MAGNETISATION"]]]
    value = task.run(circuits=[(circuit, observables, {"theta": example["ANGLES"]})], precision=0.02)
    energies, magnetisations = np.array(value["results"][0]["evs"])
    angles = np.array(example["ANGLES"])
    assert np.abs(energies - (-3 * np.cos(angles) ** 2 - 4 * np.sin(angles))).max() < 5 * 0.02 * math.sqrt(7)
    assert np.abs(magnetisations - np.cos(angles)).max() < 5 * 0.02 / 2
    assert angles[energies.argmin()] == pytest.approx(math.asin(2 / 3), abs=0.2)
