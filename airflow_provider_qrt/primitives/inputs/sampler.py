"""The ``params`` of a ``sampler`` job, ready to be sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.inputs.combinations import check_decoupling, check_registers
from airflow_provider_qrt.primitives.inputs.options import check_sampler_options
from airflow_provider_qrt.primitives.inputs.pubs import check_executions, coerce_pubs


def sampler_params(pubs: Any, *, shots: int | None = None, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Build the ``params`` of a ``sampler`` job (``SamplerV2Input``, version 2).

    The shots go into every PUB and not to the top level, where not all versions of IBM's schema allow them.
    ``support_qiskit`` is set: it selects the tagged encoding of the *result*. A shot of 127 bits takes 38 bytes in the
    plain encoding and at most 21 in the tagged one before compression, and numpy reads the latter directly. This
    package decodes it without Qiskit.

    Args:
        pubs: The PUBs, in any form that ``coerce_pubs`` returns or accepts.
        shots: Shots for PUBs without shots.
        options: See ``check_sampler_options``; left out of the result when None or empty.

    Raises:
        InvalidInputError: Anything is wrong with the circuits, their values, shots or the options, or with their
            combination.
    """
    checked_options = check_sampler_options(options)
    checked_pubs = coerce_pubs(pubs, shots=shots)
    check_registers(checked_pubs)
    check_decoupling(checked_pubs, checked_options)
    check_executions(checked_pubs, checked_options)
    params: dict[str, Any] = {
        "version": 2,
        "support_qiskit": True,
        "pubs": [pub.to_json() for pub in checked_pubs],
    }
    if checked_options:
        params["options"] = checked_options
    return params
