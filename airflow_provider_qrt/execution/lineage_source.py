"""The source text of what a task runs, for people who look at its lineage."""

from __future__ import annotations

import inspect
import json
from typing import Any

from airflow_provider_qrt.untrusted.blotter import without_secrets

MAX_CHARACTERS = 20_000
"""Longest text; lineage services are not made for a circuit of megabytes."""
MAX_OPERATIONS = 2_000
"""Largest ``QuantumCircuit`` that is written as text, which takes a second or so."""
QASM = "openqasm3"


def source_of(operator: Any) -> tuple[str, str] | None:
    """Return the language and the text of what an operator runs, cut to ``MAX_CHARACTERS``; None if there is none.

    Circuits are OpenQASM 3; those that a decorated function has not returned yet are the function's source; the
    parameters of any program are JSON.
    """
    circuits = getattr(operator, "circuits", None)
    texts = _circuit_texts(circuits) if isinstance(circuits, list | tuple | str) or _is_qiskit(circuits) else []
    if texts:
        numbered = [f"// circuits[{index}]\n{text}" for index, text in enumerate(texts)] if texts[1:] else texts
        return QASM, _cut("\n\n".join(numbered), "//")
    function = getattr(operator, "python_callable", None)
    if callable(function):
        try:
            return "python", _cut(inspect.getsource(function), "#")
        except (OSError, TypeError):
            return None
    params = getattr(operator, "program_params", None)
    if params:
        return "json", _cut(json.dumps(params, indent=2, default=repr), "//")
    return None


def _circuit_texts(circuits: Any) -> list[str]:
    """Return the circuits alone, without parameter values and observables. A tuple is one PUB, a list several."""
    items = circuits if isinstance(circuits, list) else [circuits]
    return [_text(item[0] if isinstance(item, list | tuple) and item else item) for item in items]


def _text(circuit: Any) -> str:
    if isinstance(circuit, str):
        return circuit
    if not _is_qiskit(circuit):
        return f"// a {type(circuit).__name__}"
    size = len(circuit.data)
    if size > MAX_OPERATIONS:
        return f"// QuantumCircuit {circuit.name!r}: {circuit.num_qubits} qubits, {size:,} operations"
    from qiskit import qasm3

    return str(qasm3.dumps(circuit))


def _is_qiskit(circuit: Any) -> bool:
    return type(circuit).__module__.partition(".")[0] == "qiskit" and hasattr(circuit, "data")


def _cut(text: str, comment: str) -> str:
    # Before it is cut: half a secret would not be recognised.
    text = without_secrets(text)
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}\n{comment} ... cut: {len(text):,} characters in all"
