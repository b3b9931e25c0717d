"""Evaluates OpenQASM 3 expressions that are known before the circuit runs: register sizes, indices and gate angles.

The operators of OpenQASM 3 are those of Python except for ``&&``, ``||`` and ``!``, so Python's parser reads an
expression, which is then evaluated node by node. No code is executed. Source: the OpenQASM 3 live specification
(constants, operators and built-in functions, casts).
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
    "Ɛ": math.e,  # Python's parser normalizes the letter above to this one.
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
"""Largest integer that is computed, in bits; no size, index or angle needs more."""

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


class _UndecidedError(Exception):
    """The expression has no known value: it contains an unknown name or an unsupported operation."""


def evaluate(expression: str, names: Mapping[str, Any] | None = None, *, whole_quotients: bool = True) -> Any:
    """Evaluate an expression.

    Args:
        expression: The text of the expression, without comments.
        names: Values of the names in it, besides ``pi``, ``tau`` and ``euler``: numbers, or numpy arrays of numbers,
            which are evaluated element by element.
        whole_quotients: Whether the quotient of two integers is rounded towards zero, as OpenQASM 3 specifies. Not
            every compiler rounds angles (``7/2``); with False, a quotient that is not an integer has no value.

    Returns:
        A number, a boolean or an array; None when the value is not known.
    """
    tree = _parse(expression.strip())
    if tree is None:
        return None
    try:
        value = _Evaluation(names or {}, whole_quotients).value(tree)
        return None if isinstance(value, float) and not math.isfinite(value) else value
    except (_UndecidedError, ArithmeticError, ValueError, TypeError, RecursionError):
        # Python refuses the same operations as OpenQASM: a shift by a negative number, the root of a negative number, a
        # float as a bit mask.
        return None


def evaluate_whole(expression: str, names: Mapping[str, Any] | None = None) -> int | None:
    """Evaluate an expression whose value must be an integer, such as a size; return None for any other value."""
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
            case ast.BoolOp(op=operation, values=values):
                return (all if isinstance(operation, ast.And) else any)(map(self.value, values))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                return self._compare(comparison, left, right)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, [self.value(argument) for argument in arguments])
            case ast.Call(func=ast.Subscript(value=ast.Name(id=name)), args=[argument], keywords=[]):
                return self._call(name, [self.value(argument)])
        raise _UndecidedError

    def _named(self, name: str) -> Any:
        for known in (self._names, BUILT_IN, _TRUTH):
            if known.get(name) is not None:
                return known[name]
        raise _UndecidedError

    def _compare(self, comparison: ast.cmpop, left: ast.expr, right: ast.expr) -> Any:
        compare = _COMPARISONS.get(type(comparison))
        if compare is None:
            raise _UndecidedError
        return compare(self.value(left), self.value(right))

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
            raise _UndecidedError
        return apply(left, right)

    def _quotient(self, left: int, right: int) -> int:
        if left % right and not self._whole_quotients:
            raise _UndecidedError
        size = abs(left) // abs(right)
        return size if (left < 0) == (right < 0) else -size

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name in _CASTS and len(arguments) == 1:
            return _CASTS[name](arguments[0])
        function = _functions().get(name)
        if function is None:
            raise _UndecidedError
        import numpy as np

        with np.errstate(all="ignore"):
            value = function(*arguments)
        return value.item() if isinstance(value, np.generic) else value


@cache
def _functions() -> Mapping[str, Callable[..., Any]]:
    """Return the functions of the language that return numbers; they accept numbers and arrays of numbers."""
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
        raise _UndecidedError
    return base**exponent
