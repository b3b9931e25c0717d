"""The circuits that a task was given: read once, and what is known of them after a wait in the triggerer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.results.asked import Asked

RETURNED_QISKIT = "returned_qiskit"
"""Says, for the part of a task after a deferral, that the circuits were Qiskit's."""
ASKED = "asked"
"""Says, for that part, what parameter values and observables a function returned."""
MOST_ASKED_BYTES = 1_000_000
"""Parameter values that a task which waits in the triggerer keeps in Airflow's database; more are left out."""


@dataclass
class GivenCircuits:
    """The circuits in a task's arguments.

    Attributes:
        give: Returns the circuits as they were rendered.
    """

    give: Callable[[], Any]

    def read(self) -> Any:
        """Return the circuits.

        Raises:
            InvalidInputError: They cannot be read.
        """
        return self.give()

    def explain(self, error: InvalidInputError) -> InvalidInputError:
        """Return the error for circuits that are wrong."""
        return error

    def were_qiskits(self) -> bool:
        """Tell whether there is an object of Qiskit's among them, at any depth."""
        try:
            return holds_qiskit(self.give())
        except InvalidInputError:
            # The DAG file was changed while the job ran: no reason to lose its result.
            return False

    def asked(self, read_pubs: Callable[[], Sequence[Any]]) -> Sequence[Asked]:
        """Return the parameter values and observables of each PUB."""
        return [Asked.of(pub) for pub in read_pubs()]

    def to_remember(self, asked: Sequence[Asked], *, used_qiskit: bool) -> Mapping[str, Any]:
        """Return what cannot be found out from the arguments after a wait."""
        return {}


@dataclass
class ReturnedCircuits(GivenCircuits):
    """The circuits that a function returned.

    After a wait the function is not called again; what was remembered takes the place of what it returned.

    Attributes:
        who: Names the function, for messages.
        remembered: What :meth:`to_remember` returned before the wait; None if the task has not waited.
    """

    who: str = ""
    remembered: Mapping[str, Any] | None = None
    _returned: list[Any] = field(default_factory=list, init=False)

    def read(self) -> Any:
        """Call the function the first time."""
        if not self._returned:
            self._returned.append(self.give())
        return self._returned[0]

    def explain(self, error: InvalidInputError) -> InvalidInputError:
        """Say who returned the circuits."""
        if str(error).startswith("circuits"):
            return InvalidInputError(f"{error} The circuits are what {self.who} returned.")
        return error

    def were_qiskits(self) -> bool:
        """Tell it of what the function returned, or of what was remembered."""
        if self._returned:
            return holds_qiskit(self._returned[0])
        return bool((self.remembered or {}).get(RETURNED_QISKIT))

    def asked(self, read_pubs: Callable[[], Sequence[Any]]) -> Sequence[Asked]:
        """Return what the function asked for, or what was remembered."""
        if self._returned:
            return super().asked(read_pubs)
        return [Asked.read(one) for one in (self.remembered or {}).get(ASKED) or ()]

    def to_remember(self, asked: Sequence[Asked], *, used_qiskit: bool) -> Mapping[str, Any]:
        """Return what the function's circuits were."""
        kept: dict[str, Any] = {RETURNED_QISKIT: True} if used_qiskit else {}
        if any(one.to_json() for one in asked) and sum(one.json_bytes() for one in asked) <= MOST_ASKED_BYTES:
            kept[ASKED] = [one.to_json() for one in asked]
        return kept


def are_bare(circuits: Any) -> bool:
    """Tell whether these are circuits alone, without parameter values or anything else that a PUB may have."""
    items = circuits if isinstance(circuits, list) else [circuits]
    return all(isinstance(one, str | bytes | os.PathLike) or _is_qiskits(one) for one in items)


def holds_qiskit(circuits: Any) -> bool:
    """Tell whether there is an object of Qiskit's among circuits, at any depth."""
    if isinstance(circuits, list | tuple):
        return any(map(holds_qiskit, circuits))
    return _is_qiskits(circuits)


def _is_qiskits(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "qiskit"
