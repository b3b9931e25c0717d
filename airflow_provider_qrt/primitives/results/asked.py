"""What was asked of one PUB, kept beside what it came to: the values of its parameters, and what was measured."""

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
"""Keys of a PUB's result in XCom and in files; a result of an earlier version has neither."""
OBSERVABLE = "observable"
"""Column of a table."""
LONGEST_NAME = 200
"""Characters of an observable's name; a Hamiltonian of a thousand terms has no name that anybody reads."""


@dataclass(frozen=True)
class Asked:
    """The question that a PUB's result answers.

    Attributes:
        parameter_values: By parameter: a number, or nested lists in the shape of the sweep.
        observables: The observable's name (``"ZZ"``, ``"0.5*ZZ - 1.2*XI"``), or nested lists of names in the shape of
            the array of observables; None of a sampler.
    """

    parameter_values: Mapping[str, Any] = field(default_factory=dict)
    observables: Any = None

    @classmethod
    def of(cls, pub: SamplerPub | EstimatorPub) -> Asked:
        """Take it from a PUB as it was given, before it was transpiled."""
        values = pub.parameter_values
        if isinstance(values, Mapping):
            named: dict[str, Any] = dict(values)
        elif values and pub.info is not None:
            named = {name: _pick(values, place) for place, name in enumerate(pub.info.parameters)}
        else:
            # Encoded elsewhere: nobody here knows the names.
            named = {}
        observables = getattr(pub, "observables", None)
        return cls(named, None if observables is None else _names(observables))

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Asked:
        """Read what :meth:`to_json` wrote among the other keys of a PUB's result."""
        values = entry.get(PARAMETERS)
        return cls(dict(values) if isinstance(values, Mapping) else {}, entry.get(OBSERVABLES))

    def to_json(self) -> dict[str, Any]:
        """Return the keys that go into a PUB's result; none where nothing is known."""
        found: dict[str, Any] = {}
        if self.parameter_values:
            found[PARAMETERS] = dict(self.parameter_values)
        if self.observables is not None:
            found[OBSERVABLES] = self.observables
        return found

    def json_bytes(self) -> int:
        """Bytes of the JSON of :meth:`to_json`."""
        known = self.to_json()
        return len(json.dumps(known)) if known else 0

    def column_values(self, name: str, shape: tuple[int, ...], points: NDArray[np.int64]) -> list[Any]:
        """Return the column of a parameter, or of the observables, at some points of the PUB's shape.

        What is known of another shape, as of a file that somebody has changed, is left out.

        Args:
            name: Of the parameter, or ``observable``.
            shape: Of the PUB.
            points: Flat indices, the last axis varying fastest.
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
    """Name the columns that tell what was asked, by what they hold.

    Args:
        asked: Of all PUBs.
        taken: Names of other columns; a parameter that is called like one gets a ``_`` at the end.
    """
    listed = list(asked)
    names = list(dict.fromkeys(name for one in listed for name in one.parameter_values if name != OBSERVABLE))
    found = {name: f"{name}_" if name in (*taken, OBSERVABLE) else name for name in names}
    if any(one.observables is not None for one in listed):
        found[OBSERVABLE] = OBSERVABLE
    return found


def _pick(values: Any, place: int) -> Any:
    """Return one parameter's values of nested lists whose last axis runs over parameters."""
    if values and isinstance(values[0], list):
        return [_pick(one, place) for one in values]
    return values[place]


def _names(observables: Any) -> Any:
    if isinstance(observables, list):
        return [_names(one) for one in observables]
    return observable_name(observables)


def observable_name(terms: Mapping[str, float]) -> str:
    """Write an observable for people: ``ZZ``, ``0.5*ZZ - 1.2*XI``; a long one is cut.

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
