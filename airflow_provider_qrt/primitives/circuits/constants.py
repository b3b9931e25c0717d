"""OpenQASM 3 expressions that have a value before the circuit runs: sizes of registers, indices, angles of gates.

The operators of OpenQASM 3 are those of Python but for ``&&``, ``||`` and ``!``, so an expression is read with Python's
own parser and then evaluated node by node. Nothing is executed. Source: the OpenQASM 3 live specification (constants,
operators and built-in functions, casts).
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

BUILT_IN: Mapping[str, float] = {
    "pi": math.pi,
    "π": math.pi,
    "tau": math.tau,
    "τ": math.tau,
    "euler": math.e,
    "ℇ": math.e,
    "Ɛ": math.e,  # What Python's parser makes of the line above.
}
"""The constants of the language, by name."""

FUNCTIONS = frozenset(
    (
        *("arccos", "arcsin", "arctan", "ceiling", "cos", "exp", "floor", "imag", "log"),
        *("mod", "popcount", "pow", "real", "rotl", "rotr", "sin", "sqrt", "tan"),
    )
)
"""The functions of the language, by name."""

_MOST_BITS = 64
"""Longest whole number that is computed, in bits: no size, index or angle needs more."""

_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "int": int,
    "uint": int,
    "float": float,
    "angle": float,
    "bool": bool,
    "bit": int,
}
_WORDS = ((re.compile(r"&&"), " and "), (re.compile(r"\|\|"), " or "), (re.compile(r"!(?!=)"), " not "))
_ZEROS = re.compile(r"(?<![\w.])0+(?=[0-9])")
_TRUTH = {"true": True, "false": False}

_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_SIGNS: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class _Undecided(Exception):
    """The expression has no value here: it holds a name without one, or something that is not computed."""


def evaluate(expression: str, names: Mapping[str, Any] | None = None, *, whole_quotients: bool = True) -> Any:
    """Evaluate an expression.

    Args:
        expression: What is written, without comments.
        names: Values of the names in it, besides ``pi``, ``tau`` and ``euler``: numbers, or numpy arrays of numbers,
            which are computed with element by element.
        whole_quotients: Whether the quotient of two whole numbers is rounded towards zero, as OpenQASM 3 has it. Not
            every compiler does so with angles (``7/2``); with False such a quotient has no value unless it is whole.

    Returns:
        A number, a truth value or an array; None when it has no value.
    """
    tree = _parse(expression.strip())
    if tree is None:
        return None
    try:
        value = _Evaluation(names or {}, whole_quotients).value(tree)
        return None if isinstance(value, float) and not math.isfinite(value) else value
    except (_Undecided, ArithmeticError, ValueError, TypeError, RecursionError):
        # Python's own rules refuse what the language's do: a shift by a negative number, the root of one, a float as a
        # mask of bits.
        return None


def evaluate_whole(expression: str, names: Mapping[str, Any] | None = None) -> int | None:
    """Evaluate an expression to a whole number, as a size has to be; None when it is none."""
    value = evaluate(expression, names)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@lru_cache(maxsize=4096)
def _parse(expression: str) -> ast.expr | None:
    if not expression.isidentifier():
        expression = _ZEROS.sub("", expression)
        for pattern, word in _WORDS:
            expression = pattern.sub(word, expression)
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Evaluation:
    """One evaluation of one expression."""

    def __init__(self, names: Mapping[str, Any], whole_quotients: bool) -> None:
        self._names = names
        self._whole_quotients = whole_quotients

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(op=sign, operand=operand):
                return _SIGNS[type(sign)](self.value(operand))
            case ast.BinOp(left=left, op=operation, right=right):
                return self._binary(operation, self.value(left), self.value(right))
            case ast.BoolOp(op=ast.And(), values=values):
                return all(map(self.value, values))
            case ast.BoolOp(values=values):
                return any(map(self.value, values))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                compare = _COMPARISONS.get(type(comparison))
                if compare is not None:
                    return compare(self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, [self.value(argument) for argument in arguments])
            case ast.Call(func=ast.Subscript(value=ast.Name(id=name)), args=[argument], keywords=[]):
                return self._call(name, [self.value(argument)])
        raise _Undecided

    def _named(self, name: str) -> Any:
        for known in (self._names, BUILT_IN, _TRUTH):
            if known.get(name) is not None:
                return known[name]
        raise _Undecided

    def _binary(self, operation: ast.operator, left: Any, right: Any) -> Any:
        whole = isinstance(left, int) and isinstance(right, int)
        match operation:
            case ast.Div() if whole:
                return self._quotient(left, right)
            case ast.Div():
                return left / right
            case ast.Pow():
                return _power(left, right)
            case ast.LShift() if whole and left.bit_length() + right <= _MOST_BITS:
                return left << right
            case ast.RShift() if whole:
                return left >> right
        apply = _OPERATORS.get(type(operation))
        if apply is None:
            raise _Undecided
        return apply(left, right)

    def _quotient(self, left: int, right: int) -> int:
        if left % right and not self._whole_quotients:
            raise _Undecided
        size = abs(left) // abs(right)
        return size if (left < 0) == (right < 0) else -size

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name in _CASTS and len(arguments) == 1:
            return _CASTS[name](arguments[0])
        function = _functions().get(name)
        if function is None:
            raise _Undecided
        import numpy as np

        with np.errstate(all="ignore"):
            value = function(*arguments)
        return value.item() if isinstance(value, np.generic) else value


@cache
def _functions() -> Mapping[str, Callable[..., Any]]:
    """Those of the language's functions whose value is a number, for numbers and for arrays of them."""
    import numpy as np

    return {
        "arccos": np.arccos,
        "arcsin": np.arcsin,
        "arctan": np.arctan,
        "ceiling": math.ceil,
        "cos": np.cos,
        "exp": np.exp,
        "floor": math.floor,
        "log": np.log,
        "mod": operator.mod,
        "popcount": lambda number: int(number).bit_count(),
        "pow": _power,
        "sin": np.sin,
        "sqrt": np.sqrt,
        "tan": np.tan,
    }


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _MOST_BITS:
        raise _Undecided
    return base**exponent
