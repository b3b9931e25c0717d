"""The number of circuit executions of a job, which mostly determines its QPU time and so its price."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_qrt.primitives.inputs.estimator_pubs import EstimatorPub
from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub
from airflow_provider_qrt.primitives.inputs.shots import AUTO, estimator_shots, read_mitigation, sampler_shots

READOUT_RANDOMIZATIONS = 32
"""Randomized circuits for readout calibration, unless ``measure_noise_learning.num_randomizations`` is set."""
MAX_OVERHEAD = 100
"""Maximum factor by which PEC multiplies the executions, unless ``pec.max_overhead`` is set."""
LAYERS = 4
"""Maximum number of layers whose noise is learned, unless ``layer_noise_learning.max_layers_to_learn`` is set."""
LAYER_CIRCUITS = 9
"""Circuits for each layer and depth; this many bases determine the noise of all its pairs of qubits."""
LAYER_DEPTHS = (0, 1, 2, 4, 16, 32)
LAYER_RANDOMIZATIONS = 32
LAYER_SHOTS = 128


def sampler_executions(pubs: Sequence[SamplerPub], *, options: Mapping[str, Any] | None = None) -> int:
    """Return shots times parameter sets, summed over all PUBs.

    Args:
        pubs: The job's PUBs.
        options: Its options, checked.
    """
    return sum(sampler_shots(pub.shots, options or {}) * pub.sweep_size for pub in pubs)


def estimator_executions(
    pubs: Sequence[EstimatorPub], *, options: Mapping[str, Any] | None = None, resilience_level: int | None = None
) -> int | None:
    """Estimate the executions of an estimator: shots for the precision, times parameter sets, times measurement bases.

    A standard error of p takes 1/p² shots. Pauli strings that agree on every qubit where neither is I share a basis.
    ZNE runs everything once for each noise factor, PEC up to ``max_overhead`` times. Circuits that calibrate the
    readout or learn the noise of layers are added. Sources: the options of IBM's client, and its preparation of jobs
    for the program ``executor``.

    Args:
        pubs: The job's PUBs.
        options: Its options, checked.
        resilience_level: Its resilience level.

    Returns:
        The number of executions; None if the options remove the limit.
    """
    options = options or {}
    resilience = options.get("resilience", {})
    mitigation = read_mitigation(options, resilience_level)
    total, most_each = 0, 1
    for pub in pubs:
        shots = estimator_shots(pub.precision, options, mitigation)
        bases = count_bases(term for terms in _each(pub.observables) for term in terms)
        total += shots.total * _parameter_sets(pub) * bases
        most_each = max(most_each, shots.each)
    total *= mitigation.noise_factors
    if mitigation.pec:
        overhead = resilience.get("pec", {}).get("max_overhead", MAX_OVERHEAD)
        if overhead is None:
            return None
        total = math.ceil(total * max(1, overhead))
    if mitigation.readout:
        learning = resilience.get("measure_noise_learning", {})
        randomizations = learning.get("num_randomizations", READOUT_RANDOMIZATIONS)
        each = learning.get("shots_per_randomization", AUTO)
        total += (READOUT_RANDOMIZATIONS if randomizations == AUTO else randomizations) * (
            most_each if each == AUTO else each
        )
    if mitigation.learns_layers:
        learned = _layer_executions(resilience.get("layer_noise_learning", {}))
        return None if learned is None else total + learned
    return total


def count_bases(terms: Iterator[str]) -> int:
    """Return the number of measurement bases that these Pauli strings need, found greedily; at least 1."""
    bases: list[str] = []
    for term in dict.fromkeys(terms):
        for place, basis in enumerate(bases):
            if all(one in ("I", other) or other == "I" for one, other in zip(term, basis, strict=False)):
                bases[place] = "".join(one if other == "I" else other for one, other in zip(term, basis, strict=False))
                break
        else:
            bases.append(term)
    return max(1, len(bases))


def _layer_executions(learning: Mapping[str, Any]) -> int | None:
    """Return the maximum number of executions for learning the noise of layers; None without a limit."""
    layers = learning.get("max_layers_to_learn", LAYERS)
    if layers is None:
        return None
    circuits = layers * LAYER_CIRCUITS * len(learning.get("layer_pair_depths", LAYER_DEPTHS))
    randomizations = learning.get("num_randomizations", LAYER_RANDOMIZATIONS)
    return int(circuits * randomizations * learning.get("shots_per_randomization", LAYER_SHOTS))


def _parameter_sets(pub: EstimatorPub) -> int:
    """Return the number of parameter sets in the given values; never more than the number of expectation values."""
    values = pub.parameter_values
    if not values:
        return 1
    if isinstance(values, Mapping):
        sets = max(map(_count_numbers, values.values()))
    else:
        sets = _count_numbers(values) // max(1, len(pub.info.parameters) if pub.info else 1)
    return max(1, min(sets, math.prod(pub.shape)))


def _count_numbers(values: Any) -> int:
    return sum(map(_count_numbers, values)) if isinstance(values, list) else 1


def _each(observables: Mapping[str, float] | list[Any]) -> Iterator[Mapping[str, float]]:
    if isinstance(observables, Mapping):
        yield observables
        return
    for one in observables:
        yield from _each(one)
