"""Directed executions. Against the emulator."""

from __future__ import annotations

import json
import math
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import PauliLindbladMap

from airflow_provider_qrt.arguments.constants import InvalidConstantError
from airflow_provider_qrt.client.tokens import forget_all_tokens
from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook
from airflow_provider_qrt.operators.executor import QiskitRuntimeExecutorOperator
from airflow_provider_qrt.primitives import ExecutorResult, decode_executor_arrays

if TYPE_CHECKING:
    from samplomatic.quantum_program import QuantumProgram

HEAD = 'OPENQASM 3.0; include "stdgates.inc";\n'
FLIP = f"{HEAD}bit[2] c; x $0; c[0] = measure $0; c[1] = measure $1;"
SWEPT = (
    f"{HEAD}input float[64] b; input float[64] a; bit[2] c; rx(a) $0; rx(b) $1; c[0] = measure $0; c[1] = measure $1;"
)
PROGRAM = {"shots": 20, "items": [{"circuit": FLIP}], "passthrough_data": {"who": "me"}}


def swept(**item: Any) -> dict[str, Any]:
    angles = {"a": [0.0, math.pi, 0.0], "b": [0.0, 0.0, math.pi]}
    return {"shots": 4, "items": [{"circuit": SWEPT, "arguments": angles, **item}]}


def twirled() -> tuple[QuantumCircuit, Any]:
    """A circuit with a twirled gate and a twirled measurement, as samplomatic builds it."""
    from samplomatic import Twirl, build

    circuit = QuantumCircuit(2, 2)
    with circuit.box([Twirl(dressing="left")]):
        circuit.rz(Parameter("t"), 0)
        circuit.cz(0, 1)
    with circuit.box([Twirl(dressing="left")]):
        circuit.measure([0, 1], [0, 1])
    return build(circuit)


def directed(package: str = "samplomatic.quantum_program", shots: int = 5) -> Any:
    template, samplex = twirled()
    program = import_module(package).QuantumProgram(shots=shots, passthrough_data={"angles": [0.0, 1.0]})
    program.append_samplex_item(template, samplex, {"parameter_values": np.array([[[0.0]], [[1.0]]])}, shape=(2, 3))
    return program


@pytest.fixture
def executor(task):
    task.operator_module, task.operator_class = "executor", "QiskitRuntimeExecutorOperator"
    task.defaults = {"program": PROGRAM}
    return task


@pytest.fixture
def executor_either_way(executor, request, either_way):
    return executor


def noisy() -> QuantumProgram:
    """A program with injected noise, whose signs are returned beside the bits."""
    from samplomatic import InjectNoise, Twirl, build
    from samplomatic.quantum_program import QuantumProgram

    circuit = QuantumCircuit(2, 2)
    with circuit.box([Twirl(dressing="left"), InjectNoise("noise")]):
        circuit.cz(0, 1)
    with circuit.box([Twirl(dressing="left")]):
        circuit.measure([0, 1], [0, 1])
    template, samplex = build(circuit)
    program = QuantumProgram(shots=5, noise_maps={"noise": PauliLindbladMap.from_list([("ZZ", 0.1)])})
    program.append_samplex_item(template, samplex, shape=(3,))
    return program


def test_all_bits_of_all_shots_are_returned(executor_either_way):
    value = executor_either_way.run()
    assert value["results"] == [
        {
            "arrays": {"c": {"dtype": "bool", "shape": [20, 2], "values": [[1, 0]] * 20}},
            "metadata": {"scheduler_timing": None, "stretch_values": None},
        }
    ]
    assert value["passthrough_data"] == {"who": "me"}
    assert value["metadata"]["chunk_timing"][0]["parts"]
    assert (value["program_id"], value["status"]) == ("executor", "Completed")
    result = ExecutorResult.from_xcom(json.loads(json.dumps(value)))
    assert result[0]["c"].dtype == np.bool_
    assert result.job["job_id"] == value["job_id"]
    assert result.passthrough_data == {"who": "me"}


def test_a_sweep_keeps_its_shape_and_the_order_of_parameters_is_qiskits(executor):
    [item] = ExecutorResult.from_xcom(executor.run(program=swept()))
    assert item["c"].shape == (3, 4, 2)
    assert item["c"].mean(axis=1).tolist() == [[0, 0], [1, 0], [0, 1]]
    rows = np.array([[0.0, 0.0], [math.pi, 0.0], [0.0, math.pi]])
    [again] = ExecutorResult.from_xcom(executor.run(program=swept(arguments=rows)))
    assert np.array_equal(again["c"], item["c"])


