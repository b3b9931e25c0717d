"""View of a task's result for the page *Result*: plain JSON, built from the task's XCom. Pure functions."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_qrt.primitives.results.xcom import NUM_OUTCOMES, TOP_COUNTS

LARGEST = 1e300
"""Larger numbers could overflow when they are added up."""
TOP = 32
"""Number of outcomes that have their own bar; the others are summed up."""
MOST_POINTS = 64
"""Maximum number of sweep points or array values shown per task; the download has all of them."""
KINDS = {"counts", "quasi_dists", "evs"}
"""Keys of a PUB's measured values."""
_FORMULA = tuple("=+-@|%\t\r\n\uff1d\uff0b\uff0d\uff20")
DEEPEST = 32
"""Maximum nesting of a sweep or array, as in numpy."""
NO_VALUES = (
    "XCom holds no values of this result: it was too large. The whole of it is in the file {path}, which a task, or a "
    "program with access to it, can read."
)
ONLY_TOP = (
    "XCom holds the most frequent outcomes of this result: it was too large. The whole of it is in the file {path}, "
    "which a task, or a program with access to it, can read."
)
READOUT_POINTS = "Readout points ({meas_type}) are not drawn. Download them as JSON."


def is_result(value: Any) -> bool:
    """Return whether a return value comes from one of our operators."""
    return isinstance(value, Mapping) and "job_id" in value and "program_id" in value


