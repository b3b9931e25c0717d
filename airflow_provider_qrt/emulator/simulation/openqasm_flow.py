"""Rewrites the statements of OpenQASM 3 that Qiskit's importer does not read, where that does not change the outcome.

The importer reads ``if`` and ``while`` with one comparison, and ``for``. A ``switch`` becomes a chain of ``if``, and a
condition with ``&&``, ``||`` and ``!`` becomes nested ``if``. A simulation of gates takes no time, so a delay whose
length is computed, as by a ``stretch``, is left out, and the statements of a ``box`` take its place.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

SWITCH = "switch_case"
"""Name of ``switch`` in a configuration's ``supported_instructions``."""


def rewrite(statements: Sequence[Any]) -> tuple[list[Any], bool]:
    """Rewrite the statements of a program.

    Args:
        statements: Statements of the reference parser.

    Returns:
        The new statements, and whether there was a ``switch`` among the old ones.

    Raises:
        ValueError: A delay names a length that is not declared, or a ``switch`` is not over bits.
    """
    rewriting = _Rewriting()
    return rewriting.block(statements), rewriting.switches


class _Rewriting:
    def __init__(self) -> None:
        self.switches = False
        self._lengths: set[str] = set()

    def block(self, statements: Sequence[Any]) -> list[Any]:
        return [new for statement in statements for new in self._statement(statement)]

    def _statement(self, node: Any) -> list[Any]:
        from openqasm3 import ast

        match node:
            case ast.Box():
                return self.block(node.body)
            case ast.BranchingStatement():
                return _branch(node.condition, self.block(node.if_block), self.block(node.else_block))
            case ast.SwitchStatement():
                self.switches = True
                return self._chain(node)
            case ast.WhileLoop() | ast.ForInLoop():
                if isinstance(node, ast.ForInLoop):
                    self._lengths.add(node.identifier.name)
                node.block = self.block(node.block)
        return [node] if self._takes_no_time(node) else []

    def _takes_no_time(self, node: Any) -> bool:
        """Return whether a statement is to stay; check the names of a length."""
        from openqasm3 import ast

        match node:
            case ast.ClassicalDeclaration(type=ast.DurationType() | ast.StretchType()):
                self._check_length(node.init_expression)
                self._lengths.add(node.identifier.name)
                return False
            case ast.ConstantDeclaration(identifier=ast.Identifier(name=name), type=kind):
                self._lengths.add(name)
                return not isinstance(kind, ast.DurationType)
            case ast.DelayInstruction(duration=length) if not isinstance(length, ast.DurationLiteral):
                self._check_length(length)
                return False
        return True

    def _check_length(self, node: Any) -> None:
        unknown = sorted(set(_names(node)) - self._lengths)
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a declared duration or stretch")

    def _chain(self, node: Any) -> list[Any]:
        from openqasm3 import ast

        target = node.target
        while isinstance(target, ast.Cast):
            target = target.argument
        if not isinstance(target, ast.Identifier | ast.IndexExpression):
            raise ValueError("the emulator runs a switch over bits only")
        chain = self.block(node.default.statements) if node.default is not None else []
        for values, body in reversed(node.cases):
            inside = self.block(body.statements)
            for value in reversed(values):
                equal = ast.BinaryExpression(ast.BinaryOperator["=="], copy.deepcopy(target), value)
                chain = _branch(equal, copy.deepcopy(inside), chain)
        return chain


def _branch(condition: Any, then: list[Any], otherwise: list[Any]) -> list[Any]:
    """Return an ``if`` whose conditions are single comparisons.

    The bits of a condition are read before anything in a branch is done, and one branch only is taken, so it can be
    decided step by step.
    """
    from openqasm3 import ast

    match condition:
        case ast.UnaryExpression(op=op, expression=inner) if op.name == "!":
            return _branch(inner, otherwise, then)
        case ast.BinaryExpression(op=op, lhs=left, rhs=right) if op.name == "&&":
            return _branch(left, _branch(right, then, copy.deepcopy(otherwise)), otherwise)
        case ast.BinaryExpression(op=op, lhs=left, rhs=right) if op.name == "||":
            return _branch(left, then, _branch(right, copy.deepcopy(then), otherwise))
        case ast.BinaryExpression(op=op, lhs=left, rhs=right) if op.name == "!=":
            return _branch(ast.BinaryExpression(ast.BinaryOperator["=="], left, right), otherwise, then)
    return [ast.BranchingStatement(condition, then, otherwise)]


def _names(node: Any) -> Iterator[str]:
    from openqasm3 import ast

    if isinstance(node, ast.Identifier):
        yield node.name
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _names(one)
    elif isinstance(node, ast.QASMNode) and not isinstance(node, ast.DurationOf):
        for field, value in vars(node).items():
            if field != "span":
                yield from _names(value)
