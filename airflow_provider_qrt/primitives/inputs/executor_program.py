"""Reads a quantum program for a directed execution: circuits with all their arguments, run as they are.

A program is a ``QuantumProgram`` of samplomatic or of qiskit-ibm-runtime, or a mapping with the same parts. Source:
IBM's schemas for the executor, v2.0 (``QuantumProgramModel``), and ``samplomatic.quantum_program``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.circuits.parameters import check_values
from airflow_provider_qrt.primitives.circuits.qpy import check_measures, circuit_info, is_quantum_circuit, source_of
from airflow_provider_qrt.primitives.circuits.qpy_forms import is_qpy
from airflow_provider_qrt.primitives.circuits.reader import CircuitReader, describe, is_circuit
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo, check_circuit
from airflow_provider_qrt.primitives.errors import InvalidInputError, did_you_mean
from airflow_provider_qrt.primitives.inputs.executor import order_by_name
from airflow_provider_qrt.primitives.inputs.executor_sampler_options import CLASSIFIED, MEAS_TYPES
from airflow_provider_qrt.primitives.inputs.option_checks import is_whole, json_problem, native
from airflow_provider_qrt.primitives.inputs.options import MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.primitives.inputs.pubs import check_shots
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEEDED_FOR = "program"
"""The argument that needs Qiskit, for messages."""
MEAS_LEVELS = (*MEAS_TYPES, "both")
PROGRAM_KEYS = ("shots", "items", "meas_level", "passthrough_data")
CIRCUIT_KEYS = ("circuit", "arguments", "shape", "chunk_size")
SAMPLEX_KEYS = ("circuit", "samplex", "samplex_arguments", "shape", "chunk_size")
OTHER_NAMES: Mapping[str, str] = {
    "circuits": "each circuit belongs to its item: items=[{'circuit': ...}]",
    "circuit_arguments": "write arguments",
    "parameter_values": "write arguments",
    "semantic_role": "IBM's own clients use it to read results; leave it out",
    "options": "this is an argument of the operator",
    "noise_maps": "give them with an item, in samplex_arguments",
}
"""Names that users expect, and what to write instead."""


@dataclass(frozen=True)
class ProgramItem:
    """A circuit with its arguments, or with a samplex that draws them.

    Attributes:
        circuit: OpenQASM 3 text, or a ``QuantumCircuit``.
        info: Its declarations.
        shape: The shape of its executions.
        source: OpenQASM 3 text of a ``QuantumCircuit``, if it can be written as text.
        arguments: Real numbers of shape ``(*shape, parameters)``, with the parameters in Qiskit's order, by name; None
            with a samplex.
        samplex: A ``samplomatic.Samplex``.
        samplex_arguments: Its arguments by name.
        chunk_size: The most sets of arguments in one shot loop; None leaves it to the service.
        given: samplomatic's item, if the program is an object.
    """

    circuit: Any
    info: CircuitInfo
    shape: tuple[int, ...]
    source: str | None = None
    arguments: NDArray[np.float64] | None = field(default=None, repr=False)
    samplex: Any = None
    samplex_arguments: Mapping[str, Any] = field(default_factory=dict)
    chunk_size: int | None = None
    given: Any = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """The number of sets of arguments."""
        return math.prod(self.shape)

    @property
    def parameter_values(self) -> Mapping[str, Any] | list[Any] | None:
        """The arguments in the form of a PUB: by name for a text, else in order; None for those that are drawn."""
        if self.arguments is None or not self.arguments.size:
            return None
        if not isinstance(self.circuit, str):
            values: list[Any] = self.arguments.tolist()
            return values
        names = order_by_name(self.info.parameters)
        return {name: self.arguments[..., column].tolist() for column, name in enumerate(names)}


@dataclass(frozen=True)
class ExecutorProgram:
    """A checked quantum program.

    Attributes:
        shots: Shots for each set of arguments.
        items: The items.
        meas_level: ``classified`` (bits), ``kerneled``, ``avg_kerneled`` (readout points) or ``both``.
        passthrough_data: Comes back with the result; plain JSON, unless the program is an object.
    """

    shots: int
    items: tuple[ProgramItem, ...]
    meas_level: str = CLASSIFIED
    passthrough_data: Any = None

    @property
    def executions(self) -> int:
        """How often circuits are run in all: shots times sets of arguments."""
        return self.shots * sum(item.size for item in self.items)

    @property
    def uses_qiskit(self) -> bool:
        """Whether a circuit is Qiskit's."""
        return any(not isinstance(item.circuit, str) for item in self.items)

    @property
    def is_chunked(self) -> bool:
        """Whether an item has a chunk size of its own, which IBM allows in sessions only."""
        return any(item.chunk_size is not None for item in self.items)


def is_program(value: Any) -> bool:
    """Return whether an object is a ``QuantumProgram``; samplomatic is not imported to find out."""
    return any(
        base.__name__ == "QuantumProgram" and base.__module__.partition(".")[0] == "samplomatic"
        for base in type(value).__mro__
    )


