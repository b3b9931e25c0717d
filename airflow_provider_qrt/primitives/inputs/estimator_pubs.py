"""Estimator PUBs: a circuit with observables, parameter values and a precision.

Source of the sent form: IBM's REST guide for the estimator, ``[circuit, observables, parameter values or null,
precision or null]``, and Qiskit's ``EstimatorPub`` for the broadcasting of observables and values.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.circuits.parameters import check_values, written
from airflow_provider_qrt.primitives.circuits.qpy import check_measures_nothing
from airflow_provider_qrt.primitives.circuits.reader import CircuitReader, ReadCircuit, describe, is_circuit
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo, check_circuit_to_estimate
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.estimator_options import precision_problem
from airflow_provider_qrt.primitives.inputs.listing import as_list
from airflow_provider_qrt.primitives.inputs.observables import Observables, Written, coerce_observables

_FORM = "(circuit, observables, parameter_values, precision)"
_LOOKS_LIKE_PAULIS = re.compile(r"(?i)\s*[IXYZ]+\s*|\s*[IXYZ]\d+(?:\s+[IXYZ]\d+)*\s*")


@dataclass(frozen=True)
class EstimatorPub:
    """One checked PUB as plain JSON.

    Attributes:
        circuit: OpenQASM 3 text, or ``{"__type__": "QuantumCircuit", "__value__": ...}`` (QPY in zlib in base64).
        observables: A map of Pauli strings to weights, or nested lists of such maps.
        parameter_values: As in ``SamplerPub``.
        precision: The requested standard error; None leaves it to the options or IBM's default.
        info: The declarations of the circuit; None for a QPY circuit that was already encoded.
        shape: The shape of the expectation values, which is the broadcast shape of observables and parameter values
            by numpy's rules; ``()`` for one number.
        source: OpenQASM 3 text of a QPY circuit, as in ``SamplerPub``.
    """

    circuit: str | Mapping[str, Any]
    observables: Mapping[str, float] | list[Any]
    parameter_values: Mapping[str, Any] | list[Any] | None = None
    precision: float | None = None
    info: CircuitInfo | None = None
    shape: tuple[int, ...] = ()
    source: str | None = None

    def identity(self) -> list[Any]:
        """Return JSON that is equal for two PUBs if they request the same thing."""
        return [self.source or self.circuit, self.observables, self.parameter_values, self.precision]

    def to_json(self) -> list[Any]:
        """Return the PUB in the form that is sent, without the trailing items that are not set."""
        circuit = self.circuit if isinstance(self.circuit, str) else dict(self.circuit)
        pub: list[Any] = [circuit, self.observables, written(self.parameter_values), self.precision]
        while pub[-1] is None:
            pub.pop()
        return pub


def coerce_estimator_pubs(
    circuits: Any, *, observables: Any = None, precision: float | None = None
) -> tuple[EstimatorPub, ...]:
    """Check the user's ``circuits`` and ``observables`` and return them as PUBs.

    A circuit is OpenQASM 3 text, a ``QuantumCircuit``, or a QPY circuit already encoded for the service; it must not
    have measurements. A PUB is a circuit alone, or a tuple or list ``(circuit, observables, parameter_values,
    precision)`` of up to four items. At the top level a **list** is always a list of PUBs and a **tuple** is always one
    PUB; inside the list both are PUBs, because JSON turns tuples into lists.

    For observables see ``coerce_observables``, for parameter values ``coerce_pubs``. Arrays of observables and sweeps
    of values are broadcast against each other by numpy's rules: three observables and three parameter sets give three
    numbers, one for each observable with its set; observables of shape ``(3, 1)`` and five sets give all ``(3, 5)``
    combinations.

    Args:
        circuits: See above.
        observables: One observable or an array, for each PUB without observables.
        precision: Precision for PUBs without a precision; a standard error above 0 and up to 1.

    Returns:
        At least one PUB.

    Raises:
        InvalidInputError: Something is wrong; the message names the PUB by its index.
    """
    precision = _check_precision(precision, "precision")
    reader = CircuitReader(check_circuit_to_estimate, check_measures_nothing)
    pubs: list[EstimatorPub] = []
    items = as_list(circuits, EstimatorPub)
    for index, item in enumerate(items):
        # Check this first: values that stand beside their circuit in the list would not be used with it.
        if not isinstance(item, EstimatorPub):
            split_estimator_pub(item, f"circuits[{index}]")
    for index, item in enumerate(items):
        where = f"circuits[{index}]"
        if isinstance(item, EstimatorPub):
            pubs.append(item if item.precision is not None else dataclasses.replace(item, precision=precision))
            continue
        circuit, own_observables, values, own_precision = split_estimator_pub(item, where)
        read = reader.read(circuit, where)
        measured = read_observables(own_observables, observables, read, where)
        checked, sweep = check_values(values, read.info, where, by_name=read.is_text)
        own_precision = _check_precision(own_precision, f"{where}: precision")
        pubs.append(
            EstimatorPub(
                read.circuit,
                measured.terms,
                checked,
                precision if own_precision is None else own_precision,
                read.info,
                _broadcast(measured.shape, sweep, where),
                read.source,
            )
        )
    return tuple(pubs)


def split_estimator_pub(item: Any, where: str) -> tuple[Any, Any, Any, Any]:
    """Split a PUB into circuit, observables, values and precision.

    Raises:
        InvalidInputError: It is not a PUB.
    """
    if isinstance(item, str) and _LOOKS_LIKE_PAULIS.fullmatch(item):
        raise InvalidInputError(
            f"{where}: {item!r} is an observable and stands where a circuit should. Put a circuit and its observables "
            f"into one tuple, circuits=[(circuit, {item!r})], or write observables={item!r} for all circuits."
        )
    if is_circuit(item):
        return item, None, None, None
    if not isinstance(item, tuple | list):
        raise InvalidInputError(
            f"{where}: expected OpenQASM 3 text, a QuantumCircuit, or {_FORM}, not {describe(item)}. Is this meant to "
            "belong to the circuit before it? Then put the two into one tuple."
        )
    if not 1 <= len(item) <= 4:
        raise InvalidInputError(f"{where}: a PUB has one to four items, {_FORM}; this has {len(item)}.")
    circuit, observables, values, precision = (*item, None, None, None)[:4]
    if not is_circuit(circuit):
        raise InvalidInputError(
            f"{where}: the first item of a PUB is the circuit, as OpenQASM 3 text or QuantumCircuit, not "
            f"{describe(circuit)}."
        )
    if is_circuit(observables) and not (isinstance(observables, str) and "OPENQASM" not in observables):
        raise InvalidInputError(
            f"{where}: the second item of a PUB holds observables, and this is another circuit. For several circuits "
            "in one job write one list: circuits=[first, second]."
        )
    return circuit, observables, values, precision


def read_observables(own: Any, common: Any, read: ReadCircuit, where: str) -> Observables:
    """Check the observables of a PUB, or those of the task if the PUB has none.

    Raises:
        InvalidInputError: There are no observables, or they are wrong.
    """
    if own is None and common is None:
        raise InvalidInputError(
            f"{where}: there is nothing to measure. Set observables on the task, such as observables='ZZ', or write "
            "the PUB as (circuit, 'ZZ')."
        )
    width = None if read.info is None else read.info.num_qubits
    if own is None:
        return coerce_observables(common, width, f"{where}: the task's observables", circuit=_written(read))
    try:
        return coerce_observables(own, width, f"{where}: observables", circuit=_written(read))
    except InvalidInputError as error:
        if not _are_values(own, read):
            raise
        raise InvalidInputError(
            f"{where}: the second item of an estimator's PUB holds observables, and these are parameter values. Write "
            f"{_FORM}; None stands for the task's observables."
        ) from error


def _are_values(observables: Any, read: ReadCircuit) -> bool:
    """Return whether the second item of a PUB contains parameter values, as in a sampler PUB."""
    if not isinstance(observables, Mapping) or not observables or read.info is None:
        return False
    names = [key if isinstance(key, str) else getattr(key, "name", None) for key in observables]
    return all(name in read.info.parameters for name in names)


def _written(read: ReadCircuit) -> Written:
    if not read.is_text:
        return "object"
    return "physical" if read.info is not None and read.info.physical else "text"


def _broadcast(observables: tuple[int, ...], sweep: tuple[int, ...], where: str) -> tuple[int, ...]:
    import numpy as np

    try:
        return np.broadcast_shapes(observables, sweep)
    except ValueError:
        nested = "[['ZZ'], ['XX']]"
        raise InvalidInputError(
            f"{where}: the observables have the shape {observables} and the parameter values {sweep}, which numpy "
            f"cannot broadcast to one. To measure each observable at each set of values, nest them deeper: {nested}."
        ) from None


def _check_precision(precision: Any, where: str) -> float | None:
    if precision is None:
        return None
    number = precision.item() if type(precision).__module__ == "numpy" and precision.shape == () else precision
    if problem := precision_problem(number):
        raise InvalidInputError(f"{where}: {problem}, or None; not {precision!r}.")
    return float(number)
