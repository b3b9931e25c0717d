"""The DAGs with decorated functions in a real Airflow."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]

GHZ = "qiskit_runtime_ghz_states"
KICKED = "qiskit_runtime_kicked_ising"
DIRECTED = "qiskit_runtime_directed_execution"


@pytest.fixture(scope="module")
def runs(airflow, service):
    """One run of each, side by side."""
    service.configure(queue_seconds=2, run_seconds=0.5)
    started = {
        GHZ: airflow.trigger(GHZ, {"largest": 4, "shots": 500}),
        KICKED: airflow.trigger(KICKED, {"steps": 2}),
        DIRECTED: airflow.trigger(DIRECTED, {"randomizations": 10}),
    }
    for dag_id, run_id in started.items():
        airflow.expect_end(dag_id, run_id)
    return started


def test_a_mapped_function_of_another_tasks_output_runs_a_circuit_for_each(airflow, submissions, runs):
    run_id = runs[GHZ]
    assert airflow.xcom(GHZ, run_id, "populations") == {"2": 1.0, "3": 1.0, "4": 1.0}
    jobs = submissions(run_id)
    assert [job["program_id"] for job in jobs] == ["executor"] * 3
    path = f"/dags/{GHZ}/dagRuns/{run_id}/taskInstances/measure/listMapped"
    mapped = airflow.api("GET", path)["task_instances"]
    assert sorted(one["rendered_map_index"] for one in mapped) == ["2 qubits", "3 qubits", "4 qubits"]
    found = {airflow.xcom(GHZ, run_id, "measure", map_index=one["map_index"])["job_id"] for one in mapped}
    assert found == {job["id"] for job in jobs}


def test_airflow_keeps_no_circuits_that_a_deferred_function_has_returned(traces_of, runs):
    assert runs
    assert traces_of("cz $2, $3;") == []


def test_airflow_names_the_task_by_its_decorator(airflow, runs):
    [one] = [one for one in airflow.api("GET", f"/dags/{GHZ}/tasks")["tasks"] if one["task_id"] == "measure"]
    assert one["operator_name"] == "@task.qiskit_sampler"


def test_quantum_circuits_from_a_function_are_transpiled_and_estimated(airflow, submissions, runs):
    values = airflow.xcom(KICKED, runs[KICKED], "decay")
    assert values == pytest.approx(exact(2), abs=0.12)
    [job] = submissions(runs[KICKED])
    assert job["program_id"] == "executor"
    result = airflow.xcom(KICKED, runs[KICKED], "measure")
    assert result["job_id"] == job["id"]


def test_a_program_from_a_function_returns_every_bit(airflow, submissions, runs):
    run_id = runs[DIRECTED]
    assert airflow.xcom(DIRECTED, run_id, "correlation") == {"zz": 1.0, "error": 0.0}
    [job] = submissions(run_id)
    assert job["program_id"] == "executor"
    value = airflow.xcom(DIRECTED, run_id, "measure")
    assert value["results"][0]["arrays"]["measurement_flips.c"]["shape"] == [10, 1, 2]
    assert value["passthrough_data"] == {"twirled": "gates and measurements"}


def exact(steps: int) -> list[float]:
    """Return the exact result without noise."""
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    from qiskit.quantum_info import SparsePauliOp, Statevector

    path = Path(__file__).parents[2] / "example_dags" / "kicked_ising.py"
    spec = spec_from_file_location("kicked_ising", path)
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    terms = [("Z", [int(name[1:])], weight) for name, weight in example.MAGNETISATION.items()]
    observable = SparsePauliOp.from_sparse_list(terms, num_qubits=example.SPINS)
    return [
        float(Statevector(example.kicked_chain(step)).expectation_value(observable).real) for step in range(steps + 1)
    ]
