"""Checks whether the machine can run a circuit without transpilation.

IBM's REST API reference: only instruction-set circuits run. A violation makes the job fail with a reason code of 7000
or above.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import INVALID_INPUT, NOT_IN_BASIS, NOT_ON_THESE_QUBITS
from airflow_provider_qrt.emulator.simulation.openqasm import REWRITTEN
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError
from airflow_provider_qrt.emulator.simulation.standard_gates import standard_gates

ALWAYS = frozenset({"measure", "reset", "barrier", "delay"})
LISTED = frozenset({"if_else", "for_loop", "while_loop", "switch_case"})
"""Control flow that a configuration lists in ``supported_instructions``."""
ALONG_WITH_IT = frozenset({"box", "break_loop", "continue_loop", "store"})
"""Possible on every machine that has control flow."""

FRACTIONAL = frozenset({"rx", "rzz"})
"""Gates whose pulse depends on the angle."""
MOST_RZZ_ANGLE = math.pi / 2 + 1e-10

_SOLUTION = "Transpile the circuit for the backend before sending it."


def check(circuit: Any, device: Device, where: str) -> None:
    """Check a circuit against a device's basis gates and coupling.

    Raises:
        JobFailedError: Code 7000 for an instruction that is not in the basis, 7001 for one on qubits that the machine
            does not have or does not couple.
    """
    if circuit.num_qubits > device.qubits:
        raise JobFailedError(
            f"The circuit of {where} has {circuit.num_qubits} qubits, {device.name} has {device.qubits}.",
            NOT_ON_THESE_QUBITS,
            "Choose a larger backend, or use fewer qubits.",
        )
    for name in (circuit.metadata or {}).get(REWRITTEN, ()):
        if name not in device.instructions:
            raise _unsupported(name, (), device, where)
    check_block(circuit, range(circuit.num_qubits), device, where)


def check_block(circuit: Any, physical: Sequence[int], device: Device, where: str) -> None:
    """Check a circuit whose qubits are some of the device's.

    Args:
        circuit: The circuit.
        physical: The device's qubit for each of its qubits.
        device: The device.
        where: The name of the circuit in messages.

    Raises:
        JobFailedError: As :func:`check` does.
    """
    for instruction in circuit.data:
        operation = instruction.operation
        name = operation.name
        qubits = [physical[circuit.find_bit(qubit).index] for qubit in instruction.qubits]
        _check_in_service(name, qubits, device, where)
        if name in ALWAYS:
            continue
        if name in device.instructions & LISTED or (name in ALONG_WITH_IT and device.dynamic):
            for block in getattr(operation, "blocks", ()):
                check_block(block, qubits, device, where)
            continue
        if name not in device.basis or not _same_gate(operation):
            raise _unsupported(name, qubits, device, where)
        if len(qubits) == 2 and not device.couples(name, qubits[0], qubits[1]):
            raise JobFailedError(
                f"The instruction {name} in {where} is on qubits {tuple(qubits)}, which {device.name} does not couple.",
                NOT_ON_THESE_QUBITS,
                _SOLUTION,
            )


def _unsupported(name: str, qubits: Sequence[int], device: Device, where: str) -> JobFailedError:
    return JobFailedError(
        f"The instruction {name} on qubits {tuple(qubits)} in {where} is not supported by the "
        f"target system {device.name}; its basis is {', '.join(sorted(device.basis))}.",
        NOT_IN_BASIS,
        _SOLUTION,
    )


def _check_in_service(name: str, qubits: Sequence[int], device: Device, where: str) -> None:
    if name == "barrier":
        return
    faulty = [qubit for qubit in qubits if qubit in device.faulty_qubits]
    if faulty or (name, tuple(qubits)) in device.faulty_gates:
        what = f"qubit {faulty[0]}" if faulty else f"{name} on {tuple(qubits)}"
        raise JobFailedError(
            f"The instruction {name} on qubits {tuple(qubits)} in {where} needs {what}, which {device.name} has taken "
            "out of service.",
            NOT_ON_THESE_QUBITS,
            "Transpile the circuit for the backend as it is calibrated now.",
        )


def check_angles(circuit: Any, rows: NDArray[np.float64], where: str) -> None:
    """Check that the angles of rzz are between 0 and pi/2, for which it is calibrated.

    Args:
        circuit: The circuit.
        rows: The parameter sets, of shape ``(sets, parameters)``, in the order of ``circuit.parameters``.
        where: The name of the circuit in messages.

    Raises:
        JobFailedError: Code 7000.
    """
    for angle in _angles(circuit):
        values = [angle] if not hasattr(angle, "parameters") else _evaluate(angle, circuit, rows)
        for value in values:
            if not 0 <= value <= MOST_RZZ_ANGLE:
                raise JobFailedError(
                    f"An angle of rzz in {where} is {value:g}; it must be from 0 to pi/2.",
                    NOT_IN_BASIS,
                    _SOLUTION,
                )


def _angles(circuit: Any) -> Iterator[Any]:
    for instruction in circuit.data:
        if instruction.operation.name == "rzz":
            yield instruction.operation.params[0]
        for block in getattr(instruction.operation, "blocks", ()):
            yield from _angles(block)


def _evaluate(angle: Any, circuit: Any, rows: NDArray[np.float64]) -> list[float]:
    places = {parameter: place for place, parameter in enumerate(circuit.parameters)}
    if not set(angle.parameters) <= set(places):
        return []
    return [float(angle.bind({one: row[places[one]] for one in angle.parameters})) for row in rows]


def check_registers(circuit: Any, where: str) -> None:
    """Check the registers of a sampler's circuit, each of which becomes an attribute of the result.

    Raises:
        JobFailedError: A register is empty, or its name cannot be an attribute.
    """
    for register in circuit.cregs:
        if not register.size or not register.name.isidentifier() or keyword.iskeyword(register.name):
            what = f"named {register.name!r}" if register.size else f"of size 0 ({register.name!r})"
            raise JobFailedError(
                f"The result of {where} cannot hold a classical register {what}.",
                INVALID_INPUT,
                "Give it at least one bit, and a name that is an identifier and no keyword of Python.",
            )


def check_options(circuit: Any, where: str, *, decoupled: bool, gates_randomized: bool) -> None:
    """Check that the options can be used with a circuit.

    Args:
        circuit: The circuit.
        where: The name of the circuit in messages.
        decoupled: Whether idle qubits are dynamically decoupled.
        gates_randomized: Whether gates are twirled, or their errors are cancelled or amplified.

    Raises:
        JobFailedError: A circuit with control flow is decoupled, or fractional gates would be randomized.
    """
    used = set(circuit.count_ops())
    if decoupled and circuit.has_control_flow_op():
        raise JobFailedError(
            f"Dynamical decoupling cannot be used with {where}, which has control flow.",
            INVALID_INPUT,
            "Switch dynamical_decoupling off.",
        )
    if gates_randomized and used & FRACTIONAL:
        raise JobFailedError(
            f"The fractional gates of {where} ({', '.join(sorted(used & FRACTIONAL))}) cannot be twirled, nor their "
            "errors cancelled.",
            INVALID_INPUT,
            "Transpile without fractional gates, or switch gate twirling and PEC off.",
        )


def _same_gate(operation: Any) -> bool:
    known = standard_gates().get(operation.name)
    return known is not None and known.num_qubits == operation.num_qubits and len(known.params) == len(operation.params)
