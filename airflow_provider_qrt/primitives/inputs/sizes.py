"""Predicts the JSON size of counts and expectation values before they exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.primitives.inputs.estimator_options import zne_settings
from airflow_provider_qrt.primitives.inputs.options import V1_DEFAULT_SHOTS
from airflow_provider_qrt.primitives.inputs.shots import sampler_shots

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.inputs.estimator_pubs import EstimatorPub
    from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub

NUMBER_BYTES = 26
"""Bytes of the longest number in JSON, such as ``-2.2250738585072014e-308``, with comma and space."""
BIT_BYTES = 3
"""The same for a bit."""


def counts_json_bytes(distinct: int, num_bits: int, shots: int, dimensions: int) -> int:
    """Return an upper bound of the JSON of one dictionary of counts, in bytes.

    Quotes, colon, comma and spaces take 6 bytes for each entry.

    Args:
        distinct: Number of entries.
        num_bits: Number of characters of each key.
        shots: The largest possible count.
        dimensions: Number of dimensions of the sweep that it is part of.
    """
    return distinct * (num_bits + 6 + len(str(shots))) + 4 * (dimensions + 1)


def largest_xcom_bytes(pubs: Sequence[SamplerPub], *, options: Mapping[str, Any] | None = None) -> int:
    """Return an upper bound of the JSON of a job's counts, in bytes, reached if all shots have different outcomes.

    Args:
        pubs: The job's PUBs; a circuit that was already encoded has unknown registers and is not counted.
        options: Its options, checked.
    """
    total = 0
    for pub in pubs:
        if pub.info is None:
            continue
        shots = sampler_shots(pub.shots, options or {})
        sizes = [size for _, size in pub.info.registers]
        for num_bits in (sum(sizes), *sizes):
            distinct = min(shots, 2**num_bits)
            total += pub.sweep_size * counts_json_bytes(distinct, num_bits, shots, 1)
    return total


def largest_quasi_dists_bytes(pubs: Sequence[SamplerPub], *, default_shots: int | None = None) -> int:
    """Return an upper bound of the JSON of the quasi-distributions of a job of version 1 of the sampler, in bytes.

    Args:
        pubs: The job's circuits. Mitigation returns only outcomes that occurred in a shot.
        default_shots: Shots for circuits without shots; None for the service's default.
    """
    total = 0
    for pub in pubs:
        num_bits = sum(size for _, size in pub.info.registers) if pub.info is not None else 0
        outcomes = min(pub.shots or default_shots or V1_DEFAULT_SHOTS, 2**num_bits)
        total += outcomes * quasi_json_bytes(len(str(2**num_bits)))
    return total


def quasi_json_bytes(digits: int) -> int:
    """Return an upper bound of the JSON of one quasi-probability with its outcome of this many digits, in bytes."""
    return digits + 4 + NUMBER_BYTES


def numbers_json_bytes(shape: tuple[int, ...], number_bytes: int = NUMBER_BYTES) -> int:
    """Return an upper bound of the JSON of an array of this shape, without the name of its field, in bytes.

    Args:
        shape: Its shape.
        number_bytes: Bytes of its longest number, with comma and space.
    """
    lists = sum(prod(shape[:depth]) for depth in range(len(shape)))
    # Brackets, comma and space for each list; quotes, colon, comma and spaces around the name.
    return prod(shape) * number_bytes + 4 * lists + 6


def largest_estimates_bytes(
    pubs: Sequence[EstimatorPub], *, options: Mapping[str, Any] | None = None, resilience_level: int | None = None
) -> int:
    """Return an upper bound of the JSON of a job's expectation values, in bytes.

    Args:
        pubs: The job's PUBs.
        options: Its options, checked; ZNE returns several times as many numbers.
        resilience_level: Its resilience level; 2 switches ZNE on.
    """
    zne = zne_settings(options or {}, resilience_level)
    total = 0
    for pub in pubs:
        shapes = [pub.shape] * 3
        if zne is not None:
            factors, extrapolators, points = zne
            shapes += [(*pub.shape, factors)] * 3 + [(*pub.shape, extrapolators, points)] * 2
        # IBM's longest field name has 27 characters.
        total += sum(27 + numbers_json_bytes(shape) for shape in shapes)
    return total
