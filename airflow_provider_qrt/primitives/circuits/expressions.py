"""Writes angles with parameters in a fixed order, so that the same circuit built twice has the same text.

Qiskit writes the sum of two parameters in an order that depends on their random ids: ``0.5*a - 0.5*b`` in one process
is ``(-0.5)*b + 0.5*a`` in the next. A retry recognizes its job by the text of the circuit; with another text it would
submit and pay for the job a second time.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

_CALL = re.compile(r"^(\s*(?:[^;]*@ )?[A-Za-z_]\w*)\((.*)\)((?: [^()]*)?;)$")
"""A gate with angles, which Qiskit's exporter writes on a separate line."""
_WORTH_READING = re.compile(r" [+-] |\*")


def order_terms(text: str) -> str:
    """Sort the terms and factors of all angles in OpenQASM 3 text that Qiskit wrote.

    Anything but sums and products of numbers, names and functions stays as it is.
    """
    return "\n".join(_line(line) if _WORTH_READING.search(line) else line for line in text.split("\n"))


def _line(line: str) -> str:
    call = _CALL.match(line)
    return line if call is None else f"{call[1]}({_angles(call[2])}){call[3]}"


@lru_cache(maxsize=4096)
def _angles(text: str) -> str:
    try:
        read = ast.parse(f"({text},)", mode="eval").body
        assert isinstance(read, ast.Tuple)
        return ", ".join(_write(_terms(angle)) for angle in read.elts)
    except (SyntaxError, _UnknownError, ArithmeticError, RecursionError):
        return text


class _UnknownError(Exception):
    """The expression is not a sum or product of numbers, names and functions."""


Term = tuple[tuple[str, ...], int | float]
"""The sorted factors of a product without its numeric factor, and the numeric factor."""


def _terms(node: ast.expr) -> list[Term]:
    """Return the unsorted terms of a sum."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return [((), number)]
        case ast.Name(id=name):
            return [((name,), 1)]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [(factors, -number) for factors, number in _terms(operand)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _terms(left) + _terms(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _terms(left) + [(factors, -number) for factors, number in _terms(right)]
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            (factors, number), (others, other) = _product(left), _product(right)
            return [(tuple(sorted(factors + others)), number * other)]
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            (factors, number), (others, other) = _product(left), _product(right)
            inverse = tuple(f"({factor})**(-1)" for factor in others)
            return [(tuple(sorted(factors + inverse)), number if other == 1 else number / other)]
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return [((f"({_write(_terms(left))})**({_write(_terms(right))})",), 1)]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return [((f"{name}({', '.join(_write(_terms(one)) for one in arguments)})",), 1)]
    raise _UnknownError


def _product(node: ast.expr) -> Term:
    """Return an operand of a multiplication, in which a sum is a single factor."""
    terms = _terms(node)
    return terms[0] if len(terms) == 1 else ((f"({_write(terms)})",), 1)


def _write(terms: list[Term]) -> str:
    written = ""
    for factors, number in sorted(terms):
        sign, size = ("-", -number) if number < 0 else ("+", number)
        product = "*".join([*([] if size == 1 and factors else [repr(size)]), *factors])
        if written:
            written += f" {sign} {product}"
        else:
            written = f"-{product}" if sign == "-" else product
    return written
