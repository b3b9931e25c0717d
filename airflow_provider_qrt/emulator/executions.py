"""The number of circuit executions of a job, and the QPU time that IBM estimates from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from airflow_provider_qrt.emulator.executor_input import QuantumProgram
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.shots import EstimatorShots
from airflow_provider_qrt.emulator.simulation.encoding import load_array
from airflow_provider_qrt.emulator.submission import Submission

# IBM's REST API reference: a simple Sampler job takes about 2 + 0.00035 x executions seconds.
BASE_SECONDS = 2.0
SECONDS_PER_EXECUTION = 0.00035


def estimated_seconds(executions: int) -> float:
    """Return the estimated QPU time of a job."""
    return round(BASE_SECONDS + SECONDS_PER_EXECUTION * executions, 3)


def executions_of(submission: Submission) -> int:
    """Return shots times parameter sets, summed over all PUBs or items, including the executions for mitigation."""
    if submission.quantum_program is not None:
        return _of_program(submission.quantum_program)
    if submission.noise_learning is not None:
        return submission.noise_learning.executions
    if submission.generation is not Generation.PRESENT:
        return sum(pub.shots for pub in submission.pubs)
    if submission.program_id != "estimator":
        return sum(pub.shots * sets_of(pub.parameters) for pub in submission.pubs)
    dealt = EstimatorShots(submission.params.get("options") or {}, submission.params.get("resilience_level"))
    return dealt.executions(
        [(pub.shots * sets_of(pub.parameters) * bases_of(pub.observables), pub.each) for pub in submission.pubs]
    )


def _of_program(program: QuantumProgram) -> int:
    total = 0
    for item in program.items:
        sent = item.arguments.get("shape") if item.samplex is None else None
        sweep = tuple(sent[:-1]) if isinstance(sent, list) else ()
        try:
            shape = np.broadcast_shapes(item.shape, sweep)
        except (ValueError, TypeError):
            # The job fails for it.
            shape = item.shape
        total += program.shots * math.prod(shape)
    return total


def sets_of(parameters: Any) -> int:
    """Return the number of parameter sets, as far as it can be known without the circuit.

    Args:
        parameters: The values as sent: a map of names to values, or numbers whose last axis runs over the parameters.
    """
    if isinstance(parameters, dict) and parameters.get("__type__") == "ndarray":
        value = parameters.get("__value__")
        try:
            parameters = load_array(value).tolist() if isinstance(value, str) else value
        except ValueError:
            # The job fails for it.
            return 1
    if isinstance(parameters, dict):
        return max((_numbers(value) for value in parameters.values()), default=1)
    if not isinstance(parameters, list) or not parameters:
        return 1
    last = parameters
    while isinstance(last[0], list) and last[0]:
        last = last[0]
    return max(1, _numbers(parameters) // len(last))


def bases_of(observables: Any) -> int:
    """Return the number of measurement bases of Pauli strings; strings that agree on every qubit share a basis."""
    shared: list[dict[int, str]] = []
    for text in dict.fromkeys(_strings(observables)):
        letters = {place: letter for place, letter in enumerate(text) if letter != "I"}
        for basis in shared:
            if all(basis.get(place, letter) == letter for place, letter in letters.items()):
                basis.update(letters)
                break
        else:
            shared.append(letters)
    return max(1, len(shared))


def _strings(observables: Any) -> list[str]:
    if isinstance(observables, list):
        return [text for one in observables for text in _strings(one)]
    if isinstance(observables, str):
        return [observables]
    return list(observables) if isinstance(observables, dict) else []


def _numbers(value: Any) -> int:
    return sum(map(_numbers, value)) if isinstance(value, list) else 1
