"""The ``params`` of an ``estimator`` job, ready to be sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.primitives.inputs.combinations import check_decoupling
from airflow_provider_qrt.primitives.inputs.estimator_options import check_estimator_options
from airflow_provider_qrt.primitives.inputs.estimator_pubs import coerce_estimator_pubs
from airflow_provider_qrt.primitives.inputs.shots import check_room_for_precision, read_mitigation

RESILIENCE_LEVELS = (0, 1, 2)
"""None, readout errors only (TREX), zero-noise extrapolation and gate twirling besides (IBM's estimator reference)."""


def estimator_params(
    pubs: Any,
    *,
    observables: Any = None,
    precision: float | None = None,
    resilience_level: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the ``params`` of an ``estimator`` job (``EstimatorV2Input``, version 2).

    The precision goes into every PUB and not to the top level, where not all versions of IBM's schema know it.
    ``support_qiskit`` is asked for: it stands for the encoding of the *result*, which is compact and holds NaN in a way
    that every parser reads. It is decoded here without Qiskit.

    Args:
        pubs: What ``coerce_estimator_pubs`` returns or accepts.
        observables: For PUBs that bring none of their own.
        precision: For PUBs that bring none of their own; a standard error.
        resilience_level: 0, 1 or 2; None: IBM's default, 1.
        options: See ``check_estimator_options``; left out of the result when None or empty.

    Raises:
        InvalidInput: Anything is wrong with the circuits, observables, values, precision, level or options, or a
            precision takes more shots than the randomizations of twirling have room for.
    """
    checked_options = check_estimator_options(options)
    check_resilience_level(resilience_level)
    checked_pubs = coerce_estimator_pubs(pubs, observables=observables, precision=precision)
    check_decoupling(checked_pubs, checked_options)
    mitigation = read_mitigation(checked_options, resilience_level)
    for index, pub in enumerate(checked_pubs):
        check_room_for_precision(pub.precision, checked_options, mitigation, f"circuits[{index}]")
    params: dict[str, Any] = {
        "version": 2,
        "support_qiskit": True,
        "pubs": [pub.to_json() for pub in checked_pubs],
    }
    if resilience_level is not None:
        params["resilience_level"] = resilience_level
    if checked_options:
        params["options"] = checked_options
    return params


def check_resilience_level(level: int | None) -> None:
    """Refuse a level that is none of IBM's.

    Raises:
        InvalidInput: It is neither 0, 1 or 2 nor None.
    """
    if level is not None and (isinstance(level, bool) or level not in RESILIENCE_LEVELS):
        raise InvalidInput(f"resilience_level: expected 0, 1 or 2, or None for IBM's default, not {level!r}.")
