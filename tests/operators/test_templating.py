"""Every kind of value, alone and nested, gives the same result through Airflow's rendering as without it."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, UserDict, UserList, deque, namedtuple
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import Parameter
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

from tests.older_airflow import dag_serialization

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
TURN = 'OPENQASM 3.0; include "stdgates.inc"; input float[64] theta; bit[1] c; rx(theta) $0; c[0] = measure $0;'
TURNS = (
    'OPENQASM 3.0; include "stdgates.inc"; input float[64] b; input float[64] a; bit[1] c; rx(a) $0; rx(b) $0; '
    "c[0] = measure $0;"
)
PAIR = 'OPENQASM 3.0; include "stdgates.inc"; x $0; x $1;'
OTHER_MARKS = {"variable_start_string": "<<", "variable_end_string": ">>", "line_statement_prefix": "#"}
Pub = namedtuple("Pub", "circuit values shots")


def pandas() -> Any:
    """Return Pandas, which takes longer to import than this file's tests to collect."""
    import pandas

    return pandas


OBSERVABLES: dict[str, tuple[Callable[[], Any], Any]] = {
    "SparsePauliOp": (lambda: SparsePauliOp(["ZZ", "XX"], [1, 2]), {"ZZ": 1, "XX": 2}),
    "Pauli": (lambda: Pauli("ZZ"), {"ZZ": 1}),
    "SparseObservable": (lambda: SparseObservable.from_label("ZZ"), {"ZZ": 1}),
    "PauliList": (lambda: PauliList(["ZZ", "XX"]), ["ZZ", "XX"]),
    "ObservablesArray": (lambda: ObservablesArray(["ZZ", "XX"]), ["ZZ", "XX"]),
    "a list of SparsePauliOp": (lambda: [SparsePauliOp("ZZ"), SparsePauliOp("XX")], ["ZZ", "XX"]),
    "a map with Pauli": (lambda: {Pauli("ZZ"): np.float64(0.5)}, {"ZZ": 0.5}),
    "a map with complex weights": (lambda: {"ZZ": np.complex128(1)}, {"ZZ": 1}),
    "a map with Decimal and Fraction": (lambda: {"ZZ": Decimal("0.5"), "XX": Fraction(1, 4)}, {"ZZ": 0.5, "XX": 0.25}),
    "numpy text": (lambda: np.str_("ZZ"), "ZZ"),
    "an array": (lambda: np.array([["ZZ"], ["XX"]]), [["ZZ"], ["XX"]]),
    "an array of one": (lambda: np.array("ZZ"), "ZZ"),
    "a Series": (lambda: pandas().Series(["ZZ", "XX"]), ["ZZ", "XX"]),
    "a Series of weights": (lambda: pandas().Series({"ZZ": 0.5, "XX": 1.0}), {"ZZ": 0.5, "XX": 1.0}),
    "an Index": (lambda: pandas().Index(["ZZ", "XX"]), ["ZZ", "XX"]),
    "a generator": (lambda: (text for text in ("ZZ", "XX")), ["ZZ", "XX"]),
    "the keys of a map": (lambda: {"ZZ": 1, "XX": 2}.keys(), ["ZZ", "XX"]),
    "a deque": (lambda: deque(["ZZ"]), ["ZZ"]),
    "a UserList": (lambda: UserList(["ZZ"]), ["ZZ"]),
    "a mapping proxy": (lambda: MappingProxyType({"ZZ": 1}), {"ZZ": 1}),
    "an OrderedDict": (lambda: OrderedDict(ZZ=1), {"ZZ": 1}),
    "a Counter": (lambda: Counter(ZZ=1), {"ZZ": 1}),
    "a UserDict": (lambda: UserDict(ZZ=1), {"ZZ": 1}),
}
VALUES: dict[str, tuple[Callable[[], Any], Any]] = {
    "an array": (lambda: np.array([[0.1], [0.2]]), {"theta": [0.1, 0.2]}),
    "a map of an array": (lambda: {"theta": np.array([0.1, 0.2])}, {"theta": [0.1, 0.2]}),
    "a map of an array of one": (lambda: {"theta": np.array(0.0)}, {"theta": 0.0}),
    "numpy numbers": (lambda: {"theta": [np.float64(0.1), np.int8(1)]}, {"theta": [0.1, 1]}),
    "a Parameter": (lambda: {Parameter("theta"): 0.5}, {"theta": 0.5}),
    "a DataFrame": (lambda: pandas().DataFrame({"theta": [0.1, 0.2]}), {"theta": [0.1, 0.2]}),
    "a row": (lambda: pandas().DataFrame({"theta": [0.1, 0.2]}).loc[1], {"theta": 0.2}),
    "a map of a column": (lambda: {"theta": pandas().Series([0.1, 0.2], index=["x", "y"])}, {"theta": [0.1, 0.2]}),
    "a range": (lambda: {"theta": range(3)}, {"theta": [0, 1, 2]}),
    "a generator": (lambda: {"theta": (angle for angle in (0.1, 0.2))}, {"theta": [0.1, 0.2]}),
    "Decimal and Fraction": (lambda: {"theta": [Decimal("0.1"), Fraction(1, 4)]}, {"theta": [0.1, 0.25]}),
    "a mapping proxy": (lambda: MappingProxyType({"theta": [0.5]}), {"theta": [0.5]}),
}
CIRCUITS: dict[str, tuple[Callable[[], Any], Any]] = {
    "a named tuple": (lambda: Pub(FLIP, None, 10), (FLIP, None, 10)),
    "a list of named tuples": (lambda: [Pub(FLIP, None, 10)], [(FLIP, None, 10)]),
    "a generator": (lambda: (circuit for circuit in (FLIP, FLIP)), [FLIP, FLIP]),
    "a map object": (lambda: map(str, [FLIP, FLIP]), [FLIP, FLIP]),
    "a Series": (lambda: pandas().Series([FLIP, FLIP]), [FLIP, FLIP]),
    "an array": (lambda: np.array([FLIP, FLIP]), [FLIP, FLIP]),
    "numpy text": (lambda: np.str_(FLIP), FLIP),
    "a deque": (lambda: deque([FLIP]), [FLIP]),
    "the values of a map": (lambda: {"flip": FLIP}.values(), [FLIP]),
    "a function of the context": (lambda: lambda context, jinja_env: FLIP, FLIP),
    "a text that ends in the name of a file": (lambda: f"{FLIP} // as flip.qasm", f"{FLIP} // as flip.qasm "),
    "a text whose last line ends so": (lambda: f"{FLIP}\n// as flip.qasm", f"{FLIP}\n// as flip.qasm "),
}
NUMBERS: dict[str, Callable[[int], Any]] = {
    "int64": np.int64,
    "float64": np.float64,
    "Decimal": Decimal,
    "text": str,
    "an array of one": lambda number: np.array(number),
    "a template": lambda number: f"{{{{ {number} }}}}",
}
WHOLE = {"shots": 10, "max_execution_time": 60, "poll_interval": 5, "timeout": 600}
FIELDS: dict[str, tuple[Callable[[], dict[str, Any]], dict[str, Any]]] = {
    "optimization_level": (lambda: {"optimization_level": np.int64(0)}, {"optimization_level": 0}),
    "default_shots": (lambda: {"options": {"default_shots": np.int64(10)}}, {"options": {"default_shots": 10}}),
    "a flag": (
        lambda: {"options": {"twirling": {"enable_gates": np.bool_(False)}}},
        {"options": {"twirling": {"enable_gates": False}}},
    ),
    "a group of options": (
        lambda: {"options": MappingProxyType({"execution": MappingProxyType({"rep_delay": np.float64(0.5)})})},
        {"options": {"execution": {"rep_delay": 0.5}}},
    ),
    "an array in options": (
        lambda: {"options": {"experimental": {"x": np.array([1, 2])}}},
        {"options": {"experimental": {"x": [1, 2]}}},
    ),
    "a template in a mapping proxy": (
        lambda: {"options": MappingProxyType({"experimental": {"x": "{{ 'a' }}"}})},
        {"options": {"experimental": {"x": "a"}}},
    ),
    "a timedelta64": (lambda: {"timeout": np.timedelta64(2, "m")}, {"timeout": timedelta(minutes=2)}),
    "a Timedelta": (lambda: {"timeout": pandas().Timedelta("2min")}, {"timeout": 120}),
    "a set of tags": (lambda: {"tags": {"a"}}, {"tags": ["a"]}),
    "an array of tags": (lambda: {"tags": np.array(["a", "b"])}, {"tags": ["a", "b"]}),
    "an empty array of tags": (lambda: {"tags": np.array([])}, {"tags": []}),
    "a Series of tags": (lambda: {"tags": pandas().Series(["a", "b"])}, {"tags": ["a", "b"]}),
    "tags one after the other": (lambda: {"tags": iter(["a"])}, {"tags": ["a"]}),
    "filters": (
        lambda: {"backend": "least_busy", "backend_filters": {"min_qubits": np.int64(10)}},
        {"backend": "least_busy", "backend_filters": {"min_qubits": 10}},
    ),
    "a Series of filters": (
        lambda: {"backend": "least_busy", "backend_filters": pandas().Series({"min_qubits": 10})},
        {"backend": "least_busy", "backend_filters": {"min_qubits": 10}},
    ),
    "a backend": (lambda: {"backend": np.str_("ibm_fez")}, {"backend": "ibm_fez"}),
    "a path": (lambda: {"result_path": Path("/tmp/results")}, {"result_path": "/tmp/results"}),
    "a path that ends like a circuit": (
        lambda: {"result_path": "/tmp/results.qasm"},
        {"result_path": "{{ '/tmp/results.qasm' }}"},
    ),
    "a yes": (lambda: {"dry_run": np.bool_(True)}, {"dry_run": True}),
}


