"""Types of a decorated function's return value, and its check at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from airflow_provider_qrt.operators.circuits import CIRCUIT_FILES
from airflow_provider_qrt.primitives.errors import InvalidInputError


class QuantumCircuitLike(Protocol):
    """A ``QuantumCircuit``, for type checkers that do not have Qiskit."""

    @property
    def num_qubits(self) -> int:
        """Number of qubits."""

    @property
    def num_clbits(self) -> int:
        """Number of classical bits."""


Circuit: TypeAlias = str | bytes | Mapping[str, Any] | QuantumCircuitLike
"""OpenQASM 3 text, saved QPY, a circuit already encoded for the service, or a ``QuantumCircuit``."""
SamplerCircuits: TypeAlias = (
    Circuit | tuple[Circuit] | tuple[Circuit, Any] | tuple[Circuit, Any, int | None] | Sequence[Circuit | Sequence[Any]]
)
"""A circuit, a PUB ``(circuit, parameter_values, shots)``, or a list of these."""
EstimatorCircuits: TypeAlias = (
    Circuit
    | tuple[Circuit]
    | tuple[Circuit, Any]
    | tuple[Circuit, Any, Any]
    | tuple[Circuit, Any, Any, float | None]
    | Sequence[Circuit | Sequence[Any]]
)
"""A circuit, a PUB ``(circuit, observables, parameter_values, precision)``, or a list of these."""


class QuantumProgramLike(Protocol):
    """A ``QuantumProgram``, for type checkers that do not have samplomatic."""

    shots: int
    items: Any


Program: TypeAlias = Mapping[str, Any] | QuantumProgramLike
"""A quantum program, or a mapping with its parts."""


def check_returned_program(value: Any, who: str) -> None:
    """Check that a function has returned something that may be a quantum program.

    Args:
        value: The return value.
        who: The function, for the message.

    Raises:
        InvalidInputError: It is something else.
    """
    from airflow_provider_qrt.primitives.inputs.executor_program import is_program

    if is_program(value) or isinstance(value, Mapping):
        return
    raise InvalidInputError(
        f"program: {who} returned {_described(value)} It is to return a QuantumProgram, or a mapping with shots and "
        "items. Nothing was submitted."
    )


def check_returned(value: Any, who: str) -> None:
    """Check that a function has returned something that may be circuits.

    Args:
        value: The return value.
        who: The function, for the message.

    Raises:
        InvalidInputError: It is something else.
    """
    from airflow_provider_qrt.primitives.circuits.reader import is_circuit

    if isinstance(value, str) and value.strip().endswith(CIRCUIT_FILES):
        raise InvalidInputError(
            f"circuits: {who} returned the name of a file, {value!r}. Pass the name to the function as an argument: it "
            "arrives there as the file's text. Nothing was submitted."
        )
    if is_circuit(value) or isinstance(value, list | tuple):
        return
    raise InvalidInputError(
        f"circuits: {who} returned {_described(value)} It is to return OpenQASM 3 text, a QuantumCircuit, or a list of "
        "these or of PUBs. Nothing was submitted."
    )


def _described(value: Any) -> str:
    if value is None:
        return "None. Has it a return statement?"
    return f"an object of type {type(value).__name__}."
