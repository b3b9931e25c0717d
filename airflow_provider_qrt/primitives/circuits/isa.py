"""Checks without Qiskit, before anything is paid for, that a circuit fits a backend's instruction set (ISA).

The service does not transpile: a gate that the backend does not have, or a gate on qubits that are not coupled, makes
the job fail, perhaps after a day in the queue. The rules are those of the official client's check (``is_isa_circuit``
of qiskit-ibm-runtime 0.51). A gate is recognized by its name, so a ``gate`` block for ``rzz`` or ``ecr``, which
``stdgates.inc`` lacks, declares the backend's own gate, and a ``gate`` block of any other name does not add a gate to
the backend. Qubits and gates that the calibration marks as out of service count as missing. Qubit i of the declared
registers, counted in their order, is physical qubit ``$i``.

Instructions that cannot be checked here pass, and the service decides: gates with modifiers, computed indices, aliases,
and the bodies of subroutines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

from airflow_provider_qrt.primitives.circuits.constants import evaluate, evaluate_whole
from airflow_provider_qrt.primitives.circuits.instruction_set import FRACTIONAL, InstructionSet
from airflow_provider_qrt.primitives.circuits.statements import (
    CONTROL_FLOW,
    Instruction,
    QubitRegister,
    read_instructions,
)
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo, blank_noise, read_constants
from airflow_provider_qrt.primitives.errors import InvalidInputError

MAX_RZZ_ANGLE = math.pi / 2 + 1e-10
"""Largest angle of rzz. Heron's rzz is calibrated from 0 to pi/2 (IBM's page on fractional gates); the official client
allows the same margin for rounding."""

_OTHER_NAMES = {"U": "u", "CX": "cx", "phase": "p", "cphase": "cp"}
"""OpenQASM names of gates that have another name in configurations and in Qiskit."""
_KEYWORDS = {name: keyword for keyword, name in CONTROL_FLOW.items()}
_INDEXED = re.compile(r"([^\W\d]\w*)\s*\[\s*(\d+)\s*\]")
_INPUT = re.compile(r"\binput\s+[^;{}]*?([^\W\d]\w*)\s*;")
_NAME = re.compile(r"[^\W\d]\w*")


class NotIsaError(InvalidInputError):
    """A circuit has an instruction that the backend cannot run; nothing was sent.

    Attributes:
        problem: The problem without the advice.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy} Nothing was submitted.")
        self.problem = problem


class Pub(Protocol):
    """The common attributes of the PUBs of samplers and estimators."""

    @property
    def circuit(self) -> str | Mapping[str, Any]:
        """OpenQASM 3 text, or an encoded circuit."""

    @property
    def parameter_values(self) -> Mapping[str, Any] | list[Any] | None:
        """The values of its parameters; by name for a text."""

    @property
    def source(self) -> str | None:
        """OpenQASM 3 text of an encoded circuit."""

    @property
    def info(self) -> CircuitInfo | None:
        """The declarations of the circuit, if known."""


@dataclass(frozen=True)
class Misfit:
    """One instruction that does not fit.

    Attributes:
        line: Its line in the text, from 1.
        name: The instruction.
        qubits: The physical qubits it acts on; None for one that is not known.
        reason: Why it does not fit.
    """

    line: int
    name: str
    qubits: tuple[int | None, ...]
    reason: str

    def __str__(self) -> str:
        on = ", ".join("?" if qubit is None else f"${qubit}" for qubit in self.qubits)
        return f"{self.name}{f' on {on}' if on else ''}: {self.reason}"


def check_isa(
    text: str,
    configuration: Mapping[str, Any],
    where: str = "circuits[0]",
    *,
    values: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
) -> None:
    """Refuse a circuit with instructions that the backend cannot run.

    Args:
        text: OpenQASM 3 text that ``check_circuit`` accepts.
        configuration: The answer of ``GET /backends/{id}/configuration``.
        where: The place named at the start of the message.
        values: The values of its inputs, by name, for the angles of rzz gates; numbers or nested lists.
        properties: The answer of ``GET /backends/{id}/properties``, for qubits and gates that are out of service.

    Raises:
        NotIsaError: The message gives the first such instruction with its qubits and line, the number of further ones,
            and advice.
    """
    _refuse(find_misfits(text, configuration, values=values, properties=properties), configuration, where)


