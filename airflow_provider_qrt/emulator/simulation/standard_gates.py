"""Qiskit's standard gates by name, made once: making them all takes as long as checking a small circuit."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def standard_gates() -> dict[str, Any]:
    """Return the gates by name; do not change them."""
    from qiskit.circuit.library import get_standard_gate_name_mapping

    return dict(get_standard_gate_name_mapping())
