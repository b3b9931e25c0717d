"""Reads OpenQASM 3 as the service does, and makes up for the differences of Qiskit's importer.

The importer does not support constants and most operators. It renames registers to names that OpenQASM 2 allows
(``esc_C`` for ``C``), turns ``id`` into a ``U`` gate, which no machine has, and turns ``bit c;`` into a bit outside any
register, which a result cannot name. So constants are replaced by their values before the import, and the rest is
corrected in the imported circuit. Statements that the importer does not support are rewritten: see ``openqasm_flow``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_qrt.emulator.simulation import openqasm_flow, similar_texts

BYTE_ORDER_MARK = "\ufeff"
REWRITTEN = "rewritten"
"""Key in the metadata of a circuit for the instructions of its text that are other instructions in the circuit."""
_MOST_BITS = 64
_IDENTITY = "qrt_identity"
"""The name that replaces ``id`` during the import."""


def loads(text: str) -> Any:
    """Read a program.

    Returns:
        The ``QuantumCircuit``; every classical bit is in a register, in the order of declaration.

    Raises:
        Exception: Any error of the parser or the importer.
    """
    import qiskit_qasm3_import
    from openqasm3 import ast

    program = similar_texts.parse(text.removeprefix(BYTE_ORDER_MARK))
    names = [
        node.identifier.name
        for node in program.statements
        if isinstance(node, ast.ClassicalDeclaration) and isinstance(node.type, ast.BitType)
    ]
    statements, has_switch = openqasm_flow.rewrite(program.statements)
    program.statements = _Folding(program).fold(statements)
    has_identities = _rename_identities(program)
    circuit = _with_registers(qiskit_qasm3_import.convert(program), names)
    if has_identities:
        _restore_identities(circuit)
    if has_switch:
        circuit.metadata = {REWRITTEN: [openqasm_flow.SWITCH]}
    return circuit


class _Folding:
    """Replaces constants by their values, and computes expressions that the importer does not support."""

    def __init__(self, program: Any) -> None:
        from openqasm3 import ast

        self._constants: dict[str, Any] = {}
        self._single_bits = {
            node.identifier.name
            for node in program.statements
            if isinstance(node, ast.ClassicalDeclaration) and isinstance(node.type, ast.BitType) and not node.type.size
        }

    def fold(self, node: Any) -> Any:
        """Return a node, or a list of them, without constants."""
        from openqasm3 import ast

        if isinstance(node, list):
            folded = [self.fold(one) for one in node]
            return [one for one in folded if not isinstance(one, ast.ConstantDeclaration)]
        if isinstance(node, tuple):
            return tuple(map(self.fold, node))
        match node:
            case ast.ConstantDeclaration(type=kind, identifier=ast.Identifier(name=name), init_expression=value):
                known = _value(self.fold(value))
                if known is None:
                    raise ValueError(f"the emulator cannot compute the constant {name!r}")
                self._constants[name] = _cast(kind, known)
                return node
            case ast.Identifier(name=name) if name in self._constants:
                return _literal(self._constants[name], node)
            case ast.QuantumGateDefinition():
                return self._gate(node)
        if isinstance(node, ast.QASMNode):
            for field, value in vars(node).items():
                if field != "span":
                    setattr(node, field, self.fold(value))
            return self._computed(node)
        return node

    def _gate(self, node: Any) -> Any:
        hidden = {part.name for part in (*node.arguments, *node.qubits)} & set(self._constants)
        kept = {name: self._constants.pop(name) for name in hidden}
        node.body = self.fold(node.body)
        self._constants.update(kept)
        return node

    def _computed(self, node: Any) -> Any:
        from openqasm3 import ast

        match node:
            case ast.BinaryExpression(op=op, lhs=left, rhs=right) if op.name in ("==", "!="):
                node.lhs, node.rhs = self._as_truth(left, right), self._as_truth(right, left)
            case ast.BinaryExpression(op=op, lhs=left, rhs=right) if op.name in _OPERATORS:
                values = _value(left), _value(right)
                return node if None in values else _literal(_OPERATORS[op.name](*values), node)
            case ast.UnaryExpression(op=op, expression=operand) if op.name in ("-", "~"):
                value = _value(operand)
                return node if value is None else _literal(-value if op.name == "-" else ~value, node)
            case ast.FunctionCall(name=ast.Identifier(name=name), arguments=arguments) if name in _FUNCTIONS:
                values = tuple(map(_value, arguments))
                return node if None in values else _literal(_FUNCTIONS[name](*values), node)
            case ast.Cast(type=kind, argument=argument):
                value = _value(argument)
                return node if value is None else _literal(_cast(kind, value), node)
        return node

    def _as_truth(self, node: Any, other: Any) -> Any:
        """Replace 0 and 1 by false and true in a comparison with a single bit."""
        from openqasm3 import ast

        single = isinstance(other, ast.IndexExpression) or (
            isinstance(other, ast.Identifier) and other.name in self._single_bits
        )
        if single and isinstance(node, ast.IntegerLiteral) and node.value in (0, 1):
            return _literal(bool(node.value), node)
        return node


def _value(node: Any) -> Any:
    """Return the number that a node stands for; None if it is not constant."""
    from openqasm3 import ast

    if isinstance(node, ast.IntegerLiteral | ast.FloatLiteral | ast.BooleanLiteral):
        return node.value
    return _BUILT_IN.get(node.name) if isinstance(node, ast.Identifier) else None


def _literal(value: Any, node: Any) -> Any:
    from openqasm3 import ast

    kind = ast.BooleanLiteral if isinstance(value, bool) else ast.IntegerLiteral if isinstance(value, int) else None
    literal = ast.FloatLiteral(value) if kind is None else kind(value)
    literal.span = node.span
    return literal


def _cast(kind: Any, value: Any) -> Any:
    from openqasm3 import ast

    if isinstance(kind, ast.IntType | ast.UintType):
        return int(value)
    if isinstance(kind, ast.FloatType | ast.AngleType):
        return float(value)
    return bool(value) if isinstance(kind, ast.BoolType) else value


def _divide(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        size = abs(left) // abs(right)
        return size if (left < 0) == (right < 0) else -size
    return left / right


def _bounded(apply: Callable[[int, int], Any]) -> Callable[[Any, Any], Any]:
    def checked(left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int) and right > _MOST_BITS:
            raise ValueError(f"a number of more than {_MOST_BITS} bits")
        return apply(left, right)

    return checked


_BUILT_IN = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e, "ℇ": math.e}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": operator.mod,
    "**": _bounded(operator.pow),
    "<<": _bounded(operator.lshift),
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "arccos": math.acos,
    "arcsin": math.asin,
    "arctan": math.atan,
    "ceiling": math.ceil,
    "cos": math.cos,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "mod": operator.mod,
    "popcount": lambda number: int(number).bit_count(),
    "pow": _bounded(operator.pow),
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}


def _rename_identities(program: Any) -> bool:
    """Rename ``id`` unless the program defines a gate of that name; return whether ``id`` is used."""
    from openqasm3 import ast, parse

    defined = {node.name.name for node in program.statements if isinstance(node, ast.QuantumGateDefinition)}
    if "id" in defined or not _renamed(program):
        return False
    [definition] = parse(f"gate {_IDENTITY} q {{ }}").statements
    program.statements.insert(0, definition)
    return True


def _renamed(node: Any) -> int:
    from openqasm3 import ast

    if isinstance(node, list | tuple):
        return sum(map(_renamed, node))
    if not isinstance(node, ast.QASMNode):
        return 0
    if isinstance(node, ast.QuantumGate) and node.name.name == "id":
        node.name.name = _IDENTITY
        return 1
    return sum(_renamed(part) for field, part in vars(node).items() if field != "span")


def _restore_identities(circuit: Any) -> None:
    from qiskit.circuit.library import IGate

    for place, instruction in enumerate(circuit.data):
        operation = instruction.operation
        blocks = getattr(operation, "blocks", ())
        if operation.name == _IDENTITY:
            circuit.data[place] = instruction.replace(operation=IGate())
        elif blocks:
            copies = [block.copy() for block in blocks]
            for block in copies:
                _restore_identities(block)
            circuit.data[place] = instruction.replace(operation=operation.replace_blocks(copies))


def _with_registers(circuit: Any, names: list[str]) -> Any:
    """Return the circuit with the declared registers under their original names.

    Args:
        circuit: The imported circuit, whose bits are in the order of declaration.
        names: The names of all declared bits and bit registers, in the same order.
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import ClassicalRegister

    if [register.name for register in circuit.cregs] == names:
        return circuit
    sizes = {bit: register.size for register in circuit.cregs for bit in register}
    named = QuantumCircuit(circuit.qubits, *circuit.qregs, name=circuit.name)
    bits = list(circuit.clbits)
    # An empty register has no bits to recognize it by, so these are taken from the importer's registers in order.
    empty = [register for register in circuit.cregs if not register.size]
    for name in names:
        matching = next((register for register in empty if register.name in (name, f"esc_{name}")), None)
        size = 0 if matching is not None else sizes.get(bits[0], 1)
        named.add_register(ClassicalRegister(size, name))
        del bits[:size]
    named._layout = circuit.layout
    return _moved(circuit, named)


