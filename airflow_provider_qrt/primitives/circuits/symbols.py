"""The names of an OpenQASM 3 program: what the language and ``stdgates.inc`` bring, and what each block declares.

Rules: the OpenQASM 3 live specification (scoping of identifiers, ``stdgates.inc``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from airflow_provider_qrt.primitives.circuits.constants import BUILT_IN, FUNCTIONS

STANDARD_GATES: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx", "id"), (0, 1)),
    **dict.fromkeys(("p", "rx", "ry", "rz", "phase", "u1"), (1, 1)),
    **dict.fromkeys(("cx", "cy", "cz", "ch", "swap", "CX"), (0, 2)),
    **dict.fromkeys(("cp", "crx", "cry", "crz", "cphase"), (1, 2)),
    **dict.fromkeys(("ccx", "cswap"), (0, 3)),
    "u2": (2, 1),
    "u3": (3, 1),
    "cu": (4, 2),
}
"""The gates of ``stdgates.inc``: how many angles and how many qubits each takes."""

NATIVE_GATES = {
    "rzz": "gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }",
    "ecr": "gate ecr a, b { s a; sx b; cx a, b; x a; }",
    "sxdg": "gate sxdg a { s a; h a; s a; }",
}
"""Gates of machines that ``stdgates.inc`` lacks, each as it may be declared; a machine runs its own gate of that
name."""


class Kind(StrEnum):
    """What a name stands for."""

    QUBIT = "a qubit"
    BIT = "a bit"
    GATE = "a gate"
    FUNCTION = "a function"
    CONSTANT = "a constant"
    INPUT = "an input"
    VALUE = "a classical value"
    ALIAS = "an alias"


@dataclass(frozen=True)
class Symbol:
    """A declared name.

    Attributes:
        kind: What it stands for.
        line: Where it was declared; None for what the language or ``stdgates.inc`` brings.
        size: How many qubits or bits a register has; None for a single one, or when that is not known.
        single: Whether it is known to be a single qubit or bit.
        value: Of a constant, if that can be computed.
        angles: How many angles a gate takes; None when it is not known.
        qubits: How many qubits a gate takes; None when it is not known.
    """

    kind: Kind
    line: int | None = None
    size: int | None = None
    single: bool = False
    value: Any = None
    angles: int | None = None
    qubits: int | None = None


@dataclass
class Scope:
    """Names of one block.

    Attributes:
        names: What is declared in it.
        outer: Names that are visible from outside, by kind; None: all.
    """

    names: dict[str, Symbol] = field(default_factory=dict)
    outer: frozenset[Kind] | None = None


IN_A_DEFINITION = frozenset({Kind.GATE, Kind.FUNCTION, Kind.CONSTANT})
"""What the body of a gate or a subroutine sees of the names around it."""
_GLOBAL = {
    "U": Symbol(Kind.GATE, angles=3, qubits=1),
    **{name: Symbol(Kind.CONSTANT, value=value) for name, value in BUILT_IN.items()},
    **{name: Symbol(Kind.FUNCTION) for name in FUNCTIONS},
}


class Names:
    """The names that are visible at one place of a program."""

    def __init__(self) -> None:
        self.scopes = [Scope(dict(_GLOBAL))]

    def find(self, name: str) -> Symbol | None:
        """Return what a name stands for; None for one that is not visible."""
        allowed: frozenset[Kind] | None = None
        for scope in reversed(self.scopes):
            symbol = scope.names.get(name)
            if symbol is not None and (allowed is None or symbol.kind in allowed):
                return symbol
            allowed = scope.outer if allowed is None else allowed
        return None

    def hidden(self, name: str) -> Symbol | None:
        """Return what a name stands for around a definition whose body does not see it."""
        return next((scope.names[name] for scope in reversed(self.scopes) if name in scope.names), None)

    def all(self) -> dict[str, Symbol]:
        """Return all names, those of inner blocks first of all that are equal."""
        return {name: symbol for scope in self.scopes for name, symbol in scope.names.items()}

    def constants(self) -> dict[str, Any]:
        """Return the values of all constants that have one."""
        return {name: one.value for name, one in self.all().items() if one.kind is Kind.CONSTANT}
