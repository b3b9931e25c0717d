"""Does a circuit keep to a backend's instruction set (ISA)? Answered without Qiskit, before anything is paid for.

The service transpiles nothing: a gate that the backend has not got, or one on qubits it does not couple, makes the
job fail, perhaps after a day in the queue. The rules are those of the official client's check (``is_isa_circuit`` of
qiskit-ibm-runtime 0.51): a gate is known by its name, so a ``gate`` block for ``rzz`` or ``ecr``, which
``stdgates.inc`` lacks, declares the backend's own gate, and a ``gate`` block of any other name does not make that gate
one of the backend's. Qubit i of the declared registers, counted in their order, is physical qubit ``$i``.

What cannot be decided here passes, and the service has the last word: gates with modifiers, computed indices, aliases,
the bodies of subroutines.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_qrt.primitives.circuits.instruction_set import InstructionSet
from airflow_provider_qrt.primitives.circuits.statements import (
    CONTROL_FLOW,
    Instruction,
    QubitRegister,
    read_instructions,
)
from airflow_provider_qrt.primitives.circuits.text import blank_noise
from airflow_provider_qrt.primitives.errors import InvalidInput

MAX_RZZ_ANGLE = math.pi / 2 + 1e-10
"""Heron's rzz is calibrated for angles from 0 to pi/2 (IBM's page on fractional gates); the official client allows
this much for rounding."""

_OTHER_NAMES = {"U": "u", "CX": "cx", "phase": "p", "cphase": "cp"}
"""What OpenQASM calls gates that configurations, and Qiskit, call otherwise."""
_KEYWORDS = {name: keyword for keyword, name in CONTROL_FLOW.items()}
_INDEXED = re.compile(r"([^\W\d]\w*)\s*\[\s*(\d+)\s*\]")
_CONSTANTS = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e}


class NotIsa(InvalidInput):
    """A circuit has an instruction that the backend cannot carry out; nothing was sent."""


class Pub(Protocol):
    """What PUBs of a sampler and of an estimator have in common."""

    @property
    def circuit(self) -> str | Mapping[str, Any]:
        """OpenQASM 3 text, or an encoded circuit."""

    @property
    def parameter_values(self) -> Mapping[str, Any] | list[Any] | None:
        """The values of its parameters; by name for a text."""

    @property
    def source(self) -> str | None:
        """OpenQASM 3 text of an encoded circuit."""


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
) -> None:
    """Refuse a circuit with instructions that the backend cannot carry out.

    Args:
        text: OpenQASM 3, as ``check_circuit`` takes it.
        configuration: The answer of ``GET /backends/{id}/configuration``.
        where: The place named at the start of the message.
        values: The values of its inputs, by name, for the angles of rzz gates; numbers or nested lists.

    Raises:
        NotIsa: The message names the first such instruction with its qubits and line, how many more there are, and
            what to do.
    """
    _refuse(find_misfits(text, configuration, values=values), configuration, where)


def check_pubs_isa(pubs: Sequence[Pub], configuration: Mapping[str, Any]) -> None:
    """Check the circuits of PUBs as ``check_isa`` does; those that came as QPY by the text they were given.

    Args:
        pubs: What ``coerce_pubs`` returns, or the PUBs of an estimator. An already encoded circuit has no text and is
            not checked.
        configuration: The answer of ``GET /backends/{id}/configuration``.

    Raises:
        NotIsa: See ``check_isa``. A ``QuantumCircuit`` has no lines to name.
    """
    seen: set[str] = set()
    for index, pub in enumerate(pubs):
        text = pub.circuit if isinstance(pub.circuit, str) else pub.source
        values = pub.parameter_values if isinstance(pub.parameter_values, Mapping) else None
        if text is None or (text in seen and not values):
            continue
        seen.add(text)
        is_text = text is pub.circuit
        misfits = find_misfits(text, configuration, values=values, one_register=not is_text)
        _refuse(misfits, configuration, f"circuits[{index}]", with_line=is_text)


def find_misfits(
    text: str,
    configuration: Mapping[str, Any],
    *,
    values: Mapping[str, Any] | None = None,
    one_register: bool = False,
) -> list[Misfit]:
    """Return the instructions of a circuit that the backend cannot carry out, in the order of the text.

    Args:
        text: OpenQASM 3.
        configuration: The answer of ``GET /backends/{id}/configuration``.
        values: See ``check_isa``.
        one_register: Take the indices of virtual qubits as physical only when there is one register. For text that
            Qiskit wrote: it may declare registers in another order than the circuit's.
    """
    instruction_set = InstructionSet.from_configuration(configuration)
    code = blank_noise(text)
    qubits = _Qubits(one_register)
    known: dict[Any, tuple[tuple[tuple[int | None, ...], str], ...]] = {}
    misfits: list[Misfit] = []
    line, counted = 1, 0
    for found in read_instructions(code):
        if isinstance(found, QubitRegister):
            qubits.declare(found)
            continue
        key = (found.name, found.operands, found.modified, found.arguments if found.name == "rzz" else "")
        if key not in known:
            known[key] = tuple(_problems(found, qubits, instruction_set, values or {}))
        if known[key]:
            line, counted = line + code.count("\n", counted, found.position), found.position
            name = _KEYWORDS.get(found.name, found.name)
            misfits += [Misfit(line, name, on, reason) for on, reason in known[key]]
    return misfits


def _refuse(misfits: list[Misfit], configuration: Mapping[str, Any], where: str, *, with_line: bool = True) -> None:
    if not misfits:
        return
    backend = configuration.get("backend_name") or "the backend"
    first, more = misfits[0], len(misfits) - 1
    line = f"line {first.line}: " if with_line else ""
    others = f" {more} more instruction{'s do' if more > 1 else ' does'} not fit." if more else ""
    raise NotIsa(
        f"{where}: {line}{first}.{others} The service runs only circuits in the backend's own instruction set and "
        f"transpiles nothing: set optimization_level=1 (0 to 3) to transpile for {backend} first, or correct the "
        "circuit. Nothing was submitted."
    )


def _problems(
    found: Instruction, qubits: _Qubits, instruction_set: InstructionSet, values: Mapping[str, Any]
) -> Iterator[tuple[tuple[int | None, ...], str]]:
    """Yield what is wrong with an instruction, for each set of qubits when it is applied to whole registers."""
    for on in qubits.resolve(found):
        if found.modified:
            reason = instruction_set.beyond(on)
        else:
            reason = instruction_set.why_not(_OTHER_NAMES.get(found.name, found.name), on)
            if reason is None and found.name == "rzz":
                reason = _bad_angle(found.arguments, values)
        if reason:
            yield on, reason


@dataclass
class _Qubits:
    """The declared registers, one after the other on the physical qubits."""

    one_register: bool
    places: dict[str, range] = field(default_factory=dict)
    total: int | None = 0

    def declare(self, register: QubitRegister) -> None:
        size = "1" if not register.size else register.size
        if self.total is None or not size.isdecimal() or (self.one_register and self.places):
            self.total = None  # From here on it is not known where a register begins.
            if self.one_register:
                self.places.clear()
            return
        self.places[register.name] = range(self.total, self.total + int(size))
        self.total += int(size)

    def resolve(self, found: Instruction) -> list[tuple[int | None, ...]]:
        """Return the qubits of every gate that the instruction stands for."""
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


def _bad_angle(expression: str, values: Mapping[str, Any]) -> str | None:
    """Say why an angle of rzz is out of range; None when it is not, or is not known."""
    name = expression.strip()
    angles = list(_flat(values[name])) if name in values else [_number(name)]
    for angle in angles:
        if angle is not None and not 0 <= angle <= MAX_RZZ_ANGLE:
            given = f"{name} = {angle:g}" if name in values else f"{angle:g}"
            return f"its angle must be from 0 to pi/2, not {given}"
    return None


def _flat(value: Any) -> Iterator[float]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _flat(part)
    else:
        yield float(value)


def _number(expression: str) -> float | None:
    """Evaluate numbers, pi and the four operations; None for anything else."""

    def value(node: ast.expr) -> float | None:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return _CONSTANTS.get(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                inner = value(operand)
                return -inner if inner is not None and isinstance(sign, ast.USub) else inner
            case ast.BinOp(left=left, op=operation, right=right):
                a, b = value(left), value(right)
                if a is None or b is None:
                    return None
                match operation:
                    case ast.Add():
                        return a + b
                    case ast.Sub():
                        return a - b
                    case ast.Mult():
                        return a * b
                    case ast.Div() if b and not _both_whole(left, right):
                        return a / b
        return None

    try:
        return value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, OverflowError, RecursionError):
        return None


def _both_whole(left: ast.expr, right: ast.expr) -> bool:
    """Tell whether both sides are whole numbers, whose quotient OpenQASM 3 may round: 3/2 is not decided here."""
    return all(isinstance(side, ast.Constant) and isinstance(side.value, int) for side in (left, right))
