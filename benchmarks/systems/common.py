"""The shared parts of the programs: the circuits, IBM's client, and a guard against connections to other machines."""

from __future__ import annotations

import ipaddress
import json
import sys
from math import pi
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit_ibm_runtime import QiskitRuntimeService

QUBITS = 156
"""Number of qubits of the backend, a Heron machine."""


def asked() -> dict[str, Any]:
    """Read the argument, and refuse connections to other machines from now on."""
    sys.addaudithook(_only_loopback)
    question: dict[str, Any] = json.loads(sys.argv[1])
    return question


def answer(counts: dict[str, int], result_at: float) -> None:
    """Print the line with the answer."""
    print("\n" + json.dumps({"counts": counts, "result_at": result_at}), flush=True)


def bell_pair() -> QuantumCircuit:
    """Return a circuit with two entangled qubits in the machine's gates, which needs no transpilation."""
    circuit = _empty()
    _hadamard(circuit, 0)
    return _paired(circuit)


def rotated_pair(angle: float) -> QuantumCircuit:
    """Return a circuit in the machine's gates that gives 11 with probability cos²(angle / 2), otherwise 00."""
    circuit = _empty()
    circuit.sx(0)
    circuit.rz(angle, 0)
    circuit.sx(0)
    return _paired(circuit)


def service(question: dict[str, Any]) -> QiskitRuntimeService:
    """Return IBM's client, connected to the emulator; ``IAM_URL`` must be in the environment.

    The look-up of a key's instances uses another IBM service that is not emulated, so that request is not counted.
    """
    from qiskit_ibm_runtime import QiskitRuntimeService
    from qiskit_ibm_runtime.accounts.account import Account

    found = [{"crn": question["instance"], "plan": "internal", "name": "emulator", "tags": [], "pricing_type": "paid"}]
    Account.list_instances = lambda _self: found
    return QiskitRuntimeService(
        channel="ibm_quantum_platform",
        token=question["key"],
        url=question["root"],
        instance=question["instance"],
        url_resolver=lambda *_args, **_kwargs: question["api"],
    )


def _empty() -> QuantumCircuit:
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    return QuantumCircuit(QuantumRegister(QUBITS, "q"), ClassicalRegister(2, "meas"))


def _paired(circuit: QuantumCircuit) -> QuantumCircuit:
    """Entangle the second qubit with the first and measure both."""
    _hadamard(circuit, 1)
    circuit.cz(0, 1)
    _hadamard(circuit, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def _hadamard(circuit: QuantumCircuit, qubit: int) -> None:
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
