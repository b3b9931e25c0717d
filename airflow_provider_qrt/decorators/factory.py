"""Create tasks from a decorated function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.bases.decorator import _TaskDecorator

from airflow_provider_qrt.arguments.names import check_names
from airflow_provider_qrt.compat import is_async_callable
from airflow_provider_qrt.execution.failure_callback import CALLBACKS, with_callback

if TYPE_CHECKING:
    from airflow.sdk import XComArg
    from airflow.sdk.definitions._internal.expandinput import ExpandInput

    from airflow_provider_qrt.decorators.operators import FunctionOperator


class CircuitsFunction(_TaskDecorator[..., Any, Any]):
    """A decorated function; calling it in a DAG file creates a task."""

    def _expand(self, expand_input: ExpandInput, *, strict: bool) -> XComArg:
        """Create a mapped task, for which Airflow does not call the operator's ``partial``."""
        mapped = super()._expand(expand_input, strict=strict)
        operator = cast("Any", mapped).operator
        for name, ours in CALLBACKS.items():
            given = getattr(operator, name)
            setattr(operator, name, with_callback([given] if callable(given) else given, ours))
        return mapped


def decorate(
    function: Callable[..., Any], operator_class: type[FunctionOperator], arguments: dict[str, Any]
) -> CircuitsFunction:
    """Return the function as a task factory.

    Args:
        function: The function, which returns circuits or a program.
        operator_class: Operator class of the tasks.
        arguments: The operator's arguments.

    Raises:
        TypeError: It is not a function, or one that cannot return these; or they are also given as an argument, or an
            argument is misspelt.
    """
    name, returned = operator_class.custom_operator_name, operator_class.returned_argument
    check_function(name, function, operator_class, arguments, returned)
    if returned in arguments:
        raise TypeError(f"{_who(name, function)} returns the {returned}, so leave the argument {returned} out.")
    # The function's return type does not describe the task's outputs, so Airflow must not infer them from it.
    several = bool(arguments.pop("multiple_outputs", False))
    return CircuitsFunction(
        function=function,
        operator_class=operator_class,
        multiple_outputs=several,
        kwargs=arguments,
        decorator_name=name.removeprefix("@"),
    )


def check_function(
    name: str, function: Callable[..., Any], operator_class: type, arguments: dict[str, Any], returned: str
) -> None:
    """Check that a decorator was given a plain function, and arguments that its operator has.

    Args:
        name: The decorator, as it is written.
        function: What it was given.
        operator_class: Operator class of the tasks.
        arguments: The operator's arguments.
        returned: Names what the function returns.

    Raises:
        TypeError: The function is none, is async or yields, or an argument is misspelt.
    """
    if not callable(function):
        raise TypeError(f"{name}: arguments need their names, as in {name}(backend='least_busy').")
    if is_async_callable(function):
        raise TypeError(f"{_who(name, function)} is async. Write it with def.")
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"{_who(name, function)} yields. Let it return all of its {returned}.")
    check_names(operator_class, arguments, call=f" (function {getattr(function, '__name__', function)!r})")


def _who(name: str, function: Callable[..., Any]) -> str:
    return f"{name}: the function {getattr(function, '__name__', function)!r}"
