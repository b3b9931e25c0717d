"""Replaces constants in OpenQASM 3 text by their values, for importers that do not support constants.

Qiskit's importer accepts ``bit[4] c;`` but not ``const int d = 2;`` or ``bit[d**2] c;``, which are valid OpenQASM 3;
and ``c[0] == true`` but not ``c[0] == 1``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from openqasm3 import ast
from openqasm3.parser import parse
from openqasm3.printer import dumps

from airflow_provider_qrt.primitives.circuits.constants import evaluate

_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=", "&&", "||")


def fold_constants(text: str) -> str:
    """Return a program with its constants replaced by their values, and bits compared with true and false.

    Args:
        text: A program that the reference parser can read.
    """
    program = parse(text)
    program.statements = _Folding(program).fold(program.statements)
    return str(dumps(program))


class _Folding:
    """The replacement of constants in one program."""

    def __init__(self, program: ast.Program) -> None:
        self._constants: dict[str, Any] = {}
        self._single_bits = {
            node.identifier.name
            for node in program.statements
            if isinstance(node, ast.ClassicalDeclaration) and isinstance(node.type, ast.BitType) and not node.type.size
        }

    def fold(self, node: Any) -> Any:
        """Return a node, or a list of them, without constants; None for a declaration that is no longer needed."""
        fold: Callable[[_Folding, Any], Any] = self._FOLDS.get(type(node), _Folding._parts)
        return fold(self, node)

    def _list(self, nodes: list[Any]) -> list[Any]:
        folded = [self.fold(one) for one in nodes]
        return [one for one in folded if one is not None]

    def _tuple(self, nodes: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(map(self.fold, nodes))

    def _constant(self, node: ast.ConstantDeclaration) -> ast.ConstantDeclaration | None:
        known = evaluate(dumps(node.init_expression), self._constants)
        if known is None:
            return node
        self._constants[node.identifier.name] = known
        return None

    def _identifier(self, node: ast.Identifier) -> Any:
        return _literal(self._constants[node.name]) if node.name in self._constants else node

    def _gate(self, node: ast.QuantumGateDefinition) -> ast.QuantumGateDefinition:
        """Fold the body of a gate, where its parameters hide constants of the same name."""
        kept = dict(self._constants)
        for part in (*node.arguments, *node.qubits):
            self._constants.pop(part.name, None)
        node.body = self.fold(node.body)
        self._constants = kept
        return node

    def _computed(self, node: Any) -> Any:
        if isinstance(node, ast.BinaryExpression) and node.op.name in _COMPARISONS:
            compared = self._parts(node)
            if node.op.name in ("==", "!="):
                left, right = compared.lhs, compared.rhs
                compared.lhs, compared.rhs = self._as_truth(left, right), self._as_truth(right, left)
            return compared
        value = evaluate(dumps(node), self._constants)
        return self._parts(node) if value is None else _literal(value)

    def _as_truth(self, node: Any, other: Any) -> Any:
        """Replace 0 and 1 by false and true where they are compared with a single bit."""
        single = (
            isinstance(other, ast.IndexExpression)
            and isinstance(other.index, list)
            and not any(isinstance(part, ast.RangeDefinition) for part in other.index)
        ) or (isinstance(other, ast.Identifier) and other.name in self._single_bits)
        return _literal(bool(node.value)) if single and _is_bit(node) else node

    def _parts(self, node: Any) -> Any:
        if isinstance(node, ast.QASMNode):
            for field, part in vars(node).items():
                if field != "span":
                    setattr(node, field, self.fold(part))
        return node

    _FOLDS: ClassVar[Mapping[type[Any], Callable[[Any, Any], Any]]] = {
        list: _list,
        tuple: _tuple,
        ast.ConstantDeclaration: _constant,
        ast.Identifier: _identifier,
        ast.QuantumGateDefinition: _gate,
        ast.BinaryExpression: _computed,
        ast.UnaryExpression: _computed,
        ast.FunctionCall: _computed,
        ast.Cast: _computed,
    }
    """How each kind of node is folded; all others are folded part by part."""


def _is_bit(node: Any) -> bool:
    return isinstance(node, ast.IntegerLiteral) and node.value in (0, 1)


def _literal(value: Any) -> Any:
    if isinstance(value, bool):
        return ast.BooleanLiteral(value)
    if value < 0:
        return ast.UnaryExpression(ast.UnaryOperator["-"], _literal(-value))
    return ast.IntegerLiteral(value) if isinstance(value, int) else ast.FloatLiteral(value)
