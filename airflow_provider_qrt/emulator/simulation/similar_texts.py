"""Parses OpenQASM 3 texts that differ only in their decimal numbers once.

The reference parser is written in Python and takes longer for a short circuit than its simulation. The circuits of a
job often differ only in angles. QPY is read by compiled code, so without this a job of texts would take several times
as long as the same job of QPY.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

MOST_CHARACTERS = 20_000
"""Longest text whose syntax tree is kept."""
TREES = 64
"""Number of syntax trees that are kept."""

_NUMBER = re.compile(
    r"OPENQASM\s+[0-9.]+|\"[^\"\n]*\"|//[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|(?<![\w.$])(?P<number>[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?)(?![\w.])",
    re.S,
)
_PLACEHOLDER = "0.5"


def parse(text: str) -> Any:
    """Return the syntax tree of a text, which the caller may change.

    Raises:
        Exception: Any error of the parser.
    """
    import openqasm3

    if len(text) <= MOST_CHARACTERS:
        numbers: list[float] = []

        def take(found: re.Match[str]) -> str:
            if found["number"] is None:
                return found.group()
            numbers.append(float(found["number"]))
            return _PLACEHOLDER

        common = _NUMBER.sub(take, text)
        if numbers and (tree := _tree_of(common)) is not None:
            # Its owner changes a syntax tree, so everyone gets a new one.
            program, literals = pickle.loads(tree)  # noqa: S301 - made by this process
            if len(literals) == len(numbers):
                for literal, number in zip(literals, numbers, strict=True):
                    literal.value = number
                return program
    return openqasm3.parse(text)


@lru_cache(maxsize=TREES)
def _tree_of(text: str) -> bytes | None:
    """Return a pickled syntax tree and its placeholders in the order of the text.

    None if the text is wrong, or if it is not certain which numbers are the placeholders.
    """
    import openqasm3

    try:
        program = openqasm3.parse(text)
    except Exception:
        # The text itself is parsed, for the position in the message.
        return None
    try:
        literals = sorted(_float_literals(program), key=_place)
        places = [_line_and_column(text, found.start()) for found in _NUMBER.finditer(text) if found["number"]]
        return pickle.dumps((program, literals)) if list(map(_place, literals)) == places else None
    except RecursionError:
        return None


def _float_literals(node: Any) -> Iterator[Any]:
    from openqasm3 import ast

    if isinstance(node, ast.FloatLiteral):
        yield node
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _float_literals(part)
    elif isinstance(node, ast.QASMNode):
        for field, part in vars(node).items():
            if field != "span":
                yield from _float_literals(part)


def _place(node: Any) -> tuple[int, int]:
    return node.span.start_line, node.span.start_column


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - (text.rfind("\n", 0, position) + 1)
