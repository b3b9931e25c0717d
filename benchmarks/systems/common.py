"""What the programs share: the circuit, and a guard that keeps them on this machine."""

from __future__ import annotations

import ipaddress
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

QUBITS = 156
"""Of the backend, a Heron machine."""


def asked() -> dict[str, Any]:
    """Read the argument, and from now on refuse connections that would leave this machine."""
    sys.addaudithook(_only_loopback)
    question: dict[str, Any] = json.loads(sys.argv[1])
    return question


def answer(counts: dict[str, int], result_at: float) -> None:
    """Print the last line."""
    print("\n" + json.dumps({"counts": counts, "result_at": result_at}), flush=True)


def bell_pair() -> QuantumCircuit:
    """Two entangled qubits in the machine's own gates, so that nobody needs to transpile."""
    from math import pi

    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    circuit = QuantumCircuit(QuantumRegister(QUBITS, "q"), ClassicalRegister(2, "meas"))
    for qubit in (0, 1):
        _hadamard(circuit, qubit, pi)
    circuit.cz(0, 1)
    _hadamard(circuit, 1, pi)
    circuit.measure([0, 1], [0, 1])
    return circuit


def _hadamard(circuit: QuantumCircuit, qubit: int, pi: float) -> None:
    circuit.rz(pi / 2, qubit)
    circuit.sx(qubit)
    circuit.rz(pi / 2, qubit)


def _only_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        inside = ipaddress.ip_address(name).is_loopback or ipaddress.ip_address(name).is_unspecified
    except ValueError:
        inside = False
    if not inside:
        raise OSError(f"a benchmark does not talk to {name}")
