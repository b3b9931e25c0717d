"""The tasks that the decorators create from a function in a DAG file."""

from __future__ import annotations

import inspect

import pytest
from airflow.sdk import DAG, BaseOperator, task

from airflow_provider_qrt.arguments import keywords as arguments
from airflow_provider_qrt.compat import has_state_store
from airflow_provider_qrt.decorators.primitives import qiskit_estimator_task, qiskit_sampler_task
from airflow_provider_qrt.execution.failure_callback import cancel_jobs_of_failed_task
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from tests.older_airflow import dag_serialization

FLIP = 'OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;'
BOTH = pytest.mark.parametrize("decorate", [qiskit_sampler_task, qiskit_estimator_task])


def measure(number=1):
    """A circuit."""
    return FLIP


def tell(context):
    """Somebody's callback."""


def test_airflow_finds_them_under_their_names():
    with DAG("the_dag", schedule=None):
        sampled = task.qiskit_sampler(shots=7)(measure)()
        estimated = task.qiskit_estimator(observables="Z")(measure)()
    assert isinstance(sampled.operator, QiskitRuntimeSamplerOperator)
    assert isinstance(estimated.operator, QiskitRuntimeEstimatorOperator)
    assert (sampled.operator.shots, estimated.operator.observables) == (7, "Z")
    assert [one.operator.task_id for one in (sampled, estimated)] == ["measure", "measure__1"]
    assert [one.operator.custom_operator_name for one in (sampled, estimated)] == [
        "@task.qiskit_sampler",
        "@task.qiskit_estimator",
    ]


@BOTH
def test_without_arguments_it_needs_no_brackets(decorate):
    with DAG("the_dag", schedule=None):
        assert decorate(measure)().operator.doc_md == "A circuit."


@BOTH
def test_a_decorated_function_can_be_overridden_and_called_again(decorate):
    decorated = decorate(backend="ibm_fez", retries=2)(measure)
    with DAG("the_dag", schedule=None):
        first, second = decorated(1), decorated.override(task_id="other", backend="ibm_boston")(2)
    assert (first.operator.backend, first.operator.op_args) == ("ibm_fez", (1,))
    assert (second.operator.backend, second.operator.task_id, second.operator.retries) == ("ibm_boston", "other", 2)


@BOTH
def test_an_upstream_tasks_output_comes_before(decorate):
    with DAG("the_dag", schedule=None):
        first = decorate(task_id="first")(measure)(1)
        second = decorate(task_id="second", session_id=first["session_id"])(measure)(number=first)
    assert second.operator.upstream_task_ids == {"first"}


@BOTH
@pytest.mark.parametrize("given", [None, tell, [tell]], ids=["none", "one", "list"])
@pytest.mark.parametrize("by_default", [False, True], ids=["on the task", "in default_args"])
def test_each_task_sees_to_its_job_when_it_fails_for_good(decorate, given, by_default):
    callback = {} if given is None else {"on_failure_callback": given}
    wanted = [*([] if given is None else [tell]), cancel_jobs_of_failed_task]
    with DAG("the_dag", schedule=None, default_args=callback if by_default else {}):
        decorated = decorate(**({} if by_default else callback))(measure)
        assert decorated().operator.on_failure_callback == wanted
        mapped = decorated.override(task_id="mapped").expand(number=[1, 2]).operator
    assert mapped.on_failure_callback == wanted
    assert mapped.unmap({"op_kwargs": {"number": 1}}).on_failure_callback == wanted


@BOTH
def test_a_mapped_task_has_the_decorators_arguments_and_the_functions(decorate):
    with DAG("the_dag", schedule=None):
        mapped = decorate(backend="ibm_fez", deferrable=True)(measure).expand(number=[1, 2]).operator
    one = mapped.unmap({"op_kwargs": {"number": 2}})
    assert (one.backend, one.deferrable, one.op_kwargs) == ("ibm_fez", True, {"number": 2})


@BOTH
def test_a_dag_with_them_can_be_stored(decorate):
    with DAG("the_dag", schedule=None) as dag:
        decorated = decorate(backend="ibm_fez")(measure)
        decorated(1)
        decorated.override(task_id="mapped").expand(number=[1, 2])
    serialization = dag_serialization()
    stored = serialization.from_dict(serialization.to_dict(dag))
    assert set(stored.task_ids) == {"measure", "mapped"}
    assert all(stored.get_task(name).has_on_failure_callback for name in stored.task_ids)


@BOTH
def test_what_the_function_returns_does_not_decide_about_the_tasks_outputs(decorate):
    def encoded() -> dict[str, str]:
        return {}

    with DAG("the_dag", schedule=None):
        assert decorate(encoded)().operator.multiple_outputs is False
        assert decorate(multiple_outputs=True, task_id="several")(encoded)().operator.multiple_outputs is True


async def later():
    return FLIP


def one_by_one():
    yield FLIP


@BOTH
@pytest.mark.parametrize(
    ("function", "given", "said"),
    [
        (measure, {"circuits": FLIP}, "'measure' returns the circuits, so leave the argument circuits out"),
        (later, {}, "'later' is async"),
        (one_by_one, {}, "'one_by_one' yields"),
    ],
)
def test_a_function_that_cannot_return_circuits_is_refused_in_the_dag_file(decorate, function, given, said):
    with pytest.raises(TypeError, match=said):
        decorate(**given)(function)


@BOTH
def test_an_argument_without_its_name_is_refused(decorate):
    with pytest.raises(TypeError, match="arguments need their names"):
        decorate("ibm_fez")


@pytest.mark.parametrize(
    ("operator_class", "typed"),
    [
        (QiskitRuntimeSamplerOperator, arguments.SamplerArguments),
        (QiskitRuntimeEstimatorOperator, arguments.EstimatorArguments),
    ],
)
def test_type_checkers_know_every_argument_of_the_operator(operator_class, typed):
    signatures = [inspect.signature(base.__init__) for base in operator_class.__mro__ if issubclass(base, BaseOperator)]
    known = {name for signature in signatures for name in signature.parameters}
    known -= {"self", "_args", "kwargs", "args", "circuits"}
    # They are those of the newest Airflow.
    assert known == set(typed.__annotations__) if has_state_store() else known < set(typed.__annotations__)
