"""The operators on the older channels, from circuits to quasi-probabilities. Against the emulator."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from qiskit import QuantumCircuit

from airflow_provider_qrt.client.tokens import log_out_everywhere
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator, QiskitRuntimeSubmitJobOperator
from airflow_provider_qrt.operators.sessions import QiskitRuntimeCloseSessionOperator
from airflow_provider_qrt.primitives import EstimatorResult, SamplerResult

OLD = '\nOPENQASM 3;\ninclude "stdgates.inc";\nqreg q[1];\ncreg c[1];\nx q[0];\nc[0] = measure q[0]; '
BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
BARE = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];'
INPUT = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] a; qubit q; bit c; rx(a) q; c = measure q;'
MACHINE, SIMULATOR = "ibm_brisbane", "ibmq_qasm_simulator"
PROJECT = {"hub": "ibm-q-internal", "group": "near-time", "project": "qiskit-runtime"}


@pytest.fixture
def on(connect, emulator):
    """Let the default connection speak to a channel."""

    def use(channel: str, **extra: str) -> None:
        project = {} if channel == "ibm_cloud" else PROJECT
        connect({"channel": channel, **project, **extra}, host=emulator.root_url)

    yield use
    log_out_everywhere()


@pytest.fixture(params=["ibm_cloud", "ibm_quantum"])
def v1(request, on, task):
    """A sampler's task on each of the channels that have version 1 of the primitives."""
    on(request.param)
    task.defaults = {"circuits": OLD}
    task.arguments["backend"] = MACHINE
    return task


@pytest.fixture
def cloud(on, task):
    on("ibm_cloud")
    task.defaults = {"circuits": OLD}
    task.arguments["backend"] = MACHINE
    return task


@pytest.fixture
def estimator(v1):
    v1.operator_class = "QiskitRuntimeEstimatorOperator"
    v1.defaults = {"circuits": [(BARE, "ZZ"), (BARE, "Z0")]}
    return v1


@pytest.fixture
def params_of():
    """The input of a job as the service received it."""

    def read(job_id: str) -> dict:
        http = QiskitRuntimeHook().client._http
        return http.get_json(f"/jobs/{job_id}", params={"exclude_params": "false"})["params"]

    return read


# The sampler


@pytest.mark.parametrize("deferrable", [False, True])
def test_circuits_in_quasi_probabilities_out(v1, deferrable, emulator):
    value = v1.run(circuits=[OLD, BELL], shots=4000, deferrable=deferrable)
    (job,) = emulator.jobs()
    assert (value["job_id"], value["backend"], value["program_id"]) == (job["id"], MACHINE, "sampler")
    assert (value["status"], value["session_id"], value["result_path"]) == ("Completed", None, None)
    flip, bell = value["results"]
    assert (flip["shots"], flip["counts"], flip["registers"]) == (4000, None, {})
    assert flip["quasi_dists"]["1"] == pytest.approx(1, abs=0.05)
    assert set(bell["quasi_dists"]) <= {"0", "1", "2", "3"}
    assert math.fsum(bell["quasi_dists"].values()) == pytest.approx(1)
    assert "readout_mitigation_overhead" in bell["metadata"]
    json.dumps(value, allow_nan=False)
    nearest = SamplerResult.from_xcom(value)[1].quasi_dists.nearest_probability_distribution()
    assert nearest.binary_probabilities(2)["00"] == pytest.approx(0.5, abs=0.1)


def test_the_service_is_sent_circuits_and_shots_and_nothing_of_pubs(v1, params_of):
    value = v1.run(circuits=[OLD, BELL], shots=100)
    assert params_of(value["job_id"]) == {"circuits": [OLD, BELL], "run_options": {"shots": 100}}


def test_nothing_is_asked_that_only_the_present_platform_knows(v1, sent):
    value = v1.run(circuits=BELL)
    job = f"/jobs/{value['job_id']}"
    known = {"GET /backends", "POST /jobs", f"GET {job}", f"GET {job}/results", f"GET {job}/metrics"}
    assert {line for line in sent() if "/users/" not in line} <= known


