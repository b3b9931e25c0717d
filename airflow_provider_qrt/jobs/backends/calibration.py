"""A backend's calibration in two figures: when it was made, and how good the two-qubit gates are. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_qrt.client.models import parse_time

ENTANGLERS = frozenset({"cz", "ecr", "cx"})
"""The gates by whose error IBM rates its machines. Those with fractional gates list ``rzz`` besides."""
OUT_OF_SERVICE = 1.0
"""The error of a gate that could not be calibrated."""


@dataclass(frozen=True)
class Calibration:
    """A backend's last calibration.

    Attributes:
        calibrated: When it was made; None if there is none, as of a simulator, or the service does not say.
        two_qubit_error: Median error of the two-qubit gates that are in service; None if it is not known.
    """

    calibrated: datetime | None = None
    two_qubit_error: float | None = None

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Calibration:
        """Read the answer of ``GET /backends/{id}/properties``. What cannot be read is missing."""
        found = list(_gate_errors(properties.get("gates")))
        errors = [error for _, error in found]
        rated = [error for gate, error in found if gate in ENTANGLERS]
        return cls(
            parse_time(properties.get("last_update_date")), statistics.median(rated or errors) if errors else None
        )


def _gate_errors(gates: Any) -> Iterator[tuple[str, float]]:
    """Names and errors of the two-qubit gates that are in service."""
    for gate in _mappings(gates):
        qubits = gate.get("qubits")
        if not isinstance(qubits, list) or len(qubits) != 2:
            continue
        for one in _mappings(gate.get("parameters")):
            value = one.get("value")
            if one.get("name") == "gate_error" and isinstance(value, int | float) and 0 <= value < OUT_OF_SERVICE:
                yield str(gate.get("gate")), float(value)


def _mappings(values: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in (values if isinstance(values, list) else ()) if isinstance(one, Mapping))