@pytest.fixture
def plans(task) -> Callable[..., dict[str, Any]]:
    """Return the input that would be submitted, storing the DAG and the rendered fields as Airflow does."""
    from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields

    def plan(**arguments: Any) -> dict[str, Any]:
        operator = task.operator(**{"dry_run": True, **arguments})
        json.dumps(dag_serialization().to_dict(operator.dag))
        json.dumps(_serialize_rendered_fields(operator))
        return operator.execute(task.context)

    return plan


def _estimator(task: Any) -> None:
    task.operator_class = "QiskitRuntimeEstimatorOperator"
    task.defaults = {"circuits": PAIR}


@pytest.mark.parametrize("kind", OBSERVABLES)
def test_observables_bare_and_in_a_pub(task, plans, kind):
    _estimator(task)
    given, equal = OBSERVABLES[kind]
    expected = plans(observables=equal)
    assert plans(observables=given()) == expected
    assert plans(circuits=[(PAIR, given())]) == plans(circuits=[(PAIR, equal)])
    assert plans(circuits=(PAIR, given())) == expected


@pytest.mark.parametrize("kind", VALUES)
def test_parameter_values_bare_and_in_a_list(plans, kind):
    given, equal = VALUES[kind]
    expected = plans(circuits=[(TURN, equal)])
    assert plans(circuits=[(TURN, given())]) == expected
    assert plans(circuits=(TURN, given())) == expected