def test_a_shape_repeats_the_execution(executor):
    [item] = ExecutorResult.from_xcom(executor.run(program=swept(shape=[2, 3])))
    assert item["c"].shape == (2, 3, 4, 2)
    program = {"shots": 3, "items": [{"circuit": FLIP, "shape": [5]}]}
    executor.clear()
    [item] = ExecutorResult.from_xcom(executor.run(program=program))
    assert item["c"].shape == (5, 3, 2)


def test_texts_need_no_qiskit(executor, monkeypatch):
    for module in ("qiskit", "samplomatic", "qiskit_ibm_runtime"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    assert executor.run(check_isa=True)["results"][0]["arrays"]["c"]["shape"] == [20, 2]


@pytest.mark.parametrize("package", ["samplomatic.quantum_program", "qiskit_ibm_runtime"])
def test_a_quantum_program_with_a_samplex_returns_what_was_drawn(executor, package):
    [item] = result = ExecutorResult.from_xcom(executor.run(program=directed(package)))
    assert item["c"].shape == (2, 3, 5, 2)
    assert item["measurement_flips.c"].shape == (2, 3, 1, 2)
    bits = item["c"] ^ item["measurement_flips.c"]
    assert not bits.any()
    assert item["measurement_flips.c"].any()
    assert result.passthrough_data == {"angles": [0.0, 1.0]}


def test_a_samplex_in_a_mapping_gives_the_same(executor, emulator):
    template, samplex = twirled()
    item = {
        "circuit": template,
        "samplex": samplex,
        "samplex_arguments": {"parameter_values": np.array([[[0.0]], [[1.0]]])},
        "shape": [2, 3],
    }
    program = {"shots": 5, "items": [item], "passthrough_data": {"angles": [0.0, 1.0]}}
    first = executor.operator(program=program).make_program().build()
    second = executor.operator(program=directed()).make_program().build()
    assert first.identity == second.identity
    assert executor.run(program=program)["status"] == "Completed"


@pytest.mark.parametrize("level", ["kerneled", "avg_kerneled", "both"])
def test_readout_points_are_returned_as_they_are(executor, level):
    [item] = ExecutorResult.from_xcom(executor.run(program={**PROGRAM, "meas_level": level}))
    names = {"kerneled": {"c_iq"}, "avg_kerneled": {"c_avg_iq"}, "both": {"c", "c_iq"}}[level]
    assert set(item) == names
    for name in names - {"c"}:
        assert item[name].dtype.kind == "c"
        assert item[name].shape == ((2,) if name == "c_avg_iq" else (20, 2))


@pytest.mark.parametrize(
    "make", [lambda: PROGRAM, lambda: swept(shape=[2, 3]), directed], ids=["text", "sweep", "samplex"]
)
def test_what_is_sent_passes_ibms_model(executor, make):
    from ibm_quantum_schemas.executor.version_2_0 import ParamsModel

    built = executor.operator(program=make(), options={"init_qubits": False}).make_program().build()
    model = ParamsModel.model_validate(json.loads(json.dumps(built.params)))
    assert model.options.init_qubits is False
    assert model.quantum_program.semantic_role is None


def test_executions_are_known_before_the_submission(executor, emulator):
    plan = executor.run(program=directed(shots=7), dry_run=True)
    assert plan["executions"] == 7 * 6
    assert plan["estimated_seconds"] > 2
    assert emulator.jobs() == []


# Submitted once


@pytest.mark.parametrize("make", [directed, lambda: {"shots": 2, "items": [{"circuit": twice()}]}])
def test_a_retry_that_builds_the_program_again_resumes_the_job(executor, emulator, make):
    emulator.add_fault(method="GET", path="*/results", status=404, times=1)
    with pytest.raises(AirflowException):
        executor.run(program=make())
    assert executor.run(program=make())["status"] == "Completed"
    assert len(emulator.jobs()) == 1


def twice() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    "other",
    [
        {**PROGRAM, "shots": 21},
        {**PROGRAM, "passthrough_data": {"who": "you"}},
        {**PROGRAM, "meas_level": "kerneled"},
        {**PROGRAM, "items": [{"circuit": FLIP, "shape": [2]}]},
        {**PROGRAM, "items": [{"circuit": FLIP.replace("x $0", "x $1")}]},
    ],
)
def test_another_program_is_another_job(executor, other):
    fingerprints = {
        executor.run(program=program, dry_run=True)["fingerprint"] for program in (PROGRAM, other, dict(other))
    }
    assert len(fingerprints) == 2


