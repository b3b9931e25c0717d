"""Checks the names, operands and indices in the expressions of an OpenQASM 3 program; a part of ``scope``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from openqasm3 import ast
from openqasm3.printer import dumps

from airflow_provider_qrt.primitives.circuits.constants import evaluate, evaluate_whole
from airflow_provider_qrt.primitives.circuits.symbols import Kind, Names, Scope, Symbol
from airflow_provider_qrt.primitives.errors import InvalidInputError, did_you_mean


class ExpressionChecker(ABC):
    """Check expressions against the names that are visible where they stand.

    Args:
        where: The text at the start of each error message.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._names = Names()
        self._line = 1
        self._calibrates = False

    @abstractmethod
    def block(self, statements: Iterable[Any]) -> None:
        """Check the statements of a block in their order."""

    def _inner(
        self, statements: Iterable[Any], names: Mapping[str, Symbol] | None = None, outer: frozenset[Kind] | None = None
    ) -> None:
        """Check a block that has a scope of its own.

        Args:
            statements: The block.
            names: Names that are declared before its first statement, such as parameters.
            outer: Kinds of outer names that are visible in it; None for all.
        """
        line = self._line
        self._names.scopes.append(Scope(dict(names or {}), outer))
        self.block(statements)
        self._names.scopes.pop()
        self._line = line

    # Values

    def _value(self, node: Any) -> None:
        """Check an expression whose value must be a number or bits."""
        if isinstance(node, ast.Identifier):
            symbol = self._use(node.name)
            if symbol is not None and symbol.kind in (Kind.QUBIT, Kind.GATE, Kind.FUNCTION):
                raise self._error(f"{node.name!r} is {symbol.kind}, and a value is needed here")
            return
        self._expression(node)

    def _expression(self, node: Any) -> None:
        """Check every name in an expression, or in a list of expressions."""
        check = self._EXPRESSIONS.get(type(node))
        if check is not None:
            check(self, node)
        elif isinstance(node, ast.QASMNode):
            for part in vars(node).values():
                if isinstance(part, ast.QASMNode | list) and not isinstance(part, ast.Span):
                    self._expression(part)

    def _each(self, nodes: Iterable[Any]) -> None:
        for node in nodes:
            self._expression(node)

    def _identifier(self, node: ast.Identifier) -> None:
        self._use(node.name)

    def _call(self, node: ast.FunctionCall) -> None:
        symbol = self._use(node.name.name)
        if symbol is not None and symbol.kind is not Kind.FUNCTION:
            raise self._error(f"{node.name.name!r} is {symbol.kind}, not a function")
        self._each(node.arguments)

    def _unary(self, node: ast.UnaryExpression) -> None:
        self._value(node.expression)

    def _binary(self, node: ast.BinaryExpression) -> None:
        self._value(node.lhs)
        self._value(node.rhs)

    def _measured(self, node: ast.QuantumMeasurement) -> None:
        self._qubits([node.qubit])

    def _duration_of(self, node: ast.DurationOf) -> None:
        self._inner(node.target)

    # Operands

    def _qubits(self, nodes: Sequence[Any]) -> list[Symbol | None]:
        """Check operands that must be qubits; return what each one stands for, None where that is unknown."""
        found = []
        for node in nodes:
            symbol = self._operand(node)
            if symbol is not None and symbol.kind not in (Kind.QUBIT, Kind.ALIAS):
                raise self._error(f"{name_of(node)!r} is {symbol.kind}, and a qubit is needed here")
            found.append(symbol)
        return found

    def _operand(self, node: Any) -> Symbol | None:
        """Return what a name with or without indices stands for; None when that is not known."""
        match node:
            case ast.Identifier(name=name):
                return self._use(name)
            case ast.IndexedIdentifier(name=ast.Identifier(name=name), indices=indices):
                symbol = self._use(name)
                for index in indices:
                    symbol = self._indexed(name, symbol, index)
                return symbol
            case ast.IndexExpression(collection=collection, index=index):
                symbol = self._operand(collection)
                return self._indexed(name_of(collection), symbol, index)
        self._expression(node)
        return None

    def _indexed(self, name: str, symbol: Symbol | None, index: Any) -> Symbol | None:
        """Check an index of a register; return the part of the register that the index selects."""
        parts = index.values if isinstance(index, ast.DiscreteSet) else index
        self._each(parts)
        if symbol is None or symbol.kind not in (Kind.QUBIT, Kind.BIT):
            return None if symbol is None or symbol.kind is not Kind.ALIAS else symbol
        if symbol.single:
            raise self._error(f"{name!r} is a single {symbol.kind.removeprefix('a ')} and has no index")
        for part in parts:
            bounds = (part.start, part.end) if isinstance(part, ast.RangeDefinition) else (part,)
            for bound in bounds:
                self._within(name, symbol, None if bound is None else self._whole(bound))
        one = not isinstance(index, ast.DiscreteSet) and not isinstance(parts[0], ast.RangeDefinition)
        return Symbol(symbol.kind, symbol.line, single=one)

    def _within(self, name: str, symbol: Symbol, index: int | None) -> None:
        if index is None or symbol.size is None or -symbol.size <= index < symbol.size:
            return
        some = symbol.kind.removeprefix("a ")
        has = (
            f"its {symbol.size} {some}s are {name}[0] to {name}[{symbol.size - 1}]"
            if symbol.size > 1
            else (f"its only {some} is {name}[0]" if symbol.size else f"it has no {some}s")
        )
        raise self._error(f"{name}[{index}] is out of range: {has}")

    # Names

    def _use(self, name: str) -> Symbol | None:
        """Return what a name stands for; None when a calibration may have declared it."""
        if name.startswith("$"):
            return Symbol(Kind.QUBIT, single=True)
        symbol = self._names.find(name)
        if symbol is None and not self._calibrates:
            raise self._error(
                f"the name {name!r} is not declared{self._hidden(name) or did_you_mean(name, self._names.all())}"
            )
        return symbol

    def _hidden(self, name: str) -> str:
        known = self._names.hidden(name)
        if known is None:
            return ""
        return f" here: {known.kind} of the circuit is not visible in a gate or subroutine; hand it over as an argument"

    def _variables(self, node: Any) -> Iterator[str]:
        """Yield the names in an expression that do not stand for a constant."""
        if isinstance(node, ast.Identifier):
            symbol = self._names.find(node.name)
            if symbol is not None and symbol.kind in (Kind.VALUE, Kind.INPUT, Kind.BIT):
                yield node.name
        elif isinstance(node, ast.QASMNode):
            for part in vars(node).values():
                yield from self._variables(part)

    def _evaluate(self, node: Any) -> Any:
        return evaluate(dumps(node), self._names.constants())

    def _whole(self, node: Any) -> int | None:
        return evaluate_whole(dumps(node), self._names.constants())

    def _error(self, problem: str) -> InvalidInputError:
        end = "" if problem.endswith("?") else "."
        return InvalidInputError(f"{self._where}: line {self._line}: {problem}{end} Nothing was submitted.")

    _EXPRESSIONS: ClassVar[Mapping[type[Any], Callable[[Any, Any], Any]]] = {
        ast.Identifier: _identifier,
        ast.IndexExpression: _operand,
        ast.IndexedIdentifier: _operand,
        ast.FunctionCall: _call,
        ast.UnaryExpression: _unary,
        ast.BinaryExpression: _binary,
        ast.QuantumMeasurement: _measured,
        ast.DurationOf: _duration_of,
        list: _each,
    }
    """The check for each kind of node; all other nodes are searched for names."""


def name_of(node: Any) -> str:
    """Return a name, or the text of an expression that is not a name."""
    return str(node.name if isinstance(node, ast.Identifier) else dumps(node))
