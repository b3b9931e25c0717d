"""Converts observables of an estimator from any form that users write to maps of Pauli strings to weights.

Sources: IBM's REST guide for the estimator (letters I, X, Y, Z, one for each qubit of the circuit, with qubit 0
rightmost; real weights) and Qiskit's ``ObservablesArray`` (arrays and their shapes).
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_qrt.primitives.errors import InvalidInputError

_LETTERS = frozenset("IXYZ")
_DENSE = re.compile(r"[IXYZ]+")
_SPARSE = re.compile(r"[IXYZ][0-9]{1,6}(?:\s+[IXYZ][0-9]{1,6})*")
_PROJECTORS = frozenset("01+-rl")
"""Qiskit's letters for projectors on the eigenstates of Z, X and Y."""
_ROUNDING = 100 * sys.float_info.epsilon
"""Largest imaginary part that counts as a rounding error, as in numpy's ``real_if_close``, which Qiskit uses."""
_QUBIT_NAMED = re.compile(r"[IXYZ][0-9]")
_SHOWN = 40
"""Maximum number of characters of a Pauli string in an error message."""


Written = Literal["text", "physical", "object"]


@dataclass(frozen=True)
class Observables:
    """One observable, or an array of observables, as plain JSON.

    Attributes:
        terms: A map of Pauli strings to weights, or nested lists of such maps in the shape of the array.
        shape: The shape of the array; ``()`` for one observable.
    """

    terms: Mapping[str, float] | list[Any]
    shape: tuple[int, ...] = ()


def coerce_observables(value: Any, num_qubits: int | None, where: str, *, circuit: Written = "text") -> Observables:
    """Check the user's observables for one circuit.

    An observable is a Pauli string (``"IZZ"``), a map of Pauli strings to real weights (``{"ZZ": 0.5, "XI": -1.2}``),
    or a Qiskit object (``SparsePauliOp``, ``Pauli``). In the strings qubit 0 is rightmost, as in Qiskit. A string can
    also name only some qubits, as in ``"Z0 Z5"``; all others are then I. Lists of observables, nested to any depth,
    numpy arrays and Qiskit's ``ObservablesArray`` are arrays.

    Terms with weight zero are dropped, as in Qiskit.

    Args:
        value: See above.
        num_qubits: The number of qubits of the circuit, which must be the length of every Pauli string; None when it
            is not known.
        where: The place named at the start of an error message.
        circuit: The form of the circuit, for the advice in a message: text, text whose width follows from its physical
            qubits, or a ``QuantumCircuit``.

    Raises:
        InvalidInputError: A string has wrong letters or the wrong length, a weight is not a finite real number, a term
            occurs twice, a map or list is empty, or lists differ in length.
    """
    reader = _Reader(num_qubits, circuit)
    terms = reader.read(value, where)
    return Observables(terms, _shape(terms, where))


def check_observables(value: Any, where: str) -> None:
    """Check observables without their circuits, that is, everything except the number of qubits.

    Qiskit objects pass unchecked, so that Qiskit need not be imported.

    Args:
        value: See :func:`coerce_observables`.
        where: The place named at the start of an error message.

    Raises:
        InvalidInputError: See :func:`coerce_observables`.
    """
    if not _holds_qiskit(value):
        _Reader(None, "text", any_width=True).read(value, where)


