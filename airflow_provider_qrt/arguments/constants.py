"""Arguments that are constants are checked when the DAG file is parsed; those with a template when the task runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.sdk.bases.operator import partial as begin_mapped
from airflow.sdk.definitions.mappedoperator import OperatorPartial
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_qrt.arguments.names import NamedArguments, check_names
from airflow_provider_qrt.client.errors import InvalidSettings
from airflow_provider_qrt.jobs.identity import InvalidTags
from airflow_provider_qrt.primitives.errors import InvalidInput

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

Check = Callable[[str, Any], object]
"""Raises if a value cannot be that of the argument with the name."""


class InvalidConstant(InvalidInput, AirflowFailException):
    """An argument in a DAG file is wrong, which is said when the file is parsed.

    Where a worker builds a task again, of a mapped task for instance, it fails that without a retry.
    """


class CheckedArguments(NamedArguments):
    """Base of the operators and sensors: unknown arguments and wrong constants fail when a DAG file is parsed."""

    checks: ClassVar[Mapping[str, Check]] = {}
    """For the arguments of a class, beside those of its bases."""

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task.

        Raises:
            UnknownArgument: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
            InvalidConstant: See :func:`check_constants`.
        """
        check_partial(cls, kwargs)
        begun = begin_mapped(cast("Any", cls), **kwargs)
        # Airflow warns of one that is never expanded, and this one's place is taken.
        begun._expand_called = True
        return CheckedPartial(operator_class=begun.operator_class, kwargs=begun.kwargs, params=begun.params)

    def check_constants(self, *names: str) -> None:
        """See that these attributes, as far as they are constants, can be what they are.

        Raises:
            InvalidConstant: One cannot; says what to write instead.
        """
        values = {name: getattr(self, name) for name in names}
        check_constants(type(self), values, task_id=getattr(self, "task_id", None))


class CheckedPartial(OperatorPartial):
    """A mapped task that has begun: what it is expanded over is checked as other arguments are."""

    def expand(self, **mapped_kwargs: Any) -> MappedOperator:
        """Expand over lists.

        Raises:
            UnknownArgument: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
            InvalidConstant: See :func:`check_constants`.
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
            UnknownArgument: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
            InvalidConstant: See :func:`check_constants`.
        """
        task_id = self.kwargs.get("task_id")
        for one in kwargs if isinstance(kwargs, list | tuple) else ():
            if isinstance(one, Mapping):
                check_names(self.operator_class, one, call=".expand_kwargs", task_id=task_id)
                check_constants(self.operator_class, one, task_id=task_id)
        return super().expand_kwargs(kwargs, strict=strict)


def check_constants(cls: type, values: Mapping[str, Any], *, task_id: str | None) -> None:
    """See that what is given to a class of tasks, as far as it is constant, can be what it is.

    Args:
        cls: The class.
        values: By the arguments' names.
        task_id: The task, for the message.

    Raises:
        InvalidConstant: It cannot; says what to write instead.
    """
    for name, value in values.items():
        check = _check_for(cls, name)
        if check is None or not is_constant(value):
            continue
        try:
            check(name, value)
        except (InvalidInput, InvalidTags, InvalidSettings) as error:
            raise InvalidConstant(f"{error} This is task {task_id!r}.") from None


def check_partial(cls: type, given: Mapping[str, Any]) -> None:
    """See that what a mapped task begins with has names that are known and constants that can be.

    Raises:
        UnknownArgument: See :func:`~airflow_provider_qrt.arguments.names.check_names`.
        InvalidConstant: See :func:`check_constants`.
    """
    check_names(cls, given, call=".partial")
    check_constants(cls, given, task_id=given.get("task_id"))


def is_constant(value: Any) -> bool:
    """Tell whether a value is what it will be when the task runs: neither a template nor another task's output."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    if isinstance(value, Mapping):
        return all(map(is_constant, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(is_constant, value))
    # Another task's output, an argument of a mapped task or of a task group, and Airflow's marks of an absent value.
    return not (hasattr(value, "resolve") or type(value).__module__.startswith("airflow."))


def boolean(name: str, value: Any) -> None:
    """Take True or False.

    Raises:
        InvalidInput: It is something else.
    """
    if not isinstance(value, bool):
        raise InvalidInput(f"{name}: expected True or False, got {value!r}.")


def one_of(names: Iterable[str]) -> Check:
    """Take one of these words."""
    words = tuple(names)

    def check(name: str, value: Any) -> None:
        if value not in words:
            raise InvalidInput(f"{name}: {value!r} is not one of {', '.join(words)}.")

    return check


def _check_for(cls: type, name: str) -> Check | None:
    for base in cls.__mro__:
        if name in vars(base).get("checks", {}):
            found: Check = vars(base)["checks"][name]
            return found
    return None