def check_pubs_isa(
    pubs: Sequence[Pub],
    configuration: Mapping[str, Any],
    *,
    properties: Mapping[str, Any] | None = None,
    gates_randomized_by: str | None = None,
    place: str = "circuits[{}]",
    remedy: str | None = None,
) -> None:
    """Check the circuits of PUBs like ``check_isa``; for a QPY circuit, check its text.

    Args:
        pubs: The PUBs that ``coerce_pubs`` returns, or the PUBs of an estimator. An encoded circuit is read with
            Qiskit; it is not checked if Qiskit is not installed.
        configuration: The answer of ``GET /backends/{id}/configuration``.
        properties: The answer of ``GET /backends/{id}/properties``, for qubits and gates that are out of service.
        gates_randomized_by: The option that makes the service randomize gates, if any; see ``gate_randomizer``. With
            it, fractional gates are refused.
        place: The place named at the start of an error message, with braces for the index.
        remedy: Advice for a circuit that does not fit; None: to set ``optimization_level``.

    Raises:
        NotIsaError: See ``check_isa``, or a circuit has more qubits than the backend. The message gives no line for a
            ``QuantumCircuit``.
    """
    seen: set[str] = set()
    instruction_set = InstructionSet.from_configuration(configuration, properties)
    for index, pub in enumerate(pubs):
        where = place.format(index)
        text, info = _text_of(pub)
        _check_width(info, configuration, where)
        if text is None:
            continue
        is_text = text is pub.circuit
        values = _named_values(pub.parameter_values, text, info, is_text)
        if text in seen and not values:
            continue
        seen.add(text)
        misfits = find_misfits(
            text,
            configuration,
            values=values,
            one_register=not is_text,
            gates_randomized_by=gates_randomized_by,
            instruction_set=instruction_set,
        )
        _refuse(misfits, configuration, where, with_line=is_text, remedy=remedy)


def _text_of(pub: Pub) -> tuple[str | None, CircuitInfo | None]:
    """Return a circuit's text and declarations, as far as they are known."""
    if isinstance(pub.circuit, str):
        return pub.circuit, pub.info
    if pub.info is None and find_spec("qiskit") is not None:
        from airflow_provider_qrt.primitives.circuits.importing import describe_encoded

        return describe_encoded(pub.circuit)
    return pub.source, pub.info


def _check_width(info: CircuitInfo | None, configuration: Mapping[str, Any], where: str) -> None:
    most = configuration.get("n_qubits")
    if info is not None and most is not None and info.num_qubits > most and not info.physical:
        backend = configuration.get("backend_name") or "the backend"
        raise NotIsaError(
            f"{where}: the circuit has {info.num_qubits} qubits, and {backend} has {most}.",
            "Take a larger backend, or declare only the qubits that the circuit uses.",
        )


def _named_values(
    values: Mapping[str, Any] | list[Any] | None, text: str, info: CircuitInfo | None, is_text: bool
) -> Mapping[str, Any] | None:
    """Return the values of the inputs by their names in the text.

    The values of a ``QuantumCircuit`` are in the order of its parameters, which is the order of the inputs in its
    text. The names in the text may differ, because OpenQASM does not allow every name that Qiskit allows.
    """
    if is_text or not values:
        return values if isinstance(values, Mapping) else None
    names = _INPUT.findall(text)
    if isinstance(values, Mapping):
        if info is None or any(name not in values for name in info.parameters):
            return None
        columns = [values[name] for name in info.parameters]
        return dict(zip(names, columns, strict=True)) if len(names) == len(columns) else None
    import numpy as np

    array = np.asarray(values, dtype=np.float64)
    if array.shape[-1] != len(names):
        return None
    return {name: array[..., column] for column, name in enumerate(names)}


def find_misfits(
    text: str,
    configuration: Mapping[str, Any],
    *,
    values: Mapping[str, Any] | None = None,
    properties: Mapping[str, Any] | None = None,
    one_register: bool = False,
    gates_randomized_by: str | None = None,
    instruction_set: InstructionSet | None = None,
) -> list[Misfit]:
    """Return the instructions of a circuit that the backend cannot run, in the order of the text.

    Args:
        text: OpenQASM 3.
        configuration: The answer of ``GET /backends/{id}/configuration``.
        values: See ``check_isa``.
        properties: See ``check_isa``.
        one_register: Whether to use virtual indices as physical ones only if there is a single register. Set it for
            text that Qiskit wrote, which may declare registers in another order than the circuit.
        gates_randomized_by: See ``check_pubs_isa``.
        instruction_set: The instruction set of ``configuration`` and ``properties``, if it was read before.
    """
    if instruction_set is None:
        instruction_set = InstructionSet.from_configuration(configuration, properties)
    code = blank_noise(text)
    constants = read_constants(code)
    qubits = _Qubits(one_register, constants)
    angles = _Angles({**constants, **(values or {})}, values or {})
    known: dict[Any, tuple[tuple[tuple[int | None, ...], str], ...]] = {}
    misfits: list[Misfit] = []
    line, counted = 1, 0
    for found in read_instructions(code):
        if isinstance(found, QubitRegister):
            qubits.declare(found)
            continue
        key = (found.name, found.operands, found.modified, found.arguments if found.name == "rzz" else "")
        if key not in known:
            known[key] = tuple(_problems(found, qubits, instruction_set, angles, gates_randomized_by))
        if known[key]:
            line, counted = line + code.count("\n", counted, found.position), found.position
            name = _KEYWORDS.get(found.name, found.name)
            misfits += [Misfit(line, name, on, reason) for on, reason in known[key]]
    return misfits


