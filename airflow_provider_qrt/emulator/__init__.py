"""Public: a local Qiskit Runtime service with IAM, backends, jobs and sessions over HTTP, and circuit simulation.

Start it with ``python -m airflow_provider_qrt.emulator --port 8765`` or, inside a test, with
``with Emulator() as emulator: ...``. Importing this package is cheap: the web framework and the simulator are
imported only when an emulator starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.emulator.settings import DEFAULT_API_KEY, DEFAULT_BACKENDS, DEFAULT_INSTANCE

if TYPE_CHECKING:
    from airflow_provider_qrt.emulator.server import Emulator

__all__ = ["DEFAULT_API_KEY", "DEFAULT_BACKENDS", "DEFAULT_INSTANCE", "Emulator"]


def __getattr__(name: str) -> Any:
    if name == "Emulator":
        from airflow_provider_qrt.emulator.server import Emulator

        return Emulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
