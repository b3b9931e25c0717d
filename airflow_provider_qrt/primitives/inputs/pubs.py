"""PUBs: a circuit, the values of its parameters, and how many shots; in whatever form a user wrote them.

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
from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.primitives.inputs.listing import as_list
from airflow_provider_qrt.primitives.inputs.shots import check_room_for_shots, sampler_shots

MAX_EXECUTIONS_PER_JOB = 10_000_000
"""Shots times parameter sets, over all PUBs of one sampler job (IBM's job limits)."""


@dataclass(frozen=True)
class SamplerPub:
    """One checked PUB, plain JSON throughout.

    Attributes:
        circuit: OpenQASM 3 text, or ``{"__type__": "QuantumCircuit", "__value__": ...}`` (base64 of zlib of QPY).
        parameter_values: None, or for a text a mapping of every input's name to a number or nested list of the
            sweep's shape, or for a QPY circuit a nested list of shape ``(*sweep, number of parameters)`` in the
            order of ``circuit.parameters``.
        shots: Shots for each parameter set; None leaves it to the options or IBM's default.
        info: What the circuit declares; None for a QPY circuit that came already encoded.
        sweep_size: The number of parameter sets; 1 without a sweep.
        source: OpenQASM 3 text of a QPY circuit. The same circuit built again has the same text, but not the same QPY
            bytes: those hold automatic names and random ids.
    """

    circuit: str | Mapping[str, Any]
    parameter_values: Mapping[str, Any] | list[Any] | None = None
    shots: int | None = None
    info: CircuitInfo | None = None
    sweep_size: int = 1
    source: str | None = None

    def identity(self) -> list[Any]:
        """Return what two PUBs have in common that ask for the same thing, as JSON."""
        return [self.source or self.circuit, self.parameter_values, self.shots]

    def to_json(self) -> list[Any]:
        """Return the PUB as it is sent, without the trailing items that are not set."""
        circuit = self.circuit if isinstance(self.circuit, str) else dict(self.circuit)
        pub: list[Any] = [circuit, written(self.parameter_values), self.shots]
        while pub[-1] is None:
            pub.pop()
        return pub


def coerce_pubs(circuits: Any, *, shots: int | None = None) -> tuple[SamplerPub, ...]:
    """Check what a user passed as ``circuits`` and return it as PUBs.

    A circuit is OpenQASM 3 text, a ``QuantumCircuit``, or a QPY circuit already encoded for the service. A PUB is
    a circuit alone, or a tuple or list ``(circuit, parameter_values, shots)`` of one to three items. At the top
    level a **list** is always a list of PUBs and a **tuple** is always one PUB; inside the list both are PUBs,
    since JSON turns tuples into lists.

    Parameter values are a mapping of names to numbers or arrays, which are broadcast against each other to the
    shape of the sweep, or numbers in a (nested) list whose last axis runs over the parameters **in the order of
    their names** (Qiskit's order, not the order of declaration). Numpy arrays are welcome in both.

    Args:
        circuits: See above.
        shots: For PUBs that bring none of their own.

    Returns:
        At least one PUB. Texts beyond ``STRICT_PARSE_MAX_CHARS`` in total are scanned but not fully parsed.

    Raises:
        InvalidInput: Something is wrong; the message names the PUB by its index.
    """
    shots = check_shots(shots, "shots")
    reader = CircuitReader(check_circuit, check_measures)
    pubs: list[SamplerPub] = []
    items = as_list(circuits, SamplerPub)
    for index, item in enumerate(items):
        # First of all: values beside their circuit are no values of it.
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
    """Refuse a PUB that has more executions (shots times parameter sets) than IBM takes in one job.

    Several that are too many together go into several jobs.

    Args:
        pubs: The job's PUBs.
        options: Its options, checked.

    Raises:
        InvalidInput: There are more than ``MAX_EXECUTIONS_PER_JOB``, or more shots than the randomizations of
            twirling have room for.
    """
    for index, pub in enumerate(pubs):
        check_room_for_shots(pub.shots, options, f"circuits[{index}]")
        shots = sampler_shots(pub.shots, options)
        executions = shots * pub.sweep_size
        if executions > MAX_EXECUTIONS_PER_JOB:
            raise InvalidInput(
                f"circuits[{index}]: the job asks for {executions:,} executions (shots times parameter sets; this "
                f"circuit: {shots:,} times {pub.sweep_size:,}), and IBM takes {MAX_EXECUTIONS_PER_JOB:,} per job. "
                "Lower the shots, or split the sweep into several circuits of the list."
            )


def check_shots(shots: Any, where: str) -> int | None:
    """Return shots as a whole number, or None.

    Raises:
        InvalidInput: They are something else, or less than 1.
    """
    if shots is None:
        return None
    number = shots.item() if type(shots).__module__ == "numpy" and getattr(shots, "shape", None) == () else shots
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InvalidInput(f"{where}: expected a whole number, 1 or more, or None, not {shots!r}.")
    return number


def beside_its_circuit(item: Any) -> str:
    """Ask whether numbers that stand where a circuit should are the values of the circuit before them."""
    is_number = isinstance(item, int | float) or type(item).__module__ == "numpy"
    return " Are these the values of the circuit before? Then put the two into one tuple." if is_number else ""


def split_pub(item: Any, where: str) -> tuple[Any, Any, Any]:
    """Take a PUB apart into circuit, values, shots.

    Raises:
        InvalidInput: It is none.
    """
    if is_circuit(item):
        return item, None, None
    if not isinstance(item, tuple | list):
        raise InvalidInput(
            f"{where}: expected OpenQASM 3 text, a QuantumCircuit, or (circuit, parameter_values, shots), not "
            f"{describe(item)}. Is this meant to belong to the circuit before it? Then put the two into one tuple."
        )
    if not 1 <= len(item) <= 3:
        raise InvalidInput(
            f"{where}: a PUB has one to three items, (circuit, parameter_values, shots); this has {len(item)}."
        )
    circuit, values, shots = (*item, None, None)[:3]
    if not is_circuit(circuit):
        raise InvalidInput(
            f"{where}: the first item of a PUB is the circuit, as OpenQASM 3 text or QuantumCircuit, not "
            f"{describe(circuit)}.{beside_its_circuit(circuit)}"
        )
    if is_circuit(values):
        raise InvalidInput(
            f"{where}: the second item of a PUB holds parameter values, and this is another circuit. For several "
            "circuits in one job write one list: circuits=[first, second]."
        )
    return circuit, values, shots
