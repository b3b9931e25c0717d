"""The circuits of a job as they were sent, found in its input. Pure functions.

Source: the inputs of ``sampler`` and ``estimator`` (a list of PUBs) and of ``executor`` (texts, objects, or one QPY
file for all circuits) in IBM's REST API reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, overload

MOST_CIRCUITS = 100
"""Circuits of one job that can be drawn."""
MOST_CHARACTERS = 200_000
"""Maximum length of a circuit's source that is shown or drawn; of QPY, of a job's whole file."""
QPY = "qpy:"
"""How the source of a circuit begins that is QPY: a prefix, its place in the file, and zlib in base64."""


def sent_circuits(params: Mapping[str, Any] | None) -> Sequence[str]:
    """Return the sources of a job's circuits, for :mod:`~airflow_provider_qrt.plugins.draw`.

    Args:
        params: The job's input; None if the service does not return it.
    """
    if params is None:
        return []
    program = params.get("quantum_program")
    if isinstance(program, Mapping):
        return _of_executor(program.get("circuits"))
    pubs = params.get("pubs")
    if not isinstance(pubs, list):
        return []
    circuits = [pub[0] for pub in pubs[:MOST_CIRCUITS] if isinstance(pub, list) and pub]
    return [source for circuit in circuits if (source := _source(circuit)) is not None]


def qpy_source(source: str) -> tuple[int, str] | None:
    """Return the place in its file and the data of a circuit that is QPY; None if it is OpenQASM."""
    if not source.startswith(QPY):
        return None
    place, _, data = source.removeprefix(QPY).partition(":")
    return (int(place), data) if place.isdecimal() else None


def _of_executor(circuits: Any) -> Sequence[str]:
    if not isinstance(circuits, Mapping):
        return []
    data, file = circuits.get("data"), circuits.get("b64_data")
    if isinstance(data, list):
        return [source for one in data[:MOST_CIRCUITS] if (source := _source(one)) is not None]
    if isinstance(file, str):
        number = circuits.get("num_programs")
        count = number if type(number) is int and number > 0 else 1
        return _QpyFile(file, min(count, MOST_CIRCUITS))
    return []


class _QpyFile(Sequence[str]):
    """The sources of the circuits of one QPY file, which is kept once."""

    def __init__(self, data: str, count: int) -> None:
        self._data, self._places = data, range(count)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in self._places[place]]
        return f"{QPY}{self._places[place]}:{self._data}"


def _source(circuit: Any) -> str | None:
    if isinstance(circuit, str):
        return circuit
    if isinstance(circuit, Mapping) and isinstance(circuit.get("__value__"), str):
        return f"{QPY}0:{circuit['__value__']}"
    return None


def described(sources: Sequence[str]) -> list[dict[str, Any]]:
    """Return the circuits for a page: ``text`` of those that are OpenQASM and not too long to be read."""
    if isinstance(sources, _QpyFile):
        return [{"text": None}] * len(sources)
    return [{"text": None if _is_left_out(source) else source} for source in sources]


def _is_left_out(source: str) -> bool:
    return source.startswith(QPY) or len(source) > MOST_CHARACTERS


def facts_of(text: str) -> dict[str, Any]:
    """Read what the process that draws has printed."""
    found = json.loads(text)
    return dict(found) if isinstance(found, dict) else {}
