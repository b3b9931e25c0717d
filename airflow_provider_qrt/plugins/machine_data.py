"""A backend's calibration for the pages: medians, errors of qubits and couplings, and a plane map. Pure functions.

The field names are those of ``GET /backends/{id}/properties`` and ``/configuration``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_qrt.client.models import parse_time

MOST_QUBITS = 2_000
"""Larger machines are not drawn."""
FRACTIONAL = frozenset({"rzz"})
"""Gates that a machine has beside its own, with calibrations that say nothing about circuits without them."""
WORST = 1.0
"""An error of this size or larger marks what is out of service; it is no measurement."""
STEPS = 60
"""Steps towards the map of a machine."""
SECONDS_OF = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Calibration:
    """One calibration of a backend.

    Attributes:
        when: When it was made.
        two_qubit_error: Median error of two-qubit gates.
        readout_error: Median readout error.
        t1: Median T1 in seconds.
        t2: Median T2 in seconds.
        qubits: Readout error, T1 and T2 of each qubit.
        couplings: Pairs of qubits with the error of their gate; None if it is out of service.
    """

    when: datetime | None
    two_qubit_error: float | None
    readout_error: float | None
    t1: float | None
    t2: float | None
    qubits: Sequence[Mapping[str, float | None]] = field(default=(), repr=False)
    couplings: Mapping[tuple[int, int], float | None] = field(default_factory=dict, repr=False)

    def medians(self) -> dict[str, Any]:
        """Return date and medians as plain JSON."""
        return {
            "when": self.when.isoformat() if self.when else None,
            "two_qubit_error": self.two_qubit_error,
            "readout_error": self.readout_error,
            "t1": self.t1,
            "t2": self.t2,
        }


def read_calibration(properties: Mapping[str, Any]) -> Calibration:
    """Read the properties of a backend; what is missing or malformed is left out."""
    qubits = [_qubit(measured) for measured in _list(properties.get("qubits"))[:MOST_QUBITS]]
    couplings = _couplings(_list(properties.get("gates")))
    return Calibration(
        parse_time(properties.get("last_update_date")),
        _median(couplings.values()),
        _median(one["readout_error"] for one in qubits),
        _median(one["t1"] for one in qubits),
        _median(one["t2"] for one in qubits),
        qubits,
        couplings,
    )


def map_view(calibration: Calibration, coupling_map: Any) -> dict[str, Any]:
    """Return the qubits with places in the plane, and the couplings with their errors.

    Args:
        calibration: Of the backend.
        coupling_map: As its configuration has it: pairs of qubits.
    """
    edges = sorted({_pair(pair) for pair in _list(coupling_map) if _is_pair(pair)} | set(calibration.couplings))
    count = max([len(calibration.qubits), *(qubit + 1 for edge in edges for qubit in edge)], default=0)
    if not 0 < count <= MOST_QUBITS:
        return {"qubits": [], "couplings": []}
    places = _places(count, edges)
    known = [*calibration.qubits, *[{} for _ in range(count - len(calibration.qubits))]]
    return {
        "qubits": [
            {"qubit": index, "x": round(x, 4), "y": round(y, 4), **known[index]} for index, (x, y) in enumerate(places)
        ],
        "couplings": [{"qubits": list(edge), "error": calibration.couplings.get(edge)} for edge in edges],
    }


def _places(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Place qubits in the plane so that those that are many couplings apart are far from each other.

    By stress majorization (Gansner, Koren and North, 2004), which draws lattices as they are.
    """
    import numpy as np

    distances = _distances(count, edges)
    places = _spectral(count, edges)
    with np.errstate(divide="ignore"):
        weights = np.where(distances > 0, distances**-2.0, 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    for _ in range(STEPS):
        apart = np.linalg.norm(places[:, None] - places[None], axis=2)
        pulls = np.divide(weights * distances, apart, out=np.zeros_like(apart), where=apart > 0)
        places = inverse @ (np.diag(pulls.sum(axis=1)) - pulls) @ places
    # Upright: the longest axis is horizontal.
    places = places - places.mean(axis=0)
    _, _, axes = np.linalg.svd(places, full_matrices=False)
    places = places @ axes.T
    places *= np.where(places[0] <= 0, 1.0, -1.0)
    low, high = places.min(axis=0), places.max(axis=0)
    size = float((high - low).max()) or 1.0
    return [(float(x), float(y)) for x, y in (places - low) / size]


def _distances(count: int, edges: Sequence[tuple[int, int]]) -> Any:
    """Return how many couplings apart qubits are; those that are not connected are far."""
    import numpy as np

    neighbours: list[list[int]] = [[] for _ in range(count)]
    for one, other in edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    distances = np.full((count, count), float(count) ** 0.5)
    for start in range(count):
        seen, front = {start: 0}, [start]
        while front:
            front = [new for one in front for new in neighbours[one] if seen.setdefault(new, seen[one] + 1) > seen[one]]
            front = list(dict.fromkeys(front))
        distances[start, list(seen)] = list(seen.values())
    return distances


def _spectral(count: int, edges: Sequence[tuple[int, int]]) -> Any:
    """Return places to begin with: eigenvectors of the Laplacian of the graph."""
    import numpy as np

    laplacian = np.zeros((count, count))
    for one, other in edges:
        laplacian[one, other] = laplacian[other, one] = -1.0
    np.fill_diagonal(laplacian, -laplacian.sum(axis=1))
    _, vectors = np.linalg.eigh(laplacian)
    places = np.zeros((count, 2))
    for column in (1, 2):
        if count > column:
            places[:, column - 1] = vectors[:, column]
    # No two in the same place.
    return (places + np.random.default_rng(0).normal(0, 1e-4, places.shape)) * count


def _qubit(measured: Any) -> dict[str, float | None]:
    values: dict[str, float | None] = {"readout_error": None, "t1": None, "t2": None}
    for one in _list(measured):
        if not isinstance(one, Mapping):
            continue
        name, value = str(one.get("name")).lower(), _number(one.get("value"))
        if name == "readout_error":
            values[name] = None if value is None or value >= WORST else value
        elif name in ("t1", "t2") and value is not None:
            values[name] = value * SECONDS_OF.get(str(one.get("unit") or "s"), 1.0)
    return values


def _couplings(gates: Sequence[Any]) -> dict[tuple[int, int], float | None]:
    """Return the error of each pair's best gate; None if the pair is out of service.

    The error of a fractional gate counts only where a pair has no other gate.
    """
    found: dict[tuple[int, int], float | None] = {}
    fractional: dict[tuple[int, int], float | None] = {}
    for gate in gates:
        if not isinstance(gate, Mapping) or not _is_pair(gate.get("qubits")):
            continue
        errors = [
            _number(one.get("value"))
            for one in _list(gate.get("parameters"))
            if isinstance(one, Mapping) and one.get("name") == "gate_error"
        ]
        known = [error for error in errors if error is not None]
        if known:
            kind = fractional if gate.get("gate") in FRACTIONAL else found
            pair = _pair(gate["qubits"])
            usable = [one for one in (kind.get(pair), known[0]) if one is not None and one < WORST]
            kind[pair] = min(usable, default=None)
    return {**fractional, **found}


def _pair(qubits: Sequence[int]) -> tuple[int, int]:
    first, second = sorted(qubits)
    return first, second


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(type(one) is int and 0 <= one < MOST_QUBITS for one in value)
        and value[0] != value[1]
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return float(value) if usable else None


def _median(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
