"""The decorators: the function returns circuits or a quantum program, the task returns the results.

They are the same as ``@task.qiskit_sampler``, ``@task.qiskit_estimator`` and ``@task.qiskit_executor``, but type
checkers know the arguments of those imported from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, overload

from airflow_provider_qrt.decorators.factory import decorate
from airflow_provider_qrt.decorators.operators import (
    FunctionEstimatorOperator,
    FunctionExecutorOperator,
    FunctionSamplerOperator,
)
from airflow_provider_qrt.decorators.returned import EstimatorCircuits, Program, SamplerCircuits

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import Task

    from airflow_provider_qrt.arguments.keywords import EstimatorArguments, ExecutorArguments, SamplerArguments

__all__ = ["qiskit_estimator_task", "qiskit_executor_task", "qiskit_sampler_task"]

FArguments = ParamSpec("FArguments")
ToSample = TypeVar("ToSample", bound=SamplerCircuits)
ToEstimate = TypeVar("ToEstimate", bound=EstimatorCircuits)
ToExecute = TypeVar("ToExecute", bound=Program)


@overload
def qiskit_sampler_task(python_callable: Callable[FArguments, ToSample], /) -> Task[FArguments, ToSample]: ...


@overload
def qiskit_sampler_task(
    **arguments: Unpack[SamplerArguments],
) -> Callable[[Callable[FArguments, ToSample]], Task[FArguments, ToSample]]: ...


def qiskit_sampler_task(python_callable: Callable[..., Any] | None = None, /, **arguments: Any) -> Any:
    """Make a function's tasks run the circuits it returns with the sampler primitive.

    The function returns OpenQASM 3 text, a ``QuantumCircuit``, or a list of these or of PUBs
    ``(circuit, parameter_values, shots)``; a tuple is one PUB. The task returns what
    :class:`~airflow_provider_qrt.operators.primitives.QiskitRuntimeSamplerOperator` returns.

    Args:
        python_callable: The function.
        arguments: The operator's arguments except ``circuits``, and those that Airflow has for every task.
            ``multiple_outputs`` (False) concerns the result's keys, such as ``results`` and ``backend``.

    Raises:
        TypeError: The function cannot return circuits, or ``circuits`` is also given.
    """
    if python_callable is not None:
        return decorate(python_callable, FunctionSamplerOperator, arguments)
    return lambda function: decorate(function, FunctionSamplerOperator, dict(arguments))


@overload
def qiskit_estimator_task(python_callable: Callable[FArguments, ToEstimate], /) -> Task[FArguments, ToEstimate]: ...


@overload
def qiskit_estimator_task(
    **arguments: Unpack[EstimatorArguments],
) -> Callable[[Callable[FArguments, ToEstimate]], Task[FArguments, ToEstimate]]: ...


def qiskit_estimator_task(python_callable: Callable[..., Any] | None = None, /, **arguments: Any) -> Any:
    """Make a function's tasks run the circuits it returns with the estimator primitive.

    The function returns PUBs ``(circuit, observables, parameter_values, precision)``: one tuple, or a list of them.
    If the decorator has the argument ``observables``, circuits are enough: OpenQASM 3 text, a ``QuantumCircuit``, or a
    list of these. The task returns what
    :class:`~airflow_provider_qrt.operators.primitives.QiskitRuntimeEstimatorOperator` returns.

    Args:
        python_callable: The function.
        arguments: The operator's arguments except ``circuits``, and those that Airflow has for every task.
            ``multiple_outputs`` (False) concerns the result's keys, such as ``results`` and ``backend``.

    Raises:
        TypeError: The function cannot return circuits, or ``circuits`` is also given.
    """
    if python_callable is not None:
        return decorate(python_callable, FunctionEstimatorOperator, arguments)
    return lambda function: decorate(function, FunctionEstimatorOperator, dict(arguments))


@overload
def qiskit_executor_task(python_callable: Callable[FArguments, ToExecute], /) -> Task[FArguments, ToExecute]: ...


@overload
def qiskit_executor_task(
    **arguments: Unpack[ExecutorArguments],
) -> Callable[[Callable[FArguments, ToExecute]], Task[FArguments, ToExecute]]: ...


def qiskit_executor_task(python_callable: Callable[..., Any] | None = None, /, **arguments: Any) -> Any:
    """Make a function's tasks run the quantum program it returns, as it is.

    The function returns a ``QuantumProgram`` of samplomatic or of qiskit-ibm-runtime, or a mapping with ``shots`` and
    ``items``. The task returns what
    :class:`~airflow_provider_qrt.operators.executor.QiskitRuntimeExecutorOperator` returns.

    Args:
        python_callable: The function.
        arguments: The operator's arguments except ``program``, and those that Airflow has for every task.
            ``multiple_outputs`` (False) concerns the result's keys, such as ``results`` and ``backend``.

    Raises:
        TypeError: The function cannot return a program, or ``program`` is also given.
    """
    if python_callable is not None:
        return decorate(python_callable, FunctionExecutorOperator, arguments)
    return lambda function: decorate(function, FunctionExecutorOperator, dict(arguments))
