"""Reads the circuits of a job in any form that users write, checks them, and converts them for the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.circuits.qpy import encode_circuit, is_quantum_circuit, is_tagged_circuit
from airflow_provider_qrt.primitives.circuits.qpy_forms import is_qpy, refuse_name, tag_saved_qpy
from airflow_provider_qrt.primitives.circuits.syntax import STRICT_PARSE_MAX_CHARS, SyntaxReader
from airflow_provider_qrt.primitives.circuits.text import BYTE_ORDER_MARK, CircuitInfo


@dataclass(frozen=True)
class ReadCircuit:
    """A circuit in the form that is sent, and the known facts about it.

    Attributes:
        circuit: OpenQASM 3 text, or ``{"__type__": "QuantumCircuit", "__value__": ...}`` (QPY in zlib in base64).
        info: The declarations of the circuit; None for a QPY circuit that was already encoded.
        source: OpenQASM 3 text of a QPY circuit, if it can be written as text.
    """

    circuit: str | Mapping[str, Any]
    info: CircuitInfo | None
    source: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is OpenQASM 3 text."""
        return isinstance(self.circuit, str)


class CircuitReader:
    """Reads the circuits of one job; a repeated text is read only once, and similar texts are parsed only once.

    All texts together share one budget for the slow parser, ``STRICT_PARSE_MAX_CHARS``; texts beyond it are only
    scanned.

    Args:
        check_text: The program's check of OpenQASM 3 text: ``(text, where, parser=...)``.
        check_object: The program's check of a ``QuantumCircuit``: ``(circuit, where)``.
    """

    def __init__(self, check_text: Callable[..., CircuitInfo], check_object: Callable[[Any, str], None]) -> None:
        self._check_text = check_text
        self._check_object = check_object
        self._known: dict[str, CircuitInfo] = {}
        self._parser = SyntaxReader(STRICT_PARSE_MAX_CHARS)

    def read(self, circuit: Any, where: str) -> ReadCircuit:
        """Read one circuit, for which ``is_circuit`` is true.

        Raises:
            InvalidInputError: The program cannot run the circuit; the message starts with ``where``.
        """
        if is_qpy(circuit):
            refuse_name(circuit, where)
            return ReadCircuit(tag_saved_qpy(circuit, where), None)
        if isinstance(circuit, str):
            circuit = circuit.removeprefix(BYTE_ORDER_MARK)
            if circuit not in self._known:
                self._known[circuit] = self._check_text(circuit, where, parser=self._parser)
            return ReadCircuit(circuit, self._known[circuit])
        if is_quantum_circuit(circuit):
            self._check_object(circuit, where)
            return ReadCircuit(*encode_circuit(circuit, where))
        return ReadCircuit(circuit, None)


def is_circuit(item: Any) -> bool:
    """Return whether an item of a PUB is a circuit: text, a ``QuantumCircuit``, saved QPY, or an encoded circuit."""
    return isinstance(item, str) or is_tagged_circuit(item) or is_quantum_circuit(item) or is_qpy(item)


def describe(item: Any) -> str:
    """Describe a value that is not a circuit, for an error message."""
    if isinstance(item, Mapping) and "__type__" in item:
        return f"a mapping of type {item['__type__']!r}"
    return f"a {type(item).__name__}"
