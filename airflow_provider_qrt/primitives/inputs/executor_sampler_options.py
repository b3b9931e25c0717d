"""The options of a sampler that uses the program ``executor``, which are those that the official client supports.

Source: ``qiskit_ibm_runtime.options_models.SamplerOptions`` of qiskit-ibm-runtime 0.51.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.inputs.option_checks import (
    Check,
    Schema,
    Unfit,
    boolean,
    check_closed,
    one_of,
    passed_through,
    seconds,
)
from airflow_provider_qrt.primitives.inputs.options import ELSEWHERE, SCHEMA, TWIRLING

CLASSIFIED, KERNELED, AVERAGED = MEAS_TYPES = ("classified", "kerneled", "avg_kerneled")
"""Kinds of measured values: bits, complex readout points of each shot, and their mean over all shots."""
EXECUTION: Mapping[str, Check] = {
    "init_qubits": boolean,
    "rep_delay": seconds,
    "scheduler_timing": boolean,
    "stretch_values": boolean,
}
"""Low-level options of every job of ``executor``."""
TWIRLING_GROUPS = one_of("pauli", "balanced_pauli", "local_c1", "local_pauli")


def _no_simulator(value: Any) -> str | None:
    problem = passed_through(value)
    if problem or not value:
        return problem
    return Unfit(
        "the program executor knows no such options; leave them out, or leave program_id='sampler' for this task, as "
        "long as IBM offers it"
    )


_SCHEMA: Schema = {
    **SCHEMA,
    "execution": {**EXECUTION, "meas_type": one_of(*MEAS_TYPES)},
    "twirling": {**TWIRLING, "group": TWIRLING_GROUPS},
    "simulator": _no_simulator,
}


def check_executor_sampler_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the options of a sampler over the executor and return them as a new plain dictionary.

    The content of ``experimental`` passes through unchecked.

    Raises:
        InvalidInputError: A name is unknown (the message suggests the most similar one), or a value has the wrong type.
            The message starts with the full dotted path.
        ProgramUnfitError: An option is supported only by the program ``sampler``: those of a simulator.
    """
    if options is None:
        return {}
    return check_closed(options, _SCHEMA, program="sampler", elsewhere=ELSEWHERE)


def changes_circuits(options: Mapping[str, Any]) -> bool:
    """Return whether options ask for other circuits than those that were given: twirled, or with decoupling pulses.

    Args:
        options: Checked options.
    """
    twirling = options.get("twirling", {})
    decoupling = options.get("dynamical_decoupling", {}).get("enable")
    return bool(decoupling or twirling.get("enable_gates") or twirling.get("enable_measure"))