def pub_views(value: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """Return a view of each PUB, and the number of PUBs that are left out.

    ``{"index", "kind", "shots", "points", "registers", "more", "note"}``: ``kind`` is ``counts``, ``quasi`` or
    ``values``; each point of a histogram has ``bars`` (``label``, ``count``) and ``rest``, each value ``label``,
    ``value`` and ``error``, and both may have ``asked``: the parameter values at the point, and the observable's name.
    ``more`` counts the points that are left out.
    """
    results = value.get("results")
    if not isinstance(results, list):
        return [], 0
    known = [(index, entry) for index, entry in enumerate(results) if isinstance(entry, Mapping) and KINDS & set(entry)]
    views: list[dict[str, Any]] = []
    room = MOST_POINTS
    for index, entry in known:
        if room <= 0:
            break
        view = _view(entry, value.get("result_path"), room)
        room -= max(1, len(view["points"]))
        views.append({"index": index, **view})
    return views, len(known) - len(views)


def histogram(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the most frequent outcomes in the order of their bits, and the sum of the others."""
    numbers = numbers_of(counts)
    # Quasi-probabilities may be negative, so rank by absolute value.
    top = sorted(numbers, key=lambda label: (-abs(numbers[label]), label))[:TOP]
    shown = set(top)
    others = [count for label, count in numbers.items() if label not in shown]
    return {
        "bars": [{"label": label, "count": numbers[label]} for label in sorted(top)],
        "rest": {"outcomes": len(others), "count": sum(others)} if others else None,
        "total": sum(numbers.values()),
        "outcomes": len(numbers),
    }


def csv_text(value: Mapping[str, Any]) -> str:
    """Return the values of a result as CSV, one line for each outcome or value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    results = value.get("results")
    entries = [entry for entry in results if isinstance(entry, Mapping)] if isinstance(results, list) else []
    if any("evs" in entry for entry in entries):
        names = _asked_names(entries)
        writer.writerow(["pub", "point", *map(harmless, names), "ev", "std"])
        for index, entry in enumerate(entries):
            errors, asked = dict(_flat(entry.get("stds"))), _asked_at(entry)
            writer.writerows(
                [index, point, *(harmless(asked(point).get(name)) for name in names), ev, errors.get(point)]
                for point, ev in _flat(entry.get("evs"))
            )
    else:
        quasi = any(entry.get("quasi_dists") is not None for entry in entries)
        names = _asked_names(entries)
        writer.writerow(["pub", "point", *map(harmless, names), "bitstring", "quasi_probability" if quasi else "count"])
        for index, entry in enumerate(entries):
            asked = _asked_at(entry)
            for point, (place, counts) in enumerate(_histograms(entry)):
                known = [harmless(asked(place).get(name)) for name in names]
                writer.writerows(
                    [index, point, *known, harmless(label), harmless(count)] for label, count in counts.items()
                )
    return out.getvalue()


def harmless(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: text that begins like one is prefixed with a quote."""
    if isinstance(cell, int | float | None):
        return cell
    text = str(cell)
    return f"'{text}" if text.lstrip()[:1] in _FORMULA or text[:1] in _FORMULA else text


def has_values(value: Mapping[str, Any]) -> bool:
    """Return whether XCom holds the measured values, not only the metadata."""
    entries = value.get("results")
    return isinstance(entries, list) and any(
        isinstance(entry, Mapping) and any(entry.get(name) is not None for name in KINDS) for entry in entries
    )


def circuit_sources(rendered: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return a task's circuits as stored by Airflow: ``text`` if it is OpenQASM, and whether it was ``cut``.

    Args:
        rendered: The task's rendered fields.
    """
    value = (rendered or {}).get("circuits")
    if isinstance(value, str):
        return [_source(value)]
    if not isinstance(value, list | tuple):
        return []
    pubs = [item[0] if isinstance(item, list | tuple) and item else item for item in value]
    return [_source(item) for item in pubs[:MOST_POINTS] if isinstance(item, str)]


def _source(text: str) -> dict[str, Any]:
    if text.startswith("Truncated."):
        return {"text": None, "cut": True}
    # A comment may precede the version; of a Qiskit object, only the name and address are stored.
    is_qasm = "OPENQASM" in text or "qubit" in text or "measure" in text
    return {"text": text if is_qasm and not text.lstrip().startswith("<") else None, "cut": False}


def _view(entry: Mapping[str, Any], path: Any, room: int) -> dict[str, Any]:
    if "evs" in entry:
        return _values_view(entry, path, room)
    points = list(_histograms(entry))
    quasi, asked = entry.get("quasi_dists") is not None, _asked_view(entry)
    drawn = points or list(_leaves(entry.get(TOP_COUNTS), ()))
    return {
        "kind": "quasi" if quasi else "counts",
        "shots": entry.get("shots"),
        "points": [
            {"at": place, **asked(place), **(histogram(counts) if points else _of_manifest(entry, place, counts))}
            for place, counts in drawn[:room]
        ],
        "registers": _by_register(entry) if len(points) == 1 else [],
        "more": max(0, len(drawn) - room),
        "note": "" if points else _note(entry, path),
    }


def _of_manifest(entry: Mapping[str, Any], place: str, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the histogram of a point of which only the most frequent outcomes are known."""
    known, shots, outcomes = histogram(counts), entry.get("shots"), _at(entry.get(NUM_OUTCOMES), _indices(place))
    if not is_number(shots) or not is_number(outcomes) or outcomes <= known["outcomes"]:
        return known
    others = {"outcomes": outcomes - known["outcomes"], "count": shots - known["total"]}
    return {**known, "rest": others, "total": shots, "outcomes": outcomes}


def _by_register(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the counts of each classical register of a PUB that has several."""
    registers = entry.get("registers")
    known = registers.items() if isinstance(registers, Mapping) else ()
    found = [
        {"at": str(name), **histogram(one["counts"])}
        for name, one in known
        if isinstance(one, Mapping) and isinstance(one.get("counts"), Mapping)
    ]
    return found if len(found) > 1 else []


def _note(entry: Mapping[str, Any], path: Any) -> str:
    """Return why a PUB's values are not shown, or not all of them."""
    registers = entry.get("registers")
    entries = registers.values() if isinstance(registers, Mapping) else ()
    if any(isinstance(one, Mapping) and one.get("points") is not None for one in entries):
        return READOUT_POINTS.format(meas_type=entry.get("meas_type"))
    what = ONLY_TOP if entry.get(TOP_COUNTS) is not None else NO_VALUES
    return what.format(path=path or "that result_path names")


def _values_view(entry: Mapping[str, Any], path: Any, room: int) -> dict[str, Any]:
    values = list(_flat(entry.get("evs")))
    errors, asked = dict(_flat(entry.get("stds"))), _asked_view(entry)
    return {
        "kind": "values",
        "shots": None,
        "points": [
            {"label": label, **asked(label), "value": value, "error": errors.get(label)}
            for label, value in values[:room]
        ],
        "more": max(0, len(values) - room),
        "note": "" if values else _note(entry, path),
    }


def first_counts(entry: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the counts, or quasi-probabilities, of a PUB's first point; None if there are none."""
    for _, counts in _histograms(entry):
        return numbers_of(counts)
    return None


def top_counts(entry: Mapping[str, Any]) -> dict[str, float] | None:
    """Return the most frequent outcomes of a PUB's first point if XCom has only those; None otherwise."""
    for _, counts in _leaves(entry.get(TOP_COUNTS), ()):
        return numbers_of(counts)
    return None


def place_names(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the places of a PUB's values with names for people: the observable and the parameters' values."""
    asked = _asked_at(entry)
    found = []
    for place, _ in _flat(entry.get("evs")):
        about = asked(place)
        observable = about.pop("observable", None)
        words = [f"{name} = {value:.4g}" if is_number(value) else f"{name} = {value}" for name, value in about.items()]
        said = [str(observable)] if observable is not None else ["expectation value"]
        found.append((place, ", ".join([*said, *words[:3]])))
    return found


def value_at(entry: Mapping[str, Any], name: str, place: str) -> float | None:
    """Return a number of an array of a PUB at a place such as ``[2]``; None if there is none."""
    return next((value for at, value in _flat(entry.get(name)) if at == place), None)


def _histograms(entry: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the counts of each point of a sweep with its index; without a sweep there is one with an empty index."""
    quasi = entry.get("quasi_dists")
    yield from _leaves(quasi if quasi is not None else entry.get("counts"), ())


def _leaves(value: Any, place: tuple[int, ...]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield _place(place), value
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(place) < DEEPEST:
        for index, part in enumerate(value):
            yield from _leaves(part, (*place, index))


def _flat(value: Any, place: tuple[int, ...] = ()) -> Iterator[tuple[str, float | None]]:
    """Yield the numbers of an array with their index; null stays null."""
    if isinstance(value, list | tuple) and len(place) < DEEPEST:
        for index, part in enumerate(value):
            yield from _flat(part, (*place, index))
    elif is_number(value):
        yield _place(place), float(value)
    elif place:
        yield _place(place), None


def _asked_names(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of all parameters, and ``observable`` if any observable is known."""
    values = [entry["parameter_values"] for entry in entries if isinstance(entry.get("parameter_values"), Mapping)]
    names = list(dict.fromkeys(str(name) for one in values for name in one))
    return [*names, "observable"] if any(entry.get("observables") is not None for entry in entries) else names


def _asked_at(entry: Mapping[str, Any]) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives a point's parameter values and observable."""
    values = entry.get("parameter_values")
    named: dict[str, Any] = dict(values) if isinstance(values, Mapping) else {}
    if entry.get("observables") is not None:
        named["observable"] = entry["observables"]

    def at(label: str) -> dict[str, Any]:
        place = _indices(label)
        return {name: found for name, given in named.items() if (found := _at(given, place)) is not None}

    return at


def _asked_view(entry: Mapping[str, Any]) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives the same values for display; empty if nothing is known."""
    at = _asked_at(entry)
    return lambda label: {"asked": found} if (found := at(label)) else {}


def _at(value: Any, place: tuple[int, ...]) -> Any:
    """Return the value of nested lists at an index, by numpy's broadcasting rules."""
    depth, inner = 0, value
    while isinstance(inner, list) and inner:
        depth, inner = depth + 1, inner[0]
    if depth > len(place):
        return None
    for index in place[len(place) - depth :]:
        if not isinstance(value, list) or not value or (index >= len(value) and len(value) != 1):
            return None
        value = value[0 if len(value) == 1 else index]
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else None


def _place(place: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, place))}]" if place else ""


def _indices(label: str) -> tuple[int, ...]:
    """Return the index that :func:`_place` wrote."""
    return tuple(int(part) for part in label.strip("[]").split(",")) if label else ()


def as_number(value: Any) -> float | None:
    """Return a number that can be used in calculations; None if a value is none."""
    return float(value) if is_number(value) else None


def numbers_of(counts: Mapping[Any, Any]) -> dict[str, float]:
    """Return the outcomes whose counts are numbers."""
    return {str(label): float(count) for label, count in counts.items() if is_number(count)}


def is_number(value: Any) -> bool:
    """Return whether a value is a number that can be used in calculations."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < LARGEST
