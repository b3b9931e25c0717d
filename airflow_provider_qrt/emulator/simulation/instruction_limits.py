"""The limits of the number of instructions of a circuit, counting each pass of a loop.

IBM's guide to job limits: 26.8 million control instructions for each qubit, and in one circuit 30 million rz, 20
million sx and 5 million two-qubit gates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from airflow_provider_qrt.emulator.errors import TOO_MANY_INSTRUCTIONS
from airflow_provider_qrt.emulator.simulation.outcome import JobFailedError

MOST_FOR_A_QUBIT = 26_800_000
MOST = {"rz": 30_000_000, "sx": 20_000_000}
MOST_PAIRS = 5_000_000

_FREE = frozenset({"barrier"})


def check_instructions(circuit: Any, where: str) -> None:
    """Refuse a circuit with too many instructions.

    Raises:
        JobFailedError: It has more of them than IBM's control electronics take.
    """
    names: Counter[str] = Counter()
    qubits: Counter[int] = Counter()
    _count(circuit, range(circuit.num_qubits), 1, names, qubits)
    for name, most in MOST.items():
        _refuse(names[name], most, f"{name} gates", where)
    _refuse(names["pair"], MOST_PAIRS, "two-qubit gates", where)
    _refuse(max(qubits.values(), default=0), MOST_FOR_A_QUBIT, "instructions on one qubit", where)


def _count(block: Any, on: Sequence[int], times: int, names: Counter[str], qubits: Counter[int]) -> None:
    """Count the instructions of a block, each of them so many times.

    Args:
        block: The block.
        on: The circuit's qubits that the block is on.
        times: How often the block is run.
        names: The count by name, to which is added; two-qubit gates count as ``pair`` too.
        qubits: The count by qubit, to which is added.
    """
    for instruction in block.data:
        operation = instruction.operation
        places = [on[block.find_bit(qubit).index] for qubit in instruction.qubits]
        if getattr(operation, "blocks", ()):
            passes = _passes(operation)
            for inner in operation.blocks:
                _count(inner, places, times * passes, names, qubits)
        elif operation.name not in _FREE:
            names[operation.name] += times
            if len(places) == 2:
                names["pair"] += times
            for place in places:
                qubits[place] += times


def _passes(operation: Any) -> int:
    """Return how often a loop with a fixed range is passed; once for everything else."""
    return len(operation.params[0]) if operation.name == "for_loop" else 1


def _refuse(number: int, most: int, what: str, where: str) -> None:
    if number > most:
        raise JobFailedError(
            f"The circuit of {where} has {number:,} {what}; {most:,} are allowed.",
            TOO_MANY_INSTRUCTIONS,
            "Use fewer of them.",
        )