def test_other_values_are_another_job(executor):
    one, other = directed(), directed()
    other.items[0].samplex_arguments["parameter_values"] = np.array([[[0.0]], [[2.0]]])
    fingerprints = {executor.run(program=program, dry_run=True)["fingerprint"] for program in (one, other)}
    assert len(fingerprints) == 2


# Results


def test_a_file_holds_the_arrays_as_npz_by_default(executor, tmp_path):
    value = executor.run(program=directed(), result_path=str(tmp_path))
    assert value["result_path"] == str(tmp_path / f"{value['job_id']}.npz")
    read = ExecutorResult.from_file(value["result_path"])
    for name, array in ExecutorResult.from_xcom(value)[0].items():
        assert np.array_equal(read[0][name], array)
    assert read.job["provenance"]["software"]["qiskit"]
    assert read.passthrough_data == {"angles": [0.0, 1.0]}


@pytest.mark.parametrize("given", [{"result_format": "json"}, {"result_path": "result.json"}])
def test_json_can_be_asked_for(executor, tmp_path, given):
    path = str(tmp_path / given["result_path"]) if "result_path" in given else str(tmp_path)
    value = executor.run(**{**given, "result_path": path})
    assert value["result_path"].endswith(".json")
    read = ExecutorResult.from_file(value["result_path"])
    assert read[0]["c"].shape == (20, 2)
    assert read.metadata["chunk_timing"]
    assert "qiskit" not in read.job["provenance"]["software"]


def test_a_result_that_may_be_too_large_is_refused_before_the_submission(executor, emulator, tmp_path):
    large = {"shots": 400_000, "items": [{"circuit": FLIP}]}
    with pytest.raises(AirflowFailException, match=r"The result may take .* Set result_path"):
        executor.run(program=large)
    assert emulator.jobs() == []
    executor.clear()
    value = executor.run(program=large, result_path=str(tmp_path))
    assert value["results"][0]["arrays"]["c"] == {"dtype": "bool", "shape": [400_000, 2], "values": None}
    assert ExecutorResult.from_file(value["result_path"])[0]["c"].shape == (400_000, 2)
    with pytest.raises(ValueError, match=r"ExecutorResult\.from_file"):
        ExecutorResult.from_xcom(value)


def test_long_passthrough_data_stand_in_the_file_only(executor, tmp_path):
    long = {"text": "x" * 200_000}
    value = executor.run(program={**PROGRAM, "passthrough_data": long}, result_path=str(tmp_path))
    assert value["passthrough_data"] is None
    assert ExecutorResult.from_file(value["result_path"]).passthrough_data == long


@pytest.mark.parametrize(
    ("make", "holds"),
    [(noisy, "arrays"), (directed, "counts"), (lambda: PROGRAM, "counts")],
    ids=["noise", "twirled", "bits"],
)
def test_a_job_that_was_not_waited_for_can_be_fetched(executor, make, holds):
    from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator

    job_id = executor.run(program=make(), wait_for_completion=False)["job_id"]
    get = {"task_id": "get", "job_id": job_id, "poll_interval": 0.02}
    value = QiskitRuntimeGetResultOperator(**get).execute(executor.context)
    assert value["results"][0][holds]
    raw = QiskitRuntimeGetResultOperator(**get, decode=False).execute(executor.context)
    assert "c" in decode_executor_arrays(raw["results"])[0]


