"""The options of an estimator that uses the program ``executor``, which are those that the official client supports.

Source: ``qiskit_ibm_runtime.options_models.EstimatorOptions`` of qiskit-ibm-runtime 0.51. It lacks some options of the
program ``estimator``. Its noise models are Python objects, which belong to the boxes of one transpiled circuit.
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
    f"circuits, and there is no way to hand one on; {_STAY}"
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
        "layer_noise_learning": _refused("over the program executor no noise of layers is learned"),
        "layer_noise_model": _refused(_NEEDS_MODEL.partition(";")[0]),
    },
}


def check_executor_estimator_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the options of an estimator over the executor and return them as a new plain dictionary.

    The content of ``experimental`` passes through unchecked.

    Raises:
        InvalidInputError: A name is unknown (the message suggests the most similar one), a value has the wrong type,
            readout errors are learned but not mitigated, or an extrapolator has too few noise factors. The message
            starts with the full dotted path.
        ProgramUnfitError: An option is supported only by the program ``estimator``: PEC, PEA, a noise model, seeds,
            options of a simulator.
    """
    if options is None:
        return {}
    checked = check_closed(options, _SCHEMA, program="estimator", elsewhere=ELSEWHERE)
    resilience = checked.get("resilience", {})
    if resilience.get("measure_noise_learning") and resilience.get("measure_mitigation") is False:
        raise InvalidInputError(LEARNED_FOR_NOTHING)
    check_enough_factors(resilience.get("zne", {}))
    return checked
