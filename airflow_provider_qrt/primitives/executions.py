"""How often a job runs circuits: what its QPU time, and so its price, depends on most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_qrt.primitives.estimator_options import DEFAULT_PRECISION, zne_settings
from airflow_provider_qrt.primitives.estimator_pubs import EstimatorPub
from airflow_provider_qrt.primitives.options import DEFAULT_SHOTS
from airflow_provider_qrt.primitives.pubs import SamplerPub


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
        precision = pub.precision or options.get("default_precision")
        shots = math.ceil(1 / (precision or DEFAULT_PRECISION) ** 2)
        if precision is None and options.get("default_shots"):
            shots = options["default_shots"]
        observables = list(_each(pub.observables))
        bases = count_bases(term for terms in observables for term in terms)
        sets = max(1, math.prod(pub.shape) // len(observables))
        total += shots * sets * bases
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


def _each(observables: Mapping[str, float] | list[Any]) -> Iterator[Mapping[str, float]]:
    if isinstance(observables, Mapping):
        yield observables
        return
    for one in observables:
        yield from _each(one)
