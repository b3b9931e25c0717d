"""Moves observables to the qubits on which a transpiler has placed their circuit, as text and without Qiskit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError


def place_observables(observables: Any, layout: Sequence[int], num_qubits: int, where: str) -> Any:
    """Rewrite the observables of a circuit for the transpiled circuit.

    This does the same as ``apply_layout`` of Qiskit's ``SparsePauliOp``: letter ``i`` from the right moves to position
    ``layout[i]`` from the right, and all other letters are ``I``.

    Args:
        observables: A Pauli string, a mapping of Pauli strings to weights, or nested lists of these.
        layout: For every qubit of the circuit, the physical qubit that holds it at the end; all are different.
        num_qubits: Width of the transpiled circuit, greater than any number in ``layout``.
        where: The place named at the start of an error message.

    Returns:
        The observables in the same form, with the same weights, order and list shapes.

    Raises:
        InvalidInputError: A Pauli string does not have one letter for each qubit of the circuit, or a value is not a
            Pauli string.
    """
    if isinstance(observables, str):
        return _place(observables, layout, num_qubits, where)
    if isinstance(observables, Mapping):
        return {_place(pauli, layout, num_qubits, where): weight for pauli, weight in observables.items()}
    if isinstance(observables, list | tuple):
        return [
            place_observables(item, layout, num_qubits, f"{where}[{index}]") for index, item in enumerate(observables)
        ]
    raise InvalidInputError(
        f"{where}: expected a Pauli string, a mapping of Pauli strings to weights, or a list of these, not a "
        f"{type(observables).__name__}."
    )


def _place(pauli: Any, layout: Sequence[int], num_qubits: int, where: str) -> str:
    if not isinstance(pauli, str) or len(pauli) != len(layout):
        raise InvalidInputError(
            f"{where}: the observable {pauli!r} needs one letter for each of the circuit's {len(layout)} qubits, the "
            "rightmost for qubit 0."
        )
    letters = ["I"] * num_qubits
    for letter, qubit in zip(reversed(pauli), layout, strict=True):
        letters[-1 - qubit] = letter
    return "".join(letters)