def test_gates_that_no_machine_has_are_the_services_to_transpile(v1):
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.ccx(0, 1, 2)
    circuit.measure_all()
    (entry,) = v1.run(circuits=circuit, backend=SIMULATOR)["results"]
    assert set(entry["quasi_dists"]) == {"0", "1"}


def test_a_file_and_options_are_read_as_ever(v1, params_of):
    (v1.folder / "bell.qasm").write_text(BELL)
    value = v1.run(circuits="bell.qasm", options={"run_options": {"shots": 64}, "resilience_settings": {"level": 0}})
    assert params_of(value["job_id"]) == {
        "circuits": [BELL],
        "run_options": {"shots": 64},
        "resilience_settings": {"level": 0},
    }
    assert value["results"][0]["shots"] == 64


@pytest.mark.parametrize("result_format", ["json", "npz", "parquet"])
def test_the_result_goes_to_a_file_in_any_format(v1, result_format, tmp_path):
    value = v1.run(circuits=BELL, result_path=str(tmp_path / "results"), result_format=result_format)
    back = SamplerResult.from_file(value["result_path"])
    assert back.to_xcom_results() == value["results"]
    assert back.job["provenance"]["calibrated"] is None
    assert len(back.job["provenance"]["input_fingerprint"]) == 16


def test_a_retry_goes_on_with_the_job_of_the_first_try(v1, emulator, context):
    first = v1.execute(wait_for_completion=False)
    context["ti"].try_number = 2
    assert v1.run()["job_id"] == first["job_id"]
    assert len(emulator.jobs()) == 1


def test_a_dry_run_submits_nothing(v1, emulator):
    plan = v1.run(dry_run=True)
    assert (plan["backend"], plan["jobs"], plan["executions"], plan["estimated_seconds"]) == (MACHINE, 1, None, None)
    assert emulator.jobs() == []


def test_another_task_reads_the_result(v1, context):
    job_id = v1.execute(wait_for_completion=False)["job_id"]
    getter = QiskitRuntimeGetResultOperator(task_id="get", job_id=job_id, poll_interval=0.02)
    value = getter.execute(context)
    assert value["program_id"] == "sampler"
    assert value["results"][0]["quasi_dists"]["1"] == pytest.approx(1, abs=0.05)


