"""Whether a user gave one circuit or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInput


def as_list(circuits: Any, kind: type) -> Sequence[Any]:
    """Return what was given as a list: a list is several, a tuple is one PUB, unless all in it were read before.

    Args:
        circuits: What was given.
        kind: What a PUB is when it has been read.

    Raises:
        InvalidInput: The list is empty.
    """
    if isinstance(circuits, list):
        if not circuits:
            raise InvalidInput("circuits: the list is empty; give at least one circuit.")
        return circuits
    if isinstance(circuits, set | frozenset):
        raise InvalidInput("circuits: a set has no order, and the results come in that of the circuits. Write a list.")
    if isinstance(circuits, tuple) and circuits and all(isinstance(item, kind) for item in circuits):
        return circuits
    return [circuits]
