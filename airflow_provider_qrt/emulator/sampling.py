"""The sampler: shots of every classical register."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator import aer, circuits
from airflow_provider_qrt.emulator.errors import INVALID_INPUT
from airflow_provider_qrt.emulator.outcome import JobFailure, Prepared, PubSamples, Register


def check(pub: Prepared) -> None:
    """Refuse a circuit that has nothing to sample.

    Raises:
        JobFailure: It has no classical register.
    """
    if not pub.circuit.cregs:
        raise JobFailure(
            f"The circuit of {pub.where} has no classical register to sample.",
            INVALID_INPUT,
            "Declare one, as in bit[2] c, and measure into it.",
        )


def sample(pub: Prepared, seed: int | None, max_active: int) -> PubSamples:
    """Sample one PUB.

    Raises:
        JobFailure: It cannot be simulated.
    """
    circuit, shots = pub.circuit, pub.pub.shots
    small = [circuits.reduce(one) for one in pub.bound]
    result = aer.run(small, shots, seed, max_active, pub.where)
    width = len(circuit.clbits)
    bits = np.zeros((len(small), shots, width), dtype=np.uint8)
    for index in range(len(small)):
        bits[index] = _bits(result.data(index).get("memory"), shots, width)
    registers = {}
    for register in circuit.cregs:
        columns = [circuit.find_bit(bit).index for bit in register]
        registers[register.name] = Register(_pack(bits[..., columns], pub.shape), register.size)
    return PubSamples(pub.shape, registers)


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
