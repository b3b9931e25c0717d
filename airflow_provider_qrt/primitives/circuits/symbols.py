"""The names of an OpenQASM 3 program: those of the language, those of ``stdgates.inc``, and those in each block.

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
"""The gates of ``stdgates.inc`` with their numbers of angles and of qubits."""

NATIVE_GATES = {
    "rzz": "gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }",
    "ecr": "gate ecr a, b { s a; sx b; cx a, b; x a; }",
    "sxdg": "gate sxdg a { s a; h a; s a; }",
}
"""Gates of machines that ``stdgates.inc`` lacks, each with a declaration for it; a machine runs its own gate of that
name."""


class Kind(StrEnum):
    """The kinds of things that a name can stand for."""

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
        kind: The kind of thing that it stands for.
        line: The line of its declaration; None for names of the language or ``stdgates.inc``.
        size: Number of qubits or bits of a register; None for a single one, or when the number is not known.
        single: Whether it is known to be a single qubit or bit.
        value: The value of a constant, if it can be computed.
        angles: Number of angles of a gate; None when it is not known.
        qubits: Number of qubits of a gate; None when it is not known.
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
    """The names of one block.

    Attributes:
        names: The names that are declared in it.
        outer: Kinds of outer names that are visible in it; None for all.
    """

    names: dict[str, Symbol] = field(default_factory=dict)
    outer: frozenset[Kind] | None = None


IN_A_DEFINITION = frozenset({Kind.GATE, Kind.FUNCTION, Kind.CONSTANT})
"""Kinds of outer names that are visible in the body of a gate or a subroutine."""
_GLOBAL = {
    "U": Symbol(Kind.GATE, angles=3, qubits=1),
    **{name: Symbol(Kind.CONSTANT, value=value) for name, value in BUILT_IN.items()},
    **{name: Symbol(Kind.FUNCTION) for name in FUNCTIONS},
}


class Names:
    """The names that are visible at one point of a program."""

    def __init__(self) -> None:
        self.scopes = [Scope(dict(_GLOBAL))]

    def find(self, name: str) -> Symbol | None:
        """Return the symbol of a name; None if the name is not visible."""
        allowed: frozenset[Kind] | None = None
        for scope in reversed(self.scopes):
            symbol = scope.names.get(name)
            if symbol is not None and (allowed is None or symbol.kind in allowed):
                return symbol
            allowed = scope.outer if allowed is None else allowed
        return None

    def hidden(self, name: str) -> Symbol | None:
        """Return the symbol of a name in any scope, even where it is not visible."""
        return next((scope.names[name] for scope in reversed(self.scopes) if name in scope.names), None)

    def all(self) -> dict[str, Symbol]:
        """Return all names; names of inner blocks replace equal names of outer blocks."""
        return {name: symbol for scope in self.scopes for name, symbol in scope.names.items()}

    def constants(self) -> dict[str, Any]:
        """Return the values of all constants that have one."""
        return {name: one.value for name, one in self.all().items() if one.kind is Kind.CONSTANT}
