"""The schedule of a circuit: when each instruction begins on each qubit, from the calibrated durations.

The official client reads lines of branch, instruction, channel, begin, duration and pulse, in units of ``dt``.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from airflow_provider_qrt.emulator.devices import Device
from airflow_provider_qrt.emulator.simulation import circuits
from airflow_provider_qrt.emulator.simulation.noise import LIKE

NANOSECONDS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}
BRANCH, PULSE, BARRIER = "main", "play", "barrier"


def schedule(circuit: Any, device: Device) -> dict[str, Any] | None:
    """Return the schedule of a circuit, each instruction as early as possible; None for one with control flow.

    Args:
        circuit: The circuit.
        device: The device whose calibration has the durations.
    """
    if circuits.is_dynamic(circuit):
        return None
    dt = float(device.configuration["dt"])
    durations = _durations(device)
    free = [0] * circuit.num_qubits
    lines = []
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        operation = instruction.operation
        begin = max((free[qubit] for qubit in qubits), default=0)
        length = math.ceil(_length(operation, qubits, durations, dt) / dt - 1e-9)
        name = "_".join([operation.name, *map(str, qubits)]) if operation.name != BARRIER else BARRIER
        pulse = BARRIER if operation.name == BARRIER else PULSE
        lines += [f"{BRANCH},{name},Qubit {qubit},{begin},{length},{pulse}" for qubit in qubits]
        for qubit in qubits:
            free[qubit] = begin + length
    return {"timing": "\n".join(lines), "circuit_duration": max(free, default=0)}


def _length(operation: Any, qubits: list[int], durations: dict[tuple[str, tuple[int, ...]], float], dt: float) -> float:
    """Return the duration of an instruction in nanoseconds."""
    if operation.name == "delay":
        length = operation.duration
        if not isinstance(length, int | float):
            return 0.0
        return float(length) * (dt if operation.unit == "dt" else NANOSECONDS[operation.unit])
    for name in LIKE.get(operation.name, (operation.name,)):
        for order in (tuple(qubits), tuple(reversed(qubits))):
            if (name, order) in durations:
                return durations[name, order]
    return 0.0


@lru_cache(maxsize=8)
def _durations(device: Device) -> dict[tuple[str, tuple[int, ...]], float]:
    """Return the calibrated durations in nanoseconds; a reset takes as long as a measurement."""
    found = {}
    for gate in device.calibration["gates"]:
        for parameter in gate["parameters"]:
            if parameter["name"] == "gate_length":
                length = float(parameter["value"]) * NANOSECONDS.get(parameter["unit"], 1.0)
                found[gate["gate"], tuple(gate["qubits"])] = length
    for qubit, facts in enumerate(device.calibration["qubits"]):
        for fact in facts:
            if fact["name"] == "readout_length":
                length = float(fact["value"]) * NANOSECONDS.get(fact["unit"], 1.0)
                found["measure", (qubit,)] = length
                found.setdefault(("reset", (qubit,)), length)
    return found
