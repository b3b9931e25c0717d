"""How often a job runs circuits: what its QPU time, and so its price, depends on most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_qrt.primitives.inputs.estimator_options import DEFAULT_PRECISION, zne_settings
from airflow_provider_qrt.primitives.inputs.estimator_pubs import EstimatorPub
from airflow_provider_qrt.primitives.inputs.options import DEFAULT_SHOTS
from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub


def sampler_executions(pubs: Sequence[SamplerPub], *, options: Mapping[str, Any] | None = None) -> int:
    """Shots times parameter sets, of all PUBs together.

    Args:
        pubs: The job's PUBs.
        options: Its options, checked; ``default_shots`` is for PUBs without shots of their own.
    """
    default = (options or {}).get("default_shots") or DEFAULT_SHOTS
    return sum((pub.shots or default) * pub.sweep_size for pub in pubs)


def estimator_executions(
    pubs: Sequence[EstimatorPub], *, options: Mapping[str, Any] | None = None, resilience_level: int | None = None
) -> int:
    """About as many as an estimator needs: shots for the precision, for each set of values and each basis measured in.

    A standard error of p takes 1/p² shots. Pauli strings that agree wherever neither is I are measured together.

    Args:
        pubs: The job's PUBs.
        options: Its options, checked.
        resilience_level: Its level; ZNE runs everything once for each noise factor.
    """
    options = options or {}
    zne = zne_settings(options, resilience_level)
    total = 0
    for pub in pubs:
        shots = options.get("default_shots") if pub.precision is None else None
        if not shots:
            precision = pub.precision or options.get("default_precision") or DEFAULT_PRECISION
            shots = math.ceil(1 / precision**2)
        bases = count_bases(term for terms in _each(pub.observables) for term in terms)
        total += shots * _parameter_sets(pub) * bases
    return total * (zne[0] if zne is not None else 1)


def count_bases(terms: Iterator[str]) -> int:
    """Number of measurement bases that these Pauli strings need, found greedily; at least 1."""
    bases: list[str] = []
    for term in dict.fromkeys(terms):
        for place, basis in enumerate(bases):
            if all(one in ("I", other) or other == "I" for one, other in zip(term, basis, strict=False)):
                bases[place] = "".join(one if other == "I" else other for one, other in zip(term, basis, strict=False))
                break
        else:
            bases.append(term)
    return max(1, len(bases))


def _parameter_sets(pub: EstimatorPub) -> int:
    """Number of parameter sets, from the numbers that were given; never more than there are expectation values."""
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
