"""Shortens OpenQASM 3 text for the reference parser: leaves out gates that it has seen, and replaces numbers.

The parser is written in Python and needs about 10 microseconds per character. Most of a circuit is the same few gates
on other qubits and with other angles, and the two hundred circuits of a job often differ in nothing else. Whether such
a statement is right does not depend on the numbers in it, so the outline of a text keeps one of each kind. An outline
is right only if its text is right; the outlines of similar circuits are equal.

A text is shortened only where it is certain that a semicolon ends a statement of the outermost scope: texts with
control flow, subroutines, boxes, calibrations, annotations, pragmas, block comments or strings stay as they are.
"""

from __future__ import annotations

import re

from airflow_provider_qrt.primitives.circuits.statements import NO_GATE

_LINE_COMMENT = re.compile(r"//[^\r\n]*")
_INCLUDE = 'include "stdgates.inc"'
_UNCERTAIN = re.compile(
    r"/\*|[\"'@#]"
    r"|\b(?:if|else|for|while|switch|case|default|box|def|return|pragma|cal|defcal|defcalgrammar)\b"
)
# White space, digits and signs are those of the language's grammar, which knows fewer of them than Python.
_SPACE = r"[ \t\r\n]*+"
_NUMBER = r"-?[0-9]++(?:\.[0-9]*+)?(?:[eE][-+]?[0-9]++)?+"
_NUMBERS = re.compile(rf"{_SPACE}{_NUMBER}{_SPACE}(?:,{_SPACE}{_NUMBER}{_SPACE})*+")
_OPERAND = rf"(?:\$[0-9]++|[^\W\d]\w*+{_SPACE}\[{_SPACE}[0-9]++{_SPACE}\])"
_GATE = re.compile(
    rf"(?<=;){_SPACE}(?P<name>[^\W\d]\w*+){_SPACE}(?:\((?P<angles>[^();]*+)\){_SPACE})?+"
    rf"(?P<operands>{_OPERAND}{_SPACE}(?:,{_SPACE}{_OPERAND}{_SPACE})*+);"
)
"""A gate on physical qubits or on elements of registers, after the end of another statement."""


def outline(text: str) -> str:
    """Return an OpenQASM 3 text that is right only if the given text is right, and that is often much shorter.

    "Right" means that the reference parser accepts it and that its names, types and indices are right. Lines and
    columns are not kept, so an error is explained with the original text.

    Args:
        text: Any text.
    """
    bare = _LINE_COMMENT.sub("", text)
    if _UNCERTAIN.search(bare.replace(_INCLUDE, "")):
        return text
    # Braces are those of gate definitions and literals, whose contents stay.
    start = bare.rfind("}") + 1
    if "{" in bare[start:]:
        return text
    seen: set[tuple[str, str, str]] = set()

    def shorten(gate: re.Match[str]) -> str:
        name, angles, operands = gate["name"], gate["angles"], gate["operands"]
        if name in NO_GATE:
            return gate.group()
        if angles is None:
            angles = ""
        else:
            angles = f"({','.join(['0.5'] * (angles.count(',') + 1)) if _NUMBERS.fullmatch(angles) else angles})"
        places = [place.strip(" \t\r\n") for place in operands.split(",")]
        if all(place.startswith("$") for place in places) and len(set(places)) == len(places):
            places = [f"${number}" for number in range(len(places))]
        kind = (name, angles, ",".join(places))
        if kind in seen:
            return ""
        seen.add(kind)
        return f"\n{name}{angles} {kind[2]};"

    return bare[:start] + _GATE.sub(shorten, bare[start:])
