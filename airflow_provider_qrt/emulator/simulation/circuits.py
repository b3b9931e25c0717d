"""Turns the contents of a PUB into circuits that are ready to run: parses, binds, and drops unused qubits.

IBM's REST API reference: ``$n`` names a physical qubit, and the indices of virtual registers are used as physical
indices. A circuit on ``$0, $1`` of a 156-qubit machine must need two qubits here, not 156.
"""

from __future__ import annotations

import io
import math
import warnings
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.errors import INVALID_INPUT
from airflow_provider_qrt.emulator.programs import Pub
from airflow_provider_qrt.emulator.simulation import openqasm
from airflow_provider_qrt.emulator.simulation.encoding import load_array
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError
from airflow_provider_qrt.emulator.simulation.standard_gates import standard_gates
from airflow_provider_qrt.emulator.simulation.tensors import inflate

MAX_QPY_BYTES = 256 * 1024 * 1024

_NO_EFFECT = frozenset({"barrier", "delay", "id"})
_GROUND = frozenset({"measure", "reset"})
CONTROL_FLOW = frozenset({"if_else", "for_loop", "while_loop", "switch_case", "box", "store"})
_QUARTER_TURNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "rz": ((), ("s",), ("z",), ("sdg",)),
    "rx": ((), ("sx",), ("x",), ("sxdg",)),
}


def parse(pub: Pub, where: str) -> Any:
    """Read the circuit of a PUB.

    Raises:
        JobFailedError: The text is not OpenQASM 3, or the QPY cannot be read.
    """
    return read_qpy(pub.circuit, 1, where)[0] if pub.is_qpy else read_openqasm(pub.circuit, where)


def read_openqasm(text: str, where: str) -> Any:
    """Read an OpenQASM 3 program.

    Raises:
        JobFailedError: It is not OpenQASM 3, or uses a feature that the importer does not support.
    """
    try:
        return openqasm.loads(text)
    except Exception as error:
        detail = _where_it_broke(error) or " ".join(str(error).split()) or type(error).__name__
        raise JobFailedError(
            f"The OpenQASM 3 program of {where} could not be read: {detail}",
            INVALID_INPUT,
            "Correct the program. Gates outside stdgates.inc must be declared with a gate block.",
        ) from error


def _where_it_broke(error: Exception) -> str | None:
    """Return the position of a syntax error, which is in the cause of the parser's exception."""
    for inner in getattr(error.__cause__, "args", ()):
        token = getattr(inner, "offendingToken", None)
        if token is not None:
            return f"line {token.line}, column {token.column}: {token.text!r} was not expected"
    return None


