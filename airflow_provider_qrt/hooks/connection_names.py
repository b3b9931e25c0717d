"""How connections are named. DAG files import this module, so it imports nothing."""

from __future__ import annotations

CONNECTION_TYPE = "qiskit_runtime"
DEFAULT_CONNECTION = "qiskit_runtime_default"
