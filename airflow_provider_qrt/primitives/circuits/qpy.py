"""Encodes ``QuantumCircuit`` objects for the service: QPY in zlib in base64, in a tagged mapping.

Qiskit is not imported to find out that an object is not a Qiskit circuit.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.circuits.expressions import order_terms
from airflow_provider_qrt.primitives.circuits.statements import CONTROL_FLOW
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo
from airflow_provider_qrt.primitives.errors import InvalidInputError

MAX_QPY_VERSION = 17
"""The newest QPY version that the service reads (IBM's sampler schema allows 13 to 17)."""


_CONTROL_FLOW = {**{name: keyword for keyword, name in CONTROL_FLOW.items()}, "box": "box"}
_MAX_TAKEN_APART = 6
"""Maximum number of times that instructions are decomposed until the circuit can be written as text."""


def is_quantum_circuit(item: Any) -> bool:
    """Return whether an object is a ``qiskit.QuantumCircuit`` or an instance of a subclass."""
    return any(
        base.__name__ == "QuantumCircuit" and base.__module__.partition(".")[0] == "qiskit"
        for base in type(item).__mro__
    )


def is_tagged_circuit(item: Any) -> bool:
    """Return whether an object is a circuit that is already encoded for the service."""
    return isinstance(item, Mapping) and item.get("__type__") == "QuantumCircuit" and "__value__" in item


def check_measures(circuit: Any, where: str) -> None:
    """Refuse a ``QuantumCircuit`` from which a sampler has nothing to return.

    Raises:
        InvalidInputError: The circuit has no measurement into a classical register.
    """
    if not circuit.cregs or not any(instruction.clbits for instruction in circuit.data):
        raise InvalidInputError(
            f"{where}: the circuit {circuit.name!r} measures nothing into a classical register, so a sampler has "
            "nothing to return. Call circuit.measure_all(), or measure into a ClassicalRegister."
        )


def check_measures_nothing(circuit: Any, where: str) -> None:
    """Refuse a ``QuantumCircuit`` to which an estimator cannot add measurements.

    Raises:
        InvalidInputError: The circuit has measurements or has no qubits.
    """
    if _measures(circuit):
        raise InvalidInputError(
            f"{where}: the circuit {circuit.name!r} measures. An estimator adds the measurements that its observables "
            "need: build the circuit without, or call circuit.remove_final_measurements(). For counts use the sampler."
        )
    if not circuit.num_qubits:
        raise InvalidInputError(
            f"{where}: the circuit {circuit.name!r} has no qubits, so there is nothing to estimate."
        )


def _measures(circuit: Any) -> bool:
    return any(
        instruction.operation.name == "measure" or any(map(_measures, getattr(instruction.operation, "blocks", ())))
        for instruction in circuit.data
    )


def encode_circuit(circuit: Any, where: str) -> tuple[dict[str, str], CircuitInfo, str | None]:
    """Serialise a ``QuantumCircuit``.

    Returns:
        The tagged mapping, the declarations of the circuit, and its OpenQASM 3 text if it can be written as such.

    Raises:
        InvalidInputError: QPY cannot hold the circuit (for example metadata that is not JSON).
    """
    return tag_qpy(dump_circuit(circuit, where)), circuit_info(circuit), source_of(circuit)


def dump_circuit(circuit: Any, where: str) -> bytes:
    """Write a ``QuantumCircuit`` as QPY of the newest version that both the service and this Qiskit support.

    Raises:
        InvalidInputError: QPY cannot hold the circuit (for example metadata that is not JSON).
    """
    from qiskit import qpy

    buffer = io.BytesIO()
    try:
        qpy.dump(circuit, buffer, version=min(MAX_QPY_VERSION, qpy.common.QPY_VERSION))
    except Exception as error:
        raise InvalidInputError(f"{where}: QPY cannot hold the circuit {circuit.name!r}: {error}") from error
    return buffer.getvalue()


def tag_qpy(data: bytes) -> dict[str, str]:
    """Return QPY bytes of one circuit in the form that is sent to the service."""
    return {"__type__": "QuantumCircuit", "__value__": base64.b64encode(zlib.compress(data)).decode("ascii")}


def circuit_info(circuit: Any) -> CircuitInfo:
    """Return the declarations of a ``QuantumCircuit``."""
    registers = tuple((register.name, register.size) for register in circuit.cregs)
    return CircuitInfo(
        circuit.num_qubits,
        registers,
        tuple(parameter.name for parameter in circuit.parameters),
        control_flow=frozenset(_CONTROL_FLOW[name] for name in circuit.count_ops() if name in _CONTROL_FLOW),
        # Qiskit has them since 2.0.
        stretches=bool(getattr(circuit, "num_stretches", 0)),
    )


def source_of(circuit: Any) -> str | None:
    """Return the OpenQASM 3 text of a ``QuantumCircuit``, or None if there is none.

    Instructions that OpenQASM does not have, such as ``initialize``, are decomposed.
    """
    from qiskit import qasm3
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping()
    for _ in range(_MAX_TAKEN_APART):
        try:
            return order_terms(qasm3.dumps(circuit))
        except Exception:
            own = [name for name in circuit.count_ops() if name not in standard]
            try:
                circuit = circuit.decompose(own)
            except Exception:
                break
    # Only its QPY bytes identify such a circuit.
    return None
