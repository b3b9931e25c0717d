"""Prepares programs for ``executor`` with the official client's functions, and writes them in the form that is sent.

The client's own classes submit what they prepare; here it is returned, so that it can be submitted once and recorded.
This package imports Qiskit only inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.errors import InvalidInputError, ProgramUnfitError
from airflow_provider_qrt.primitives.inputs.options import MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.primitives.qiskit_needed import QiskitMissingError, qiskit_needed, quiet_passes

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot

SCHEMA_VERSION = "v2.0"
"""Version of the executor's schemas."""


@dataclass(frozen=True)
class PreparedProgram:
    """A program in the form that is sent.

    Attributes:
        params: The ``params`` of the ``executor`` job, JSON-ready.
        executions: Total number of circuit executions: shots times all arguments of all items.
        qubits: Indices of the qubits that its circuits act on. These may be more than those of the circuits that were
            given: the official client's estimator measures all qubits.
    """

    params: Mapping[str, Any] = field(repr=False)
    executions: int
    qubits: frozenset[int] = frozenset()


def read_circuit(
    circuit: str | Mapping[str, Any],
    where: str,
    *,
    registers: Sequence[tuple[str, int]] | None = None,
    needed_for: str,
) -> Any:
    """Return a checked circuit as a ``QuantumCircuit``.

    Args:
        circuit: OpenQASM 3 text, or an encoded circuit.
        where: The place named at the start of an error message.
        registers: Name and number of bits of every classical register in the order of declaration, if known.
        needed_for: The argument that needs Qiskit, for messages.

    Raises:
        InvalidInputError: Qiskit cannot read an encoded circuit.
        ProgramUnfitError: Qiskit cannot read a text, which the service may still do.
        QiskitMissingError: Qiskit is not installed.
    """
    from airflow_provider_qrt.primitives.circuits.importing import read_qpy, read_text, with_native_gates

    if isinstance(circuit, str):
        try:
            read = read_text(circuit, where, registers, needed_for=needed_for, instead="Give a QuantumCircuit")
        except QiskitMissingError:
            raise
        except InvalidInputError as error:
            raise ProgramUnfitError(str(error)) from error
        return with_native_gates(read)
    with qiskit_needed(needed_for):
        return read_qpy(circuit, where)


def on_physical_qubits(circuit: Any, width: int | None = None) -> Any:
    """Return a circuit whose n-th qubit is the backend's n-th, which is how the service takes it, in Qiskit's own form.

    Qiskit's passes for decoupling pulses take only circuits with one register of qubits named ``q``.

    Args:
        circuit: A ``QuantumCircuit`` that the backend can run.
        width: Number of qubits to widen it to, such as the backend's; None leaves the number.
    """
    from qiskit.circuit import QuantumCircuit, QuantumRegister

    size = max(circuit.num_qubits, width or 0)
    if [(register.name, register.size) for register in circuit.qregs] == [("q", size)]:
        return circuit
    placed = QuantumCircuit(QuantumRegister(size, "q"), circuit.clbits, *circuit.cregs, name=circuit.name)
    placed.metadata = circuit.metadata
    placed.compose(circuit, placed.qubits[: circuit.num_qubits], placed.clbits, inplace=True)
    return placed


def needs_backend(options: Mapping[str, Any]) -> bool:
    """Return whether preparing a program needs the backend, which is true for the timing of decoupling pulses.

    Args:
        options: Checked options.
    """
    return bool(options.get("dynamical_decoupling", {}).get("enable"))


def client_options(model: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Make the official client's options.

    Args:
        model: Its class of options.
        options: Checked options.

    Raises:
        InvalidInputError: The client refuses one; the message starts with its path.
    """
    from pydantic import ValidationError

    try:
        return model(**options)
    except ValidationError as error:
        [first, *_] = error.errors()
        path = ".".join(("options", *map(str, first["loc"])))
        raise InvalidInputError(f"{path}: the official client takes no such option: {first['msg']}.") from error


def prepare_with(
    prepare: Callable[[Any], tuple[Any, Any]],
    *,
    backend: BackendSnapshot | None,
    passthrough: Mapping[str, Any],
    role: str,
    needed_for: str,
) -> PreparedProgram:
    """Prepare a program, and write it in the form that is sent.

    Args:
        prepare: Calls the client's function with a backend (None if no snapshot is given), and returns the quantum
            program and the executor's options.
        backend: The backend of the job, for what needs it.
        passthrough: Data to add to those that the service returns with the result.
        role: Names what is prepared in error messages, such as "estimator".
        needed_for: The argument that makes the job one of ``executor``, for messages.

    Raises:
        ProgramUnfitError: The client refuses the input, or the job has more executions than IBM allows.
    """
    from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS

    from airflow_provider_qrt.primitives.circuits.importing import one_line
    from airflow_provider_qrt.primitives.circuits.transpile import backend_with

    ready = None if backend is None else backend_with(_target(backend))
    try:
        with quiet_passes():
            program, options = prepare(ready)
        if passthrough:
            program.passthrough_data |= passthrough
        params = QUANTUM_PROGRAM_PARAMS_CONVERTERS[SCHEMA_VERSION].encoder(program, options).model_dump(mode="json")
    except Exception as error:
        raise ProgramUnfitError(
            f"circuits: the official client's {role} over the executor refuses this input: {one_line(error)}"
        ) from error
    executions = program.shots * sum(item.size() for item in program.items)
    if executions > MAX_EXECUTIONS_PER_JOB:
        raise ProgramUnfitError(
            f"circuits: the job comes to {executions:,} executions (shots times parameter sets, bases and "
            f"randomizations), and IBM takes {MAX_EXECUTIONS_PER_JOB:,} per job. With {needed_for} this cannot be "
            "split further: ask for less precision or fewer shots, or make several tasks of it."
        )
    return PreparedProgram(params, executions, frozenset[int]().union(*(_used(item.circuit) for item in program.items)))


def _target(backend: BackendSnapshot) -> Any:
    """Return a target with all gates of the backend: circuits may have fractional gates, whose duration is needed."""
    return backend.target(fractional=bool(backend.fractional_gates))


def _used(circuit: Any) -> set[int]:
    """Return the indices of the qubits that a circuit acts on."""
    return {
        circuit.find_bit(qubit).index
        for instruction in circuit.data
        if instruction.name not in ("barrier", "delay")
        for qubit in instruction.qubits
    }