# What version 1 or the channel has not


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"backend": "least_busy"}, r"backend='least_busy': the channel '\w+' has no details of its backends"),
        ({"budget": {"max_seconds": 10}}, r"budget: the channel '\w+' has no account of the QPU time used"),
        ({"program_id": "executor"}, r"program_id='executor': the channel '\w+' has no primitives of version 2"),
        ({"private": True}, "private: the channel"),
        ({"optimization_level": 1}, "optimization_level: the service of the channel .* transpiles circuits itself"),
        ({"use_fractional_gates": True}, "use_fractional_gates: the service of the channel .* has no fractional gates"),
        ({"circuits": (INPUT, {"a": [0.1, 0.2]})}, "neither inputs nor sweeps"),
        ({"circuits": [(OLD, None, 5), (OLD, None, 6)]}, "version 1 runs all circuits of a job with the same number"),
        ({"options": {"twirling": {}}}, r"options\.twirling: .*version 2"),
        ({"start_session": True, "session_id": "s1"}, "cannot begin a session and join one"),
    ],
    ids=str,
)
def test_what_there_is_not_is_said_before_anything_is_sent(v1, sent, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        v1.run(**arguments)
    assert sent() == []


def test_too_many_circuits_for_a_submission_are_refused_before_anything_is_sent(v1, sent, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES", "6000")
    with pytest.raises(AirflowFailException, match=r"100 circuits, together larger than .* has no batches"):
        v1.run(circuits=[OLD] * 100)
    assert sent() == []


def test_a_result_that_may_be_too_large_is_refused_before_anything_is_sent(v1, sent, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_XCOM_BYTES", "20000")
    wide = BELL.replace("qubit[2]", "qubit[40]").replace("bit[2]", "bit[40]")
    with pytest.raises(AirflowFailException, match="Set result_path"):
        v1.run(circuits=wide)
    assert sent() == []


# Sessions that begin with a job


def test_a_session_begins_with_a_job_is_joined_and_closed(cloud, context, emulator, sent):
    first = cloud.run(start_session=True, durable=False)
    assert context["ti"].pushed["session_id"] == first["session_id"] == first["job_id"]
    second = cloud.run(circuits=[OLD] * 5, session_id=first["session_id"], durable=False)
    assert second["session_id"] == first["session_id"]
    assert len(second["results"]) == 5
    QiskitRuntimeCloseSessionOperator(task_id="close", session_id=first["session_id"]).execute(context)
    assert f"DELETE /sessions/{first['session_id']}/close" in sent()
    with pytest.raises(AirflowFailException):
        cloud.run(session_id=first["session_id"], durable=False)


def test_a_retry_does_not_begin_another_session(cloud, context, emulator):
    first = cloud.execute(start_session=True, wait_for_completion=False)
    assert first["session_id"] == first["job_id"]
    context["ti"].try_number = 2
    context["ti"].pushed.clear()
    assert cloud.run(start_session=True)["session_id"] == first["session_id"]
    assert context["ti"].pushed["session_id"] == first["session_id"]
    assert len(emulator.jobs()) == 1


def test_on_the_present_platform_the_other_way_to_a_session_is_named(task, sent):
    with pytest.raises(AirflowFailException, match=r"start_session: .*qiskit_runtime_session\(\)"):
        task.run(start_session=True)
    assert sent() == []


def test_the_classic_platform_has_none(on, task, sent):
    on("ibm_quantum")
    with pytest.raises(AirflowFailException, match="start_session: the channel 'ibm_quantum' has no sessions"):
        task.run(circuits=OLD, backend=MACHINE, start_session=True)
    assert sent() == []


# The estimator


def test_an_estimator_returns_values_and_their_errors(estimator, params_of):
    value = estimator.run(options={"run_options": {"shots": 2000}}, resilience_level=1, backend=SIMULATOR)
    assert params_of(value["job_id"]) == {
        "circuits": [BARE, BARE],
        "observables": ["ZZ", "IZ"],
        "run_options": {"shots": 2000},
        "resilience_settings": {"level": 1},
    }
    correlated, single = EstimatorResult.from_xcom(value)
    assert float(correlated.evs) == pytest.approx(1)
    assert float(single.evs) == pytest.approx(0, abs=0.2)
    assert float(single.stds) == pytest.approx(math.sqrt(single.metadata["variance"] / 2000))
    assert 0 < float(single.stds) < 0.1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"precision": 0.1}, "precision: version 1 of the estimator takes shots"),
        ({"circuits": [(BARE, ["ZZ", "XX"])]}, "an array of observables"),
        ({"program_id": "executor"}, "program_id='executor': the channel"),
        ({"backend": "least_busy"}, "has no details of its backends"),
    ],
    ids=str,
)
def test_what_version_1_of_the_estimator_has_not_is_said_before_anything_is_sent(estimator, sent, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        estimator.run(**arguments)
    assert sent() == []


# Programs without primitives


@pytest.mark.parametrize("operator_class", ["QiskitRuntimeSamplerOperator", "QiskitRuntimeEstimatorOperator"])
def test_where_there_are_no_primitives_the_operator_for_programs_is_named(on, task, sent, operator_class):
    on("api_token")
    task.operator_class, task.defaults = operator_class, {"circuits": OLD}
    with pytest.raises(AirflowFailException, match=rf"{operator_class}: .*QiskitRuntimeSubmitJobOperator"):
        task.run(backend="ibmq_montreal")
    assert sent() == []


def submit(context, **more):
    return QiskitRuntimeSubmitJobOperator(task_id="the_task", poll_interval=0.02, **more).execute(context)


def test_a_program_of_the_first_generation_returns_its_text(on, context, sent):
    on("api_token")
    value = submit(context, program_id="runtime-simple", program_params={"iterations": 2}, backend="ibmq_montreal")
    assert value["results"] == "All done!"
    assert (value["program_id"], value["status"]) == ("runtime-simple", "Completed")
    assert {line.split("/")[1] for line in sent()} == {"jobs"}


@pytest.mark.parametrize("channel", ["ibm_cloud", "ibm_quantum"])
def test_a_program_of_the_older_channels_is_passed_its_parameters(on, context, channel, connection):
    on(channel)
    params = {"circuits": [BELL], "run_options": {"shots": 50}}
    value = submit(context, program_id="sampler", program_params=params, backend=SIMULATOR)
    assert value["results"][0]["shots"] == 50
    counts = submit(
        {**context, "task_state_store": None}, program_id="circuit-runner", program_params=params, backend=SIMULATOR
    )
    assert sum(counts["results"]["counts"][0].values()) == 50


def test_the_result_of_such_a_program_is_read_by_another_task(on, context):
    on("api_token")
    given = {"program_id": "runtime-simple", "program_params": {"iterations": 2}, "backend": "ibmq_montreal"}
    job_id = submit(context, wait_for_completion=False, **given)["job_id"]
    value = QiskitRuntimeGetResultOperator(task_id="get", job_id=job_id, poll_interval=0.02).execute(context)
    assert (value["results"], value["job_id"]) == ("All done!", job_id)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"backend": "least_busy"}, "backend='least_busy': the channel 'api_token'"),
        ({"tags": ["mine"]}, "tags: the channel 'api_token'"),
        ({"budget": {"max_seconds": 5}}, "budget: the channel 'api_token'"),
        ({"max_execution_time": 60}, "max_execution_time: the channel 'api_token'"),
    ],
    ids=str,
)
def test_what_the_first_generation_has_not_is_said_before_anything_is_sent(on, context, sent, arguments, says):
    on("api_token")
    with pytest.raises(AirflowFailException, match=says):
        submit(
            context, **{"program_id": "runtime-simple", "program_params": {}, "backend": "ibmq_montreal", **arguments}
        )
    assert sent() == []


