"""The number of shots of circuits, from the PUB, the task and the options, and their split among randomized circuits.

With twirling, every circuit runs in several randomized variants. Sources: the ``TwirlingOptions`` of IBM's client,
IBM's guides on shots and precision, and https://github.com/Qiskit/qiskit-ibm-runtime/issues/1749, where 1234 shots
became 1280 because shots are rounded up to full randomizations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.estimator_options import DEFAULT_PRECISION, zne_settings
from airflow_provider_qrt.primitives.inputs.options import DEFAULT_SHOTS

AUTO = "auto"
_LEAST_EACH = 64
_USUAL_RANDOMIZATIONS = 32


@dataclass(frozen=True)
class Shots:
    """The shots of one circuit with one parameter set in one measurement basis.

    Attributes:
        randomizations: Number of randomized variants of the circuit; 1 without twirling.
        each: Shots of each variant.
    """

    randomizations: int
    each: int

    @property
    def total(self) -> int:
        """The total number of shots."""
        return self.randomizations * self.each


@dataclass(frozen=True)
class Mitigation:
    """The error mitigation of an estimator, as far as it costs executions.

    Attributes:
        twirled: Whether circuits are randomized.
        readout: Whether the readout is calibrated (TREX).
        noise_factors: Number of times that ZNE runs everything; 1 without ZNE.
        pec: Whether probabilistic error cancellation is on.
        learns_layers: Whether the noise of layers is learned, which takes additional circuits.
    """

    twirled: bool
    readout: bool
    noise_factors: int
    pec: bool
    learns_layers: bool


def read_mitigation(options: Mapping[str, Any], resilience_level: int | None) -> Mitigation:
    """Return the mitigation that the options set, or the default of the level where they do not.

    Args:
        options: Checked options of an estimator.
        resilience_level: 0, 1 or 2; None: IBM's default, 1.
    """
    level = 1 if resilience_level is None else resilience_level
    resilience, twirling = options.get("resilience", {}), options.get("twirling", {})
    readout = resilience.get("measure_mitigation", level >= 1)
    pec = resilience.get("pec_mitigation", False)
    zne = zne_settings(options, resilience_level)
    amplified = zne is not None and resilience.get("zne", {}).get("amplifier") == "pea"
    twirled = twirling.get("enable_gates", level >= 2) or twirling.get("enable_measure", level >= 1)
    return Mitigation(
        twirled=bool(twirled or readout or pec or amplified),
        readout=bool(readout),
        noise_factors=1 if zne is None else zne[0],
        pec=bool(pec),
        learns_layers=bool((pec or amplified) and "layer_noise_model" not in resilience),
    )


def sampler_shots(own: int | None, options: Mapping[str, Any]) -> int:
    """Return the shots of a sampler's PUB for each parameter set.

    Args:
        own: Shots of the PUB or the task, which always take precedence.
        options: Checked options. With twirling, its two numbers take precedence over ``default_shots``.
    """
    if own is not None:
        return own
    default = int(options.get("default_shots", DEFAULT_SHOTS))
    return _deal_out(default, options).total if _samples_twirled(options) else default


def estimator_shots(precision: float | None, options: Mapping[str, Any], mitigation: Mitigation) -> Shots:
    """Return the shots of an estimator's PUB for each parameter set and each basis.

    Args:
        precision: Precision of the PUB or the task.
        options: Checked options.
        mitigation: The result of :func:`read_mitigation` for them.
    """
    asked = _shots_for(precision) if precision is not None else _default_estimator_shots(options)
    if not mitigation.twirled:
        return Shots(1, asked)
    return _deal_out(asked, options, least=_LEAST_EACH if mitigation.pec else None)


def check_room_for_shots(own: int | None, options: Mapping[str, Any], where: str) -> None:
    """Refuse more shots of a sampler than the randomizations allow, because the job would fail.

    Raises:
        InvalidInputError: There are more than ``num_randomizations`` times ``shots_per_randomization``.
    """
    if own is not None and _samples_twirled(options):
        _check_room(own, options, where, f"{own:,} shots")


def check_room_for_precision(
    precision: float | None, options: Mapping[str, Any], mitigation: Mitigation, where: str
) -> None:
    """Refuse a precision that needs more shots than the randomizations allow, because the job would fail.

    Raises:
        InvalidInputError: It needs more than ``num_randomizations`` times ``shots_per_randomization``.
    """
    if precision is not None and mitigation.twirled:
        shots = _shots_for(precision)
        _check_room(shots, options, where, f"a precision of {precision:g}, which takes {shots:,} shots")


def _samples_twirled(options: Mapping[str, Any]) -> bool:
    twirling = options.get("twirling", {})
    return bool(twirling.get("enable_gates") or twirling.get("enable_measure"))


def _default_estimator_shots(options: Mapping[str, Any]) -> int:
    if options.get("default_shots"):
        return int(options["default_shots"])
    return _shots_for(options.get("default_precision", DEFAULT_PRECISION))


def _shots_for(precision: float) -> int:
    # Round first, because 1 / 0.1**2 is 99.99999999999999.
    return math.ceil(round(1 / precision**2, 6))


def _numbers(options: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the numbers of randomizations and of shots of each; None where the service chooses."""
    twirling = options.get("twirling", {})
    many, each = (twirling.get(name, AUTO) for name in ("num_randomizations", "shots_per_randomization"))
    return None if many == AUTO else int(many), None if each == AUTO else int(each)


def _deal_out(asked: int, options: Mapping[str, Any], *, least: int | None = None) -> Shots:
    """Divide shots equally among randomizations.

    Args:
        asked: The requested shots, which are ignored if the options give both numbers.
        options: Checked options.
        least: Shots of each randomization if the service chooses both numbers; None for its usual rule.
    """
    many, each = _numbers(options)
    if many is None and each is None:
        each = least or max(_LEAST_EACH, math.ceil(asked / _USUAL_RANDOMIZATIONS))
    if each is None:
        assert many is not None
        return Shots(many, math.ceil(asked / many))
    return Shots(math.ceil(asked / each) if many is None else many, each)


def _check_room(asked: int, options: Mapping[str, Any], where: str, what: str) -> None:
    many, each = _numbers(options)
    if many is None or each is None or asked <= many * each:
        return
    raise InvalidInputError(
        f"{where}: asks for {what}, and options.twirling has room for {many:,} times {each:,}: num_randomizations "
        "times shots_per_randomization. IBM fails such a job. Raise one of them, or leave one at 'auto'. "
        "Nothing was submitted."
    )