def test_a_data_frame_is_read_by_its_names(plans):
    frame = pandas().DataFrame({"b": [0.1, 0.2], "a": [1.0, 2.0]})
    assert plans(circuits=[(TURNS, frame)]) == plans(circuits=[(TURNS, {"a": [1.0, 2.0], "b": [0.1, 0.2]})])


@pytest.mark.parametrize("kind", CIRCUITS)
def test_circuits(plans, kind):
    given, equal = CIRCUITS[kind]
    found, expected = plans(circuits=given()), plans(circuits=equal)
    if kind.startswith("a text"):
        # The expected one ends in a space, so that Airflow takes it for a text.
        found.pop("fingerprint")
        expected.pop("fingerprint")
    assert found == expected


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("field", WHOLE)
def test_numbers(plans, field, kind):
    assert plans(**{field: NUMBERS[kind](WHOLE[field])}) == plans(**{field: WHOLE[field]})


@pytest.mark.parametrize("kind", FIELDS)
def test_other_fields(plans, kind):
    given, equal = FIELDS[kind]
    assert plans(**given()) == plans(**equal)


@pytest.mark.parametrize("native", [False, True])
def test_what_another_task_returned(task, native):
    """XComArgs, bare and nested, and what ``map`` makes of them, which is a sequence of a kind of its own."""
    from airflow.sdk import DAG
    from airflow.sdk import task as task_of

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator

    returned = {"observables": np.array(["ZZ", "XX"]), "circuits": [PAIR, PAIR], "options": {"default_shots": 10}}
    with DAG("the_dag", schedule=None, render_template_as_native_obj=native):
        sources = {name: task_of(task_id=name)(lambda: None)() for name in returned}
        operator = QiskitRuntimeEstimatorOperator(
            task_id="the_task",
            backend="ibm_fez",
            circuits=sources["circuits"].map(lambda circuit: (circuit, "ZZ")),
            observables=sources["observables"],
            options={"default_shots": sources["options"]["default_shots"]},
            resilience_level=0,
            dry_run=True,
        )
    pulled = {"options": {"default_shots": 10, "return_value": returned["options"]}}
    task.context["ti"].xcom_pull = lambda task_ids, key="return_value", **_: (
        pulled[task_ids][key] if task_ids in pulled else returned[task_ids]
    )
    operator.render_template_fields({"params": {}, **task.context})
    assert operator.circuits == [(PAIR, "ZZ"), (PAIR, "ZZ")]
    assert operator.observables == ["ZZ", "XX"]
    assert operator.options == {"default_shots": 10}
    assert operator.execute(task.context)["executions"] == 20


