"""The physics: a job's circuits, run on qiskit-aer without noise.

Everything here happens in a worker thread; qiskit is imported there, not at start-up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator import circuits, isa
from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.encoding import encode_samples
from airflow_provider_qrt.emulator.errors import (
    INTERNAL_ERROR,
    INVALID_INPUT,
    SIMULATOR_FAILURE,
    TOO_MANY_SHOTS,
)
from airflow_provider_qrt.emulator.outcome import JobFailure, PubSamples, Register, Work
from airflow_provider_qrt.emulator.settings import MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.emulator.submission import Submission

CLIFFORD_GATES = frozenset(
    {"x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "iswap", "ecr", "dcx", "id"}
)
NOT_GATES = frozenset(
    {"measure", "reset", "barrier", "delay", "if_else", "for_loop", "while_loop", "switch_case", "box"}
    | {"store", "break_loop", "continue_loop"}
)


def warm_up() -> None:
    """Import the simulator, so that the first job does not wait for it."""
    import qiskit_aer  # noqa: F401
    from qiskit import qasm3

    qasm3.loads('OPENQASM 3.0; include "stdgates.inc"; bit[1] c; x $0; c[0] = measure $0;')


def run(submission: Submission, device: Device, clock: Clock, seed: int | None, max_active: int) -> Work:
    """Carry out a job.

    Args:
        submission: What to run.
        device: What to check it against.
        clock: Says when the work was done.
        seed: Makes the samples repeatable.
        max_active: Widest circuit that is simulated when it is not Clifford.

    Returns:
        A result or the reason for which there is none; nothing is raised.
    """
    try:
        pubs = _run(submission, device, seed, max_active)
        result = encode_samples(pubs, submission.support_qiskit)
    except JobFailure as failure:
        return Work(clock.now(), failure=failure)
    except Exception as error:
        fault = JobFailure(
            f"The emulator could not carry out this job: {type(error).__name__}: {error}",
            INTERNAL_ERROR,
            "This is a fault or a limit of the emulator.",
        )
        return Work(clock.now(), failure=fault)
    return Work(clock.now(), result=result)


def _run(submission: Submission, device: Device, seed: int | None, max_active: int) -> list[PubSamples]:
    prepared = []
    executions = 0
    for index, pub in enumerate(submission.pubs):
        where = f"PUB {index}"
        circuit = circuits.parse(pub, where)
        isa.check(circuit, device, where)
        if not circuit.cregs:
            raise JobFailure(
                f"The circuit of {where} has no classical register to sample.",
                INVALID_INPUT,
                "Declare one, as in bit[2] c, and measure into it.",
            )
        shape, bound = circuits.bind(circuit, pub.parameters, where)
        executions += pub.shots * len(bound)
        prepared.append((circuit, shape, bound, pub.shots))
    if executions > MAX_EXECUTIONS_PER_JOB:
        raise JobFailure(
            f"The job asks for {executions} executions; {MAX_EXECUTIONS_PER_JOB} are allowed.",
            TOO_MANY_SHOTS,
            "Use fewer shots or split the job.",
        )
    seeds = np.random.SeedSequence(seed).generate_state(len(prepared)) if seed is not None else None
    return [
        _sample(*pub, int(seeds[index]) if seeds is not None else None, max_active, f"PUB {index}")
        for index, pub in enumerate(prepared)
    ]


def _sample(
    circuit: Any,
    shape: tuple[int, ...],
    bound: list[Any],
    shots: int,
    seed: int | None,
    max_active: int,
    where: str,
) -> PubSamples:
    from qiskit_aer import AerSimulator

    small = [circuits.reduce(one) for one in bound]
    wide = [one for one in small if one.num_qubits > max_active]
    if wide and not all(is_clifford(one) for one in wide):
        raise JobFailure(
            f"The circuit of {where} uses {wide[0].num_qubits} qubits. The emulator simulates at most "
            f"{max_active} unless the circuit is Clifford.",
            SIMULATOR_FAILURE,
            "Use fewer qubits, or run it on a real machine.",
        )
    method = "stabilizer" if wide else "automatic"
    # The seed is cut to what Aer takes: a signed 32-bit number.
    options = {} if seed is None else {"seed_simulator": seed & 0x7FFFFFFF}
    simulator = AerSimulator(method=method, **options)
    ready = [one if one.num_qubits else _with_a_qubit(one) for one in small]
    if not ready:
        raise JobFailure(f"{where} has no parameter values to run.", INVALID_INPUT, "Send at least one set.")
    result = simulator.run(ready, shots=shots, memory=True).result()
    if not result.success:
        raise JobFailure(
            f"The simulator could not run {where}: {_status(result)}",
            SIMULATOR_FAILURE,
            "This is a limit of the emulator, not of the service.",
        )
    bits = np.zeros((len(bound), shots, len(circuit.clbits)), dtype=np.uint8)
    for index in range(len(bound)):
        bits[index] = _bits(result.data(index).get("memory"), shots, len(circuit.clbits))
    registers = {}
    for register in circuit.cregs:
        columns = [circuit.find_bit(bit).index for bit in register]
        registers[register.name] = Register(_pack(bits[..., columns], shape), register.size)
    return PubSamples(shape, registers)


def is_clifford(circuit: Any) -> bool:
    """Say whether a stabilizer simulator can run a reduced circuit."""
    for instruction in circuit.data:
        if instruction.operation.name not in CLIFFORD_GATES | NOT_GATES:
            return False
        if not all(is_clifford(block) for block in getattr(instruction.operation, "blocks", ())):
            return False
    return True


def _with_a_qubit(circuit: Any) -> Any:
    from qiskit.circuit import Qubit

    # Aer refuses a circuit without qubits, yet reading untouched classical bits is a fair request.
    circuit.add_bits([Qubit()])
    return circuit


def _status(result: Any) -> str:
    return "; ".join(str(one.status) for one in result.results if not one.success) or str(result.status)


def _bits(memory: list[str] | None, shots: int, width: int) -> NDArray[np.uint8]:
    """Turn Aer's hexadecimal memory into bits of shape ``(shots, width)``, bit 0 first."""
    if memory is None:
        # Aer keeps no memory for a circuit that writes no classical bit: they all read zero.
        return np.zeros((shots, width), dtype=np.uint8)
    size = -(-width // 8)
    raw = b"".join(int(word, 16).to_bytes(size, "little") for word in memory)
    packed = np.frombuffer(raw, dtype=np.uint8).reshape(shots, size)
    return np.unpackbits(packed, axis=-1, bitorder="little")[:, :width]


def _pack(bits: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pack bits of shape ``(sets, shots, n)`` as a BitArray does: big-endian, padded on the left."""
    size = bits.shape[-1]
    padding = -size % 8
    flipped = np.pad(bits[..., ::-1], ((0, 0), (0, 0), (padding, 0)))
    packed = np.packbits(flipped, axis=-1)
    return packed.reshape(*shape, *packed.shape[1:])