# What is refused


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (None, "program: expected a QuantumProgram"),
        ("{'shots': 1}", "set render_template_as_native_obj=True"),
        ({"items": [{"circuit": FLIP}]}, "program.shots: say how many"),
        ({**PROGRAM, "shots": 0}, "program.shots: expected a whole number"),
        ({"shots": 1, "items": []}, "program.items: expected a list"),
        ({"shots": 1, "items": [FLIP]}, "program.items[0]: expected a mapping"),
        ({**PROGRAM, "semantic_role": "sampler-v2"}, "'semantic_role': IBM's own clients use it"),
        ({**PROGRAM, "itens": []}, "'itens'; did you mean 'items'"),
        ({**PROGRAM, "meas_level": "raw"}, "program.meas_level: 'raw' is not one of classified"),
        ({**PROGRAM, "passthrough_data": {1j}}, "program.passthrough_data: expected what can be written as JSON"),
        ({"shots": 1, "items": [{"circuit": 3}]}, "program.items[0].circuit: expected OpenQASM 3 text"),
        ({"shots": 1, "items": [{"circuit": "x $0;"}]}, "program.items[0].circuit: "),
        (swept(arguments=None), "program.items[0]: the circuit has inputs and no values were given: b, a"),
        (swept(arguments={"a": 1.0}), "program.items[0].arguments: no value for the input 'b'"),
        (swept(arguments=[[1.0]]), "program.items[0].arguments: the circuit has 2 inputs"),
        (swept(shape=[2]), "program.items[0].shape: [2] cannot be broadcast"),
        (swept(shape=[0]), "program.items[0].shape: expected a list of whole numbers"),
        (swept(chunk_size=0), "program.items[0].chunk_size: expected a whole number"),
        (swept(chunk_size=2), "IBM takes a chunk_size in sessions only"),
        (swept(circuit_arguments=[[1.0]]), "'circuit_arguments': write arguments"),
        (swept(samplex_arguments={}), "'samplex_arguments'"),
        ({"shots": 1_000_000, "items": [{"circuit": FLIP, "shape": [11]}]}, "it comes to 11,000,000 executions"),
        (
            {"shots": 1, "items": [{"circuit": FLIP, "chunk_size": 1}, {"circuit": FLIP}]},
            "give every item a number as chunk_size",
        ),
        ({"shots": 1, "items": [{"circuit": twice(), "samplex": 3}]}, "samplomatic refuses this samplex"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:40],
)
def test_a_wrong_program_submits_nothing(executor, emulator, program, says):
    with pytest.raises(AirflowFailException) as refused:
        executor.run(program=program)
    assert says in str(refused.value)
    assert emulator.jobs() == []


def test_a_program_without_items_submits_nothing(executor, emulator):
    from samplomatic.quantum_program import QuantumProgram

    with pytest.raises(AirflowFailException, match="the program has no items"):
        executor.run(program=QuantumProgram(shots=1))
    assert emulator.jobs() == []


def test_a_program_that_ibms_client_prepared_for_itself_is_refused(executor):
    program = directed("qiskit_ibm_runtime")
    program._semantic_role = "sampler-v2"
    with pytest.raises(AirflowFailException, match="semantic_role"):
        executor.run(program=program)


def test_chunk_sizes_are_taken_in_a_session(executor, emulator):
    with QiskitRuntimeHook() as hook:
        session = hook.client.create_session(mode="dedicated", backend="ibm_fez")
    assert executor.run(program=swept(chunk_size=2), session_id=session.id)["session_id"] == session.id


def test_a_circuit_that_the_backend_cannot_run_is_refused(executor, emulator):
    program = {"shots": 1, "items": [{"circuit": FLIP}, {"circuit": FLIP.replace("x $0", "h $0")}]}
    with pytest.raises(
        AirflowFailException, match=r"program\.items\[1\]\.circuit: line 2: h on \$0.*Nothing transpiles"
    ):
        executor.run(program=program)
    hadamard = QuantumCircuit(1, 1)
    hadamard.h(0)
    hadamard.measure(0, 0)
    with pytest.raises(AirflowFailException, match=r"program\.items\[0\]\.circuit: h on"):
        executor.run(program={"shots": 1, "items": [{"circuit": hadamard}]})
    assert emulator.jobs() == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"init_qubit": True}, "did you mean 'init_qubits'"),
        ({"init_qubits": 1}, "options.init_qubits: expected true or false"),
        ({"execution": {}}, "its options stand alone"),
        ({"twirling": {}}, "the program executor runs circuits as they are"),
        ({"default_shots": 3}, "this is shots of the program"),
        ({"rep_delay": -1}, "options.rep_delay: expected a number of seconds"),
    ],
)
def test_wrong_options_fail_when_the_dag_file_is_read(options, says):
    with pytest.raises(InvalidConstantError) as refused:
        QiskitRuntimeExecutorOperator(task_id="t", program=PROGRAM, options=options)
    assert says in str(refused.value)