# What the pages show


def shown(page: str) -> str:
    """The block for the older channels, which the present platform would refuse."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text()
    (block,) = re.findall(r"^```py\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return block


def load(block: str, folder: Path) -> dict[str, Any]:
    """The tasks of a block inside a DAG, with the circuits it names beside it."""
    from airflow.sdk import DAG

    for name in ("one.qasm", "two.qasm"):
        (folder / name).write_text(BELL)
    names = {"QiskitRuntimeSubmitJobOperator": QiskitRuntimeSubmitJobOperator}
    with DAG("the_dag", schedule=None, template_searchpath=[str(folder)]) as dag:
        exec(block, names)
    dag.resolve_template_files()
    return {one.task_id: one for one in dag.tasks}


def test_the_session_of_the_samplers_page_is_used_by_both_jobs_and_closed(on, context, tmp_path, emulator, sent):
    on("ibm_cloud")
    tasks = load(shown("sampler.md"), tmp_path)
    values = {}
    for name in ("first", "second", "close"):
        task = tasks[name]
        task.render_template_fields(context)
        context["task_state_store"] = None
        values[name] = task.execute(context)
    session_id = values["first"]["job_id"]
    assert [values[name]["session_id"] for name in values] == [session_id] * 3
    assert f"DELETE /sessions/{session_id}/close" in sent()
    assert tasks["close"].is_teardown


def test_the_program_of_the_page_on_jobs_returns_its_text(on, context, tmp_path):
    on("api_token")
    (task,) = load(shown("jobs.md"), tmp_path).values()
    assert task.execute(context)["results"] == "All done!"
