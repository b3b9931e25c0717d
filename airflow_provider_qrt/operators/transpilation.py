"""Where transpiled circuits are kept from one task to the next."""

from __future__ import annotations

from airflow.sdk import conf

from airflow_provider_qrt.primitives.circuits.cache import CircuitCache

SECTION = "qiskit_runtime"
OFF = "none"


def circuit_cache() -> CircuitCache | None:
    """The cache that ``[qiskit_runtime] circuit_cache`` names; None if it is switched off."""
    directory = conf.get(SECTION, "circuit_cache", fallback="").strip()
    return None if directory.lower() == OFF else CircuitCache(directory or None)
