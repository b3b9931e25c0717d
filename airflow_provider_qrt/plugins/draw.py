"""Draw a circuit as text: ``python -m airflow_provider_qrt.plugins.draw`` reads OpenQASM and prints the drawing.

This is a separate program because Qiskit is too heavy for Airflow's API server, and because it can be killed if a
circuit is too large.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

MEMORY = 2**31
"""Maximum address space in bytes."""
MOST_OPERATIONS = 2000
WIDTH = 110
"""Characters per line of the drawing."""


def draw(source: str) -> str:
    """Draw a circuit.

    Raises:
        Exception: It is not OpenQASM that Qiskit can read, or it is too long.
    """
    if "OPENQASM 2" in source:
        from qiskit import qasm2

        # No include folder: the circuit is untrusted.
        circuit = qasm2.loads(source, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    else:
        from qiskit import qasm3

        circuit = qasm3.loads(source)
    if circuit.size() > MOST_OPERATIONS:
        raise ValueError(f"It has {circuit.size():,} operations; up to {MOST_OPERATIONS:,} are drawn.")
    return str(circuit.draw(output="text", fold=WIDTH, idle_wires=False))


def main() -> int:
    """Draw the circuit from standard input; return 1 if it cannot be drawn."""
    os.nice(10)
    with suppress(ValueError, OSError):
        # Not every system supports this limit.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    source = sys.stdin.buffer.read().decode()
    try:
        drawing = draw(source)
    except Exception as error:
        sys.stderr.write(str(error) if isinstance(error, ValueError) else type(error).__name__)
        return 1
    sys.stdout.buffer.write(drawing.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
