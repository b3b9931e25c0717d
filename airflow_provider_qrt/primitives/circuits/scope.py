"""Checks the names, types and indices of an OpenQASM 3 program, which its grammar does not cover.

The service reads the text only when the job's turn comes, so a register that is declared twice, ``c[3]`` of
``bit[1] c;`` or a gate that nobody defined would fail only after the wait in the queue. Rules: the OpenQASM 3 live
specification (scoping of identifiers, types). Anything that can be decided only by running the program, such as a
computed index, passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from openqasm3 import ast
from openqasm3.printer import dumps

from airflow_provider_qrt.primitives.circuits.scope_expressions import ExpressionChecker, name_of
from airflow_provider_qrt.primitives.circuits.symbols import (
    IN_A_DEFINITION,
    NATIVE_GATES,
    STANDARD_GATES,
    Kind,
    Symbol,
)
from airflow_provider_qrt.primitives.errors import InvalidInputError, did_you_mean


def check_scope(program: ast.Program, where: str) -> None:
    """Refuse a program whose names, types or indices are wrong.

    Args:
        program: The syntax tree that the reference parser made of the text.
        where: The text at the start of each error message.

    Raises:
        InvalidInputError: A name is not declared, is declared twice, or stands for something that cannot be used in its
            place; a gate gets the wrong number of angles or qubits; or an index lies outside its register. The message
            gives the line.
    """
    checker = _Checker(where)
    try:
        checker.block(program.statements)
    except RecursionError:
        return  # The program is nested too deep for a checker written in Python; it may still be right.


class _Checker(ExpressionChecker):
    def block(self, statements: Iterable[Any]) -> None:
        for statement in statements:
            if statement.span is not None:
                self._line = statement.span.start_line
            check = self._STATEMENTS.get(type(statement))
            if check is not None:
                check(self, statement)

    # Declarations

    def _include(self, node: ast.Include) -> None:
        if node.filename != "stdgates.inc":
            raise self._error(
                f'include "{node.filename}": the service has no such file, only stdgates.inc. '
                "Put what it defines into the text"
            )
        for gate, (angles, qubits) in STANDARD_GATES.items():
            self._declare(gate, Symbol(Kind.GATE, angles=angles, qubits=qubits), "stdgates.inc defines")

    def _qubit_declaration(self, node: ast.QubitDeclaration) -> None:
        name = node.qubit.name
        self._declare(name, self._register(Kind.QUBIT, name, node.size))

    def _classical_declaration(self, node: ast.ClassicalDeclaration) -> None:
        name = node.identifier.name
        symbol = self._classical(name, node.type)
        self._initial(node.init_expression, symbol, name)
        self._declare(name, symbol)

    def _constant_declaration(self, node: ast.ConstantDeclaration) -> None:
        self._value(node.init_expression)
        self._declare(node.identifier.name, Symbol(Kind.CONSTANT, value=self._evaluate(node.init_expression)))

    def _io_declaration(self, node: ast.IODeclaration) -> None:
        name = node.identifier.name
        is_input = node.io_identifier is ast.IOKeyword.input
        self._declare(name, Symbol(Kind.INPUT) if is_input else self._classical(name, node.type))

    def _alias(self, node: ast.AliasStatement) -> None:
        self._expression(node.value)
        self._declare(node.target.name, Symbol(Kind.ALIAS))

    def _extern(self, node: ast.ExternDeclaration) -> None:
        self._declare(node.name.name, Symbol(Kind.FUNCTION))

    def _calibration_definition(self, node: ast.CalibrationDefinition) -> None:
        self._calibrates = True
        name = node.name.name
        if name not in self._names.scopes[0].names:
            self._names.scopes[0].names[name] = Symbol(Kind.GATE, self._line)

    def _calibration(self, _: Any) -> None:
        self._calibrates = True

    def _declare(self, name: str, symbol: Symbol, how: str = "") -> None:
        """Add a name to the innermost scope; ``how`` says which file declares it."""
        names = self._names.scopes[-1].names
        first = names.get(name)
        if first is not None and (first.line or first.kind is not Kind.FUNCTION):
            there = (
                f"the first is in line {first.line}"
                if first.line
                else "that name belongs to the language or stdgates.inc"
            )
            if how:
                raise self._error(f"{how} {name!r}, which line {first.line} has defined already; include it first")
            raise self._error(f"{name!r} is declared a second time; {there}. Choose another name")
        names[name] = symbol if how else replace(symbol, line=self._line)

    def _register(self, kind: Kind, name: str, size: Any) -> Symbol:
        if size is None:
            return Symbol(kind, single=True)
        self._value(size)
        known = self._whole(size)
        if known is None and (variable := next(self._variables(size), None)):
            raise self._error(
                f"the size of {name!r} must be a constant, and {variable!r} is none; write const before it"
            )
        return Symbol(kind, size=known)

    def _classical(self, name: str, kind: Any) -> Symbol:
        if isinstance(kind, ast.BitType):
            return self._register(Kind.BIT, name, kind.size)
        return Symbol(Kind.VALUE)

    def _initial(self, value: Any, symbol: Symbol, name: str) -> None:
        if isinstance(value, ast.QuantumMeasurement):
            measured = self._width(self._qubits([value.qubit])[0])
            self._same_width(measured, self._width(symbol), name)
        elif value is not None:
            self._value(value)

    def _gate_definition(self, node: ast.QuantumGateDefinition) -> None:
        names: dict[str, Symbol] = {}
        for parts, symbol in (
            (node.arguments, Symbol(Kind.VALUE, self._line)),
            (node.qubits, Symbol(Kind.QUBIT, self._line, single=True)),
        ):
            for part in parts:
                if part.name in names:
                    raise self._error(f"the gate {node.name.name!r} has two parameters named {part.name!r}")
                names[part.name] = symbol
        self._inner(node.body, names, IN_A_DEFINITION)
        self._declare(node.name.name, Symbol(Kind.GATE, angles=len(node.arguments), qubits=len(node.qubits)))

    def _subroutine(self, node: ast.SubroutineDefinition) -> None:
        names: dict[str, Symbol] = {}
        for argument in node.arguments:
            name = argument.name.name
            if name in names:
                raise self._error(f"the subroutine {node.name.name!r} has two parameters named {name!r}")
            if isinstance(argument, ast.QuantumArgument):
                names[name] = replace(self._register(Kind.QUBIT, name, argument.size), line=self._line)
            else:
                names[name] = replace(self._classical(name, argument.type), line=self._line)
        # It may call itself.
        self._declare(node.name.name, Symbol(Kind.FUNCTION))
        self._inner(node.body, names, IN_A_DEFINITION)

    # Instructions on qubits

    def _gate(self, node: ast.QuantumGate) -> None:
        name = node.name.name
        symbol = self._names.find(name)
        if symbol is None:
            raise self._unknown_gate(name)
        if symbol.kind is not Kind.GATE:
            raise self._error(f"{name!r} is {symbol.kind}, not a gate")
        for angle in node.arguments:
            self._value(angle)
        controls = self._modifiers(node.modifiers)
        given = len(node.arguments)
        if symbol.angles is not None and given != symbol.angles:
            raise self._error(f"the gate {name!r} takes {_count(symbol.angles, 'angle')}, and {given} were given")
        wanted = None if symbol.qubits is None or controls is None else symbol.qubits + controls
        if wanted is not None and len(node.qubits) != wanted:
            raise self._error(f"the gate {name!r} acts on {_count(wanted, 'qubit')}, and {len(node.qubits)} were given")
        operands = self._qubits(node.qubits)
        written = [dumps(qubit) for qubit in node.qubits]
        if twice := next((one for place, one in enumerate(written) if one in written[:place]), None):
            raise self._error(f"the gate {name!r} is given the qubit {twice} twice")
        widths = {width for width in map(self._width, operands) if width is not None and width != 0}
        if len(widths) > 1:
            raise self._error(f"the gate {name!r} is given registers of different sizes: {_either(widths)}")

    def _unknown_gate(self, name: str) -> InvalidInputError:
        if name in STANDARD_GATES and self._names.find("x") is None:
            return self._error(f'the gate {name!r} is not defined; add include "stdgates.inc" after the first line')
        if name in NATIVE_GATES:
            return self._error(f"the gate {name!r} is not in stdgates.inc and must be declared: {NATIVE_GATES[name]}")
        hint = did_you_mean(name, [known for known, one in self._names.all().items() if one.kind is Kind.GATE])
        return self._error(f"the gate {name!r} is not defined{hint}")

    def _modifiers(self, modifiers: Sequence[ast.QuantumGateModifier]) -> int | None:
        """Return how many control qubits the modifiers add; None when that cannot be computed."""
        controls: int | None = 0
        for modifier in modifiers:
            if modifier.argument is not None:
                self._value(modifier.argument)
            if modifier.modifier in (ast.GateModifierName.ctrl, ast.GateModifierName.negctrl):
                more = 1 if modifier.argument is None else self._whole(modifier.argument)
                controls = None if controls is None or more is None else controls + more
        return controls

    def _phase(self, node: ast.QuantumPhase) -> None:
        self._modifiers(node.modifiers)
        self._value(node.argument)
        self._qubits(node.qubits)

    def _measurement(self, node: ast.QuantumMeasurementStatement) -> None:
        [measured] = self._qubits([node.measure.qubit])
        if node.target is None:
            return
        symbol = self._target(node.target)
        if symbol is not None:
            self._same_width(self._width(measured), self._width(symbol), dumps(node.target))

    def _reset(self, node: ast.QuantumReset) -> None:
        self._qubits([node.qubits])

    def _barrier(self, node: ast.QuantumBarrier) -> None:
        self._qubits(node.qubits)

    def _delay(self, node: ast.DelayInstruction) -> None:
        self._value(node.duration)
        self._qubits(node.qubits)

    def _same_width(self, measured: int | None, kept: int | None, name: str) -> None:
        # Some compilers accept a register with a single bit, and repeat the bit for the whole register.
        if not measured or not kept or measured == kept:
            return
        raise self._error(
            f"a measurement of {_count(measured, 'qubit')} does not fit into {name}, which has {_count(kept, 'bit')}"
        )

    def _target(self, node: Any) -> Symbol | None:
        """Check the target of an assignment; return it when it consists of bits."""
        symbol = self._operand(node)
        if symbol is None or symbol.kind in (Kind.VALUE, Kind.ALIAS):
            return None
        if symbol.kind is not Kind.BIT:
            raise self._error(f"nothing can be written into {name_of(node)!r}: it is {symbol.kind}, not a bit")
        return symbol

    def _width(self, symbol: Symbol | None) -> int | None:
        """Return the size of a register, 0 for a single qubit or bit, None when it is not known."""
        return 0 if symbol is not None and symbol.single else None if symbol is None else symbol.size

    # Classical statements

    def _assignment(self, node: ast.ClassicalAssignment) -> None:
        self._target(node.lvalue)
        self._value(node.rvalue)

    def _statement(self, node: ast.ExpressionStatement) -> None:
        self._expression(node.expression)

    def _return(self, node: ast.ReturnStatement) -> None:
        if node.expression is not None:
            self._expression(node.expression)

    def _branch(self, node: ast.BranchingStatement) -> None:
        self._value(node.condition)
        self._inner(node.if_block)
        self._inner(node.else_block)

    def _while(self, node: ast.WhileLoop) -> None:
        self._value(node.while_condition)
        self._inner(node.block)

    def _for(self, node: ast.ForInLoop) -> None:
        self._expression(node.set_declaration)
        self._inner(node.block, {node.identifier.name: Symbol(Kind.VALUE, self._line)})

    def _switch(self, node: ast.SwitchStatement) -> None:
        self._value(node.target)
        for values, body in node.cases:
            for value in values:
                self._value(value)
            self._inner(body.statements)
        if node.default is not None:
            self._inner(node.default.statements)

    def _box(self, node: ast.Box) -> None:
        if node.duration is not None:
            self._value(node.duration)
        self._inner(node.body)

    def _compound(self, node: ast.CompoundStatement) -> None:
        self._inner(node.statements)

    _STATEMENTS: ClassVar[Mapping[type[Any], Callable[[Any, Any], None]]] = {
        ast.Include: _include,
        ast.QubitDeclaration: _qubit_declaration,
        ast.ClassicalDeclaration: _classical_declaration,
        ast.ConstantDeclaration: _constant_declaration,
        ast.IODeclaration: _io_declaration,
        ast.AliasStatement: _alias,
        ast.QuantumGateDefinition: _gate_definition,
        ast.SubroutineDefinition: _subroutine,
        ast.ExternDeclaration: _extern,
        ast.CalibrationDefinition: _calibration_definition,
        ast.CalibrationStatement: _calibration,
        ast.CalibrationGrammarDeclaration: _calibration,
        ast.QuantumGate: _gate,
        ast.QuantumPhase: _phase,
        ast.QuantumMeasurementStatement: _measurement,
        ast.QuantumReset: _reset,
        ast.QuantumBarrier: _barrier,
        ast.DelayInstruction: _delay,
        ast.ClassicalAssignment: _assignment,
        ast.ExpressionStatement: _statement,
        ast.ReturnStatement: _return,
        ast.BranchingStatement: _branch,
        ast.WhileLoop: _while,
        ast.ForInLoop: _for,
        ast.SwitchStatement: _switch,
        ast.Box: _box,
        ast.CompoundStatement: _compound,
    }
    """The check for each kind of statement; all other statements hold nothing to check."""


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def _either(widths: Iterable[int]) -> str:
    return " and ".join(map(str, sorted(widths)))
