"""Reads an estimator's observables, and computes the values of Pauli strings that infinitely many shots would give."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.errors import INVALID_INPUT
from airflow_provider_qrt.emulator.simulation import aer, circuits
from airflow_provider_qrt.emulator.simulation.noise import Machine, Noise
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError, Prepared

LETTERS = frozenset("IXYZ")
_UNITARY_ONLY = frozenset({"measure", "reset", "if_else", "for_loop", "while_loop", "switch_case", "store"})


def check(pub: Prepared) -> None:
    """Refuse a circuit or an observable whose expectation value cannot be computed here.

    Raises:
        JobFailedError: The circuit has measurements or is dynamic, or an observable has the wrong number of qubits.
    """
    found = {instruction.operation.name for instruction in pub.circuit.data} & _UNITARY_ONLY
    if found:
        raise JobFailedError(
            f"The circuit of {pub.where} holds {', '.join(sorted(found))}; an estimator takes unitary circuits.",
            INVALID_INPUT,
            "Leave out the measurements: the estimator adds its own.",
        )
    observables(pub)


def observables(pub: Prepared) -> NDArray[Any]:
    """Return the observables as an array of maps from Pauli strings to coefficients.

    Raises:
        JobFailedError: An observable is malformed or has the wrong length.
    """
    found = _nested(pub.pub.observables, pub)
    array = np.empty(_shape(found, pub), dtype=object)
    for index in np.ndindex(array.shape):
        leaf = found
        for place in index:
            leaf = leaf[place]
        array[index] = leaf
    return array


def broadcast(pub: Prepared) -> NDArray[Any]:
    """Return the observables, broadcast with the parameter sets.

    Raises:
        JobFailedError: They do not broadcast, or an observable is malformed.
    """
    wanted = observables(pub)
    try:
        return np.broadcast_to(wanted, np.broadcast_shapes(wanted.shape, pub.shape))
    except ValueError as error:
        raise _malformed(pub, f"observables {wanted.shape} and values {pub.shape} do not broadcast") from error


def _contrast(pauli: str, pub: Prepared, noise: Noise | None) -> float:
    """Return the factor by which readout errors reduce the value of a Pauli string; 1 with mitigation."""
    if noise is None or pub.pub.reads_mitigated:
        return 1.0
    wrong = [sum(noise.readout(qubit)) for qubit, letter in enumerate(reversed(pauli)) if letter != "I"]
    return math.prod(1 - one for one in wrong)


def exact(
    pub: Prepared,
    paulis: list[str],
    seed: int | None,
    machine: Machine,
    change: Callable[[Any], Any] | None = None,
) -> list[dict[str, float]]:
    """Return, for each parameter set, the value of every Pauli string that infinitely many shots would give.

    Args:
        pub: The PUB.
        paulis: The Pauli strings.
        seed: A seed for the simulator.
        machine: The machine.
        change: Changes each circuit before it is simulated, without changing what it does.

    Raises:
        JobFailedError: It cannot be simulated.
    """
    import qiskit_aer  # noqa: F401 - gives circuits their save instructions
    from qiskit.quantum_info import Pauli

    width = pub.circuit.num_qubits
    ready = []
    known: list[dict[str, float]] = []
    for circuit in circuits.assign(pub.circuit, pub.rows):
        active = circuits.active_qubits(circuit)
        small = circuits.nativize(circuits.reduce(circuit))
        small = small if change is None else change(small)
        values: dict[str, float] = {}
        for number, pauli in enumerate(paulis):
            letters = {qubit: pauli[width - 1 - qubit] for qubit in range(width) if pauli[width - 1 - qubit] != "I"}
            idle = [letter for qubit, letter in letters.items() if qubit not in active]
            qubits = [active.index(qubit) for qubit in letters if qubit in active]
            if "X" in idle or "Y" in idle:
                values[pauli] = 0.0
            elif not qubits:
                values[pauli] = 1.0
            else:
                reduced = "".join(letters[active[place]] for place in reversed(qubits))
                small.save_expectation_value(Pauli(reduced), qubits, label=str(number))
        ready.append(small)
        known.append(values)
    if any(len(values) < len(paulis) for values in known):
        active = circuits.active_qubits(pub.circuit)
        result = aer.run(ready, 1, seed, machine, pub.where, active, exact=True)
        for index, values in enumerate(known):
            data = result.data(index)
            for number, pauli in enumerate(paulis):
                if pauli not in values:
                    values[pauli] = float(np.real(data[str(number)]))
    contrast = {pauli: _contrast(pauli, pub, machine.noise) for pauli in paulis}
    return [{pauli: value * contrast[pauli] for pauli, value in values.items()} for values in known]


def _nested(value: Any, pub: Prepared) -> Any:
    if isinstance(value, list):
        return [_nested(inner, pub) for inner in value]
    terms = {value: 1.0} if isinstance(value, str) else value
    if not isinstance(terms, dict) or not terms:
        raise _malformed(pub, "an observable is a Pauli string or a map of Pauli strings to numbers")
    width = pub.circuit.num_qubits
    for pauli, coefficient in terms.items():
        if not set(pauli) <= LETTERS:
            raise _malformed(pub, f"{pauli!r} has letters other than I, X, Y and Z")
        if len(pauli) != width:
            raise _malformed(pub, f"{pauli!r} has {len(pauli)} letters, the circuit {width} qubits")
        if isinstance(coefficient, bool) or not isinstance(coefficient, int | float):
            raise _malformed(pub, f"the coefficient of {pauli!r} is not a real number")
    return terms


def _shape(nested: Any, pub: Prepared) -> tuple[int, ...]:
    if not isinstance(nested, list):
        return ()
    shapes = {_shape(inner, pub) for inner in nested}
    if len(shapes) != 1:
        raise _malformed(pub, "nested observables must form a regular array")
    return (len(nested), *shapes.pop())


def _malformed(pub: Prepared, what: str) -> JobFailedError:
    return JobFailedError(
        f"The observables of {pub.where} do not fit: {what}.", INVALID_INPUT, "Correct the observables."
    )
