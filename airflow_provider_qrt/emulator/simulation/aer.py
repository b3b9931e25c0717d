"""Runs reduced circuits on qiskit-aer, and refuses circuits that are too wide for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_qrt.emulator.errors import INVALID_INPUT, SIMULATOR_FAILURE
from airflow_provider_qrt.emulator.simulation.noise import Machine
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError

CLIFFORD_GATES = frozenset(
    {"x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "iswap", "ecr", "dcx", "id"}
)
NOT_GATES = frozenset(
    {"measure", "reset", "barrier", "delay", "if_else", "for_loop", "while_loop", "switch_case", "box"}
    | {"store", "break_loop", "continue_loop"}
)
SAVES = frozenset({"save_expval"})


MAX_NOISY_QUBITS = 14
"""Largest group of coupled qubits that is simulated with noise, where each shot is a separate computation."""

MAX_DENSE_QUBITS = 12
"""Largest group whose mixed state can be computed exactly, as expectation values with noise require."""


def run(
    circuits: Sequence[Any],
    shots: int,
    seed: int | None,
    machine: Machine,
    where: str,
    qubits: Sequence[int] = (),
    exact: bool = False,
) -> Any:
    """Simulate the circuits of one PUB.

    Args:
        circuits: Reduced circuits.
        shots: Shots for each.
        seed: Seed of the samples.
        machine: The machine to simulate.
        where: The name of the PUB in messages.
        qubits: The device's indices of the circuits' qubits, for the noise.
        exact: Whether expectation values are computed and nothing is sampled.

    Returns:
        Aer's result, with one hexadecimal word per shot as its memory.

    Raises:
        JobFailedError: There is no circuit, a circuit is too wide, or Aer cannot run it.
    """
    from qiskit_aer import AerSimulator

    if not circuits:
        raise JobFailedError(f"{where} has no parameter values to run.", INVALID_INPUT, "Send at least one set.")
    noisy = machine.noise is not None
    most = min(machine.max_active, MAX_NOISY_QUBITS) if noisy else machine.max_active
    if noisy and exact:
        most = min(most, MAX_DENSE_QUBITS)
    wide = [one for one in circuits if one.num_qubits > most]
    if wide and ((noisy and exact) or not all(is_clifford(one) for one in wide)):
        raise JobFailedError(
            f"The circuit of {where} couples {wide[0].num_qubits} qubits. The emulator simulates at most "
            f"{most}{' with noise' if noisy else ''} unless the circuit is Clifford.",
            SIMULATOR_FAILURE,
            "Use fewer qubits, or run it on a real machine.",
        )
    # Aer accepts only a signed 32-bit seed.
    options: dict[str, Any] = {} if seed is None else {"seed_simulator": seed & 0x7FFFFFFF}
    if machine.noise is not None:
        options["noise_model"] = machine.noise.model(qubits, with_readout=not exact)
    method = "stabilizer" if wide else "density_matrix" if noisy and exact else "automatic"
    simulator = AerSimulator(method=method, **options)
    ready = [one if one.num_qubits else _with_a_qubit(one) for one in circuits]
    result = simulator.run(ready, shots=shots, memory=True).result()
    if not result.success:
        raise JobFailedError(
            f"The simulator could not run {where}: {_status(result)}",
            SIMULATOR_FAILURE,
            "This is a limit of the emulator, not of the service.",
        )
    return result


def is_clifford(circuit: Any) -> bool:
    """Return whether a stabilizer simulator can run a reduced circuit."""
    for instruction in circuit.data:
        if instruction.operation.name not in CLIFFORD_GATES | NOT_GATES | SAVES:
            return False
        if not all(is_clifford(block) for block in getattr(instruction.operation, "blocks", ())):
            return False
    return True


def _with_a_qubit(circuit: Any) -> Any:
    from qiskit.circuit import Qubit

    # Aer refuses a circuit without qubits, but reading unused classical bits is a valid request.
    circuit.add_bits([Qubit()])
    return circuit


def _status(result: Any) -> str:
    return "; ".join(str(one.status) for one in result.results if not one.success) or str(result.status)