class _Reader:
    """Reads the observables of one circuit.

    If the width is not known, all observables must have the width of the first one, unless any width is allowed.
    """

    def __init__(self, num_qubits: int | None, circuit: Written, *, any_width: bool = False) -> None:
        self._width = num_qubits
        self._circuit = circuit
        self._circuit_known = num_qubits is not None
        self._any_width = any_width

    def read(self, value: Any, where: str) -> Any:
        if isinstance(value, str):
            return {self._pauli(value, where): 1.0}
        if _is_qiskit(value):
            return self.read(_from_qiskit(value, where), where)
        if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
            return self.read(value.tolist(), where)
        if isinstance(value, Mapping):
            return self._map(value, where)
        if isinstance(value, list | tuple):
            if not value:
                raise InvalidInputError(f"{where}: the list of observables is empty; give at least one, such as 'ZZ'.")
            if (pairs := _as_pairs(value)) is not None:
                weight, hint = next(iter(pairs.values())), f" A sum of terms is written as a map: {pairs!r}."
                raise InvalidInputError(_no_observable(weight, f"{where}[0][1]") + hint)
            return [self.read(item, f"{where}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, set | frozenset):
            raise InvalidInputError(
                f"{where}: a set has no order, and the values come in the order of the observables. Write a list."
            )
        raise InvalidInputError(_no_observable(value, where))

    def _map(self, value: Mapping[Any, Any], where: str) -> dict[str, float]:
        if not value:
            raise InvalidInputError(f"{where}: the map is empty; give at least one term, such as {{'ZZ': 1.0}}.")
        terms: dict[str, float] = {}
        written: dict[str, Any] = {}
        for key, weight in value.items():
            label = key.to_label() if _is_qiskit(key) and hasattr(key, "to_label") else key
            if not isinstance(label, str):
                raise InvalidInputError(f"{where}: a term is named by a Pauli string such as 'ZZ', not by {key!r}.")
            pauli = self._pauli(label, where)
            if pauli in terms:
                raise InvalidInputError(
                    f"{where}: {label!r} and {written[pauli]!r} are the same term; write it once, with the sum of the "
                    "weights."
                )
            terms[pauli], written[pauli] = _weight(weight, label, where), label
        kept = {pauli: weight for pauli, weight in terms.items() if weight}
        if not kept:
            raise InvalidInputError(
                f"{where}: all weights are 0, so the value is 0 whatever the circuit does; leave it out."
            )
        return kept

    def _pauli(self, text: str, where: str) -> str:
        """Return a Pauli string of the circuit's width."""
        if _SPARSE.fullmatch(text.strip()):
            return self._from_qubits(text, where)
        if not _DENSE.fullmatch(text):
            raise InvalidInputError(f"{where}: {_why_no_pauli(text)}")
        if self._any_width:
            return text
        if self._width is None:
            self._width = len(text)
        elif len(text) != self._width:
            raise InvalidInputError(self._wrong_width(text, where))
        return text

    def _from_qubits(self, text: str, where: str) -> str:
        if self._width is None and not self._any_width:
            raise InvalidInputError(
                f"{where}: how many qubits {text!r} stands for is not known, since the circuit came already encoded. "
                "Write all letters, one for each qubit, such as 'ZIIIIZ'."
            )
        letters: dict[int, str] = {}
        for part in text.split():
            qubit = int(part[1:])
            if self._width is not None and qubit >= self._width:
                raise InvalidInputError(
                    f"{where}: {text!r} names qubit {qubit}, and the circuit has {self._width}, 0 to "
                    f"{self._width - 1}.{self._how_to_widen(qubit)}"
                )
            if qubit in letters:
                raise InvalidInputError(f"{where}: {text!r} names qubit {qubit} twice.")
            letters[qubit] = part[0]
        if self._width is None:
            return " ".join(f"{letters[qubit]}{qubit}" for qubit in sorted(letters))
        return "".join(letters.get(qubit, "I") for qubit in reversed(range(self._width)))

    def _wrong_width(self, text: str, where: str) -> str:
        """Return the error for an observable whose width differs from that of the circuit, with advice."""
        assert self._width is not None
        shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
        if not self._circuit_known:
            return f"{where}: {shown!r} has {len(text)} letters, an observable before it has {self._width}."
        problem = f"{where}: {shown!r} has {len(text)} letters, and the circuit has {self._width} qubits"
        if self._circuit == "physical":
            problem += f" (the highest that it names is ${self._width - 1})"
        problem += ": an observable has one letter for each qubit, the rightmost for qubit 0."
        qubits = [qubit for qubit, letter in enumerate(reversed(text)) if letter != "I"]
        if not qubits or qubits[-1] < self._width:
            short = " ".join(f"{text[-1 - qubit]}{qubit}" for qubit in qubits) or "I0"
            remedy = "Add I on the left" if len(text) < self._width else "Drop the I on the left"
            layout = "; or, if Qiskit transpiled it, observable.apply_layout(circuit.layout)"
            layout = layout if self._circuit == "object" else ""
            if len(qubits) > 8:
                return f"{problem} {remedy}{layout}."
            return f"{problem} {remedy}, or name the qubits: {short!r}{layout}."
        return f"{problem} This one acts on qubit {qubits[-1]}.{self._how_to_widen(qubits[-1])}"

    def _how_to_widen(self, qubit: int) -> str:
        if self._circuit != "physical":
            return ""
        return f" To measure one that no gate acts on, name it in the circuit: rz(0) ${qubit};"


def _shape(terms: Any, where: str) -> tuple[int, ...]:
    if not isinstance(terms, list):
        return ()
    shapes = [_shape(item, where) for item in terms]
    if len(set(shapes)) > 1:
        raise InvalidInputError(
            f"{where}: the lists of observables have different lengths; in one PUB they form a full array. Observables "
            "of different circuits belong into different PUBs: circuits=[(first, 'ZZ'), (second, ['XX', 'YY'])]."
        )
    return (len(terms), *shapes[0])


def _no_observable(value: Any, where: str) -> str:
    return (
        f"{where}: expected a Pauli string such as 'IZZ', a map of them to weights such as {{'ZZ': 0.5}}, a "
        f"SparsePauliOp, or a list of these, not {value!r} ({type(value).__name__})."
    )


def _as_pairs(value: Sequence[Any]) -> dict[str, Any] | None:
    """Convert pairs of a Pauli string and its weight into a map; return None if the list contains anything else."""
    for item in value:
        if not (isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str)):
            return None
        if isinstance(item[1], bool) or not isinstance(item[1], int | float | complex):
            return None
    return {item[0]: item[1] for item in value}


def _weight(value: Any, label: str, where: str) -> float:
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, complex) and abs(value.imag) <= _ROUNDING:
        # In dict(operator.to_list()), all of Qiskit's weights are complex numbers.
        value = value.real
    if isinstance(value, bool) or not isinstance(value, int | float):
        kind = "a complex number; an observable is Hermitian" if isinstance(value, complex) else type(value).__name__
        raise InvalidInputError(f"{where}: the weight of {label!r} must be a real number, not {value!r} ({kind}).")
    try:
        weight = float(value)
    except OverflowError:
        weight = math.inf
    if not math.isfinite(weight):
        raise InvalidInputError(f"{where}: the weight of {label!r} must be a finite number, not {weight}.")
    return weight


