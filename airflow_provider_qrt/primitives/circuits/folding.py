"""OpenQASM 3 text without constants, for importers that know none.

Qiskit's importer takes ``bit[4] c;`` and neither ``const int d = 2;`` nor ``bit[d**2] c;``, which the language has.
"""

from __future__ import annotations

from typing import Any

from openqasm3 import ast
from openqasm3.parser import parse
from openqasm3.printer import dumps

from airflow_provider_qrt.primitives.circuits.constants import evaluate

_COMPUTED = (ast.BinaryExpression, ast.UnaryExpression, ast.FunctionCall, ast.Cast)
_COMPARISONS = ("==", "!=", "<", ">", "<=", ">=", "&&", "||")


def fold_constants(text: str) -> str:
    """Return a program with the values of its constants in their place.

    Args:
        text: A program that the reference parser can read.
    """
    program = parse(text)
    program.statements = _Folding().fold(program.statements)
    return str(dumps(program))


class _Folding:
    def __init__(self) -> None:
        self._constants: dict[str, Any] = {}

    def fold(self, node: Any) -> Any:
        """Return a node, or a list of them, without constants."""
        match node:
            case list():
                folded = [self.fold(one) for one in node]
                return [one for one in folded if one is not None]
            case tuple():
                return tuple(map(self.fold, node))
            case ast.ConstantDeclaration(identifier=ast.Identifier(name=name), init_expression=value):
                known = evaluate(dumps(value), self._constants)
                if known is None:
                    return node
                self._constants[name] = known
                return None
            case ast.Identifier(name=name):
                return _literal(self._constants[name]) if name in self._constants else node
            case ast.QuantumGateDefinition(arguments=arguments, qubits=qubits):
                kept = dict(self._constants)
                for part in (*arguments, *qubits):
                    self._constants.pop(part.name, None)
                node.body = self.fold(node.body)
                self._constants = kept
                return node
        if isinstance(node, _COMPUTED) and not (
            isinstance(node, ast.BinaryExpression) and node.op.name in _COMPARISONS
        ):
            value = evaluate(dumps(node), self._constants)
            if value is not None:
                return _literal(value)
        if isinstance(node, ast.QASMNode):
            for field, part in vars(node).items():
                if field != "span":
                    setattr(node, field, self.fold(part))
        return node


def _literal(value: Any) -> Any:
    if isinstance(value, bool):
        return ast.BooleanLiteral(value)
    if value < 0:
        return ast.UnaryExpression(ast.UnaryOperator["-"], _literal(-value))
    return ast.IntegerLiteral(value) if isinstance(value, int) else ast.FloatLiteral(value)
