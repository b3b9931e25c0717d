"""Reads OpenQASM 3 text and encoded QPY into Qiskit's ``QuantumCircuit``.

This module imports Qiskit only inside functions.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_qrt.primitives.circuits.qpy import circuit_info, source_of
from airflow_provider_qrt.primitives.circuits.qpy_forms import MAX_QPY_BYTES
from airflow_provider_qrt.primitives.circuits.symbols import NATIVE_GATES
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed
from airflow_provider_qrt.untrusted.inflate import inflate


def read_text(
    text: str,
    where: str,
    registers: Sequence[tuple[str, int]] | None = None,
    *,
    needed_for: str = "optimization_level",
    instead: str = "Leave optimization_level out to send it as it is, or give a QuantumCircuit",
) -> Any:
    """Return OpenQASM 3 text as a ``QuantumCircuit``, read with Qiskit's importer.

    Args:
        text: The text.
        where: The place named at the start of an error message.
        registers: Name and number of bits of every classical register in the order of declaration, if known. The
            importer turns ``bit c;`` into a bit without a register, but the service returns only registers.
        needed_for: The argument that needs Qiskit, for the message.
        instead: Advice for a text that Qiskit cannot read, for the message.

    Raises:
        InvalidInputError: Qiskit or its importer is missing, or does not support a feature of the text.
    """
    with qiskit_needed(needed_for):
        from qiskit.exceptions import QiskitError

        try:
            circuit = _import(text)
        except ImportError:
            raise
        except (QiskitError, RecursionError) as error:
            raise InvalidInputError(
                f"{where}: Qiskit cannot read this OpenQASM 3 text: {one_line(error)}. {instead}."
            ) from error
    if registers is None or circuit_info(circuit).registers == tuple(registers):
        return circuit
    if sum(size for _, size in registers) != circuit.num_clbits:
        raise InvalidInputError(
            f"{where}: Qiskit reads {circuit.num_clbits} classical bits where the text declares "
            f"{', '.join(f'bit[{size}] {name}' for name, size in registers)}. Give a QuantumCircuit."
        )
    return _with_registers(circuit, registers)


def _import(text: str) -> Any:
    """Read a text with Qiskit's importer; if that fails, replace the constants and try again."""
    from qiskit import qasm3
    from qiskit.exceptions import QiskitError

    try:
        return qasm3.loads(text)
    except QiskitError:
        from openqasm3.parser import QASM3ParsingError

        from airflow_provider_qrt.primitives.circuits.folding import fold_constants

        try:
            folded = fold_constants(text)
        except QASM3ParsingError:
            folded = text
        if folded == text:
            raise
    return qasm3.loads(folded)


