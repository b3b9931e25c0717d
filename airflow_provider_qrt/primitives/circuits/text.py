"""Checks that OpenQASM 3 text is a circuit for a primitive, and reads its qubits, registers and parameters.

Sources: the OpenQASM 3 live specification (version statement, input declarations, physical qubits) and IBM's
rules for circuits sent as text: measured classical registers are returned under their own names, and the width of a
circuit on physical qubits is the highest ``$n`` plus one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.circuits.constants import evaluate, evaluate_whole
from airflow_provider_qrt.primitives.circuits.syntax import STRICT_PARSE_MAX_CHARS, Syntax, SyntaxReader, excerpt
from airflow_provider_qrt.primitives.errors import InvalidInputError

_HEADER = re.compile(r"OPENQASM\s+(\d+)(?:\.(\d+))?\s*;")
_ANY_HEADER = re.compile(r"\bOPENQASM\b\s*([^;\n]*)")
_QASM_FILE = re.compile(r"[^\s;]+\.(?:qasm3?|inc)")
# One pass takes out what must not be searched. Strings come first, so that "a//b" is not taken for a comment.
_NOISE = re.compile(r"(\"[^\"\n]*\"|'[^'\n]*')|//[^\n]*|/\*.*?(?:\*/|\Z)|^[^\S\n]*+(?:#?pragma\b|@)[^\n]*", re.S | re.M)
# None of these looks at a character more than some hundred times, whatever the text: quantifiers are possessive or
# bounded. Blank lines without end, or words without the mark that ends a statement, must not take minutes.
_CONSTANT = re.compile(
    r"\bconst\s++(?:u?int|float|angle|bool|bit)\s*+(?:\[[^\]]{0,500}+\]\s*+)?(?P<const>\w++)\s*+=(?P<value>[^;]{0,2000}+);"
)
_BRACE_OR_DECLARATION = re.compile(
    r"[{}]"
    rf"|{_CONSTANT.pattern}"
    r"|\binput\s++[^;{}]{0,500}?(?P<input>\b\w++)\s*+;"
    r"|\b(?P<kind>qubit|bit)\s*+(?:\[(?P<size>[^\]]{0,500}+)\]\s++)?(?<=\s)(?P<name>\w++)\s*+(?=[;=])"
    r"|\b(?P<sized_kind>qubit|bit)\s*+\[(?P<sized_size>[^\]]{0,500}+)\](?P<sized_name>\w++)\s*+(?=[;=])"
    r"|\b(?P<old_kind>qreg|creg)\s++(?P<old_name>\w++)\s*+(?:\[(?P<old_size>[^\]]{0,500}+)\])?\s*+;"
)
_OLD_GATES = re.compile(r"^[^\S\n]*+include\s*+[\"']qelib1\.inc[\"']", re.M)
_PHYSICAL = re.compile(r"\$(\d+)")
# The result of a measurement is kept: ``c = measure q;``, ``measure q -> c;`` or out of a subroutine.
_KEPT_MEASUREMENT = re.compile(r"(?:=|\breturn)\s*+measure\b|\bmeasure\b(?:[^;-]|-(?!>)){0,2000}+->")
_ANY_MEASUREMENT = re.compile(r"\bmeasure\b")
_CONTROL_FLOW = re.compile(r"\b(?:if|for|while|switch|box)\b")
_STRETCH = re.compile(r"\bstretch\b")
BYTE_ORDER_MARK = "\ufeff"
"""Some editors write it at the start of a text; it is not part of the program."""


@dataclass(frozen=True)
class CircuitInfo:
    """The declarations of a circuit.

    Attributes:
        num_qubits: The width: the highest physical qubit plus one, or the sum of the declared qubits.
        registers: ``(name, number of bits)`` of every classical register, in the order of declaration.
        parameters: The names of the inputs that need a value: for text in the order of declaration, for a
            ``QuantumCircuit`` in the order of ``circuit.parameters``.
        physical: Whether the width follows from the physical qubits in the text.
        control_flow: The kinds of control flow in it: ``if``, ``for``, ``while``, ``switch``, ``box``.
        stretches: Whether it declares a ``stretch``, whose length the service decides.
    """

    num_qubits: int
    registers: tuple[tuple[str, int], ...]
    parameters: tuple[str, ...]
    physical: bool = False
    control_flow: frozenset[str] = frozenset()
    stretches: bool = False


def check_circuit(
    text: str, where: str = "circuits[0]", *, strict: bool | None = None, parser: SyntaxReader | None = None
) -> CircuitInfo:
    """Check that a text is an OpenQASM 3 circuit for a sampler and return its declarations.

    This does not check whether the circuit fits a backend (its gates, its coupled pairs).

    Args:
        text: OpenQASM 3 source.
        where: The place named at the start of an error message.
        strict: Whether to use the reference parser; None: if the text is at most ``STRICT_PARSE_MAX_CHARS`` long.
        parser: Gives the texts of one job to the reference parser, in place of ``strict``.

    Raises:
        InvalidInputError: The text is empty, is a file name or OpenQASM 2, does not begin with an ``OPENQASM 3``
            header, cannot be parsed (the message gives line, column and the wrong text), uses names or indices that it
            does not declare, or has no measurement.
    """
    code, info, syntax = _read(text, where, strict, parser)
    if not info.registers:
        raise InvalidInputError(
            f"{where}: the circuit has no classical bits, so a sampler has nothing to return. "
            "Declare a register and measure into it, for example: bit[2] c; c[0] = measure $0; c[1] = measure $1;"
        )
    if not _KEPT_MEASUREMENT.search(code):
        first = info.registers[0][0]
        raise InvalidInputError(
            f"{where}: no measurement is written into a classical register, so every shot would read zero. "
            f"Add one, for example: {first}[0] = measure $0;"
        )
    if syntax is not None:
        syntax.check_names()
    return info


def check_circuit_to_estimate(
    text: str, where: str = "circuits[0]", *, strict: bool | None = None, parser: SyntaxReader | None = None
) -> CircuitInfo:
    """Check that a text is an OpenQASM 3 circuit for an estimator and return its declarations.

    Args:
        text: OpenQASM 3 source.
        where: The place named at the start of an error message.
        strict: As in ``check_circuit``.
        parser: As in ``check_circuit``.

    Raises:
        InvalidInputError: As in ``check_circuit``, except that a circuit with measurements is refused, because the
            estimator adds the measurements that its observables need. A circuit without qubits is refused too.
    """
    code, info, syntax = _read(text, where, strict, parser)
    if measured := _ANY_MEASUREMENT.search(code):
        line = code.count("\n", 0, measured.start()) + 1
        raise InvalidInputError(
            f"{where}: the circuit measures, in line {line}. An estimator adds the measurements that its observables "
            "need: leave them out of the circuit. For counts use the sampler."
        )
    if not info.num_qubits:
        raise InvalidInputError(f"{where}: the circuit has no qubits, so there is nothing to estimate.")
    if syntax is not None:
        syntax.check_names()
    return info


def _read(
    text: str, where: str, strict: bool | None, parser: SyntaxReader | None
) -> tuple[str, CircuitInfo, Syntax | None]:
    """Return the code without comments and strings, its declarations, and what is left to check of its syntax."""
    if not isinstance(text, str):
        raise InvalidInputError(f"{where}: expected OpenQASM 3 text, got {type(text).__name__}.")
    text = text.removeprefix(BYTE_ORDER_MARK)
    _check_not_something_else(text, where)
    code = blank_noise(text)
    _check_header(code, text, where)
    if parser is None and (strict if strict is not None else len(text) <= STRICT_PARSE_MAX_CHARS):
        parser = SyntaxReader()
    syntax = None if parser is None else parser.read(text, where)
    return code, _scan(code, where), syntax


def blank_noise(text: str) -> str:
    """Remove comments, strings, pragmas and annotations, but keep the line breaks."""
    return _NOISE.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    return " " + "\n" * match.group().count("\n")


def _check_not_something_else(text: str, where: str) -> None:
    stripped = text.strip()
    if not stripped:
        raise InvalidInputError(f"{where}: the circuit is empty. Give OpenQASM 3 text, starting with: OPENQASM 3.0;")
    if _QASM_FILE.fullmatch(stripped):
        raise InvalidInputError(
            f"{where}: {stripped!r} looks like the name of a file, and no such file was found beside the DAG. "
            "Put the file next to the DAG file (or give its full path), or pass the OpenQASM 3 text itself. A name "
            "that another task returned is not looked up: let that task read the file and hand on the text."
        )


def _check_header(code: str, text: str, where: str) -> None:
    header = _HEADER.match(code.lstrip(" \t\r\n"))
    old_gates = _OLD_GATES.search(text)
    if header and header[1] == "3":
        if old_gates:
            raise InvalidInputError(
                f"{where}: {old_gates.group().strip()} belongs to OpenQASM 2 and is not known to the service; "
                'in OpenQASM 3 write: include "stdgates.inc"'
            )
        return
    written = _ANY_HEADER.search(code)
    if old_gates or (header and header[1] == "2") or (written and written[1].strip().startswith("2")):
        raise InvalidInputError(
            f"{where}: this is OpenQASM 2; the service takes OpenQASM 3 only. Convert it once, with Qiskit: "
            "qiskit.qasm3.dumps(qiskit.qasm2.loads(text))"
        )
    if header:
        raise InvalidInputError(f"{where}: OpenQASM version {header[1]} is not known; write: OPENQASM 3.0;")
    if written:
        raise InvalidInputError(
            f"{where}: 'OPENQASM {written[1].strip()}' must be the very first statement and read: OPENQASM 3.0;"
        )
    raise InvalidInputError(
        f"{where}: the text does not start with a version, so it is not OpenQASM 3 (or a template was not "
        f"rendered). It starts with {excerpt(text)!r}; begin it with: OPENQASM 3.0;"
    )


def _scan(code: str, where: str) -> CircuitInfo:
    """Collect the declarations of the outermost scope."""
    constants: dict[str, Any] = {}
    registers: list[tuple[str, int]] = []
    parameters: list[str] = []
    lines: dict[str, int] = {}
    virtual = depth = 0
    for found in _BRACE_OR_DECLARATION.finditer(code):
        if found.group() in "{}":
            depth += 1 if found.group() == "{" else -1
        elif depth:
            continue
        elif name := found["const"]:
            constants[name] = evaluate(found["value"], constants)
        elif name := found["input"]:
            parameters.append(name)
        else:
            kind, name, size = next(_declarations(found))
            bits = 1 if size is None else evaluate_whole(size, constants)
            if bits is None or bits < 0:
                raise InvalidInputError(
                    f"{where}: cannot work out the size of {name}[{size}]; write it as a number, as in bit[4] c;"
                )
            line = code.count("\n", 0, found.start()) + 1
            if name in lines:
                raise InvalidInputError(
                    f"{where}: line {line}: {name!r} is declared a second time; the first is in line {lines[name]}. "
                    "Give every register a name of its own."
                )
            lines[name] = line
            if kind in ("qubit", "qreg"):
                virtual += bits
            else:
                registers.append((name, bits))
    highest = max((int(index) for index in _PHYSICAL.findall(code)), default=-1)
    return CircuitInfo(
        max(virtual, highest + 1),
        tuple(registers),
        tuple(parameters),
        highest >= virtual,
        frozenset(_CONTROL_FLOW.findall(code)),
        _STRETCH.search(code) is not None,
    )


def read_constants(code: str) -> dict[str, Any]:
    """Return the constants of the outermost scope whose values are known, by name.

    Args:
        code: OpenQASM 3 text without comments and strings.
    """
    constants: dict[str, Any] = {}
    for found in _CONSTANT.finditer(code):
        constants[found["const"]] = evaluate(found["value"], constants)
    return {name: value for name, value in constants.items() if value is not None}


def _declarations(found: re.Match[str]) -> Iterator[tuple[str, str, str | None]]:
    for prefix in ("", "sized_", "old_"):
        if found[f"{prefix}kind"]:
            yield found[f"{prefix}kind"], found[f"{prefix}name"], found[f"{prefix}size"]
