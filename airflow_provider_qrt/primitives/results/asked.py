"""The input of one PUB that is stored with its result: the parameter values and the observables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from airflow_provider_qrt.primitives.inputs.estimator_pubs import EstimatorPub
    from airflow_provider_qrt.primitives.inputs.pubs import SamplerPub

PARAMETERS, OBSERVABLES = "parameter_values", "observables"
"""Keys of a PUB's result in XCom and in files; results of earlier versions lack them."""
OBSERVABLE = "observable"
"""Name of the column in a table."""
LONGEST_NAME = 200
"""Maximum length of an observable's name; nobody reads the name of a Hamiltonian with a thousand terms."""


@dataclass(frozen=True)
class Asked:
    """The input of a PUB.

    Attributes:
        parameter_values: For each parameter, a number or nested lists in the shape of the sweep.
        observables: The observable's name (``"ZZ"``, ``"0.5*ZZ - 1.2*XI"``), or nested lists of names in the shape of
            the array of observables; None for a sampler.
    """

    parameter_values: Mapping[str, Any] = field(default_factory=dict)
    observables: Any = None

    @classmethod
    def of(cls, pub: SamplerPub | EstimatorPub) -> Asked:
        """Read it from an original PUB, before transpilation."""
        values = pub.parameter_values
        if isinstance(values, Mapping):
            named: dict[str, Any] = dict(values)
        elif values and pub.info is not None:
            named = {name: _pick(values, place) for place, name in enumerate(pub.info.parameters)}
        else:
            # The circuit was encoded elsewhere, so its parameter names are not known.
            named = {}
        observables = getattr(pub, "observables", None)
        return cls(named, None if observables is None else _names(observables))

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Asked:
        """Read the keys that :meth:`to_json` added to a PUB's result."""
        values = entry.get(PARAMETERS)
        return cls(dict(values) if isinstance(values, Mapping) else {}, entry.get(OBSERVABLES))

    def to_json(self) -> dict[str, Any]:
        """Return the keys to add to a PUB's result, without those that are not known."""
        found: dict[str, Any] = {}
        if self.parameter_values:
            found[PARAMETERS] = dict(self.parameter_values)
        if self.observables is not None:
            found[OBSERVABLES] = self.observables
        return found

    def json_bytes(self) -> int:
        """Return the size of the JSON of :meth:`to_json` in bytes."""
        known = self.to_json()
        return len(json.dumps(known)) if known else 0

    def column_values(self, name: str, shape: tuple[int, ...], points: NDArray[np.int64]) -> list[Any]:
        """Return the column of a parameter or of the observables at some points of the PUB.

        Values that do not fit the shape, for example in a file that somebody has edited, are left out.

        Args:
            name: Name of the parameter, or ``observable``.
            shape: Shape of the PUB.
            points: Flat indices, with the last axis varying fastest.
        """
        import numpy as np

        given = self.observables if name == OBSERVABLE else self.parameter_values.get(name)
        if given is None:
            return [None] * len(points)
        try:
            whole = np.broadcast_to(np.array(given, dtype=object if name == OBSERVABLE else float), shape)
        except (ValueError, TypeError, OverflowError):
            return [None] * len(points)
        flat: list[Any] = whole.reshape(-1)[points].tolist()
        return flat


def columns(asked: Iterable[Asked], taken: Sequence[str]) -> dict[str, str]:
    """Return the names of the columns for parameters and observables.

    Args:
        asked: The inputs of all PUBs.
        taken: Names of other columns; a parameter with such a name gets a ``_`` at the end.
    """
    listed = list(asked)
    names = list(dict.fromkeys(name for one in listed for name in one.parameter_values if name != OBSERVABLE))
    found = {name: f"{name}_" if name in (*taken, OBSERVABLE) else name for name in names}
    if any(one.observables is not None for one in listed):
        found[OBSERVABLE] = OBSERVABLE
    return found


def _pick(values: Any, place: int) -> Any:
    """Return the values of one parameter from nested lists whose last axis runs over parameters."""
    if values and isinstance(values[0], list):
        return [_pick(one, place) for one in values]
    return values[place]


def _names(observables: Any) -> Any:
    if isinstance(observables, list):
        return [_names(one) for one in observables]
    return observable_name(observables)


def observable_name(terms: Mapping[str, float]) -> str:
    """Return a readable name of an observable, such as ``ZZ`` or ``0.5*ZZ - 1.2*XI``; a long name is truncated.

    Args:
        terms: Weights by Pauli string.
    """
    name = ""
    for pauli, weight in terms.items():
        size = abs(weight)
        term = pauli if size == 1 else f"{size:g}*{pauli}"
        sign = "-" if weight < 0 else "+"
        name += f" {sign} {term}" if name else (f"-{term}" if weight < 0 else term)
        if len(name) > LONGEST_NAME:
            return f"{name[: LONGEST_NAME - 4]} ..."
    return name
