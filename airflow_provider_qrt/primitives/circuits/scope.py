"""Names, types and indices of an OpenQASM 3 program: what a grammar cannot see and a compiler refuses.

The service reads the text only when the job's turn has come, so a register that is declared twice, ``c[3]`` of
``bit[1] c;`` or a gate that nobody defined would fail after the wait in the queue. Rules: the OpenQASM 3 live
specification (scoping of identifiers, types). What cannot be decided without running the program, such as a computed
index, passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from openqasm3 import ast
from openqasm3.printer import dumps

from airflow_provider_qrt.primitives.circuits.constants import evaluate, evaluate_whole
from airflow_provider_qrt.primitives.circuits.symbols import (
    IN_A_DEFINITION,
    NATIVE_GATES,
    STANDARD_GATES,
    Kind,
    Names,
    Scope,
    Symbol,
)
from airflow_provider_qrt.primitives.errors import InvalidInput, did_you_mean


def check_scope(program: ast.Program, where: str) -> None:
    """Refuse a program whose names, types or indices are wrong.

    Args:
        program: What the reference parser made of the text.
        where: The place named at the start of an error message.

    Raises:
        InvalidInput: A name is not declared or declared twice, stands for something else than its use asks for, a gate
            has another number of angles or qubits, or an index lies outside of its register. Names the line.
    """
    checker = _Checker(where)
    try:
        checker.block(program.statements)
    except RecursionError:
        return  # Nested too deep for a program written in Python; that does not make it wrong.


class _Checker:
    def __init__(self, where: str) -> None:
        self._where = where
        self._names = Names()
        self._line = 1
        self._calibrates = False

    # Statements

    def block(self, statements: Iterable[Any]) -> None:
        for statement in statements:
            if statement.span is not None:
                self._line = statement.span.start_line
            self._statement(statement)

    def _statement(self, node: Any) -> None:
        match node:
            case ast.Include(filename=name):
                self._include(name)
            case ast.QubitDeclaration(qubit=ast.Identifier(name=name), size=size):
                self._declare(name, self._register(Kind.QUBIT, name, size))
            case ast.ClassicalDeclaration(type=kind, identifier=ast.Identifier(name=name), init_expression=value):
                symbol = self._classical(name, kind)
                self._initial(value, symbol, name)
                self._declare(name, symbol)
            case ast.ConstantDeclaration(identifier=ast.Identifier(name=name), init_expression=value):
                self._value(value)
                self._declare(name, Symbol(Kind.CONSTANT, value=self._evaluate(value)))
            case ast.IODeclaration(io_identifier=ast.IOKeyword.input, identifier=ast.Identifier(name=name)):
                self._declare(name, Symbol(Kind.INPUT))
            case ast.IODeclaration(type=kind, identifier=ast.Identifier(name=name)):
                self._declare(name, self._classical(name, kind))
            case ast.AliasStatement(target=ast.Identifier(name=name), value=value):
                self._expression(value)
                self._declare(name, Symbol(Kind.ALIAS))
            case ast.QuantumGateDefinition():
                self._gate_definition(node)
            case ast.SubroutineDefinition():
                self._subroutine(node)
            case ast.ExternDeclaration(name=ast.Identifier(name=name)):
                self._declare(name, Symbol(Kind.FUNCTION))
            case ast.CalibrationDefinition(name=ast.Identifier(name=name)):
                self._calibration(name)
            case ast.CalibrationStatement() | ast.CalibrationGrammarDeclaration():
                self._calibrates = True
            case _:
                self._action(node)

    def _action(self, node: Any) -> None:
        """Check a statement that declares nothing."""
        match node:
            case ast.QuantumGate():
                self._gate(node)
            case ast.QuantumPhase(modifiers=modifiers, argument=angle, qubits=qubits):
                self._modifiers(modifiers)
                self._value(angle)
                self._qubits(qubits)
            case ast.QuantumMeasurementStatement(measure=measure, target=target):
                self._measurement(measure, target)
            case ast.QuantumReset(qubits=qubits):
                self._qubits([qubits])
            case ast.QuantumBarrier(qubits=qubits):
                self._qubits(qubits)
            case ast.DelayInstruction(duration=duration, qubits=qubits):
                self._value(duration)
                self._qubits(qubits)
            case ast.ClassicalAssignment(lvalue=target, rvalue=value):
                self._target(target)
                self._value(value)
            case ast.ExpressionStatement(expression=value):
                self._expression(value)
            case ast.ReturnStatement(expression=ast.QuantumMeasurement(qubit=qubit)):
                self._qubits([qubit])
            case ast.ReturnStatement(expression=value) if value is not None:
                self._expression(value)
            case _:
                self._flow(node)

    def _flow(self, node: Any) -> None:
        """Check control flow."""
        match node:
            case ast.BranchingStatement(condition=condition, if_block=first, else_block=second):
                self._value(condition)
                self._inner(first)
                self._inner(second)
            case ast.WhileLoop(while_condition=condition, block=block):
                self._value(condition)
                self._inner(block)
            case ast.ForInLoop(identifier=ast.Identifier(name=name), set_declaration=values, block=block):
                self._expression(values)
                self._inner(block, {name: Symbol(Kind.VALUE, self._line)})
            case ast.SwitchStatement(target=target, cases=cases, default=default):
                self._value(target)
                for values, body in cases:
                    for value in values:
                        self._value(value)
                    self._inner(body.statements)
                if default is not None:
                    self._inner(default.statements)
            case ast.Box(duration=duration, body=body):
                if duration is not None:
                    self._value(duration)
                self._inner(body)
            case ast.CompoundStatement(statements=statements):
                self._inner(statements)

    def _inner(
        self, statements: Iterable[Any], names: Mapping[str, Symbol] | None = None, outer: frozenset[Kind] | None = None
    ) -> None:
        line = self._line
        self._names.scopes.append(Scope(dict(names or {}), outer))
        self.block(statements)
        self._names.scopes.pop()
        self._line = line

    # Declarations

    def _include(self, name: str) -> None:
        if name != "stdgates.inc":
            raise self._error(
                f'include "{name}": the service has no such file, only stdgates.inc. Put what it defines into the text'
            )
        for gate, (angles, qubits) in STANDARD_GATES.items():
            self._declare(gate, Symbol(Kind.GATE, angles=angles, qubits=qubits), "stdgates.inc defines")

    def _declare(self, name: str, symbol: Symbol, how: str = "") -> None:
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
        known = evaluate_whole(dumps(size), self._names.constants())
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

    def _calibration(self, name: str) -> None:
        self._calibrates = True
        if name not in self._names.scopes[0].names:
            self._names.scopes[0].names[name] = Symbol(Kind.GATE, self._line)

    # Uses

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

    def _unknown_gate(self, name: str) -> InvalidInput:
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
                more = (
                    1
                    if modifier.argument is None
                    else evaluate_whole(dumps(modifier.argument), self._names.constants())
                )
                controls = None if controls is None or more is None else controls + more
        return controls

    def _measurement(self, measure: ast.QuantumMeasurement, target: Any) -> None:
        [measured] = self._qubits([measure.qubit])
        if target is None:
            return
        symbol = self._target(target)
        if symbol is not None:
            self._same_width(self._width(measured), self._width(symbol), dumps(target))

    def _same_width(self, measured: int | None, kept: int | None, name: str) -> None:
        # Between a register and a single bit some compilers repeat the one for all of the other.
        if not measured or not kept or measured == kept:
            return
        raise self._error(
            f"a measurement of {_count(measured, 'qubit')} does not fit into {name}, which has {_count(kept, 'bit')}"
        )

    def _target(self, node: Any) -> Symbol | None:
        """Check what is assigned to; return it when it is one or more bits."""
        symbol = self._operand(node)
        if symbol is None or symbol.kind in (Kind.VALUE, Kind.ALIAS):
            return None
        if symbol.kind is not Kind.BIT:
            raise self._error(f"nothing can be written into {_name(node)!r}: it is {symbol.kind}, not a bit")
        return symbol

    def _qubits(self, nodes: Sequence[Any]) -> list[Symbol | None]:
        found = []
        for node in nodes:
            symbol = self._operand(node)
            if symbol is not None and symbol.kind not in (Kind.QUBIT, Kind.ALIAS):
                raise self._error(f"{_name(node)!r} is {symbol.kind}, and a qubit is needed here")
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
                return self._indexed(_name(collection), symbol, index)
        self._expression(node)
        return None

    def _indexed(self, name: str, symbol: Symbol | None, index: Any) -> Symbol | None:
        """Check an index of a register; return what is left of it."""
        parts = index.values if isinstance(index, ast.DiscreteSet) else index
        for part in parts:
            self._expression(part)
        if symbol is None or symbol.kind not in (Kind.QUBIT, Kind.BIT):
            return None if symbol is None or symbol.kind is not Kind.ALIAS else symbol
        if symbol.single:
            raise self._error(f"{name!r} is a single {symbol.kind.removeprefix('a ')} and has no index")
        for part in parts:
            bounds = (part.start, part.end) if isinstance(part, ast.RangeDefinition) else (part,)
            for bound in bounds:
                self._within(
                    name, symbol, None if bound is None else evaluate_whole(dumps(bound), self._names.constants())
                )
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

    def _width(self, symbol: Symbol | None) -> int | None:
        """Return the size of a register, 0 for a single qubit or bit, None when it is not known."""
        return 0 if symbol is not None and symbol.single else None if symbol is None else symbol.size

    def _value(self, node: Any) -> None:
        """Check an expression whose value is a number or some bits."""
        if isinstance(node, ast.Identifier):
            symbol = self._use(node.name)
            if symbol is not None and symbol.kind in (Kind.QUBIT, Kind.GATE, Kind.FUNCTION):
                raise self._error(f"{node.name!r} is {symbol.kind}, and a value is needed here")
            return
        self._expression(node)

    def _expression(self, node: Any) -> None:
        """Check every name in an expression."""
        match node:
            case ast.Identifier(name=name):
                self._use(name)
            case ast.IndexExpression() | ast.IndexedIdentifier():
                self._operand(node)
            case ast.FunctionCall(name=ast.Identifier(name=name), arguments=arguments):
                symbol = self._use(name)
                if symbol is not None and symbol.kind is not Kind.FUNCTION:
                    raise self._error(f"{name!r} is {symbol.kind}, not a function")
                for argument in arguments:
                    self._expression(argument)
            case ast.UnaryExpression(expression=operand):
                self._value(operand)
            case ast.BinaryExpression(lhs=left, rhs=right):
                self._value(left)
                self._value(right)
            case ast.QuantumMeasurement(qubit=qubit):
                self._qubits([qubit])
            case ast.DurationOf(target=statements):
                self._inner(statements)
            case list():
                for part in node:
                    self._expression(part)
            case ast.QASMNode():
                for part in vars(node).values():
                    if isinstance(part, ast.QASMNode | list) and not isinstance(part, ast.Span):
                        self._expression(part)

    def _use(self, name: str) -> Symbol | None:
        """Return what a name stands for; None for one that may be known elsewhere."""
        if name.startswith("$"):
            return Symbol(Kind.QUBIT, single=True)
        symbol = self._names.find(name)
        if symbol is None and not self._calibrates:
            raise self._error(
                f"the name {name!r} is not declared{self._hidden(name) or did_you_mean(name, self._names.all())}"
            )
        return symbol

    # Names

    def _hidden(self, name: str) -> str:
        known = self._names.hidden(name)
        if known is None:
            return ""
        return f" here: {known.kind} of the circuit is not visible in a gate or subroutine; hand it over as an argument"

    def _variables(self, node: Any) -> Iterator[str]:
        """Yield the names in an expression that stand for something else than a constant."""
        if isinstance(node, ast.Identifier):
            symbol = self._names.find(node.name)
            if symbol is not None and symbol.kind in (Kind.VALUE, Kind.INPUT, Kind.BIT):
                yield node.name
        elif isinstance(node, ast.QASMNode):
            for part in vars(node).values():
                yield from self._variables(part)

    def _evaluate(self, node: Any) -> Any:
        return evaluate(dumps(node), self._names.constants())

    def _error(self, problem: str) -> InvalidInput:
        end = "" if problem.endswith("?") else "."
        return InvalidInput(f"{self._where}: line {self._line}: {problem}{end} Nothing was submitted.")


def _name(node: Any) -> str:
    return str(node.name if isinstance(node, ast.Identifier) else dumps(node))


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def _either(widths: Iterable[int]) -> str:
    return " and ".join(map(str, sorted(widths)))