def test_parquet_holds_tables():
    with pytest.raises(InvalidConstantError, match="Write 'npz' or 'json'"):
        QiskitRuntimeExecutorOperator(task_id="t", program=PROGRAM, result_format="parquet")


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("circuits", r"program=\{\.\.\.\}"),
        ("shots", r"program=\{\.\.\.\}"),
        ("optimization_level", "nothing transpiles"),
        ("observables", "belongs to QiskitRuntimeEstimatorOperator"),
    ],
)
def test_arguments_of_other_operators_are_refused(argument, says):
    with pytest.raises(TypeError, match=says):
        QiskitRuntimeExecutorOperator(task_id="t", program=PROGRAM, **{argument: 1})


@pytest.mark.parametrize("channel", ["ibm_cloud", "ibm_quantum", "api_token"])
def test_older_channels_have_no_executor(connect, context, emulator, channel):
    forget_all_tokens()
    connect({"channel": channel, "hub": "h", "group": "g", "project": "p"}, host=emulator.iam_url)
    operator = QiskitRuntimeExecutorOperator(task_id="t", program=PROGRAM, backend="ibm_algiers")
    with pytest.raises(AirflowFailException, match=rf"'{channel}' has no program executor"):
        operator.execute(context)
    assert not emulator.requests()
    forget_all_tokens()


def test_templates_reach_into_the_program(executor):
    program = {"shots": "{{ params.shots }}", "items": [{"circuit": FLIP}]}
    assert executor.run(program=program)["results"][0]["arrays"]["c"]["shape"] == [33, 2]


def test_a_budget_knows_what_it_takes(executor, emulator):
    with pytest.raises(AirflowFailException, match="budget"):
        executor.run(program={"shots": 1_000_000, "items": [{"circuit": FLIP}]}, budget=10, result_path="/nowhere")
    assert emulator.jobs() == []


def test_a_submission_that_is_too_large_is_refused(executor, emulator, monkeypatch):
    monkeypatch.setenv("AIRFLOW__QISKIT_RUNTIME__MAX_BODY_BYTES", "4000")
    with pytest.raises(AirflowFailException, match="more than the 1,000 of a submission"):
        executor.run(program={"shots": 1, "items": [{"circuit": FLIP}] * 10})
    assert emulator.jobs() == []


# Functions


@pytest.fixture
def decorated(context, in_the_triggerer, connection):
    """Run a decorated function as a task, both legs of it."""
    from airflow.sdk import DAG

    from airflow_provider_qrt.decorators.primitives import qiskit_executor_task

    calls = []

    def run(returned, **arguments):
        def make():
            calls.append(1)
            return returned() if callable(returned) else returned

        def operator():
            given = {"backend": "ibm_fez", "poll_interval": 0.02, **arguments}
            with DAG("the_dag", schedule=None):
                made = qiskit_executor_task(task_id="the_task", **given)(make)()
            made.operator.render_template_fields({"params": {}, **context})
            return made.operator

        try:
            return operator().execute(context)
        except TaskDeferred as deferred:
            event = in_the_triggerer(deferred.trigger)
            arguments_back = {**(deferred.kwargs or {}), "event": event}
            return operator().resume_execution(deferred.method_name, arguments_back, context)

    run.calls = calls
    return run


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_function_returns_the_program_and_is_called_once(decorated, deferrable, tmp_path):
    value = decorated(directed, deferrable=deferrable, result_path=str(tmp_path))
    assert ExecutorResult.from_xcom(value)[0]["c"].shape == (2, 3, 5, 2)
    assert ExecutorResult.from_file(value["result_path"]).job["provenance"]["software"]["qiskit"]
    assert len(decorated.calls) == 1


@pytest.mark.parametrize("returned", [None, 3, "text", [PROGRAM]])
def test_a_function_that_returns_something_else_submits_nothing(decorated, emulator, returned):
    with pytest.raises(AirflowFailException, match="It is to return a QuantumProgram, or a mapping"):
        decorated(returned, deferrable=False)
    assert emulator.jobs() == []


def test_the_decorator_takes_no_program():
    from airflow_provider_qrt.decorators.primitives import qiskit_executor_task

    with pytest.raises(TypeError, match="so leave the argument program out"):

        @qiskit_executor_task(program=PROGRAM)
        def make():
            return PROGRAM
