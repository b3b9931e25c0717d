"""The options of a sampler job, checked before submission so that a wrong option does not cost a wait in the queue.

Source: the ``SamplerV2Input`` schema of IBM's REST API. Both the service and this module refuse unknown names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.inputs.option_checks import (
    Check,
    Schema,
    boolean,
    check_closed,
    one_of,
    passed_through,
    positive_integer,
    positive_integer_or_auto,
    seconds,
)

MAX_EXECUTIONS_PER_JOB = 10_000_000
"""Shots times parameter sets, over all PUBs of one sampler job (IBM's job limits)."""
DEFAULT_SHOTS = 4096
"""The number of shots when the PUB, the task and ``options.default_shots`` set none."""

V1_DEFAULT_SHOTS = 4000
"""The default of version 1 of the sampler, in its ``run_options``."""

DYNAMICAL_DECOUPLING: Mapping[str, Check] = {
    "enable": boolean,
    "sequence_type": one_of("XX", "XpXm", "XY4"),
    "extra_slack_distribution": one_of("middle", "edges"),
    "scheduling_method": one_of("alap", "asap"),
    "skip_reset_qubits": boolean,
}
TWIRLING: Mapping[str, Check] = {
    "enable_gates": boolean,
    "enable_measure": boolean,
    "num_randomizations": positive_integer_or_auto,
    "shots_per_randomization": positive_integer_or_auto,
    "strategy": one_of("active", "active-circuit", "active-accum", "all"),
}


def _measurement_type(value: Any) -> str | None:
    if value in ("kerneled", "avg_kerneled"):
        # IBM does not document in which form its server-side sampler returns such points.
        return (
            "the program sampler gives complex readout points in a form that IBM does not document; leave it out, or "
            "set program_id='executor'"
        )
    return one_of("classified")(value)


SCHEMA: Schema = {
    "default_shots": positive_integer,
    "dynamical_decoupling": DYNAMICAL_DECOUPLING,
    "execution": {
        "init_qubits": boolean,
        "rep_delay": seconds,
        "meas_type": _measurement_type,
    },
    "twirling": TWIRLING,
    "simulator": passed_through,
    "experimental": passed_through,
}

ELSEWHERE: Mapping[str, str] = {
    "transpilation": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "optimization_level": "circuits are sent as they are; transpile them before, for instance with Qiskit",
    "resilience_level": "this belongs to the estimator; a sampler takes dynamical_decoupling and twirling",
    "resilience": "this belongs to the estimator; a sampler takes dynamical_decoupling and twirling",
    "default_precision": "this belongs to the estimator; a sampler takes default_shots",
    "shots": "this is an argument of the operator, or use default_shots",
}


def check_sampler_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check sampler options against IBM's closed schema and return them as a new plain dictionary.

    The contents of ``simulator`` and ``experimental`` pass through unchecked.

    Raises:
        InvalidInputError: A name is unknown (the message suggests the most similar one) or a value has the wrong type;
            the message starts with the full dotted path.
    """
    if options is None:
        return {}
    return check_closed(options, SCHEMA, program="sampler", elsewhere=ELSEWHERE)
