"""Splits OpenQASM 3 text into instructions without a parser.

A parser written in Python needs seconds for the text of a large circuit. Nearly all of such a text has the form
``name(angles) $i, $j;``, which regular expressions split in a tenth of a second. The text must be valid: anything that
is not recognized is left out. Source: the OpenQASM 3 live specification (statements, scopes, physical qubits).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CONTROL_FLOW = {"if": "if_else", "while": "while_loop", "for": "for_loop", "switch": "switch_case"}
"""Keywords of control flow, and their names in a backend's ``supported_instructions``."""

NO_GATE = frozenset(
    re.findall(
        r"\w+",
        """OPENQASM include defcalgrammar def cal defcal gate extern box let break continue if else end return for
        while in switch case default input output const readonly mutable qreg qubit creg bool bit int uint float angle
        complex array void duration stretch gphase nop""",
    )
)
"""Keywords at the start of statements that look like a gate on a qubit but are not."""
_DEFINITIONS = ("gate", "def", "cal", "defcal")
_BREAK = re.compile(r"[;{}]")
_LITERAL_BEFORE = re.compile(r"(?:=|\bin|[\[(,])\Z")
_LOOK_BACK = 1000
"""Number of characters before a brace that are examined."""
_FIRST_WORD = re.compile(r"\s*([^\W\d]\w*)")
_ON_PHYSICAL = re.compile(r"\s*+([^\W\d]\w*+)\s*+(?:\(([^()]*+)\)\s*+)?(\$\d++(?:\s*+,\s*+\$\d++)*+)\s*+")
_OPERAND = r"(?:\$\d++|[^\W\d]\w*+(?:\s*+\[[^\[\]]*+\])*+)"
_OPERANDS = re.compile(rf"\s*+({_OPERAND}(?:\s*+,\s*+{_OPERAND})*+)\s*+")
_MODIFIER = re.compile(r"\s*+(?:inv|pow|ctrl|negctrl)\b[^@]*+@")
_MEASURE = re.compile(r"(?:\A|=|\breturn\b)\s*+measure\s++((?:[^-]|-(?!>))*+)(?:->.*)?\Z", re.S)
_REGISTER = re.compile(
    r"\s*+qubit\s*+(?:\[([^\]]*+)\]\s*+)?([^\W\d]\w*+)\s*+|\s*+qreg\s++([^\W\d]\w*+)\s*+(?:\[([^\]]*+)\])?\s*+"
)
_LOOP_SET = re.compile(r"\s*for\b.*?\bin\b\s*", re.S)


@dataclass(frozen=True)
class Instruction:
    """An instruction that the backend must support.

    Attributes:
        name: A gate, ``measure``, ``reset``, ``barrier``, ``delay``, or a value of ``CONTROL_FLOW``.
        arguments: The text between the parentheses; empty if there are none.
        operands: The qubits as written: ``$3``, ``q``, ``q[0]``; empty for control flow.
        position: Start of the instruction, in characters from the beginning of the text.
        modified: Whether it has modifiers (``ctrl @``, ``inv @``, ``pow(k) @``), so that it is not the plain gate.
    """

    name: str
    arguments: str
    operands: tuple[str, ...]
    position: int
    modified: bool = False


@dataclass(frozen=True)
class QubitRegister:
    """A declaration of virtual qubits: its name, and its size as written (empty: one qubit)."""

    name: str
    size: str


def read_instructions(code: str) -> Iterator[Instruction | QubitRegister]:
    """Yield the instructions and qubit declarations of a program in the order of the text.

    This includes the bodies of ``if``, ``for``, ``while``, ``switch`` and ``box``, but not the bodies of gate
    definitions, subroutines and calibrations, which only define a name.

    Args:
        code: OpenQASM 3 text without comments, pragmas, annotations and strings.
    """
    for text, position in _cut(code):
        found = _ON_PHYSICAL.fullmatch(text)
        if found and found[1] not in NO_GATE:
            name, arguments, operands = found.groups()
            yield Instruction(name, arguments or "", _split(operands), position + found.start(1))
        else:
            yield from _read_any(text, position)


def _cut(code: str) -> Iterator[tuple[str, int]]:
    """Split at the ends of statements and at the braces of blocks; yield the statements and the heads of blocks."""
    start = depth = 0  # The depth inside braces that belong to a definition or to a literal such as {0, 2}.
    literal = False
    for found in _BREAK.finditer(code):
        mark, position = found.group(), found.start()
        if depth:
            depth += {"{": 1, "}": -1, ";": 0}[mark]
            if not depth and not literal:
                start = position + 1
            continue
        text = code[start:position]
        if mark == "{":
            word = _FIRST_WORD.match(text)
            literal = _LITERAL_BEFORE.search(text[-_LOOK_BACK:].rstrip()) is not None
            if literal or (word and word[1] in _DEFINITIONS):
                depth = 1
                continue
        yield text, start
        start = position + 1


def _read_any(text: str, position: int) -> Iterator[Instruction | QubitRegister]:
    """Read a statement of any form, including one that follows the head of a loop or branch without braces."""
    word = _FIRST_WORD.match(text)
    while word and word[1] in (*CONTROL_FLOW, "else"):
        if word[1] in CONTROL_FLOW:
            yield Instruction(CONTROL_FLOW[word[1]], "", (), position + word.start(1))
        end = _end_of_head(text, word[1], word.end())
        text, position = text[end:], position + end
        word = _FIRST_WORD.match(text)
    if declared := _REGISTER.fullmatch(text):
        yield QubitRegister(declared[2] or declared[3], (declared[1] or declared[4] or "").strip())
    elif measured := _MEASURE.search(text):
        yield Instruction("measure", "", _split(measured[1]), position + _indent(text))
    elif instruction := _read_call(text, position):
        yield instruction


def _read_call(text: str, position: int) -> Instruction | None:
    """Read ``modifiers @ name(arguments)[duration] operands``."""
    at = 0
    while modifier := _MODIFIER.match(text, at):
        at = modifier.end()
    word = _FIRST_WORD.match(text, at)
    if word is None or word[1] in NO_GATE:
        return None
    after = _skip(text, word.end(), "(")
    arguments = text[word.end() : after].strip()[1:-1]
    operands = _OPERANDS.fullmatch(text, _skip(text, after, "["))
    if operands is None:
        return None
    return Instruction(word[1], arguments, _split(operands[1]), position + _indent(text), modified=at > 0)


def _end_of_head(text: str, keyword: str, after: int) -> int:
    """Return the position at which the body begins."""
    if keyword == "else":
        return after
    if keyword != "for":
        return _skip(text, after, "(")
    found = _LOOP_SET.match(text)
    if found is None:
        return len(text)
    for bracket in "[{":
        if (end := _skip(text, found.end(), bracket)) > found.end():
            return end
    name = _FIRST_WORD.match(text, found.end())
    return name.end() if name else len(text)


def _skip(text: str, start: int, bracket: str) -> int:
    """Return the end of the bracketed part that begins here, or the start when there is none."""
    at = start + _indent(text[start:])
    if text[at : at + 1] != bracket:
        return start
    closing = {"(": ")", "[": "]", "{": "}"}[bracket]
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == bracket) - (text[index] == closing)
        if not depth:
            return index + 1
    return len(text)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _split(operands: str) -> tuple[str, ...]:
    """Split at the commas outside brackets."""
    if "[" not in operands:
        return tuple(operand.strip() for operand in operands.split(","))
    return tuple(part.strip() for part in re.split(r",(?![^\[]*\])", operands))
