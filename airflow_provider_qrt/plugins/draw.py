"""Draws a circuit as text: ``python -m airflow_provider_qrt.plugins.draw``, OpenQASM in, drawing out.

A program of its own, because Qiskit is too heavy for Airflow's API server, and a circuit too large for it can be ended.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

MEMORY = 2**31
"""Bytes of address space it may take."""
MOST_OPERATIONS = 2000
WIDTH = 110
"""Characters of a line of the drawing."""


def draw(source: str) -> str:
    """Draw a circuit.

    Raises:
        Exception: It is not OpenQASM that Qiskit reads, or too long.
    """
    if "OPENQASM 2" in source:
        from qiskit import qasm2

        # No folder to include files from: what is drawn may have been written by anybody.
        circuit = qasm2.loads(source, include_path=(), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    else:
        from qiskit import qasm3

        circuit = qasm3.loads(source)
    if circuit.size() > MOST_OPERATIONS:
        raise ValueError(f"It has {circuit.size():,} operations; up to {MOST_OPERATIONS:,} are drawn.")
    return str(circuit.draw(output="text", fold=WIDTH, idle_wires=False))


def main() -> int:
    """Draw what comes in; 1 if it cannot be drawn."""
    os.nice(10)
    with suppress(ValueError, OSError):
        # Not every system knows this limit.
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
