"""The program ``executor``, which runs the circuit of every item with every set of its arguments and returns all bits.

It has no observables and no mitigation, because the official client's newer primitives do both on the client's side.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.errors import INVALID_INPUT
from airflow_provider_qrt.emulator.executor_input import SCHEMA_VERSION, Item, QuantumProgram
from airflow_provider_qrt.emulator.settings import MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.emulator.simulation import circuits, isa, kerneled, samplex, sampling, tensors, timing
from airflow_provider_qrt.emulator.simulation.instruction_limits import check_instructions
from airflow_provider_qrt.emulator.simulation.noise import Machine
from airflow_provider_qrt.emulator.simulation.outcome import ENDED, STARTED, JobFailedError, check_executions, seeds_for


@dataclass(frozen=True)
class Ready:
    """An item with numeric arguments.

    Attributes:
        where: The name of the item in messages.
        circuit: Its circuit, with parameters.
        shape: The shape of its executions.
        arguments: An array of shape ``(*shape, parameters)``.
        drawn: Results that come from the samplex and not from the machine.
    """

    where: str
    circuit: Any
    shape: tuple[int, ...]
    arguments: NDArray[np.float64]
    drawn: dict[str, NDArray[Any]]


def run(program: QuantumProgram, machine: Machine, seed: int | None) -> str:
    """Execute a quantum program.

    Args:
        program: The program.
        machine: The machine to simulate.
        seed: Seed of samples and randomizations.

    Returns:
        The result as JSON text.

    Raises:
        JobFailedError: A circuit or its arguments cannot be run.
    """
    seeds = seeds_for(seed, 2 * len(program.items))
    ready = []
    for index, (circuit, item) in enumerate(zip(_circuits(program), program.items, strict=True)):
        where = f"item {index}"
        isa.check(circuit, machine.device, where)
        check_instructions(circuit, where)
        ready.append(_ready(circuit, item, where, seeds[2 * index], MAX_EXECUTIONS_PER_JOB // program.shots))
    check_executions(sum(program.shots * math.prod(item.shape) for item in ready))
    if program.meas_level != kerneled.CLASSIFIED:
        kerneled.check_size(sum(program.shots * math.prod(one.shape) * len(one.circuit.clbits) for one in ready))
    data = [
        {
            "results": _results(item, program, seeds[2 * index + 1], machine),
            "metadata": _metadata(item.circuit, program, machine),
        }
        for index, item in enumerate(ready)
    ]
    parts = [_part(index, item) for index, item in enumerate(ready)]
    chunk = {"start": STARTED, "stop": ENDED, "parts": parts}
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "data": data,
            "metadata": {"chunk_timing": [chunk]},
            "passthrough_data": program.passthrough,
            "semantic_role": program.role,
        }
    )


def _circuits(program: QuantumProgram) -> list[Any]:
    if program.texts is None:
        return circuits.read_qpy(program.qpy, len(program.items), "the quantum program")
    return [circuits.read_openqasm(text, f"item {index}") for index, text in enumerate(program.texts)]


def _ready(circuit: Any, item: Item, where: str, seed: int | None, most: int) -> Ready:
    if item.samplex is not None:
        shape, arguments, drawn = samplex.draw(item, where, seed, most)
    else:
        shape, arguments, drawn = *_broadcast(item, where), {}
    if arguments.shape[-1] != circuit.num_parameters:
        raise _unfit(where, f"{circuit.num_parameters} arguments are needed, {arguments.shape[-1]} were given")
    isa.check_angles(circuit, arguments.reshape(-1, circuit.num_parameters or 1)[:, : circuit.num_parameters], where)
    return Ready(where, circuits.without_boxes(circuit), shape, arguments, drawn)


def _broadcast(item: Item, where: str) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    try:
        given = tensors.decode(item.arguments)
        if given.dtype != np.float64 or given.ndim == 0:
            raise ValueError("circuit_arguments must be a tensor of f64 with at least one axis")
        if not np.isfinite(given).all():
            raise ValueError("an argument is not finite")
        # The official client always sends an empty shape, because the shape only adds axes to those of the arguments.
        shape = np.broadcast_shapes(given.shape[:-1], item.shape)
        return shape, np.broadcast_to(given, (*shape, given.shape[-1]))
    except ValueError as error:
        raise _unfit(where, str(error)) from error


def _results(item: Ready, program: QuantumProgram, seed: int | None, machine: Machine) -> dict[str, Any]:
    results = dict(item.drawn)
    measured = _measured(item, program, seed, machine)
    for register in item.circuit.cregs:
        columns = [item.circuit.find_bit(bit).index for bit in register]
        for suffix, values in measured.items():
            shape = (*item.shape, *values.shape[1:-1], register.size)
            results[register.name + suffix] = values[..., columns].reshape(shape)
    return {name: tensors.encode(values) for name, values in results.items()}


def _measured(item: Ready, program: QuantumProgram, seed: int | None, machine: Machine) -> dict[str, NDArray[Any]]:
    """Return the values of all bits by the end of the names of their registers, each of shape ``(sets, ..., bits)``."""
    level, circuit = program.meas_level, item.circuit
    if level == kerneled.CLASSIFIED:
        return {"": _bits(item, program.shots, seed, machine).astype(np.bool_)}
    of_bits, of_points = seeds_for(seed, 2)
    reading = kerneled.reading(circuit, machine.noise)
    points = reading.points(_bits(item, program.shots, of_bits, machine.without_misreading()), of_points)
    if level == kerneled.AVERAGED:
        return {kerneled.AVERAGE_SUFFIX: points.mean(axis=1)}
    found: dict[str, NDArray[Any]] = {kerneled.POINTS_SUFFIX: points}
    return {"": reading.bits(points), **found} if level == kerneled.BOTH else found


def _bits(item: Ready, shots: int, seed: int | None, machine: Machine) -> NDArray[np.uint8]:
    sets = math.prod(item.shape)
    if not sets:
        return np.zeros((0, shots, len(item.circuit.clbits)), dtype=np.uint8)
    rows = item.arguments.reshape(sets, item.arguments.shape[-1])
    return sampling.measure(item.circuit, rows, shots, seed, machine, item.where)


def _metadata(circuit: Any, program: QuantumProgram, machine: Machine) -> dict[str, Any]:
    return {
        "scheduler_timing": timing.schedule(circuit, machine.device) if program.timed else None,
        # Stretches are not resolved.
        "stretch_values": [] if program.stretched and not circuit.num_stretches else None,
    }


def _part(index: int, item: Ready) -> dict[str, Any]:
    size = math.prod(item.shape)
    return {
        "idx_item": index,
        "size": size,
        "permutation": list(range(len(item.shape))),
        "element_range": [0, size, 1],
    }


def _unfit(where: str, what: str) -> JobFailedError:
    return JobFailedError(
        f"The arguments of {where} do not fit its circuit: {what}.",
        INVALID_INPUT,
        "The last axis runs over the circuit's parameters by name; the others broadcast with the item's shape.",
    )
