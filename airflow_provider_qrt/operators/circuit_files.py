"""Which QPY files a task may read: those that its DAG file names, and those in folders that the deployment allows.

A name that comes with a run's configuration, with params or from XCom was chosen by somebody who need not be allowed to
read files of the worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf

from airflow_provider_qrt.primitives.circuits.qpy_forms import names_a_file, path_of
from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.untrusted.files import within

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

SECTION = "qiskit_runtime"


def allowed_folders() -> list[str]:
    """Folders whose QPY files may be named by data: ``[qiskit_runtime] circuit_folders``."""
    return [folder for folder in conf.getlist(SECTION, "circuit_folders", fallback=[]) if Path(folder).is_absolute()]


def written_names(value: Any) -> Iterator[str]:
    """Yield the names of QPY files that stand in an operator's argument as the DAG file gave it.

    What is rendered or pulled when the task runs is not among them.
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
    """Return the names that stand in the DAG file for a mapped task, whose arguments are data when it is made.

    They may stand there as circuits, or as what a decorated function is given.
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
    """Return circuits with names of files that may be read as paths.

    Args:
        circuits: Rendered.
        written: Names that stand in the DAG file.

    Raises:
        InvalidInput: A name comes from data, and lies in no folder that is allowed. Says nothing of whether it exists.
    """
    if isinstance(circuits, str) and names_a_file(circuits):
        name = circuits.strip()
        if name in written:
            return path_of(name)
        path = within(name, allowed_folders())
        if path is None:
            raise InvalidInput(
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