def holds_qiskit(value: Any) -> bool:
    """Return whether a quantum program that was not read yet holds an object of Qiskit's."""
    if is_program(value):
        return True
    items = value.get("items") if isinstance(value, Mapping) else None
    return any(
        isinstance(item, Mapping) and (item.get("samplex") is not None or not _is_text(item.get("circuit")))
        for item in (items if isinstance(items, list | tuple) else ())
    )


def _is_text(circuit: Any) -> bool:
    return isinstance(circuit, str) and not is_qpy(circuit)


def read_program(value: Any) -> ExecutorProgram:
    """Check a quantum program and return it.

    Args:
        value: A ``QuantumProgram``, or a mapping with ``shots``, ``items``, ``meas_level`` and ``passthrough_data``. An
            item has ``circuit`` (OpenQASM 3 text, ``QuantumCircuit``, or encoded QPY) and ``arguments`` (numbers of
            shape ``(*sweep, parameters)`` in Qiskit's order, or a mapping of names), or ``samplex`` and
            ``samplex_arguments``; besides ``shape`` and ``chunk_size`` (a number or ``auto``).

    Raises:
        InvalidInputError: Something is wrong; the message starts with its place, such as ``program.items[0].circuit``.
        QiskitMissingError: Qiskit, samplomatic or the official client is needed and not installed.
    """
    if is_program(value):
        program = _from_object(value)
    elif isinstance(value, Mapping):
        program = _from_mapping(value)
    else:
        hint = (
            " A template became text: set render_template_as_native_obj=True on the DAG, or pass the other task's "
            ".output."
            if isinstance(value, str)
            else ""
        )
        raise InvalidInputError(
            f"program: expected a QuantumProgram, or a mapping with shots and items, not {describe(value)}.{hint}"
        )
    if program.is_chunked and any(item.chunk_size is None for item in program.items):
        raise InvalidInputError("program.items: give every item a number as chunk_size, or none.")
    if program.executions > MAX_EXECUTIONS_PER_JOB:
        raise InvalidInputError(
            f"program: it comes to {program.executions:,} executions (shots times sets of arguments), and IBM takes "
            f"{MAX_EXECUTIONS_PER_JOB:,} per job. Ask for fewer shots, or make several tasks of it. Nothing was "
            "submitted."
        )
    return program


def _from_mapping(value: Mapping[str, Any]) -> ExecutorProgram:
    _check_names(value, PROGRAM_KEYS, "program")
    items = value.get("items")
    if not isinstance(items, list | tuple) or not items:
        raise InvalidInputError("program.items: expected a list of at least one item, such as [{'circuit': ...}].")
    passthrough = native(value.get("passthrough_data"))
    if problem := json_problem(passthrough):
        raise InvalidInputError(f"program.passthrough_data: {problem}.")
    reader = CircuitReader(check_circuit, check_measures)
    return ExecutorProgram(
        _shots(value.get("shots")),
        tuple(_item(item, f"program.items[{index}]", reader) for index, item in enumerate(items)),
        _meas_level(value.get("meas_level", CLASSIFIED)),
        passthrough,
    )


def _from_object(value: Any) -> ExecutorProgram:
    if not value.items:
        raise InvalidInputError("program.items: the program has no items; append at least one.")
    if getattr(value, "_semantic_role", None) is not None:
        raise InvalidInputError(f"program: semantic_role: {OTHER_NAMES['semantic_role']}.")
    items = []
    for index, item in enumerate(value.items):
        where = f"program.items[{index}]"
        check_measures(item.circuit, f"{where}.circuit")
        samplex = getattr(item, "samplex", None)
        items.append(
            ProgramItem(
                item.circuit,
                circuit_info(item.circuit),
                tuple(item.shape),
                source_of(item.circuit),
                None if samplex is not None else item.circuit_arguments,
                samplex,
                {} if samplex is None else _bound(item.samplex_arguments),
                _chunk_size(item.chunk_size, where),
                item,
            )
        )
    return ExecutorProgram(_shots(value.shots), tuple(items), _meas_level(value.meas_level), value.passthrough_data)


def _item(item: Any, where: str, reader: CircuitReader) -> ProgramItem:
    if not isinstance(item, Mapping):
        raise InvalidInputError(
            f"{where}: expected a mapping with the circuit and its arguments, not {describe(item)}."
        )
    has_samplex = item.get("samplex") is not None
    _check_names(item, SAMPLEX_KEYS if has_samplex else CIRCUIT_KEYS, where)
    if not is_circuit(item.get("circuit")):
        raise InvalidInputError(
            f"{where}.circuit: expected OpenQASM 3 text, a QuantumCircuit or QPY, not {describe(item.get('circuit'))}."
        )
    circuit, info, source = _circuit(item["circuit"], f"{where}.circuit", reader)
    shape, chunk_size = _shape(item.get("shape"), where), _chunk_size(item.get("chunk_size"), where)
    if has_samplex:
        return _samplex_item(circuit, item, shape, chunk_size, where)
    arguments = _arguments(item.get("arguments"), info, shape, where, is_text=isinstance(circuit, str))
    return ProgramItem(circuit, info, arguments.shape[:-1], source, arguments, chunk_size=chunk_size)


