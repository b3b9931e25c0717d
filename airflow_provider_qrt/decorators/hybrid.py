"""The decorator of hybrid loops: the function calls the QPU, the task returns what the function returns."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, Unpack, cast, overload

from airflow.sdk.bases.decorator import DecoratedOperator

from airflow_provider_qrt.compat import determine_kwargs
from airflow_provider_qrt.decorators.factory import CircuitsFunction, check_function
from airflow_provider_qrt.operators.hybrid import QiskitRuntimeHybridOperator

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import Task

    from airflow_provider_qrt.arguments.keywords import HybridArguments
    from airflow_provider_qrt.hybrid.qpu import Qpu

__all__ = ["qiskit_hybrid_task"]

FArguments = ParamSpec("FArguments")
Returned = TypeVar("Returned")

NAME = "@task.qiskit_hybrid"
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class FunctionHybridOperator(DecoratedOperator, QiskitRuntimeHybridOperator):
    """Runs a decorated function as a hybrid loop; see ``qiskit_hybrid_task``.

    Args:
        python_callable: The function as it is called in the DAG file, without the QPU.
        op_args: Its positional arguments, templated.
        op_kwargs: Its keyword arguments, templated.
        kwargs: All other arguments of the operator.
    """

    template_fields: Sequence[str] = QiskitRuntimeHybridOperator.template_fields
    template_fields_renderers = QiskitRuntimeHybridOperator.template_fields_renderers
    custom_operator_name = NAME
    overwrite_rtif_after_execution = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Unpack[HybridArguments],
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            kwargs_to_upstream={"python_callable": python_callable, "op_args": op_args, "op_kwargs": op_kwargs},
            **cast("Any", kwargs),
        )

    def call_function(self, qpu: Qpu, context: Mapping[str, Any]) -> Any:
        """Call the function with the QPU, its arguments, and the values of the context that it takes."""
        function, arguments = self.python_callable, {**context, **self.op_kwargs}
        return function(qpu, *self.op_args, **determine_kwargs(function, self.op_args, arguments))


def without_qpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is called as before, and whose signature does not show the first argument, the QPU.

    In a DAG file it is called with its other arguments.

    Raises:
        TypeError: The function has no positional argument for the QPU.
    """
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if not parameters or parameters[0].kind not in POSITIONAL:
        raise TypeError(
            f"{NAME}: the function {getattr(function, '__name__', function)!r} takes the QPU as its first argument: "
            "write def name(qpu, ...)."
        )

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    called.__signature__ = signature.replace(parameters=parameters[1:])  # type: ignore[attr-defined]
    return called


@overload
def qiskit_hybrid_task(
    python_callable: Callable[Concatenate[Qpu, FArguments], Returned], /
) -> Task[FArguments, Returned]: ...


@overload
def qiskit_hybrid_task(
    **arguments: Unpack[HybridArguments],
) -> Callable[[Callable[Concatenate[Qpu, FArguments], Returned]], Task[FArguments, Returned]]: ...


def qiskit_hybrid_task(python_callable: Callable[..., Any] | None = None, /, **arguments: Any) -> Any:
    """Make a function's tasks hybrid loops: the function calls the QPU, and a retry buys no answer again.

    The function takes a :class:`~airflow_provider_qrt.hybrid.qpu.Qpu` as its first argument, which is left out where
    the function is called in the DAG file. The task returns what the function returns.

    Args:
        python_callable: The function.
        arguments: Those of :class:`~airflow_provider_qrt.operators.hybrid.QiskitRuntimeHybridOperator` except
            ``python_callable``, ``op_args`` and ``op_kwargs``, and those that Airflow has for every task.

    Raises:
        TypeError: The function cannot be a loop, or an argument is misspelt.
    """
    if python_callable is not None:
        return _decorate(python_callable, arguments)
    return lambda function: _decorate(function, dict(arguments))


def _decorate(function: Callable[..., Any], arguments: dict[str, Any]) -> CircuitsFunction:
    check_function(NAME, function, FunctionHybridOperator, arguments, "result")
    several = bool(arguments.pop("multiple_outputs", False))
    return CircuitsFunction(
        function=without_qpu(function),
        operator_class=FunctionHybridOperator,
        multiple_outputs=several,
        kwargs=arguments,
        decorator_name=NAME.removeprefix("@"),
    )
