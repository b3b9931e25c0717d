"""The programs of the older generations, and the two formats in which they were listed."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_qrt.emulator.legacy import Generation

SAMPLER, ESTIMATOR = "sampler", "estimator"
COUNTING = ("circuit-runner", "qasm3-runner")
"""Programs that run circuits and return counts."""

SIMPLE = "runtime-simple"

RUNNING: dict[Generation, tuple[str, ...]] = {
    Generation.IBM_CLOUD: (SAMPLER, ESTIMATOR, *COUNTING),
    Generation.IBM_QUANTUM: ("qasm3-runner", SAMPLER, ESTIMATOR, "circuit-runner"),
    Generation.API_TOKEN: ("circuit-runner", SIMPLE),
}
"""The programs of each generation that run here."""

NOT_EMULATED: dict[Generation, dict[str, str]] = {
    Generation.IBM_CLOUD: {},
    Generation.IBM_QUANTUM: {},
    Generation.API_TOKEN: {
        "mit-6": "nothing is known of it but its name",
        "quantum-kernel-alignment": "its inputs are Qiskit objects of 2021",
        "simple": "nothing is known of it but its name",
        "vqe": "its inputs are Qiskit objects of 2021",
    },
}
"""The programs that were listed but do not run here, and why."""

COST = 1800
CREATED = "2021-05-07T00:17:07Z"

_CIRCUITS = ("circuits", "OpenQASM 3 text, or a list of such texts", "string or list of strings", True)
_SHOTS = ("shots", "How often each circuit is run; 1024 when left out", "int", False)
_DETAILS: tuple[tuple[str, str, tuple[tuple[str, str, str, bool], ...]], ...] = (
    (
        "circuit-runner",
        "A runtime program that takes one or more circuits, compiles them, executes them, and optionally applies "
        "measurement error mitigation.",
        (_CIRCUITS, _SHOTS),
    ),
    ("mit-6", "", ()),
    (
        "quantum-kernel-alignment",
        "Quantum kernel alignment algorithm that learns, on a given dataset, a quantum kernel maximizing the SVM "
        "classification margin.",
        (),
    ),
    (SIMPLE, "Simple runtime program used for testing.", (("iterations", "Number of rounds", "int", True),)),
    ("simple", "", ()),
    ("vqe", "Variational Quantum Eigensolver (VQE) to find the minimal eigenvalue of a Hamiltonian.", ()),
)


def list_ids() -> dict[str, Any]:
    """Return the programs as ``ibm_quantum`` listed them, which needed no login."""
    return {"programs": [{"id": name} for name in RUNNING[Generation.IBM_QUANTUM]]}


def list_details() -> list[dict[str, Any]]:
    """Return the programs as ``api_token`` listed them: a list in which the inputs of each program are JSON text."""
    return [
        {
            "id": name,
            "name": name,
            "cost": COST,
            "description": description,
            "creationDate": CREATED,
            "version": "1",
            "parameters": json.dumps({"doc": [_document(one) for one in inputs]}),
        }
        for name, description, inputs in _DETAILS
    ]


def _document(one: tuple[str, str, str, bool]) -> dict[str, Any]:
    return dict(zip(("name", "description", "type", "required"), one, strict=True))
