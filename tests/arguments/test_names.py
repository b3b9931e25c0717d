"""Every way to create a task reports a misspelt argument and suggests the right name."""

from __future__ import annotations

import importlib
import inspect
from typing import Any, get_args

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_provider_qrt.arguments import keywords
from airflow_provider_qrt.arguments.names import parameters
from airflow_provider_qrt.decorators.primitives import qiskit_estimator_task, qiskit_sampler_task
from airflow_provider_qrt.get_provider_info import get_provider_info
from airflow_provider_qrt.operators.jobs import QiskitRuntimeGetResultOperator, QiskitRuntimeSubmitJobOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from airflow_provider_qrt.operators.sessions import qiskit_runtime_session
from airflow_provider_qrt.sensors.qiskit_runtime import QiskitRuntimeBackendSensor, QiskitRuntimeJobSensor

FLIP = "OPENQASM 3.0; bit c; c = measure $0;"


def public_tasks() -> list[type]:
    """The classes of tasks that users import, as the provider's metadata names their modules."""
    info = get_provider_info()
    modules = [name for room in ("operators", "sensors") for one in info[room] for name in one["python-modules"]]
    found = {
        value
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if inspect.isclass(value) and issubclass(value, BaseOperator) and not name.startswith("_")
        if value.__module__.startswith(("airflow_provider_qrt.operators", "airflow_provider_qrt.sensors"))
        if not inspect.isabstract(value)
    }
    return sorted(found, key=lambda one: one.__name__)


@pytest.mark.parametrize("task", public_tasks(), ids=lambda one: one.__name__)
class TestEveryPublicClass:
    def test_its_signature_names_every_argument(self, task):
        kinds = {one.kind for one in inspect.signature(task).parameters.values()}
        assert kinds == {inspect.Parameter.KEYWORD_ONLY}
        assert {"task_id", "retries", "qiskit_runtime_conn_id"} <= set(inspect.signature(task).parameters)

    def test_type_checkers_know_what_it_passes_on_to_its_bases(self, task):
        unpacked: Any = inspect.signature(task.__init__).parameters["kwargs"].annotation
        typed = getattr(keywords, unpacked.removeprefix("Unpack[").removesuffix("]"))
        own = set(inspect.signature(task.__init__).parameters) - {"self", "kwargs"}
        assert own | set(typed.__annotations__) == set(parameters(task))

    def test_it_names_the_nearest_argument(self, task):
        with pytest.raises(TypeError, match=r"no argument 'retrys'; did you mean 'retries'\?"):
            task(task_id="t", retrys=3)


def test_there_are_public_classes():
    assert len(public_tasks()) >= 11


@pytest.mark.parametrize(
    ("task", "given", "said"),
    [
        (QiskitRuntimeSamplerOperator, "deferable", "did you mean 'deferrable'?"),
        (QiskitRuntimeSamplerOperator, "buget", "did you mean 'budget'?"),
        (QiskitRuntimeSamplerOperator, "max_exec_time", "did you mean 'max_execution_time'?"),
        (QiskitRuntimeSamplerOperator, "conn_id", "did you mean 'qiskit_runtime_conn_id'?"),
        (QiskitRuntimeSamplerOperator, "poke_interval", "did you mean 'poll_interval'?"),
        (QiskitRuntimeSamplerOperator, "parameter_values", "circuits=[(circuit, parameter_values)]"),
        (QiskitRuntimeSamplerOperator, "session", "did you mean 'session_id'?"),
        (QiskitRuntimeSamplerOperator, "circuit", "did you mean 'circuits'?"),
        (QiskitRuntimeSamplerOperator, "observables", "belongs to QiskitRuntimeEstimatorOperator"),
        (QiskitRuntimeSamplerOperator, "backend_name", "did you mean 'backend'?"),
        (QiskitRuntimeEstimatorOperator, "shots", "write precision"),
        (QiskitRuntimeEstimatorOperator, "observable", "did you mean 'observables'?"),
        (QiskitRuntimeSubmitJobOperator, "circuits", "program_params={...}"),
        (QiskitRuntimeGetResultOperator, "poke_interval", "did you mean 'poll_interval'?"),
        (QiskitRuntimeJobSensor, "poll_interval", "did you mean 'poke_interval'?"),
        (QiskitRuntimeBackendSensor, "max_queue_length", "did you mean 'max_queue'?"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
@pytest.mark.parametrize("mapped", [False, True], ids=["task", "partial"])
def test_a_first_guess_is_answered_with_what_is_meant(task, given, said, mapped):
    make = task.partial if mapped else task
    with pytest.raises(TypeError) as refused:
        make(task_id="the_task", **{given: "x"})
    assert f"no argument {given!r}" in str(refused.value)
    assert said in str(refused.value)
    assert "the_task" in str(refused.value)


def test_all_typos_are_named_at_once():
    with pytest.raises(TypeError, match=r"'deferable'.*'buget'.*'max_exec_time'"):
        QiskitRuntimeSamplerOperator(task_id="t", circuits=FLIP, deferable=True, buget=60, max_exec_time="1h")


@pytest.mark.parametrize("decorate", [qiskit_sampler_task, qiskit_estimator_task])
def test_decorators_refuse_a_typo_where_the_function_is_decorated(decorate):
    with pytest.raises(TypeError, match=r"no argument 'deferable'; did you mean 'deferrable'"):

        @decorate(deferable=True)
        def circuits():
            return FLIP


def test_a_session_refuses_a_typo():
    with (
        DAG("d", schedule=None),
        pytest.raises(TypeError, match="did you mean 'retries'"),
        qiskit_runtime_session(retrys=1),
    ):
        pass


def test_a_users_own_class_may_have_arguments_of_its_own():
    class Mine(QiskitRuntimeSamplerOperator):
        def __init__(self, **kwargs: Any) -> None:
            self.mine = kwargs.pop("mine")
            super().__init__(**kwargs)

    assert Mine(task_id="t", circuits=FLIP, mine=3).mine == 3
    with pytest.raises(TypeError, match="did you mean 'deferrable'"):
        Mine(task_id="t", circuits=FLIP, mine=3, deferable=True)


def test_the_typed_dictionaries_hold_no_any_where_a_type_can_be_told():
    assert not [name for name, hint in keywords.JobArguments.__annotations__.items() if get_args(hint) == (Any,)]
