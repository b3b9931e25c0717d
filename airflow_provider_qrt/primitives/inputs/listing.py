"""Finds out whether a user gave one circuit or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_qrt.primitives.errors import InvalidInputError


def as_list(circuits: Any, kind: type) -> Sequence[Any]:
    """Return circuits as a list; a list contains PUBs, and a tuple is one PUB unless its items are checked PUBs.

    Args:
        circuits: The user's value.
        kind: The class of checked PUBs.

    Raises:
        InvalidInputError: The list is empty.
    """
    if isinstance(circuits, list):
        if not circuits:
            raise InvalidInputError("circuits: the list is empty; give at least one circuit.")
        return circuits
    if isinstance(circuits, set | frozenset):
        raise InvalidInputError(
            "circuits: a set has no order, and the results come in that of the circuits. Write a list."
        )
    if isinstance(circuits, tuple) and circuits and all(isinstance(item, kind) for item in circuits):
        return circuits
    return [circuits]