def test_params_of_the_run(task):
    """A ``Param`` of the DAG stands for its value in the run; another one for its own."""
    from airflow.sdk import DAG, Param

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    shots = Param(100, type="integer")
    with DAG("the_dag", schedule=None, params={"shots": shots}) as dag:
        operator = QiskitRuntimeSamplerOperator(
            task_id="the_task",
            backend="ibm_fez",
            circuits=[(TURN, {"theta": Param(0.5)})],
            shots=dag.params.get_param("shots"),
            tags=[Param("a")],
            dry_run=True,
        )
    operator.render_template_fields({"params": {"shots": 33}, **task.context})
    assert operator.shots == 33
    assert operator.tags == ["a"]
    assert operator.execute(task.context)["executions"] == 33


def _of_a_mapped_task(task: Any, dag: Any, map_index: int) -> dict[str, Any]:
    task.context["ti"].map_index = map_index
    return {"params": {}, "dag": dag, "dag_run": SimpleNamespace(conf={}), **task.context}


def test_tasks_that_share_an_iterator_and_are_mapped(task):
    """Each mapped task reads the argument anew, and Airflow does not render mapped tasks as it does others."""
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator

    with DAG("the_dag", schedule=None) as dag:
        mapped = QiskitRuntimeEstimatorOperator.partial(
            task_id="the_task", backend="ibm_fez", observables=SparsePauliOp("ZZ"), tags=iter(["a"]), dry_run=True
        ).expand(circuits=[PAIR, f"{PAIR} rz(0) $0;"])
    found = []
    for map_index in (0, 1):
        context = _of_a_mapped_task(task, dag, map_index)
        mapped.render_template_fields(context)
        operator = context["task"]
        assert operator.tags == ["a"]
        found.append(operator.execute(context)["fingerprint"])
    assert len(set(found)) == 2


def test_a_missing_file_of_a_mapped_task_is_named(task):
    from airflow.providers.common.compat.sdk import AirflowFailException
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    with DAG("the_dag", schedule=None, template_searchpath=[str(task.folder)]) as dag:
        mapped = QiskitRuntimeSamplerOperator.partial(task_id="the_task", backend="ibm_fez").expand(
            circuits=["missing.qasm"]
        )
    with pytest.raises(AirflowFailException, match=r"the file 'missing.qasm' was not found"):
        mapped.render_template_fields(_of_a_mapped_task(task, dag, 0))


