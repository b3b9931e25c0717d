"""Sweeps as curves and heat maps: what was measured, over the values of the parameters. Pure functions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.plugins.task_results import DEEPEST, as_number, is_number, numbers_of

MOST_SERIES = 8
"""Outcomes that have a curve or heat map: the most frequent ones of the whole sweep."""
MOST_OBSERVABLES = 16
MOST_POINTS = 10_000
"""Points of a sweep that is drawn."""


@dataclass(frozen=True)
class Axis:
    """An axis of a sweep.

    Attributes:
        name: The parameter that varies along it alone, or its number.
        values: The parameter's values, or their places.
    """

    name: str
    values: Sequence[float]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"name": self.name, "values": list(self.values)}


def sweep_view(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Describe the sweep of a PUB with one or two axes; None if it has none, or more, or cannot be drawn.

    Returns:
        ``axes``; ``kind``: ``probability``, ``quasi`` or ``value``; ``series``: ``name``, ``values`` in the order of
        the axes, the last one fastest, and ``errors``, each None if it is not known.
    """
    measured = entry.get("evs")
    if "evs" in entry:
        return _of_values(entry, measured)
    quasi = entry.get("quasi_dists")
    return _of_counts(entry, quasi if quasi is not None else entry.get("counts"), is_quasi=quasi is not None)


def _of_counts(entry: Mapping[str, Any], counts: Any, *, is_quasi: bool) -> dict[str, Any] | None:
    shape = _shape(counts)
    if not _is_drawn(shape):
        return None
    points = list(_leaves(counts, len(shape)))
    if len(points) != math.prod(shape) or not all(isinstance(point, Mapping) for point in points):
        return None
    numbers = [numbers_of(point) for point in points]
    total: defaultdict[str, float] = defaultdict(float)
    for point in numbers:
        for label, count in point.items():
            total[label] += abs(count)
    series = []
    for label in sorted(sorted(total, key=lambda name: (-total[name], name))[:MOST_SERIES]):
        values, errors = [], []
        for point in numbers:
            value, error = _share(point, label, is_quasi)
            values.append(value)
            errors.append(error)
        series.append({"name": label, "values": values, "errors": errors})
    return {
        "kind": "quasi" if is_quasi else "probability",
        "axes": [axis.to_json() for axis in _axes(entry, shape)],
        "series": series,
    }


def _share(point: Mapping[str, float], label: str, is_quasi: bool) -> tuple[float | None, float | None]:
    """Return the share of an outcome and its standard error."""
    if is_quasi:
        return point.get(label, 0.0), None
    shots = sum(point.values())
    if shots <= 0:
        return None, None
    share = point.get(label, 0.0) / shots
    return share, math.sqrt(max(0.0, share * (1 - share)) / shots)


def _of_values(entry: Mapping[str, Any], values: Any) -> dict[str, Any] | None:
    shape = _shape(values)
    if math.prod(shape) > MOST_POINTS or len(shape) > DEEPEST:
        return None
    flat = [as_number(one) for one in _leaves(values, len(shape))]
    stds = [as_number(one) for one in _leaves(entry.get("stds"), len(shape))]
    if len(flat) != math.prod(shape) or not flat:
        return None
    stds = stds if len(stds) == len(flat) else [None] * len(flat)
    axes = _axes(entry, shape)
    names, along = _observables(entry.get("observables"), shape)
    if along is None:
        if not _is_drawn(shape):
            return None
        series = [{"name": names[0] if names else "value", "values": flat, "errors": stds}]
        return {"kind": "value", "axes": [axis.to_json() for axis in axes], "series": series}
    rest = [axis for number, axis in enumerate(axes) if number != along]
    if not _is_drawn([len(axis.values) for axis in rest]):
        return None
    series = [
        {"name": name, "values": _slice(flat, shape, along, place), "errors": _slice(stds, shape, along, place)}
        for place, name in enumerate(names)
    ]
    return {"kind": "value", "axes": [axis.to_json() for axis in rest], "series": series}


def _is_drawn(shape: Sequence[int]) -> bool:
    return len(shape) in (1, 2) and 1 < math.prod(shape) <= MOST_POINTS


def _slice(flat: Sequence[Any], shape: Sequence[int], along: int, place: int) -> list[Any]:
    """Return the part of a flat array at one place along an axis."""
    inner = math.prod(shape[along + 1 :])
    return [value for index, value in enumerate(flat) if (index // inner) % shape[along] == place]


def _observables(named: Any, shape: Sequence[int]) -> tuple[list[str], int | None]:
    """Return the names of observables, and the axis along which they vary; None if there is one only."""
    if isinstance(named, str):
        return [named], None
    own = _shape(named)
    leaves = list(_leaves(named, len(own))) if own else []
    if not leaves or not all(isinstance(one, str) for one in leaves):
        return [], None
    offset = len(shape) - len(own)
    long = [number for number, size in enumerate(own) if size > 1]
    if offset < 0 or len(long) != 1 or own[long[0]] != shape[offset + long[0]] or len(leaves) > MOST_OBSERVABLES:
        return ([str(leaves[0])] if len(set(leaves)) == 1 else []), None
    return [str(one) for one in leaves], offset + long[0]


def _axes(entry: Mapping[str, Any], shape: Sequence[int]) -> list[Axis]:
    given = entry.get("parameter_values")
    named: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    axes = []
    for number, size in enumerate(shape):
        of_axis = [(name, values) for name, value in named.items() if (values := _along(value, shape, number))]
        if len(of_axis) == 1:
            axes.append(Axis(str(of_axis[0][0]), of_axis[0][1]))
        else:
            # Several parameters that vary together: the place says more than one of them.
            name = ", ".join(str(name) for name, _ in of_axis[:3]) or f"axis {number}"
            axes.append(Axis(name, [float(place) for place in range(size)]))
    return axes


def _along(value: Any, shape: Sequence[int], axis: int) -> list[float]:
    """Return the values of a parameter that varies along one axis alone; empty if it does not."""
    own = _shape(value)
    at = axis - (len(shape) - len(own))
    if at < 0 or len(own) > len(shape) or own[at] != shape[axis]:
        return []
    inner = math.prod(own[at + 1 :])
    found: dict[int, float] = {}
    leaves = list(_leaves(value, len(own)))
    for index, one in enumerate(leaves):
        # Parameters are kept in the shape of the whole sweep.
        if not is_number(one) or found.setdefault((index // inner) % own[at], float(one)) != one:
            return []
    is_regular = len(leaves) == math.prod(own)
    return [found[place] for place in range(own[at])] if is_regular and len(set(found.values())) > 1 else []


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of nested lists; empty if they are not regular."""
    shape: list[int] = []
    while isinstance(value, list) and value and len(shape) < DEEPEST:
        shape.append(len(value))
        value = value[0]
    return tuple(shape)


def _leaves(value: Any, depth: int) -> Iterator[Any]:
    if depth == 0:
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one, depth - 1)
