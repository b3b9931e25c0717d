"""OpenQASM 3 text: is it a circuit a primitive can run, and what are its qubits, registers and parameters?

Sources: the OpenQASM 3 live specification (version statement, input declarations, physical qubits) and IBM's
rules for circuits sent as text: measured classical registers come back under their own name, and a circuit on
physical qubits is as wide as the highest ``$n`` plus one.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from airflow_provider_qrt.primitives.errors import InvalidInput

STRICT_PARSE_MAX_CHARS = 250_000
"""Longest text, in characters, that is given to the reference parser. The parser is written in Python and takes
about 10 microseconds a character: 0.7 s for 5 000 lines (72 kB), 7.5 s for 50 000 lines (735 kB). Two or three
seconds on a worker are well spent against a job that would fail after a day in the queue; half a minute is
not. Longer texts only get the scan below (0.13 s for 50 000 lines), and the service parses them."""

_HEADER = re.compile(r"OPENQASM\s+(\d+)(?:\.(\d+))?\s*;")
_ANY_HEADER = re.compile(r"\bOPENQASM\b\s*([^;\n]*)")
_QASM_FILE = re.compile(r"[^\s;]+\.(?:qasm3?|inc)")
# One pass takes out what must not be searched. Strings come first, so that "a//b" is not taken for a comment.
_NOISE = re.compile(r"(\"[^\"\n]*\"|'[^'\n]*')|//[^\n]*|/\*.*?(?:\*/|\Z)|^[^\S\n]*+(?:#?pragma\b|@)[^\n]*", re.S | re.M)
# None of these looks at a character more than some hundred times, whatever the text: quantifiers are possessive or
# bounded. Blank lines without end, or words without the mark that ends a statement, must not take minutes.
_BRACE_OR_DECLARATION = re.compile(
    r"[{}]"
    r"|\bconst\s++u?int\s*+(?:\[[^\]]{0,500}+\]\s*+)?(?P<const>\w++)\s*+=(?P<value>[^;]{0,2000}+);"
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
_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}


@dataclass(frozen=True)
class CircuitInfo:
    """What a circuit declares.

    Attributes:
        num_qubits: The width: the highest physical qubit plus one, or the sum of the declared qubits.
        registers: ``(name, number of bits)`` of every classical register, in the order of declaration.
        parameters: The names of the inputs that need a value: for text in the order of declaration, for a
            ``QuantumCircuit`` in the order of ``circuit.parameters``.
        physical: Whether the width follows from the physical qubits that a text names.
    """

    num_qubits: int
    registers: tuple[tuple[str, int], ...]
    parameters: tuple[str, ...]
    physical: bool = False


def check_circuit(text: str, where: str = "circuits[0]", *, strict: bool | None = None) -> CircuitInfo:
    """Check that a text is an OpenQASM 3 circuit for a sampler and return what it declares.

    Whether the circuit fits a backend (its gates, its coupled pairs) is not checked here.

    Args:
        text: OpenQASM 3 source.
        where: The place named at the start of an error message.
        strict: Give the text to the reference parser; None: when it is at most ``STRICT_PARSE_MAX_CHARS`` long.

    Raises:
        InvalidInput: The text is empty, a file name, OpenQASM 2, has no ``OPENQASM 3`` header in the first
            place, cannot be parsed (line, column and offending text are named), or measures nothing.
    """
    code, info = _read(text, where, strict)
    if not info.registers:
        raise InvalidInput(
            f"{where}: the circuit has no classical bits, so a sampler has nothing to return. "
            "Declare a register and measure into it, for example: bit[2] c; c[0] = measure $0; c[1] = measure $1;"
        )
    if not _KEPT_MEASUREMENT.search(code):
        first = info.registers[0][0]
        raise InvalidInput(
            f"{where}: no measurement is written into a classical register, so every shot would read zero. "
            f"Add one, for example: {first}[0] = measure $0;"
        )
    return info


def check_circuit_to_estimate(text: str, where: str = "circuits[0]", *, strict: bool | None = None) -> CircuitInfo:
    """Check that a text is an OpenQASM 3 circuit for an estimator and return what it declares.

    Args:
        text: OpenQASM 3 source.
        where: The place named at the start of an error message.
        strict: As in ``check_circuit``.

    Raises:
        InvalidInput: As in ``check_circuit``, but it is a measurement that is refused: the estimator adds those that
            its observables need. So is a circuit without qubits.
    """
    code, info = _read(text, where, strict)
    if measured := _ANY_MEASUREMENT.search(code):
        line = code.count("\n", 0, measured.start()) + 1
        raise InvalidInput(
            f"{where}: the circuit measures, in line {line}. An estimator adds the measurements that its observables "
            "need: leave them out of the circuit. For counts use the sampler."
        )
    if not info.num_qubits:
        raise InvalidInput(f"{where}: the circuit has no qubits, so there is nothing to estimate.")
    return info


def _read(text: str, where: str, strict: bool | None) -> tuple[str, CircuitInfo]:
    """Return the code without comments and strings, and what it declares."""
    if not isinstance(text, str):
        raise InvalidInput(f"{where}: expected OpenQASM 3 text, got {type(text).__name__}.")
    _check_not_something_else(text, where)
    code = blank_noise(text)
    _check_header(code, text, where)
    if strict if strict is not None else len(text) <= STRICT_PARSE_MAX_CHARS:
        _parse(text, where)
    return code, _scan(code, where)


def blank_noise(text: str) -> str:
    """Take out comments, strings, pragmas and annotations, keeping the line breaks."""
    return _NOISE.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    return " " + "\n" * match.group().count("\n")


def _check_not_something_else(text: str, where: str) -> None:
    stripped = text.strip()
    if not stripped:
        raise InvalidInput(f"{where}: the circuit is empty. Give OpenQASM 3 text, starting with: OPENQASM 3.0;")
    if _QASM_FILE.fullmatch(stripped):
        raise InvalidInput(
            f"{where}: {stripped!r} looks like the name of a file, and no such file was found beside the DAG. "
            "Put the file next to the DAG file (or give its full path), or pass the OpenQASM 3 text itself. A name "
            "that another task returned is not looked up: let that task read the file and hand on the text."
        )


def _check_header(code: str, text: str, where: str) -> None:
    header = _HEADER.match(code.lstrip("\ufeff \t\r\n"))
    old_gates = _OLD_GATES.search(text)
    if header and header[1] == "3":
        if old_gates:
            raise InvalidInput(
                f"{where}: {old_gates.group().strip()} belongs to OpenQASM 2 and is not known to the service; "
                'in OpenQASM 3 write: include "stdgates.inc"'
            )
        return
    written = _ANY_HEADER.search(code)
    if old_gates or (header and header[1] == "2") or (written and written[1].strip().startswith("2")):
        raise InvalidInput(
            f"{where}: this is OpenQASM 2; the service takes OpenQASM 3 only. Convert it once, with Qiskit: "
            "qiskit.qasm3.dumps(qiskit.qasm2.loads(text))"
        )
    if header:
        raise InvalidInput(f"{where}: OpenQASM version {header[1]} is not known; write: OPENQASM 3.0;")
    if written:
        raise InvalidInput(
            f"{where}: 'OPENQASM {written[1].strip()}' must be the very first statement and read: OPENQASM 3.0;"
        )
    raise InvalidInput(
        f"{where}: the text does not start with a version, so it is not OpenQASM 3 (or a template was not "
        f"rendered). It starts with {_excerpt(text)!r}; begin it with: OPENQASM 3.0;"
    )


def _excerpt(text: str, length: int = 40) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: length - 3] + "..."


def _parse(text: str, where: str) -> None:
    """Let the reference parser read the whole text."""
    from openqasm3.parser import QASM3ParsingError, parse

    try:
        parse(text)
    except QASM3ParsingError as error:
        raise InvalidInput(f"{where}: not valid OpenQASM 3: {_explain(error, text)}") from error
    except RecursionError:
        return  # Nested too deep for a parser written in Python; that does not make it wrong.


def _explain(error: Exception, text: str) -> str:
    """Say where the parser stopped. Syntax errors carry a token two exceptions down, others their own text."""
    cause = error.__cause__
    recognition = cause.args[0] if cause is not None and cause.args else cause
    token = getattr(recognition, "offendingToken", None)
    if token is not None:
        line, column, found = token.line, token.column, token.text
        problem = "the text ends too early" if found == "<EOF>" else f"unexpected {found!r}"
    elif positioned := re.match(r"L(\d+):C(\d+): (.*)", str(error), re.S):
        line, column, problem = int(positioned[1]), int(positioned[2]), positioned[3]
    else:
        return str(error) or type(error).__name__
    lines = text.splitlines()
    shown = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    hint = f", in: {_excerpt(shown, 100)}" if shown else ""
    return f"line {line}, column {column + 1}: {problem}{hint}"


def _scan(code: str, where: str) -> CircuitInfo:
    """Collect the declarations of the outermost scope."""
    constants: dict[str, int] = {}
    registers: list[tuple[str, int]] = []
    parameters: list[str] = []
    virtual = depth = 0
    for found in _BRACE_OR_DECLARATION.finditer(code):
        if found.group() in "{}":
            depth += 1 if found.group() == "{" else -1
        elif depth:
            continue
        elif name := found["const"]:
            value = _integer(found["value"], constants)
            if value is not None:
                constants[name] = value
        elif name := found["input"]:
            parameters.append(name)
        else:
            kind, name, size = next(_declarations(found))
            bits = 1 if size is None else _integer(size, constants)
            if bits is None or bits < 0:
                raise InvalidInput(
                    f"{where}: cannot work out the size of {name}[{size}]; write it as a number, as in bit[4] c;"
                )
            if kind in ("qubit", "qreg"):
                virtual += bits
            else:
                registers.append((name, bits))
    highest = max((int(index) for index in _PHYSICAL.findall(code)), default=-1)
    return CircuitInfo(max(virtual, highest + 1), tuple(registers), tuple(parameters), highest >= virtual)


def _declarations(found: re.Match[str]) -> Iterator[tuple[str, str, str | None]]:
    for prefix in ("", "sized_", "old_"):
        if found[f"{prefix}kind"]:
            yield found[f"{prefix}kind"], found[f"{prefix}name"], found[f"{prefix}size"]


def _integer(expression: str, constants: dict[str, int]) -> int | None:
    """Evaluate a size: a number, a constant, or the four operations on them; None when it is anything else."""

    def value(node: ast.expr) -> int | None:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                return constants.get(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = value(operand)
                return None if inner is None else -inner
            case ast.BinOp(left=left, op=op, right=right):
                a, b = value(left), value(right)
                apply = _OPERATIONS.get(type(op))
                if a is None or b is None or apply is None:
                    return None
                return apply(a, b)
        return None

    try:
        return value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError):
        return None