def test_a_file_is_looked_up_for_circuits_only(task):
    (task.folder / "flip.qasm").write_text(FLIP)
    operator = task.operator(circuits=["flip.qasm"], tags=["flip.qasm"])
    assert operator.circuits == [FLIP]
    assert operator.tags == ["flip.qasm"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"circuits": {FLIP}}, "circuits: a set has no order"),
        ({"circuits": lambda: FLIP}, "expected OpenQASM 3 text.*not a function"),
        ({"options": {"experimental": {"x": {1}}}}, r"options\.experimental: expected what can be written as JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(task, arguments, message):
    from airflow.providers.common.compat.sdk import AirflowFailException

    with pytest.raises(AirflowFailException, match=message):
        task.execute(**arguments)


def test_a_set_of_observables_is_refused(task):
    from airflow.providers.common.compat.sdk import AirflowFailException

    _estimator(task)
    with pytest.raises(AirflowFailException, match="observables: a set has no order"):
        task.execute(observables={"ZZ", "XX"})


def test_a_decorated_function_gets_what_its_caller_passed(task):
    """Arguments of the function are not inputs of the task."""
    from airflow.providers.common.compat.sdk import AirflowFailException
    from airflow.sdk import DAG

    from airflow_provider_qrt.decorators.primitives import qiskit_sampler_task

    got = []

    @qiskit_sampler_task(backend="ibm_fez", dry_run=True)
    def build(frame: Any, angles: Any) -> Any:
        got.extend([frame, angles])
        return (TURN for _ in range(1))

    frame, angles = pandas().DataFrame({"theta": [0.1]}), np.array([0.1, 0.2])
    with DAG("the_dag", schedule=None):
        operator = build(frame, angles=angles).operator
    operator.render_template_fields({"params": {}, **task.context})
    with pytest.raises(AirflowFailException, match="no values were given"):
        operator.execute(task.context)
    assert got[0] is frame
    assert got[1] is angles


TEXTS = [
    FLIP,
    FLIP + "\n",
    FLIP + "\n\n",
    FLIP.replace("; ", ";\r\n"),
    FLIP + " // {{ params.angle }}",
    "{# no circuit #}" + FLIP,
    FLIP + "{% raw %}{{{% endraw %}",
    FLIP + " // { {",
    FLIP + " // <<params.angle>>",
    f'["{FLIP}"]'.replace('"stdgates.inc"', "'stdgates.inc'"),
    "\n",
    "\n\n",
    "# set x = 1\n;",
]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("kwargs", [{}, {"keep_trailing_newline": True}, {"newline_sequence": "\r\n"}, OTHER_MARKS])
@pytest.mark.parametrize("text", TEXTS)
def test_texts_without_a_template_are_what_jinja_makes_of_them(text, kwargs, native):
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    with DAG("the_dag", schedule=None, render_template_as_native_obj=native, jinja_environment_kwargs=kwargs) as dag:
        task = QiskitRuntimeSamplerOperator(task_id="the_task", circuits=text, backend="ibm_fez")
    environment = dag.get_template_env()
    context = {"params": {"angle": 1}}
    assert task.render_template(text, context, environment) == environment.from_string(text).render(context)


def test_an_extension_may_change_texts():
    import jinja2
    from jinja2.ext import Extension
    from jinja2.lexer import Token

    from airflow_provider_qrt.templating import _without_template

    class Before(Extension):
        def preprocess(self, source, name, filename=None):
            return source.replace("$0", "$1")

    class After(Extension):
        def filter_stream(self, stream):
            return (Token(one.lineno, one.type, one.value.replace("$0", "$1")) for one in stream)

    assert _without_template(FLIP, jinja2.Environment(extensions=[Before])) == FLIP.replace("$0", "$1")
    assert _without_template(FLIP, jinja2.Environment(extensions=[After])) is None


def test_circuits_without_a_template_are_not_compiled(monkeypatch):
    import jinja2
    from airflow.sdk import DAG

    from airflow_provider_qrt.operators.primitives import QiskitRuntimeSamplerOperator

    compiled = []
    from_string = jinja2.Environment.from_string
    monkeypatch.setattr(
        jinja2.Environment, "from_string", lambda self, text: compiled.append(text) or from_string(self, text)
    )
    with DAG("the_dag", schedule=None):
        task = QiskitRuntimeSamplerOperator(
            task_id="the_task", circuits=[FLIP, "{{ params.circuit }};"], backend="ibm_fez"
        )
    task.render_template_fields({"params": {"circuit": "x"}})
    assert task.circuits == [FLIP, "x;"]
    assert FLIP not in compiled
