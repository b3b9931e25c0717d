"""Limit the QPY files that a task may read: those that its DAG file names, and those in configured folders.

A name from a run's configuration, from params or from XCom may come from a user who must not read the worker's files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.circuits.qpy_names import names_a_file, path_of
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator


def written_names(value: Any) -> Iterator[str]:
    """Yield the names of QPY files that are constants in an operator's argument in the DAG file.

    Names that are only rendered or pulled when the task runs are not included.
    """
    if isinstance(value, str):
        if names_a_file(value) and "{" not in value:
            yield value.strip()
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from written_names(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from written_names(part)


def names_in_dag(operator: BaseOperator) -> frozenset[str]:
    """Return the file names in the DAG file for a mapped task, whose own arguments are already resolved.

    They may be circuits, or arguments of a decorated function.
    """
    dag = operator.get_dag()
    mapped: Any = dag.task_dict.get(operator.task_id) if dag is not None else None
    written: list[Any] = []
    for inputs in ("expand_input", "op_kwargs_expand_input"):
        value = getattr(getattr(mapped, inputs, None), "value", None)
        written += value if isinstance(value, list | tuple) else [value]
    partial = getattr(mapped, "partial_kwargs", None) or {}
    written += [partial.get(name) for name in ("circuits", "op_args", "op_kwargs")]
    return frozenset(name for value in written for name in written_names(value))


def with_files(circuits: Any, written: frozenset[str]) -> Any:
    """Return circuits in which the names of permitted files are replaced by paths.

    Args:
        circuits: The rendered circuits.
        written: File names from the DAG file.

    Raises:
        InvalidInputError: A name comes from data and is not in a permitted folder. Does not reveal whether it exists.
    """
    if isinstance(circuits, str) and names_a_file(circuits):
        name = circuits.strip()
        if name in written:
            return path_of(name)
        from airflow_provider_qrt.config import circuit_folders
        from airflow_provider_qrt.untrusted.files import within

        path = within(name, circuit_folders())
        if path is None:
            raise InvalidInputError(
                f"circuits: the name of the file {name!r} comes from a run's configuration, from params, from another "
                "task or from a function, and such files are read only from the folders in [qiskit_runtime] "
                "circuit_folders. Put the file there, write its name into the DAG file, or hand on the QPY itself."
            )
        return path
    if isinstance(circuits, list):
        return [with_files(part, written) for part in circuits]
    if type(circuits) is tuple:
        return tuple(with_files(part, written) for part in circuits)
    return circuits
