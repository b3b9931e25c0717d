"""Check constant arguments when the DAG file is parsed; templates are checked when the task runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.bases.operator import partial as begin_mapped
from airflow.sdk.definitions.mappedoperator import OperatorPartial

from airflow_provider_qrt.arguments.names import NamedArguments, check_names
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

__all__ = ["InvalidConstantError"]

Check = Callable[[str, Any], object]
"""Takes an argument's name and value, and raises if the value is invalid."""


class InvalidConstantError(InvalidInputError, AirflowFailException):
    """An argument in a DAG file is wrong; raised when the file is parsed.

    If it is raised on a worker, such as for a mapped task, the task fails without a retry.
    """


class CheckedArguments(NamedArguments):
    """Base of the operators and sensors: unknown arguments and wrong constants fail when a DAG file is parsed."""

    checks: ClassVar[Mapping[str, Check]] = {}
    """Checks of a class's arguments, in addition to those of its bases."""

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task.

        Raises:
            UnknownArgumentError: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
            InvalidConstantError: See :func:`check_constants`.
        """
        check_partial(cls, kwargs)
        begun = begin_mapped(cast("Any", cls), **kwargs)
        # Airflow warns about a partial that is never expanded; this one is replaced.
        begun._expand_called = True
        return CheckedPartial(operator_class=begun.operator_class, kwargs=begun.kwargs, params=begun.params)

    def check_constants(self, *names: str) -> None:
        """Check these attributes, as far as they are constants.

        Raises:
            InvalidConstantError: One is invalid; says what to write instead.
        """
        values = {name: getattr(self, name) for name in names}
        check_constants(type(self), values, task_id=getattr(self, "task_id", None))


class CheckedPartial(OperatorPartial):
    """The partial of a mapped task; checks the values that it is expanded over like other arguments."""

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        """Expand over lists.

        Raises:
            UnknownArgumentError: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
            InvalidConstantError: See :func:`check_constants`.
        """
        task_id = self.kwargs.get("task_id")
        check_names(self.operator_class, mapped_kwargs, call=".expand", task_id=task_id)
        for name, values in mapped_kwargs.items():
            for value in values if isinstance(values, list | tuple) else ():
                check_constants(self.operator_class, {name: value}, task_id=task_id)
        return super().expand(**mapped_kwargs)

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> MappedOperator:
        """Expand over a list of maps.

        Raises:
            UnknownArgumentError: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
            InvalidConstantError: See :func:`check_constants`.
        """
        task_id = self.kwargs.get("task_id")
        for one in kwargs if isinstance(kwargs, list | tuple) else ():
            if isinstance(one, Mapping):
                check_names(self.operator_class, one, call=".expand_kwargs", task_id=task_id)
                check_constants(self.operator_class, one, task_id=task_id)
        return super().expand_kwargs(kwargs, strict=strict)


def check_constants(cls: type, values: Mapping[str, Any], *, task_id: str | None) -> None:
    """Check the constant arguments of an operator class.

    Args:
        cls: The class.
        values: Values by argument name.
        task_id: The task, for the message.

    Raises:
        InvalidConstantError: A value is invalid; says what to write instead.
    """
    for name, value in values.items():
        check = _check_for(cls, name)
        if check is None or not is_constant(value):
            continue
        try:
            check(name, value)
        except Exception as error:
            from airflow_provider_qrt.jobs.errors import INPUT

            if not isinstance(error, INPUT):
                raise
            raise InvalidConstantError(f"{error} This is task {task_id!r}.") from None


def check_partial(cls: type, given: Mapping[str, Any]) -> None:
    """Check the names and constants of a mapped task's partial arguments.

    Raises:
        UnknownArgumentError: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
        InvalidConstantError: See :func:`check_constants`.
    """
    check_names(cls, given, call=".partial")
    check_constants(cls, given, task_id=given.get("task_id"))


def is_constant(value: Any) -> bool:
    """Return whether a value is constant, that is, neither a template nor another task's output."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    if isinstance(value, Mapping):
        return all(map(is_constant, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_constant, value))
    # Another task's output, an argument of a mapped task or task group, or Airflow's markers for a missing value.
    return not (hasattr(value, "resolve") or type(value).__module__.startswith("airflow."))


def boolean(name: str, value: Any) -> None:
    """Accept True or False.

    Raises:
        InvalidInputError: The value is something else.
    """
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name}: expected True or False, got {value!r}.")


def mapping(name: str, value: Any) -> None:
    """Accept a mapping.

    Raises:
        InvalidInputError: The value is something else.
    """
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{name}: expected a mapping, not {type(value).__name__}.")


def one_of(names: Iterable[str]) -> Check:
    """Return a check that accepts one of these words."""
    words = tuple(names)

    def check(name: str, value: Any) -> None:
        if value not in words:
            raise InvalidInputError(f"{name}: {value!r} is not one of {', '.join(words)}.")

    return check


def _check_for(cls: type, name: str) -> Check | None:
    for base in cls.__mro__:
        if name in vars(base).get("checks", {}):
            found: Check = vars(base)["checks"][name]
            return found
    return None


# Former names, for one release.
InvalidConstant = InvalidConstantError
