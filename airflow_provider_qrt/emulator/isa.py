"""Is a circuit one that the machine carries out as it stands?

IBM's REST API reference: only instruction-set circuits run. Nothing is transpiled; a violation makes the
job fail with a reason code from 7000 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.errors import NOT_IN_BASIS, NOT_ON_THESE_QUBITS
from airflow_provider_qrt.emulator.outcome import JobFailure

ALWAYS = frozenset({"measure", "reset", "barrier", "delay"})
CONTROL_FLOW = frozenset(
    {"if_else", "for_loop", "while_loop", "switch_case", "box", "break_loop", "continue_loop", "store"}
)

_SOLUTION = "Transpile the circuit for the backend before sending it."


def check(circuit: Any, device: Device, where: str) -> None:
    """Check a circuit against a device's basis gates and coupling.

    Raises:
        JobFailure: Code 7000 for an instruction that is not in the basis, 7001 for one on qubits that the
            machine has not got or does not couple.
    """
    if circuit.num_qubits > device.qubits:
        raise JobFailure(
            f"The circuit of {where} has {circuit.num_qubits} qubits, {device.name} has {device.qubits}.",
            NOT_ON_THESE_QUBITS,
            "Choose a larger backend, or use fewer qubits.",
        )
    _check(circuit, range(circuit.num_qubits), device, where)


def _check(circuit: Any, physical: Sequence[int], device: Device, where: str) -> None:
    for instruction in circuit.data:
        operation = instruction.operation
        name = operation.name
        qubits = [physical[circuit.find_bit(qubit).index] for qubit in instruction.qubits]
        if name in ALWAYS:
            continue
        if name in CONTROL_FLOW and device.dynamic:
            for block in getattr(operation, "blocks", ()):
                _check(block, qubits, device, where)
            continue
        if name not in device.basis or not _same_gate(operation):
            raise JobFailure(
                f"The instruction {name} on qubits {tuple(qubits)} in {where} is not supported by the "
                f"target system {device.name}; its basis is {', '.join(sorted(device.basis))}.",
                NOT_IN_BASIS,
                _SOLUTION,
            )
        if len(qubits) == 2 and not device.couples(name, qubits[0], qubits[1]):
            raise JobFailure(
                f"The instruction {name} in {where} is on qubits {tuple(qubits)}, which {device.name} does not couple.",
                NOT_ON_THESE_QUBITS,
                _SOLUTION,
            )


def _same_gate(operation: Any) -> bool:
    from qiskit.circuit.library import get_standard_gate_name_mapping

    known = get_standard_gate_name_mapping().get(operation.name)
    return known is not None and known.num_qubits == operation.num_qubits and len(known.params) == len(operation.params)
