"""The ``params`` of an ``estimator`` job, ready to be sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.combinations import check_decoupling
from airflow_provider_qrt.primitives.inputs.estimator_options import check_estimator_options
from airflow_provider_qrt.primitives.inputs.estimator_pubs import coerce_estimator_pubs
from airflow_provider_qrt.primitives.inputs.shots import check_room_for_precision, read_mitigation

RESILIENCE_LEVELS = (0, 1, 2)
"""0: no mitigation; 1: readout errors only (TREX); 2: also zero-noise extrapolation and gate twirling (IBM's estimator
reference)."""


def estimator_params(
    pubs: Any,
    *,
    observables: Any = None,
    precision: float | None = None,
    resilience_level: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the ``params`` of an ``estimator`` job (``EstimatorV2Input``, version 2).

    The precision goes into every PUB and not to the top level, where not all versions of IBM's schema allow it.
    ``support_qiskit`` is set: it selects the encoding of the *result*, which is compact and represents NaN in a way
    that every parser can read. This package decodes it without Qiskit.

    Args:
        pubs: The PUBs, in any form that ``coerce_estimator_pubs`` returns or accepts.
        observables: Observables for PUBs without observables.
        precision: Precision for PUBs without a precision; a standard error.
        resilience_level: 0, 1 or 2; None: IBM's default, 1.
        options: See ``check_estimator_options``; left out of the result when None or empty.

    Raises:
        InvalidInputError: Anything is wrong with the circuits, observables, values, precision, level or options, or a
            precision needs more shots than the randomizations of twirling allow.
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
    """Refuse a level that does not exist.

    Raises:
        InvalidInputError: It is not 0, 1, 2 or None.
    """
    if level is not None and (isinstance(level, bool) or level not in RESILIENCE_LEVELS):
        raise InvalidInputError(f"resilience_level: expected 0, 1 or 2, or None for IBM's default, not {level!r}.")