def _circuit(given: Any, where: str, reader: CircuitReader) -> tuple[Any, CircuitInfo, str | None]:
    """Return a circuit as text or object, its declarations, and the text of an object."""
    if not is_quantum_circuit(given):
        read = reader.read(given, where)
        if isinstance(read.circuit, str):
            assert read.info is not None
            return read.circuit, read.info, None
        with qiskit_needed(NEEDED_FOR):
            from airflow_provider_qrt.primitives.circuits.importing import read_qpy

            given = read_qpy(read.circuit, where)
    check_measures(given, where)
    return given, circuit_info(given), source_of(given)


def _arguments(
    values: Any, info: CircuitInfo, shape: tuple[int, ...], where: str, *, is_text: bool
) -> NDArray[np.float64]:
    """Return the arguments of shape ``(*shape, parameters)``; axes that only the shape has are repetitions."""
    import numpy as np

    if values is None and info.parameters:
        raise InvalidInputError(
            f"{where}: the circuit has inputs and no values were given: {', '.join(info.parameters)}. Write "
            f"'arguments': {{{info.parameters[0]!r}: 0.5}}, a value or a list for each."
        )
    checked, sweep = check_values(values, info, f"{where}.arguments", by_name=is_text)
    if isinstance(checked, Mapping):
        columns = [np.asarray(checked[name], dtype=np.float64) for name in order_by_name(checked)]
        array = np.stack(columns, axis=-1)
    else:
        array = np.zeros(0) if checked is None else np.asarray(checked, dtype=np.float64)
    try:
        whole = np.broadcast_shapes(sweep, shape)
    except ValueError:
        raise InvalidInputError(
            f"{where}.shape: {list(shape)} cannot be broadcast with the shape of the arguments, {list(sweep)}. Leave "
            "it out for one execution of each set of arguments."
        ) from None
    return np.broadcast_to(array, (*whole, array.shape[-1]))


def _samplex_item(
    circuit: Any, item: Mapping[str, Any], shape: tuple[int, ...], chunk_size: int | None, where: str
) -> ProgramItem:
    with qiskit_needed(NEEDED_FOR):
        from samplomatic.quantum_program import SamplexItem
    from airflow_provider_qrt.primitives.circuits.importing import one_line, read_text

    if isinstance(circuit, str):
        circuit = read_text(circuit, f"{where}.circuit", needed_for=NEEDED_FOR, instead="Give a QuantumCircuit")
    arguments = item.get("samplex_arguments") or {}
    if not isinstance(arguments, Mapping):
        raise InvalidInputError(f"{where}.samplex_arguments: expected a mapping, not {describe(arguments)}.")
    try:
        made = SamplexItem(circuit, item["samplex"], samplex_arguments=dict(arguments), shape=shape)
    except Exception as error:
        raise InvalidInputError(f"{where}: samplomatic refuses this samplex: {one_line(error)}") from error
    return ProgramItem(
        circuit,
        circuit_info(circuit),
        tuple(made.shape),
        source_of(circuit),
        samplex=made.samplex,
        samplex_arguments=_bound(made.samplex_arguments),
        chunk_size=chunk_size,
    )


def _bound(arguments: Any) -> dict[str, Any]:
    """Return the arguments of a samplex that have a value."""
    return {spec.name: arguments[spec.name] for spec in arguments.specs if spec.name in arguments}


def _check_names(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for name in given:
        if name not in known:
            hint = f": {OTHER_NAMES[name]}." if name in OTHER_NAMES else did_you_mean(str(name), known)
            raise InvalidInputError(f"{where}: unknown key {name!r}{hint or '; known are ' + ', '.join(known) + '.'}")


def _shots(shots: Any) -> int:
    number = check_shots(shots, "program.shots")
    if number is None:
        raise InvalidInputError("program.shots: say how many; one number holds for all items.")
    return number


def _meas_level(level: Any) -> str:
    if level not in MEAS_LEVELS:
        raise InvalidInputError(f"program.meas_level: {level!r} is not one of {', '.join(MEAS_LEVELS)}.")
    return str(level)


def _shape(shape: Any, where: str) -> tuple[int, ...]:
    sizes = native([] if shape is None else shape)
    if not isinstance(sizes, list | tuple) or not all(is_whole(size) and size > 0 for size in sizes):
        raise InvalidInputError(f"{where}.shape: expected a list of whole numbers, 1 or more, not {shape!r}.")
    return tuple(sizes)


def _chunk_size(size: Any, where: str) -> int | None:
    number = native(size)
    if number in (None, "auto"):
        return None
    if not is_whole(number) or number < 1:
        raise InvalidInputError(f"{where}.chunk_size: expected a whole number, 1 or more, or 'auto', not {size!r}.")
    return int(number)