def _refuse(
    misfits: list[Misfit],
    configuration: Mapping[str, Any],
    where: str,
    *,
    with_line: bool = True,
    remedy: str | None = None,
) -> None:
    if not misfits:
        return
    backend = configuration.get("backend_name") or "the backend"
    first, more = misfits[0], len(misfits) - 1
    line = f"line {first.line}: " if with_line else ""
    others = f" {more} more instruction{'s do' if more > 1 else ' does'} not fit." if more else ""
    if first.name in CONTROL_FLOW and not first.qubits:
        raise NotIsaError(
            f"{where}: {line}{first}.{others}",
            f"Transpiling does not change that: write the circuit without {first.name!r}, or choose a backend whose "
            f"configuration lists {CONTROL_FLOW[first.name]} in supported_instructions.",
        )
    raise NotIsaError(
        f"{where}: {line}{first}.{others}",
        remedy
        or "The service runs only circuits in the backend's own instruction set and transpiles nothing: set "
        f"optimization_level=1 (0 to 3) to transpile for {backend} first, or correct the circuit.",
    )


def _problems(
    found: Instruction,
    qubits: _Qubits,
    instruction_set: InstructionSet,
    angles: _Angles,
    gates_randomized_by: str | None,
) -> Iterator[tuple[tuple[int | None, ...], str]]:
    """Yield the problems of an instruction, one for each set of qubits if it is applied to whole registers."""
    for on in qubits.resolve(found):
        if found.modified:
            reason = instruction_set.beyond(on)
        else:
            reason = instruction_set.why_not(_OTHER_NAMES.get(found.name, found.name), on)
            if reason is None and found.name == "rzz":
                reason = angles.bad(found.arguments)
            if reason is None and gates_randomized_by is not None and found.name in FRACTIONAL:
                reason = f"a fractional gate does not go together with {gates_randomized_by}"
        if reason:
            yield on, reason


@dataclass
class _Qubits:
    """The declared registers, placed on the physical qubits one after the other."""

    one_register: bool
    constants: Mapping[str, Any]
    places: dict[str, range] = field(default_factory=dict)
    total: int | None = 0

    def declare(self, register: QubitRegister) -> None:
        size = 1 if not register.size else evaluate_whole(register.size, self.constants)
        if self.total is None or size is None or (self.one_register and self.places):
            self.total = None  # The positions of all following registers are unknown.
            if self.one_register:
                self.places.clear()
            return
        self.places[register.name] = range(self.total, self.total + size)
        self.total += size

    def resolve(self, found: Instruction) -> list[tuple[int | None, ...]]:
        """Return the qubits of every gate that the instruction expands to."""
        each = [self._one(operand) for operand in found.operands]
        if found.name in ("barrier", "delay", "measure", "reset"):
            return [(qubit,) for qubits in each for qubit in qubits]
        sizes = {len(qubits) for qubits in each if len(qubits) != 1}
        if len(sizes) > 1:
            return [(None,) * len(each)]
        number = sizes.pop() if sizes else 1
        return [tuple(qubits[0] if len(qubits) == 1 else qubits[i] for qubits in each) for i in range(number)]

    def _one(self, operand: str) -> Sequence[int | None]:
        if operand.startswith("$"):
            return (int(operand[1:]),)
        if operand in self.places:
            return self.places[operand]
        indexed = _INDEXED.fullmatch(operand)
        if indexed and indexed[1] in self.places and int(indexed[2]) < len(self.places[indexed[1]]):
            return (self.places[indexed[1]][int(indexed[2])],)
        return (None,)


@dataclass
class _Angles:
    """The angles of rzz gates.

    Attributes:
        names: Values of constants and inputs: numbers, nested lists or arrays.
        inputs: Values of inputs only.
    """

    names: Mapping[str, Any]
    inputs: Mapping[str, Any]
    _arrays: dict[str, Any] | None = None

    def bad(self, expression: str) -> str | None:
        """Return the reason why an angle is out of range; None when it is in range or not known."""
        expression = expression.strip()
        used = set(_NAME.findall(expression)) & set(self.inputs)
        angle = evaluate(expression, self._values() if used else self.names, whole_quotients=False)
        if angle is None or isinstance(angle, bool):
            return None
        outside = next((one for one in _flat(angle) if not 0 <= one <= MAX_RZZ_ANGLE), None)
        if outside is None:
            return None
        given = f"{expression} = {outside:g}" if used else f"{outside:g}"
        return f"its angle must be from 0 to pi/2, not {given}"

    def _values(self) -> Mapping[str, Any]:
        """Return the values of a sweep as arrays, with which whole expressions can be evaluated."""
        if self._arrays is None:
            import numpy as np

            self._arrays = {
                name: np.asarray(value, dtype=np.float64) if isinstance(value, list | tuple) else value
                for name, value in self.names.items()
            }
        return self._arrays


def _flat(value: Any) -> Iterable[float]:
    return value.ravel().tolist() if hasattr(value, "ravel") else (float(value),)


# Former names, which still work for one release.
NotIsa = NotIsaError
