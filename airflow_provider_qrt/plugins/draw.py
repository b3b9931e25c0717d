"""Draw and count a circuit: ``python -m airflow_provider_qrt.plugins.draw`` reads its source and prints JSON.

This is a separate program because Qiskit is too heavy for Airflow's API server, and because it can be killed if a
circuit is too large.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import resource
import sys
from contextlib import suppress
from typing import Any

from airflow_provider_qrt.plugins.sent import qpy_source
from airflow_provider_qrt.untrusted.inflate import inflate

MEMORY = 2**31
"""Maximum address space in bytes."""
MOST_BYTES = 64 * 1024 * 1024
"""Maximum size of a QPY file, unpacked."""
MOST_OPERATIONS = 2000
WIDTH = 110
"""Characters per line of the drawing."""
_PHYSICAL = re.compile(r"\$(\d{1,4})\b")


def describe(source: str) -> dict[str, Any]:
    """Describe a circuit.

    Returns:
        ``drawing``: None if it is too long; ``depth``; ``gates``: how many there are of each; ``qubits``: the numbers
        of those that are used, on the machine if it is known where they are.

    Raises:
        Exception: It is nothing that Qiskit can read.
    """
    circuit = _read(source)
    used = sorted({circuit.find_bit(qubit).index for one in circuit.data for qubit in one.qubits})
    named = None if source.startswith("qpy:") else sorted({int(number) for number in _PHYSICAL.findall(source)})
    drawing = None
    if circuit.size() <= MOST_OPERATIONS:
        drawing = str(circuit.draw(output="text", fold=WIDTH, idle_wires=False))
    return {
        "drawing": drawing,
        "operations": circuit.size(),
        "depth": circuit.depth(),
        "gates": dict(sorted(circuit.count_ops().items(), key=lambda item: -item[1])),
        "qubits": named or used,
        "is_physical": bool(named) or circuit.layout is not None or source.startswith("qpy:"),
    }


def _read(source: str) -> Any:
    qpy = qpy_source(source)
    if qpy is not None:
        from qiskit import qpy as reader

        place, data = qpy
        circuits = reader.load(io.BytesIO(inflate(base64.b64decode(data), MOST_BYTES)))
        return circuits[place]
    if "OPENQASM 2" in source:
        from qiskit import qasm2

        # No include folder: the circuit is untrusted.
        return qasm2.loads(source, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    from qiskit import qasm3

    return qasm3.loads(source)


def main() -> int:
    """Describe the circuit from standard input; return 1 if it cannot be read."""
    os.nice(10)
    with suppress(ValueError, OSError):
        # Not every system supports this limit.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    source = sys.stdin.buffer.read().decode()
    try:
        found = describe(source)
    except Exception as error:
        sys.stderr.write(str(error) if isinstance(error, ValueError) else type(error).__name__)
        return 1
    sys.stdout.buffer.write(json.dumps(found).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