def _why_no_pauli(text: str) -> str:
    """Return the reason why a text is not a Pauli string, and what to write."""
    stripped = text.strip()
    if not stripped:
        return "the Pauli string is empty; write one letter for each qubit, such as 'IZZ'."
    if stripped[0] in "[{(":
        return (
            f"{stripped[:_SHOWN]!r} is the text of a list or map, not one: a template became text. Set "
            "render_template_as_native_obj=True on the DAG, or pass the other task's .output."
        )
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    upper = " ".join(stripped.upper().split())
    if upper != text and (_DENSE.fullmatch(upper) or _SPARSE.fullmatch(upper)):
        return f"{shown!r} is no Pauli string; write it in capitals and without spaces around it: {upper[:_SHOWN]!r}."
    unsigned = stripped[1:].strip()
    if stripped[0] in "+-" and (_DENSE.fullmatch(unsigned) or _SPARSE.fullmatch(unsigned)):
        return f"{shown!r} has a sign; write the weight in a map: {{{unsigned[:_SHOWN]!r}: {stripped[0]}1.0}}."
    if set(text) <= _LETTERS | _PROJECTORS and not _QUBIT_NAMED.search(text):
        projectors = ", ".join(map(repr, sorted(set(text) & _PROJECTORS)))
        return (
            f"{shown!r} has projectors ({projectors}), which IBM's estimator does not measure. Write them as sums of "
            "Pauli strings: '0' is (I + Z)/2, '1' (I - Z)/2, '+' (I + X)/2, '-' (I - X)/2, 'r' (I + Y)/2, 'l' "
            "(I - Y)/2."
        )
    foreign = sorted(set(text) - _LETTERS)
    return (
        f"{shown!r} is no Pauli string: it has {', '.join(map(repr, foreign[:5]))}, and the letters are I, X, Y and Z, "
        "one for each qubit, qubit 0 rightmost, such as 'IZZ'; or name the qubits, such as 'Z0 Z1'."
    )


def _is_qiskit(value: Any) -> bool:
    return any(base.__module__.partition(".")[0] == "qiskit" for base in type(value).__mro__)


def _holds_qiskit(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_qiskit, value)) or any(map(_holds_qiskit, value.values()))
    return any(map(_holds_qiskit, value)) if isinstance(value, list | tuple) else _is_qiskit(value)


def _from_qiskit(value: Any, where: str) -> Any:
    """Convert a Qiskit observable or array of observables into maps or nested lists of maps."""
    from qiskit.primitives.containers.observables_array import ObservablesArray

    try:
        return ObservablesArray.coerce(value).tolist()
    except Exception as error:
        raise InvalidInputError(
            f"{where}: Qiskit takes this {type(value).__name__} for no observable: {error}"
        ) from error