def _with_registers(circuit: Any, registers: Sequence[tuple[str, int]]) -> Any:
    """Return the circuit with every classical bit in a register, in the order of declaration."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ClassicalRegister

    known = {register.name: register for register in circuit.cregs}
    named = QuantumCircuit(circuit.qubits, *circuit.qregs, name=circuit.name)
    for name, size in registers:
        # Use a register of new bits, because QPY would move a register of existing bits behind the others.
        named.add_register(known.get(name) or ClassicalRegister(size, name))
    named._layout = circuit.layout
    return _moved(circuit, named)


def _moved(circuit: Any, named: Any) -> Any:
    """Append the instructions of a circuit to one with other classical bits, and return that.

    ``QuantumCircuit.compose`` moves the conditions inside a block to the new bits, but not the block itself.

    Args:
        circuit: The circuit.
        named: The one with as many bits, in the same order, and the same qubits.
    """
    bits = dict(zip(circuit.clbits, named.clbits, strict=True))
    new = {tuple(register): register for register in named.cregs}
    registers = {old: new.get(tuple(bits[bit] for bit in old), old) for old in circuit.cregs}
    return _filled(circuit, named, {**bits, **registers})


def _filled(circuit: Any, into: Any, places: Mapping[Any, Any]) -> Any:
    from qiskit import QuantumCircuit

    into.global_phase = circuit.global_phase
    for one in circuit.data:
        operation = one.operation
        if blocks := getattr(operation, "blocks", ()):
            inner = [
                _filled(
                    block,
                    QuantumCircuit(
                        block.qubits,
                        [places.get(bit, bit) for bit in block.clbits],
                        *(places.get(register, register) for register in block.cregs),
                    ),
                    places,
                )
                for block in blocks
            ]
            operation = operation.replace_blocks(inner)
            if isinstance(condition := getattr(operation, "condition", None), tuple):
                operation.condition = (places.get(condition[0], condition[0]), condition[1])
        into.append(operation, one.qubits, [places.get(bit, bit) for bit in one.clbits])
    return into


def with_native_gates(circuit: Any) -> Any:
    """Return a circuit in which a gate that its text defines under the name of a machine's own gate is that gate.

    ``stdgates.inc`` lacks ``rzz``, ``ecr`` and ``sxdg``, so a text must define them. The importer makes a gate of its
    own of each definition, whose angle Qiskit's transpiler does not fold and which the official client does not twirl.

    Args:
        circuit: A ``QuantumCircuit`` that was read from text.
    """
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping()
    if not _defines(circuit, standard):
        return circuit
    return _natively(circuit, standard)


def _defines(circuit: Any, standard: Mapping[str, Any]) -> bool:
    return any(
        _is_defined(one.operation, standard)
        or any(_defines(block, standard) for block in getattr(one.operation, "blocks", ()))
        for one in circuit.data
    )


def _is_defined(operation: Any, standard: Mapping[str, Any]) -> bool:
    known = standard.get(operation.name) if operation.name in NATIVE_GATES else None
    return (
        known is not None
        and not isinstance(operation, known.base_class)
        and (len(known.params), known.num_qubits) == (len(operation.params), operation.num_qubits)
    )


def _natively(circuit: Any, standard: Mapping[str, Any]) -> Any:
    written = circuit.copy_empty_like()
    for one in circuit.data:
        operation = one.operation
        if _is_defined(operation, standard):
            operation = standard[operation.name].base_class(*operation.params)
        elif blocks := getattr(operation, "blocks", ()):
            operation = operation.replace_blocks([_natively(block, standard) for block in blocks])
        written.append(operation, one.qubits, one.clbits)
    return written


def read_qpy(circuit: Mapping[str, Any], where: str) -> Any:
    """Return the ``QuantumCircuit`` of a tagged mapping.

    Raises:
        InvalidInputError: It is not QPY with one circuit in zlib in base64, of a version that this Qiskit supports.
        ImportError: Qiskit is missing.
    """
    import qiskit.qpy  # noqa: F401

    try:
        return load_qpy(inflate(base64.b64decode(circuit["__value__"], validate=True), MAX_QPY_BYTES))
    except Exception as error:
        raise InvalidInputError(
            f"{where}: expected one circuit as base64 of zlib of QPY, and Qiskit cannot read it: {one_line(error)}"
        ) from error


def load_qpy(data: bytes) -> Any:
    """Return the ``QuantumCircuit`` in QPY bytes.

    Raises:
        Exception: Qiskit cannot read the bytes, or they do not contain exactly one circuit.
    """
    from qiskit import qpy

    with warnings.catch_warnings():
        # Ignore the harmless warning that the QPY was written by a newer or older Qiskit.
        warnings.simplefilter("ignore", UserWarning)
        [circuit] = qpy.load(io.BytesIO(data))
    return circuit


def describe_encoded(circuit: Mapping[str, Any]) -> tuple[str | None, CircuitInfo | None]:
    """Return the text and the declarations of an encoded circuit; None for either that Qiskit cannot determine.

    Args:
        circuit: QPY in zlib in base64, in a tagged mapping.

    Raises:
        ImportError: Qiskit is missing.
    """
    try:
        read = read_qpy(circuit, "")
    except InvalidInputError:
        # The service may support a version of QPY that this Qiskit does not.
        return None, None
    return source_of(read), circuit_info(read)


def one_line(error: Exception) -> str:
    """Return the message of a Qiskit error in one line."""
    return " ".join(str(getattr(error, "message", None) or error).split()) or type(error).__name__
