"""Checks for combinations of options and circuits that make a job fail on the service.

Source: the checks that the official client makes before it submits (``qiskit_ibm_runtime/utils/validations.py`` and
``base_primitive.py``, 0.51), and IBM's guide on fractional gates. The page *Troubleshooting* has the whole list.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_qrt.primitives.errors import InvalidInputError, ProgramUnfitError

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.circuits.text import CircuitInfo

FOR_FRACTIONAL_GATES = "local_pauli"
"""The group that can twirl gates which are no Clifford gates: https://quantum.cloud.ibm.com/docs/guides/fractional-gates"""


class Pub(Protocol):
    """The common attributes of the PUBs of samplers and estimators."""

    @property
    def info(self) -> CircuitInfo | None:
        """The declarations of the circuit, if known."""


def check_registers(pubs: Sequence[Pub]) -> None:
    """Refuse classical registers that the service cannot return.

    Args:
        pubs: PUBs of a sampler.

    Raises:
        InvalidInputError: A register is empty, or its name is not a valid name of a Python attribute.
    """
    for index, pub in enumerate(pubs):
        for name, size in () if pub.info is None else pub.info.registers:
            where = f"circuits[{index}]: the classical register {name!r}"
            if not size:
                raise InvalidInputError(
                    f"{where} has no bits, and the service fails on it. Leave it out, or give it at least one bit. "
                    "Nothing was submitted."
                )
            if keyword.iskeyword(name):
                raise InvalidInputError(
                    f"{where} has the name of a Python keyword, and the service cannot return it. Choose another name, "
                    f"such as {name}_. Nothing was submitted."
                )
            if not name.isidentifier():
                raise InvalidInputError(
                    f"{where} has a name that is not an identifier, and the service cannot return it. Use letters, "
                    "digits and underscores only, and no digit first. Nothing was submitted."
                )


def check_decoupling(pubs: Sequence[Pub], options: Mapping[str, Any]) -> None:
    """Refuse dynamical decoupling of circuits with control flow.

    Args:
        pubs: PUBs of a sampler or an estimator.
        options: Checked options.

    Raises:
        InvalidInputError: The options ask for decoupling and a circuit has control flow.
    """
    if not options.get("dynamical_decoupling", {}).get("enable"):
        return
    for index, pub in enumerate(pubs):
        if pub.info is not None and pub.info.control_flow:
            found = ", ".join(sorted(pub.info.control_flow))
            raise InvalidInputError(
                f"circuits[{index}]: the circuit has control flow ({found}), and options.dynamical_decoupling.enable "
                "cannot be used with it. Switch decoupling off, or put circuits without control flow into a task of "
                "their own. Nothing was submitted."
            )


def check_stretches(pubs: Sequence[Pub], options: Mapping[str, Any]) -> None:
    """Refuse dynamical decoupling of circuits with a stretch, which the official client cannot schedule.

    Args:
        pubs: PUBs of a sampler that uses the program ``executor``.
        options: Checked options.

    Raises:
        ProgramUnfitError: The options ask for decoupling and a circuit declares a ``stretch``.
    """
    if not options.get("dynamical_decoupling", {}).get("enable"):
        return
    for index, pub in enumerate(pubs):
        if pub.info is not None and pub.info.stretches:
            raise ProgramUnfitError(
                f"circuits[{index}]: the circuit has a stretch, and over the program executor "
                "options.dynamical_decoupling.enable cannot be used with it: IBM's client places the pulses, and does "
                "not know the length of a stretch. Switch decoupling off, or write the pulses into the circuit. "
                "Nothing was submitted."
            )


def check_no_stretches(pubs: Sequence[Pub]) -> None:
    """Refuse circuits with a stretch, which the official client (0.51) loses when it adds measurements.

    Args:
        pubs: PUBs of an estimator that uses the program ``executor``.

    Raises:
        ProgramUnfitError: A circuit declares a ``stretch``.
    """
    for index, pub in enumerate(pubs):
        if pub.info is not None and pub.info.stretches:
            raise ProgramUnfitError(
                f"circuits[{index}]: the circuit has a stretch, which IBM's client does not take in an estimator over "
                "the program executor. Write delays of a fixed length, or leave program_id='estimator' for this task. "
                "Nothing was submitted."
            )


def check_no_boxes(pubs: Sequence[Pub]) -> None:
    """Refuse circuits with boxes.

    Args:
        pubs: PUBs of a sampler that uses the program ``executor``.

    Raises:
        ProgramUnfitError: A circuit has a ``box``.
    """
    for index, pub in enumerate(pubs):
        if pub.info is not None and "box" in pub.info.control_flow:
            raise ProgramUnfitError(
                f"circuits[{index}]: the circuit has a box, which the program executor takes only from programs that "
                "twirl. Take the instructions out of the box, or leave program_id='sampler' for this task. Nothing was "
                "submitted."
            )


def check_twirling(pubs: Sequence[Pub], options: Mapping[str, Any]) -> None:
    """Refuse twirling of circuits with control flow, which the official client cannot put into boxes.

    Args:
        pubs: PUBs of a sampler that uses the program ``executor``.
        options: Checked options.

    Raises:
        ProgramUnfitError: The options ask for twirling and a circuit has control flow.
    """
    twirling = options.get("twirling", {})
    named = [name for name in ("enable_gates", "enable_measure") if twirling.get(name)]
    if not named:
        return
    for index, pub in enumerate(pubs):
        if pub.info is not None and pub.info.control_flow:
            found = ", ".join(sorted(pub.info.control_flow))
            raise ProgramUnfitError(
                f"circuits[{index}]: the circuit has control flow ({found}), and over the program executor "
                f"options.twirling.{named[0]} cannot be used with it. Switch twirling off, or leave "
                "program_id='sampler' for this task. Nothing was submitted."
            )


def gate_randomizer(options: Mapping[str, Any], *, resilience_level: int | None = None) -> str | None:
    """Return the option that makes the service randomize gates, which is impossible with fractional gates; or None.

    Source: IBM's guides on fractional gates: no Pauli twirling of gates except with the group ``local_pauli``, no
    probabilistic error cancellation (PEC) and no probabilistic error amplification (PEA).

    Args:
        options: Checked options of a sampler or an estimator.
        resilience_level: The level of an estimator; level 2 twirls gates unless ``twirling.enable_gates`` is false.
    """
    resilience = options.get("resilience", {})
    if resilience.get("pec_mitigation"):
        return "options.resilience.pec_mitigation"
    zne = resilience.get("zne_mitigation", resilience_level == 2)
    if zne and resilience.get("zne", {}).get("amplifier") == "pea":
        return "options.resilience.zne.amplifier='pea'"
    twirling = options.get("twirling", {})
    if twirling.get("group") == FOR_FRACTIONAL_GATES:
        return None
    twirled = twirling.get("enable_gates")
    if twirled:
        return "options.twirling.enable_gates"
    return "resilience_level=2, which twirls gates" if resilience_level == 2 and twirled is None else None
