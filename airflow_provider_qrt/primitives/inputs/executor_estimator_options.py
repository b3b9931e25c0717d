"""The options of an estimator that uses the program ``executor``, which are those that the official client supports.

Source: ``qiskit_ibm_runtime.options_models.EstimatorOptions`` of qiskit-ibm-runtime 0.51. It lacks some options of the
program ``estimator``. PEC and PEA need a noise model of the layers of the transpiled circuits, which is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.estimator_options import (
    ELSEWHERE,
    LEARNED_FOR_NOTHING,
    RESILIENCE,
    SCHEMA,
    ZNE_AND_PEC,
    check_enough_factors,
    factors_problem,
)
from airflow_provider_qrt.primitives.inputs.executor_sampler_options import EXECUTION, TWIRLING_GROUPS
from airflow_provider_qrt.primitives.inputs.option_checks import (
    Check,
    Schema,
    Unfit,
    boolean,
    check_closed,
    one_of,
    positive_integer_or_auto,
)
from airflow_provider_qrt.primitives.inputs.options import TWIRLING

_STAY = "leave program_id='estimator' for this task, as long as IBM offers it"
_NEEDS_MODEL = (
    "over the program executor this needs a noise model that was learned for the very layers of the transpiled "
    f"circuits; set noise_model to the output of a QiskitRuntimeNoiseLearnerOperator, or to 'learn', or {_STAY}"
)


def _refused(why: str) -> Check:
    return lambda _: Unfit(f"{why}; leave it out, or {_STAY}")


def _off(value: Any) -> str | None:
    return boolean(value) or (Unfit(_NEEDS_MODEL) if value else None)


def _amplifier(value: Any) -> str | None:
    if value == "pea":
        return Unfit(_NEEDS_MODEL)
    return one_of("gate_folding", "gate_folding_front", "gate_folding_back")(value)


def _factors(value: Any) -> str | None:
    return None if value == "auto" else factors_problem(value)


def _nothing(value: Any) -> str | None:
    return Unfit(f"the program executor knows no such options; leave them out, or {_STAY}") if value else None


_ZNE = RESILIENCE["zne"]
assert isinstance(_ZNE, Mapping)
_SCHEMA: Schema = {
    **SCHEMA,
    "seed_estimator": _refused("the service draws the randomizations of the program executor and takes no seed"),
    "simulator": _nothing,
    "execution": EXECUTION,
    "twirling": {**TWIRLING, "group": TWIRLING_GROUPS},
    "resilience": {
        **RESILIENCE,
        "measure_noise_learning": {
            "num_randomizations": positive_integer_or_auto,
            "shots_per_randomization": _refused("readout errors are learned with the shots of the circuits themselves"),
        },
        "zne": {**_ZNE, "amplifier": _amplifier, "noise_factors": _factors},
        "pec_mitigation": _off,
        "layer_noise_learning": _refused(
            "over the program executor the noise of layers is learned by a job of its own"
        ),
        "layer_noise_model": _refused("over the program executor this is the argument noise_model"),
    },
}
_RESILIENCE = _SCHEMA["resilience"]
assert isinstance(_RESILIENCE, Mapping)
_SCHEMA_WITH_MODEL: Schema = {
    **_SCHEMA,
    "resilience": {
        **_RESILIENCE,
        "zne": {**_ZNE, "noise_factors": _factors},
        "pec_mitigation": boolean,
    },
}


def check_executor_estimator_options(
    options: Mapping[str, Any] | None, *, with_noise_model: bool = False
) -> dict[str, Any]:
    """Check the options of an estimator over the executor and return them as a new plain dictionary.

    The content of ``experimental`` passes through unchecked.

    Args:
        options: The options.
        with_noise_model: Whether there is a noise model, which PEC and PEA need.

    Raises:
        InvalidInputError: A name is unknown (the message suggests the most similar one), a value has the wrong type,
            ZNE and PEC are both on, readout errors are learned but not mitigated, or an extrapolator has too few noise
            factors. The message starts with the full dotted path.
        ProgramUnfitError: An option is supported only by the program ``estimator``: PEC, PEA, a noise model, seeds,
            options of a simulator.
    """
    if options is None:
        return {}
    schema = _SCHEMA_WITH_MODEL if with_noise_model else _SCHEMA
    checked = check_closed(options, schema, program="estimator", elsewhere=ELSEWHERE)
    resilience = checked.get("resilience", {})
    if resilience.get("zne_mitigation") and resilience.get("pec_mitigation"):
        raise InvalidInputError(ZNE_AND_PEC)
    if resilience.get("measure_noise_learning") and resilience.get("measure_mitigation") is False:
        raise InvalidInputError(LEARNED_FOR_NOTHING)
    check_enough_factors(resilience.get("zne", {}))
    return checked


def uses_noise_model(options: Mapping[str, Any], *, resilience_level: int | None = None) -> bool:
    """Return whether options ask for a method that needs a noise model: PEC, or ZNE with the amplifier ``pea``.

    Args:
        options: Checked options.
        resilience_level: The level of the task; level 2 switches ZNE on.
    """
    resilience = options.get("resilience", {})
    amplified = resilience.get("zne", {}).get("amplifier") == "pea"
    return bool(
        resilience.get("pec_mitigation") or (amplified and resilience.get("zne_mitigation", resilience_level == 2))
    )
