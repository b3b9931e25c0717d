"""``QuantumCircuit`` objects in the form the service takes: base64 of zlib of QPY, in a tagged mapping.

Qiskit is never imported to find out that something is not a circuit of Qiskit's.
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
from airflow_provider_qrt.primitives.errors import InvalidInput

MAX_QPY_VERSION = 17
"""The newest QPY version the service reads (IBM's sampler schema takes 13 to 17)."""


_CONTROL_FLOW = {**{name: keyword for keyword, name in CONTROL_FLOW.items()}, "box": "box"}
_MAX_TAKEN_APART = 6
"""How often instructions are replaced by what they are made of, until the circuit can be written as text."""


def is_quantum_circuit(item: Any) -> bool:
    """Tell whether an object is a ``qiskit.QuantumCircuit`` or of a class derived from it."""
    return any(
        base.__name__ == "QuantumCircuit" and base.__module__.partition(".")[0] == "qiskit"
        for base in type(item).__mro__
    )


def is_tagged_circuit(item: Any) -> bool:
    """Tell whether an object is a circuit that is already encoded for the service."""
    return isinstance(item, Mapping) and item.get("__type__") == "QuantumCircuit" and "__value__" in item


def check_measures(circuit: Any, where: str) -> None:
    """Refuse a ``QuantumCircuit`` that gives a sampler nothing to return.

    Raises:
        InvalidInput: The circuit measures nothing into a classical register.
    """
    if not circuit.cregs or not any(instruction.clbits for instruction in circuit.data):
        raise InvalidInput(
            f"{where}: the circuit {circuit.name!r} measures nothing into a classical register, so a sampler has "
            "nothing to return. Call circuit.measure_all(), or measure into a ClassicalRegister."
        )


def check_measures_nothing(circuit: Any, where: str) -> None:
    """Refuse a ``QuantumCircuit`` that an estimator cannot add its own measurements to.

    Raises:
        InvalidInput: The circuit measures, or has no qubits.
    """
    if _measures(circuit):
        raise InvalidInput(
            f"{where}: the circuit {circuit.name!r} measures. An estimator adds the measurements that its observables "
            "need: build the circuit without, or call circuit.remove_final_measurements(). For counts use the sampler."
        )
    if not circuit.num_qubits:
        raise InvalidInput(f"{where}: the circuit {circuit.name!r} has no qubits, so there is nothing to estimate.")


def _measures(circuit: Any) -> bool:
    return any(
        instruction.operation.name == "measure" or any(map(_measures, getattr(instruction.operation, "blocks", ())))
        for instruction in circuit.data
    )


def encode_circuit(circuit: Any, where: str) -> tuple[dict[str, str], CircuitInfo, str | None]:
    """Serialise a ``QuantumCircuit``.

    Returns:
        The tagged mapping, what the circuit declares, and its OpenQASM 3 text if it can be written so.

    Raises:
        InvalidInput: QPY cannot hold the circuit (for example metadata that is not JSON).
    """
    return tag_qpy(dump_circuit(circuit, where)), circuit_info(circuit), _source(circuit)


def dump_circuit(circuit: Any, where: str) -> bytes:
    """Write a ``QuantumCircuit`` as QPY of the newest version that both the service and this Qiskit know.

    Raises:
        InvalidInput: QPY cannot hold the circuit (for example metadata that is not JSON).
    """
    from qiskit import qpy

    buffer = io.BytesIO()
    try:
        qpy.dump(circuit, buffer, version=min(MAX_QPY_VERSION, qpy.common.QPY_VERSION))
    except Exception as error:
        raise InvalidInput(f"{where}: QPY cannot hold the circuit {circuit.name!r}: {error}") from error
    return buffer.getvalue()


def tag_qpy(data: bytes) -> dict[str, str]:
    """Return QPY bytes of one circuit in the form the service takes."""
    return {"__type__": "QuantumCircuit", "__value__": base64.b64encode(zlib.compress(data)).decode("ascii")}


def circuit_info(circuit: Any) -> CircuitInfo:
    """Return what a ``QuantumCircuit`` declares."""
    registers = tuple((register.name, register.size) for register in circuit.cregs)
    return CircuitInfo(
        circuit.num_qubits,
        registers,
        tuple(parameter.name for parameter in circuit.parameters),
        control_flow=frozenset(_CONTROL_FLOW[name] for name in circuit.count_ops() if name in _CONTROL_FLOW),
    )


def describe_encoded(circuit: Mapping[str, Any]) -> tuple[str | None, CircuitInfo | None]:
    """Return the text of a circuit that came encoded, and what it declares; None for what Qiskit cannot find out.

    Args:
        circuit: base64 of zlib of QPY in a tagged mapping.

    Raises:
        ImportError: Qiskit is missing.
    """
    from airflow_provider_qrt.primitives.circuits.transpile import read_qpy

    try:
        read = read_qpy(circuit, "")
    except InvalidInput:
        # The service may know a version of QPY that this Qiskit does not.
        return None, None
    return _source(read), circuit_info(read)


def _source(circuit: Any) -> str | None:
    """Return the circuit's text; what OpenQASM has no word for, such as ``initialize``, is taken apart for it."""
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
    # Such a circuit is known by its QPY bytes alone.
    return None
