"""The sampler, which returns the shots of every classical register."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.errors import INVALID_INPUT
from airflow_provider_qrt.emulator.simulation import aer, circuits, components, kerneled, pauli_vectors
from airflow_provider_qrt.emulator.simulation.noise import Machine
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError, Prepared, PubSamples, Register, seeds_for


def check(pub: Prepared) -> None:
    """Refuse a circuit without anything to sample.

    Raises:
        JobFailedError: It has no classical register.
    """
    if not pub.circuit.cregs:
        raise JobFailedError(
            f"The circuit of {pub.where} has no classical register to sample.",
            INVALID_INPUT,
            "Declare one, as in bit[2] c, and measure into it.",
        )


def sample(pub: Prepared, seed: int | None, machine: Machine) -> PubSamples:
    """Sample one PUB.

    Raises:
        JobFailedError: It cannot be simulated.
    """
    circuit, shots = pub.circuit, pub.pub.shots
    columns = {register.name: [circuit.find_bit(bit).index for bit in register] for register in circuit.cregs}
    if pub.pub.meas_type == kerneled.CLASSIFIED:
        bits = measure(circuit, pub.rows, shots, seed, machine, pub.where)
        registers = {
            name: Register(_pack(bits[..., places], pub.shape), len(places)) for name, places in columns.items()
        }
        return PubSamples(pub.shape, shots, registers)
    kerneled.check_size(len(pub.rows) * shots * len(circuit.clbits))
    of_bits, of_points = seeds_for(seed, 2)
    states = measure(circuit, pub.rows, shots, of_bits, machine.without_misreading(), pub.where)
    points = kerneled.reading(circuit, machine.noise).points(states, of_points)
    if pub.pub.meas_type == kerneled.AVERAGED:
        points = points.mean(axis=1)
    shape = (*pub.shape, *points.shape[1:-1])
    shaped = {name: points[..., places].reshape(*shape, len(places)) for name, places in columns.items()}
    return PubSamples(pub.shape, shots, {}, shaped)


def measure(
    circuit: Any, rows: NDArray[np.float64], shots: int, seed: int | None, machine: Machine, where: str
) -> NDArray[np.uint8]:
    """Run a circuit with each parameter set.

    Args:
        circuit: The circuit.
        rows: The parameter sets, of shape ``(sets, parameters)``.
        shots: Shots for each parameter set.
        seed: Seed of the samples.
        machine: The machine to simulate.
        where: The name of this part of the job in messages.

    Returns:
        The classical bits, of shape ``(sets, shots, bits)``.

    Raises:
        JobFailedError: It cannot be simulated.
    """
    sets, width = len(rows), len(circuit.clbits)
    if not sets:
        raise JobFailedError(f"{where} has no parameter values to run.", INVALID_INPUT, "Send at least one set.")
    if machine.is_mock:
        return np.random.default_rng(seed).integers(0, 2, (sets, shots, width), dtype=np.uint8)
    values = {parameter: rows[:, column] for column, parameter in enumerate(circuit.parameters)}
    found = np.zeros((sets, shots, width), dtype=np.uint8)
    parts = components.split(circuit, with_idle=machine.noise is not None)
    seeds = seeds_for(seed, len(parts) + 1)
    random = np.random.default_rng(seeds[-1])
    for part, own_seed in zip(parts, seeds[:-1], strict=True):
        bits = components.single_qubit_bits(part)
        if bits is not None and (machine.noise is None or len(bits) < 2):
            chance = components.chance_of_one(part, values, sets, machine.noise)
            ones = random.random((sets, shots)) < chance[:, None]
            for bit in bits:
                found[..., circuit.find_bit(bit).index] = ones
            continue
        if len(part.qubits) <= machine.max_active and pauli_vectors.suits(part, machine.noise is not None):
            sampled = pauli_vectors.sample(part, circuit, values, sets, shots, machine.noise, random)
            for bit, ones in sampled.items():
                found[..., circuit.find_bit(bit).index] = ones
            continue
        small = circuits.reduce(circuit, part.qubits, part.instructions)
        chosen = [list(values).index(parameter) for parameter in small.parameters]
        bound = [circuits.nativize(one) for one in circuits.assign(small, rows[:, chosen])]
        result = aer.run(bound, shots, own_seed, machine, where, part.qubits)
        for index in range(sets):
            found[index] |= _bits(result.data(index).get("memory"), shots, width)
    return found


def _bits(memory: list[str] | None, shots: int, width: int) -> NDArray[np.uint8]:
    """Convert Aer's hexadecimal memory into bits of shape ``(shots, width)``, bit 0 first."""
    if memory is None:
        # Aer has no memory for a circuit that writes no classical bit; all bits are zero.
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
