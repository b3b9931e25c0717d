"""Draws circuit arguments from a samplex, which the official client's twirling sends instead of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.errors import INVALID_INPUT
from airflow_provider_qrt.emulator.executor_input import Item
from airflow_provider_qrt.emulator.simulation import tensors
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError

PARAMETERS = "parameter_values"
"""The samplex output that goes into the circuit; the other outputs go into the result."""


def draw(
    item: Item, where: str, seed: int | None, most: int
) -> tuple[tuple[int, ...], NDArray[np.float64], dict[str, NDArray[Any]]]:
    """Draw the arguments of an item of type ``samplex``.

    Axes of the item's shape along which the samplex's arguments vary are a sweep. All other axes are randomizations.

    Args:
        item: The item.
        where: The name of the item in messages.
        seed: Seed of the draw.
        most: Largest number of argument sets that may be drawn.

    Returns:
        The item's full shape, the circuit arguments of shape ``(*shape, parameters)``, and the other outputs of the
        samplex by name, each with a shape that begins with the item's shape.

    Raises:
        JobFailedError: samplomatic is not installed, or the samplex or its arguments are invalid.
    """
    try:
        from samplomatic.serialization import samplex_from_json
    except ModuleNotFoundError as error:
        raise JobFailedError(
            f"{where} is a samplex, which the emulator runs only where samplomatic is installed.",
            INVALID_INPUT,
            "Install samplomatic (qiskit-ibm-runtime brings it), or send items of type circuit.",
        ) from error
    try:
        samplex = samplex_from_json(item.samplex).finalize()
        inputs = samplex.inputs().make_broadcastable()
        for name, value in item.arguments.items():
            inputs[name] = _argument(value)
        shape = np.broadcast_shapes(inputs.shape, item.shape)
        if math.prod(shape) > most:
            raise ValueError(f"{math.prod(shape)} randomizations, more than {most}")
        drawn = _draw_each(samplex, inputs, shape, seed)
    except JobFailedError:
        raise
    except Exception as error:
        raise JobFailedError(
            f"The samplex of {where} cannot be sampled: {error}",
            INVALID_INPUT,
            "Build circuit and samplex together, and bind all its inputs.",
        ) from error
    arguments = drawn.pop(PARAMETERS, np.zeros((*shape, 0)))
    return shape, arguments, drawn


def _draw_each(samplex: Any, inputs: Any, shape: tuple[int, ...], seed: int | None) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    total = math.prod(shape)
    # For each element of the item, the index of its set of samplex arguments.
    owners = np.broadcast_to(np.arange(math.prod(inputs.shape)).reshape(inputs.shape), shape).reshape(-1)
    outputs: dict[str, NDArray[Any]] = {}
    for number, index in enumerate(np.ndindex(inputs.shape)):
        places = np.flatnonzero(owners == number)
        if not places.size:
            continue
        drawn = samplex.sample(inputs[index], num_randomizations=places.size, rng=random, max_workers=1)
        for name, values in dict(drawn).items():
            if name not in outputs:
                outputs[name] = np.empty((total, *values.shape[1:]), dtype=values.dtype)
            outputs[name][places] = values
    return {name: values.reshape(*shape, *values.shape[1:]) for name, values in outputs.items()}


def _argument(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "sparse_terms" in value:
        from qiskit.quantum_info import PauliLindbladMap

        terms = [(str(letters), list(qubits), float(rate)) for letters, qubits, rate in value["sparse_terms"]]
        return PauliLindbladMap.from_sparse_list(terms, int(value["num_qubits"]))
    return tensors.decode(value)
