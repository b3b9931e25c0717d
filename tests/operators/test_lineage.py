"""The OpenLineage data of a task; tests/e2e/test_monitoring.py tests it in a real Airflow."""

from __future__ import annotations

import inspect
import json
import sys

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG, Asset

from airflow_provider_qrt.decorators import primitives as decorators
from airflow_provider_qrt.execution import lineage
from airflow_provider_qrt.execution.lineage_source import MAX_CHARACTERS, MAX_OPERATIONS, source_of
from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator, QiskitRuntimeSubmitJobOperator

pytest.importorskip("airflow.providers.openlineage")

NOT_ISA = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; h $0; c[0] = measure $0;'
CALIBRATED = "2025-02-26T20:16:25+00:00"


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenLineage has somewhere to send its events to."""
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", '{"type": "console"}')
    assert lineage.is_on()


def run_to_end(task, **more):
    """Run a whole try; return the operator of its last leg, as its listener sees it, and what it returned."""
    from airflow.providers.common.compat.sdk import TaskDeferred

    operator = task.operator(**more)
    try:
        return operator, operator.execute(task.context)
    except TaskDeferred as deferred:
        event = task.in_the_triggerer(deferred.trigger)
        operator = task.operator(**more)
        arguments = {**(deferred.kwargs or {}), "event": event}
        return operator, operator.resume_execution(deferred.method_name, arguments, task.context)


def told(facets) -> dict:
    """The run facet, as it is sent."""
    from openlineage.client.serde import Serde

    return json.loads(Serde.to_json(facets.run_facets["qiskitRuntime_job"]))


def test_the_start_says_what_is_going_to_run(task):
    facets = task.operator(backend="ibm_boston").get_openlineage_facets_on_start()
    assert told(facets)["backend"] == "ibm_boston"
    assert told(facets)["program_id"] == "auto"
    assert "job_id" not in told(facets)
    assert facets.job_facets["sourceCode"].sourceCode == task.defaults["circuits"]


def test_a_backend_that_is_not_chosen_yet_is_not_named(task):
    assert "backend" not in told(task.operator(backend="least_busy").get_openlineage_facets_on_start())


def test_the_end_says_what_the_job_was_and_what_it_cost(either_way, emulator):
    emulator.configure(run_seconds=0.25)
    operator, value = run_to_end(either_way, session_id=None)
    facets = operator.get_openlineage_facets_on_complete(None)
    sent = {name: part for name, part in told(facets).items() if not name.startswith("_")}
    (job,) = emulator.jobs()
    assert sent == {
        "job_id": value["job_id"],
        "job_ids": [value["job_id"]],
        "program_id": "executor",
        "backend": "ibm_fez",
        "calibrated": CALIBRATED,
        "status": "Completed",
        "usage_seconds": 0.25,
        "usage_complete": True,
        "input_fingerprint": job["tags"][0].split(":")[4],
        "connection_id": "qiskit_runtime_default",
    }
    (backend,) = facets.inputs
    assert (backend.namespace, backend.name) == ("qiskit-runtime://00000000-0000-0000-0000-000000000000", "ibm_fez")
    assert backend.facets["version"].datasetVersion == CALIBRATED


def test_a_failed_job_is_told_of(either_way):
    operator = either_way.operator(circuits=NOT_ISA, check_isa=False, deferrable=False)
    with pytest.raises(AirflowException):
        operator.execute(either_way.context)
    facets = operator.get_openlineage_facets_on_failure(None)
    assert (told(facets)["status"], told(facets)["calibrated"]) == ("Failed", CALIBRATED)
    assert told(facets)["job_id"] == either_way.context["ti"].pushed["job_id"]


def test_a_task_that_fails_before_its_job_tells_of_none(task):
    operator = task.operator(backend="ibm_nowhere")
    with pytest.raises(AirflowException):
        operator.execute(task.context)
    facets = operator.get_openlineage_facets_on_failure(None)
    assert "job_id" not in told(facets)
    assert "externalQuery" not in facets.run_facets


@pytest.mark.parametrize("deferrable", [False, True])
def test_several_jobs_of_a_task_are_all_named(task, emulator, monkeypatch, deferrable):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES", "1")
    operator, value = run_to_end(task, circuits=[task.defaults["circuits"]] * 2, deferrable=deferrable)
    sent = told(operator.get_openlineage_facets_on_complete(None))
    assert sent["job_ids"] == value["job_ids"] == [job["id"] for job in emulator.jobs()]
    assert sent["input_fingerprint"] not in str([job["tags"] for job in emulator.jobs()])


def test_the_file_of_a_result_is_an_output(task, tmp_path):
    operator, value = run_to_end(task, result_path=str(tmp_path))
    (output,) = operator.get_openlineage_facets_on_complete(None).outputs
    assert (output.namespace, output.name) == ("file", f"{tmp_path}/{value['job_id']}.json")


def test_a_file_in_an_object_store_is_named_as_others_name_it(task):
    operator = task.operator()
    operator.report.result_path = "s3://my_connection@bucket/results/job.json"
    (output,) = operator.get_openlineage_facets_on_complete(None).outputs
    assert (output.namespace, output.name) == ("s3://bucket", "results/job.json")


def test_the_tasks_own_assets_are_told_of_as_ever(task):
    operator = task.operator(inlets=[Asset("file:///data/in.csv")], outlets=[Asset("file:///data/out.csv")])
    facets = operator.get_openlineage_facets_on_complete(None)
    assert [(one.namespace, one.name) for one in facets.inputs] == [("file", "/data/in.csv")]
    assert [(one.namespace, one.name) for one in facets.outputs] == [("file", "/data/out.csv")]


def test_the_source_of_a_private_job_stays_here(task):
    assert task.operator(private=True).get_openlineage_facets_on_start().job_facets == {}


def test_openlineages_own_switch_keeps_the_source_back(task, monkeypatch):
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__DISABLE_SOURCE_CODE", "True")
    assert task.operator().get_openlineage_facets_on_start().job_facets == {}


def test_the_dags_own_policy_keeps_the_source_back(task):
    operator = task.operator()
    from airflow.providers.openlineage.api.emission_policy import extend_global_openlineage_emission_policy

    extend_global_openlineage_emission_policy(operator, include_source_code=False)
    assert operator.get_openlineage_facets_on_start().job_facets == {}


def test_the_result_of_somebody_elses_job_has_its_lineage(task, context, emulator):
    submitted = task.execute(wait_for_completion=False)
    with DAG("the_dag", schedule=None):
        operator = QiskitRuntimeGetResultOperator(task_id="fetch", job_id=submitted["job_id"])
    operator.execute(context)
    sent = told(operator.get_openlineage_facets_on_complete(None))
    assert (sent["job_id"], sent["program_id"], sent["calibrated"]) == (submitted["job_id"], "executor", CALIBRATED)


def test_a_task_that_does_not_wait_names_the_job(task):
    operator, value = run_to_end(task, wait_for_completion=False)
    assert told(operator.get_openlineage_facets_on_complete(None))["job_id"] == value["job_id"]


def test_without_the_provider_nothing_is_asked_for_and_nothing_fails(either_way, monkeypatch, sent):
    for name in [name for name in sys.modules if name.startswith("airflow.providers.openlineage")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage", None)
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.conf", None)
    assert not lineage.is_on()
    # The check of the circuits asks for it too.
    assert either_way.run(check_isa=False)["results"][0]["counts"] == {"1": 20}
    assert not [one for one in sent() if "properties" in one]


def test_the_calibration_is_asked_for_only_if_somebody_wants_it(task, monkeypatch, sent):
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__DISABLED", "True")
    task.run(check_isa=False)
    assert not [one for one in sent() if "properties" in one]
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__DISABLED", "False")
    task.clear()
    task.run(check_isa=False)
    assert [one for one in sent() if "properties" in one]


# The source text


def test_several_circuits_are_numbered_and_values_left_out(task):
    language, text = source_of(task.operator(circuits=["OPENQASM 3.0; bit a;", ("OPENQASM 3.0; bit b;", [0.5], 10)]))
    assert language == "openqasm3"
    assert text == "// circuits[0]\nOPENQASM 3.0; bit a;\n\n// circuits[1]\nOPENQASM 3.0; bit b;"


def test_a_file_stands_there_with_what_is_in_it(task):
    (task.folder / "one.qasm").write_text("OPENQASM 3.0;\nbit c;\n")
    assert source_of(task.operator(circuits="one.qasm"))[1].startswith("OPENQASM 3.0;\nbit c;")


def test_a_long_text_is_cut_and_says_so(task):
    _, text = source_of(task.operator(circuits=NOT_ISA + "\n// " + "x" * MAX_CHARACTERS))
    assert len(text) < MAX_CHARACTERS + 60
    assert text.endswith(f"// ... cut: {len(NOT_ISA) + 4 + MAX_CHARACTERS:,} characters in all")


def test_a_circuit_object_is_written_as_text_unless_it_is_large(task):
    qiskit = pytest.importorskip("qiskit")
    circuit = qiskit.QuantumCircuit(1, 1, name="flip")
    circuit.x(0)
    assert "x q[0];" in source_of(task.operator(circuits=[circuit]))[1]
    for _ in range(MAX_OPERATIONS):
        circuit.x(0)
    assert source_of(task.operator(circuits=circuit))[1] == "// QuantumCircuit 'flip': 1 qubits, 2,001 operations"


def test_of_a_decorated_task_it_is_the_function_until_there_are_circuits():
    def flip():
        return "OPENQASM 3.0;"

    with DAG("the_dag", schedule=None):
        operator = decorators.qiskit_sampler_task(flip)().operator
    assert source_of(operator) == ("python", inspect.getsource(flip))


def test_of_any_program_it_is_the_parameters():
    operator = QiskitRuntimeSubmitJobOperator(task_id="any", program_id="noise-learner", program_params={"layers": 3})
    assert source_of(operator) == ("json", '{\n  "layers": 3\n}')
