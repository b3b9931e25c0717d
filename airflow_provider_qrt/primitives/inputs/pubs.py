"""Reads sampler PUBs (a circuit with parameter values and shots) in any form that users write.

A PUB (primitive unified bloc) is Qiskit's unit of sampler input. Source of the sent form: IBM's REST guide for
the sampler, ``[circuit, parameter values or null, shots or null]``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.circuits.parameters import check_values, written
from airflow_provider_qrt.primitives.circuits.qpy import check_measures
from airflow_provider_qrt.primitives.circuits.reader import CircuitReader, describe, is_circuit
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo, check_circuit
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.listing import as_list
from airflow_provider_qrt.primitives.inputs.options import MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.primitives.inputs.shots import check_room_for_shots, sampler_shots


@dataclass(frozen=True)
class SamplerPub:
    """One checked PUB as plain JSON.

    Attributes:
        circuit: OpenQASM 3 text, or ``{"__type__": "QuantumCircuit", "__value__": ...}`` (QPY in zlib in base64).
        parameter_values: None; or for a text a mapping of every input's name to a number or a nested list in the shape
            of the sweep; or for a QPY circuit a nested list of shape ``(*sweep, number of parameters)`` in the order of
            ``circuit.parameters``.
        shots: Shots for each parameter set; None leaves it to the options or IBM's default.
        info: The declarations of the circuit; None for a QPY circuit that was already encoded.
        sweep_size: The number of parameter sets; 1 without a sweep.
        source: OpenQASM 3 text of a QPY circuit. The same circuit built again has the same text, but not the same QPY
            bytes, which contain automatic names and random ids.
    """

    circuit: str | Mapping[str, Any]
    parameter_values: Mapping[str, Any] | list[Any] | None = None
    shots: int | None = None
    info: CircuitInfo | None = None
    sweep_size: int = 1
    source: str | None = None

    def identity(self) -> list[Any]:
        """Return JSON that is equal for two PUBs if they request the same thing."""
        return [self.source or self.circuit, self.parameter_values, self.shots]

    def to_json(self) -> list[Any]:
        """Return the PUB in the form that is sent, without the trailing items that are not set."""
        circuit = self.circuit if isinstance(self.circuit, str) else dict(self.circuit)
        pub: list[Any] = [circuit, written(self.parameter_values), self.shots]
        while pub[-1] is None:
            pub.pop()
        return pub


def coerce_pubs(circuits: Any, *, shots: int | None = None) -> tuple[SamplerPub, ...]:
    """Check the user's ``circuits`` and return them as PUBs.

    A circuit is OpenQASM 3 text, a ``QuantumCircuit``, or a QPY circuit already encoded for the service. A PUB is
    a circuit alone, or a tuple or list ``(circuit, parameter_values, shots)`` of one to three items. At the top
    level a **list** is always a list of PUBs and a **tuple** is always one PUB; inside the list both are PUBs,
    because JSON turns tuples into lists.

    Parameter values are a mapping of names to numbers or arrays, which are broadcast against each other to the
    shape of the sweep, or numbers in a (nested) list whose last axis runs over the parameters **in the order of
    their names** (Qiskit's order, not the order of declaration). Both forms accept numpy arrays.

    Args:
        circuits: See above.
        shots: Shots for PUBs without shots.

    Returns:
        At least one PUB. Texts beyond ``STRICT_PARSE_MAX_CHARS`` in total are scanned but not fully parsed.

    Raises:
        InvalidInputError: Something is wrong; the message names the PUB by its index.
    """
    shots = check_shots(shots, "shots")
    reader = CircuitReader(check_circuit, check_measures)
    pubs: list[SamplerPub] = []
    items = as_list(circuits, SamplerPub)
    for index, item in enumerate(items):
        # Check this first: values that stand beside their circuit in the list would not be used with it.
        if not isinstance(item, SamplerPub):
            split_pub(item, f"circuits[{index}]")
    for index, item in enumerate(items):
        where = f"circuits[{index}]"
        if isinstance(item, SamplerPub):
            pubs.append(item if item.shots is not None else dataclasses.replace(item, shots=shots))
            continue
        circuit, values, own_shots = split_pub(item, where)
        read = reader.read(circuit, where)
        checked, shape = check_values(values, read.info, where, by_name=read.is_text)
        own_shots = check_shots(own_shots, f"{where}: shots")
        pubs.append(
            SamplerPub(
                read.circuit,
                checked,
                shots if own_shots is None else own_shots,
                read.info,
                math.prod(shape),
                read.source,
            )
        )
    return tuple(pubs)


def check_executions(pubs: Sequence[SamplerPub], options: Mapping[str, Any]) -> None:
    """Refuse a PUB with more executions (shots times parameter sets) than IBM allows in one job.

    PUBs that exceed the limit only together are split into several jobs.

    Args:
        pubs: The job's PUBs.
        options: Its options, checked.

    Raises:
        InvalidInputError: There are more than ``MAX_EXECUTIONS_PER_JOB``, or more shots than the randomizations of
            twirling allow.
    """
    for index, pub in enumerate(pubs):
        check_room_for_shots(pub.shots, options, f"circuits[{index}]")
        shots = sampler_shots(pub.shots, options)
        executions = shots * pub.sweep_size
        if executions > MAX_EXECUTIONS_PER_JOB:
            raise InvalidInputError(
                f"circuits[{index}]: the job asks for {executions:,} executions (shots times parameter sets; this "
                f"circuit: {shots:,} times {pub.sweep_size:,}), and IBM takes {MAX_EXECUTIONS_PER_JOB:,} per job. "
                "Lower the shots, or split the sweep into several circuits of the list."
            )


def check_shots(shots: Any, where: str) -> int | None:
    """Return shots as an integer, or None.

    Raises:
        InvalidInputError: The value is not an integer, or less than 1.
    """
    if shots is None:
        return None
    number = shots.item() if type(shots).__module__ == "numpy" and getattr(shots, "shape", None) == () else shots
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InvalidInputError(f"{where}: expected a whole number, 1 or more, or None, not {shots!r}.")
    return number


def beside_its_circuit(item: Any) -> str:
    """Return a hint for numbers in the place of a circuit, which may be meant as values of the circuit before them."""
    is_number = isinstance(item, int | float) or type(item).__module__ == "numpy"
    return " Are these the values of the circuit before? Then put the two into one tuple." if is_number else ""


def split_pub(item: Any, where: str) -> tuple[Any, Any, Any]:
    """Split a PUB into circuit, values and shots.

    Raises:
        InvalidInputError: It is not a PUB.
    """
    if is_circuit(item):
        return item, None, None
    if not isinstance(item, tuple | list):
        raise InvalidInputError(
            f"{where}: expected OpenQASM 3 text, a QuantumCircuit, or (circuit, parameter_values, shots), not "
            f"{describe(item)}. Is this meant to belong to the circuit before it? Then put the two into one tuple."
        )
    if not 1 <= len(item) <= 3:
        raise InvalidInputError(
            f"{where}: a PUB has one to three items, (circuit, parameter_values, shots); this has {len(item)}."
        )
    circuit, values, shots = (*item, None, None)[:3]
    if not is_circuit(circuit):
        raise InvalidInputError(
            f"{where}: the first item of a PUB is the circuit, as OpenQASM 3 text or QuantumCircuit, not "
            f"{describe(circuit)}.{beside_its_circuit(circuit)}"
        )
    if is_circuit(values):
        raise InvalidInputError(
            f"{where}: the second item of a PUB holds parameter values, and this is another circuit. For several "
            "circuits in one job write one list: circuits=[first, second]."
        )
    return circuit, values, shots