def read_qpy(text: str, number: int, where: str) -> list[Any]:
    """Read the circuits of a QPY blob.

    Raises:
        JobFailedError: It cannot be read, or does not contain the expected number of circuits.
    """
    from qiskit import qpy

    try:
        raw = inflate(text, MAX_QPY_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            circuits = qpy.load(io.BytesIO(raw))
        if len(circuits) != number:
            raise ValueError(f"{len(circuits)} circuits where {number} were expected")
    except Exception as error:
        raise JobFailedError(
            f"The QPY of {where} could not be read: {error}",
            INVALID_INPUT,
            "Send base64 of zlib of QPY version 13 to 17.",
        ) from error
    return list(circuits)


def bind(circuit: Any, parameters: Any, where: str) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Match a PUB's parameter values to its circuit.

    Args:
        circuit: The parsed circuit.
        parameters: A map of names to values, or a list in the order of Qiskit's ``circuit.parameters``
            (by name); nested lists make a sweep.
        where: The name of the PUB in messages.

    Returns:
        The shape of the sweep, and its parameter sets in C order as an array of shape ``(sets, parameters)``.

    Raises:
        JobFailedError: Values are missing, too many, of the wrong shape, or not numbers.
    """
    from qiskit.primitives.containers.bindings_array import BindingsArray
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    try:
        values = _values(circuit, parameters)
        bindings = BindingsArray.coerce(values)
        SamplerPub(circuit, bindings, shots=1)
        names = [parameter.name for parameter in circuit.parameters]
        rows = bindings.as_array(names).reshape(-1, len(names)) if names else np.zeros((math.prod(bindings.shape), 0))
    except Exception as error:
        raise JobFailedError(
            f"The parameter values of {where} do not fit its circuit: {error}",
            INVALID_INPUT,
            "Give a value for every input of the program.",
        ) from error
    return tuple(bindings.shape), rows


def without_boxes(circuit: Any) -> Any:
    """Return a circuit with the contents of each ``box`` in its place: a box only groups instructions in time."""
    if not _has_boxes(circuit):
        return circuit
    flat = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if operation.name == "box":
            body = without_boxes(operation.body)
            flat.compose(body, instruction.qubits, instruction.clbits, inplace=True, inline_captures=True)
        elif blocks := getattr(operation, "blocks", ()):
            operation = operation.replace_blocks([without_boxes(block) for block in blocks])
            flat.append(operation, instruction.qubits, instruction.clbits)
        else:
            flat.append(operation, instruction.qubits, instruction.clbits)
    return flat


def _has_boxes(circuit: Any) -> bool:
    return any(
        one.operation.name == "box" or any(map(_has_boxes, getattr(one.operation, "blocks", ())))
        for one in circuit.data
    )


def assign(circuit: Any, rows: NDArray[np.float64]) -> list[Any]:
    """Return the circuit with each parameter set, whose values are in the order of ``circuit.parameters``."""
    parameters = list(circuit.parameters)
    return [circuit.assign_parameters(dict(zip(parameters, map(float, row), strict=True))) for row in rows]


def _values(circuit: Any, parameters: Any) -> dict[Any, Any] | None:
    if isinstance(parameters, dict) and parameters.get("__type__") == "ndarray":
        raw = parameters["__value__"]
        parameters = load_array(raw) if isinstance(raw, str) else raw
    elif isinstance(parameters, dict):
        unknown = set(parameters) - {parameter.name for parameter in circuit.parameters}
        if unknown:
            raise ValueError(f"there is no input named {', '.join(sorted(unknown))}")
        return {name: _numbers(value) for name, value in parameters.items()} or None
    if parameters is None:
        return None
    array = _numbers(parameters)
    if array.size == 0 and circuit.num_parameters == 0:
        return None
    if array.ndim == 0 or array.shape[-1] != circuit.num_parameters:
        given = array.shape[-1] if array.ndim else 1
        raise ValueError(f"{circuit.num_parameters} values are needed, {given} were given")
    return {tuple(circuit.parameters): array}


def _numbers(value: Any) -> Any:
    if isinstance(value, dict) and value.get("__type__") == "ndarray":
        value = load_array(value["__value__"]) if isinstance(value["__value__"], str) else value["__value__"]
    array = np.asarray(value, dtype=float)
    if not np.isfinite(array).all():
        raise ValueError("a parameter value is not finite")
    return array


def effective(circuit: Any, with_idle: bool = False) -> list[Any]:
    """Return the instructions that can affect the outcome, in order.

    Args:
        circuit: The circuit.
        with_idle: Whether to include measurements of qubits that no gate touches.
    """
    left_out = set() if with_idle else _idle_measurements(circuit)
    return [
        instruction
        for place, instruction in enumerate(circuit.data)
        if instruction.operation.name not in _NO_EFFECT and place not in left_out
    ]


def is_dynamic(circuit: Any) -> bool:
    """Return whether a circuit has variables, or instructions that depend on measurements."""
    return bool(circuit.num_vars) or any(
        instruction.operation.name in CONTROL_FLOW or getattr(instruction.operation, "blocks", ())
        for instruction in circuit.data
    )


def active_qubits(circuit: Any) -> list[int]:
    """Return the indices of the qubits that can affect the outcome, in order."""
    return sorted({circuit.find_bit(qubit).index for one in effective(circuit) for qubit in one.qubits})


def _idle_measurements(circuit: Any) -> set[int]:
    """Return the positions of measurements and resets of qubits that no gate touches.

    Such a qubit is in its ground state and measures zero, and an unwritten bit is zero anyway. So a circuit that uses
    two qubits and measures all 156 still needs only two.
    """
    touched = set()
    writers: Counter[Any] = Counter()
    for instruction in circuit.data:
        writers.update(instruction.clbits)
        if instruction.operation.name not in _NO_EFFECT | _GROUND:
            touched.update(instruction.qubits)
    return {
        place
        for place, instruction in enumerate(circuit.data)
        if instruction.operation.name in _GROUND
        and instruction.qubits[0] not in touched
        and all(writers[bit] == 1 for bit in instruction.clbits)
    }


def reduce(circuit: Any, qubits: list[int] | None = None, instructions: list[Any] | None = None) -> Any:
    """Rewrite a circuit on the qubits that it uses. Classical bits and registers do not change.

    Args:
        circuit: The circuit.
        qubits: The indices of the qubits to keep; those in use by default.
        instructions: The instructions to keep; by default those that can affect the outcome.
    """
    from qiskit import QuantumCircuit

    active = active_qubits(circuit) if qubits is None else qubits
    place = {circuit.qubits[index]: position for position, index in enumerate(active)}
    small = QuantumCircuit(len(active))
    small.add_bits(circuit.clbits)
    for register in circuit.cregs:
        small.add_register(register)
    for variable in circuit.iter_captured_vars():
        small.add_capture(variable)
    for variable in circuit.iter_declared_vars():
        small.add_uninitialized_var(variable)
    for instruction in effective(circuit) if instructions is None else instructions:
        small.append(instruction.operation, [place[qubit] for qubit in instruction.qubits], instruction.clbits)
    return small


def nativize(circuit: Any) -> Any:
    """Rewrite a bound circuit with Qiskit's standard gates in place of the device's gates.

    Rotations by multiples of a quarter turn become Clifford gates, so that Clifford circuits on many qubits can run on
    a stabilizer simulator.
    """
    return _native_block(circuit)


def _native(operation: Any) -> list[Any]:
    from qiskit.circuit import Gate

    if hasattr(operation, "blocks") and operation.blocks:
        return [operation.replace_blocks([_native_block(block) for block in operation.blocks])]
    standard = standard_gates()
    name = operation.name
    # Inside a loop, an angle may still be the loop variable.
    if name in _QUARTER_TURNS and len(operation.params) == 1 and isinstance(operation.params[0], int | float):
        turns = operation.params[0] / (math.pi / 2)
        if abs(turns - round(turns)) < 1e-10:
            return [standard[gate] for gate in _QUARTER_TURNS[name][round(turns) % 4]]
    known = standard.get(name)
    if operation.base_class is not Gate or known is None:
        return [operation]
    # A gate that the program defines under the name of a device gate is the device gate.
    return [type(known)(*operation.params)] if operation.params else [known]


def _native_block(block: Any) -> Any:
    rewritten = block.copy_empty_like()
    for instruction in block.data:
        for native in _native(instruction.operation):
            rewritten.append(native, instruction.qubits, instruction.clbits)
    return rewritten