def _moved(circuit: Any, named: Any) -> Any:
    """Append the instructions of a circuit to one with other classical bits, and return that.

    ``QuantumCircuit.compose`` moves the conditions inside a block to the new bits, but not the block itself.

    Args:
        circuit: The circuit.
        named: The one with as many bits, in the same order, and the same qubits.
    """
    bits = dict(zip(circuit.clbits, named.clbits, strict=True))
    new = {tuple(register): register for register in named.cregs}
    registers = {old: new.get(tuple(bits[bit] for bit in old), old) for old in circuit.cregs}
    return _filled(circuit, named, {**bits, **registers})


def _filled(circuit: Any, into: Any, places: Mapping[Any, Any]) -> Any:
    from qiskit import QuantumCircuit

    into.global_phase = circuit.global_phase
    for one in circuit.data:
        operation = one.operation
        if blocks := getattr(operation, "blocks", ()):
            inner = [
                _filled(
                    block,
                    QuantumCircuit(
                        block.qubits,
                        [places.get(bit, bit) for bit in block.clbits],
                        *(places.get(register, register) for register in block.cregs),
                    ),
                    places,
                )
                for block in blocks
            ]
            operation = operation.replace_blocks(inner)
            if isinstance(condition := getattr(operation, "condition", None), tuple):
                operation.condition = (places.get(condition[0], condition[0]), condition[1])
        into.append(operation, one.qubits, [places.get(bit, bit) for bit in one.clbits])
    return into
