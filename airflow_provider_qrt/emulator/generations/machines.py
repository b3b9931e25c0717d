"""The backends of the older generations, in the order in which they were listed.

A machine's calibration is the snapshot that ships with qiskit-ibm-runtime, read when a job needs it. Simulators make no
errors; a machine without a snapshot reads each bit wrongly equally often.
"""

from __future__ import annotations

from pathlib import Path

from airflow_provider_qrt.emulator.devices import Device, find_snapshots, short_name
from airflow_provider_qrt.emulator.generations import Generation
from airflow_provider_qrt.emulator.noise import Noise

SIMULATORS = (
    "ibmq_qasm_simulator",
    "simulator_stabilizer",
    "simulator_mps",
    "simulator_extended_stabilizer",
    "simulator_statevector",
)
QPUS = ("ibm_algiers", "ibm_brisbane", "ibm_kyoto", "ibm_osaka", "ibm_wellington", "ibmq_montreal")

LISTED: dict[Generation, tuple[str, ...]] = {
    Generation.IBM_CLOUD: ("ibm_algiers", "ibm_brisbane", "ibm_kyoto", "ibm_osaka", *SIMULATORS),
    # One simulator came twice, once for each provider that offered it.
    Generation.IBM_QUANTUM: (
        "simulator_stabilizer",
        "simulator_extended_stabilizer",
        "simulator_statevector",
        "simulator_mps",
        "simulator_stabilizer",
        "ibmq_qasm_simulator",
        "ibm_algiers",
        "ibm_brisbane",
        "ibm_kyoto",
        "ibm_osaka",
        "ibm_wellington",
    ),
}
"""What ``GET /backends`` answers. ``api_token`` has no such route; there, any of the names can be sent."""

ASSUMED_MISREAD = 0.00244
"""How often a machine without a snapshot reads a bit wrongly: what a readout overhead of 1.0098 comes from."""

MOST_MISREAD = 0.4
"""A bit that is read wrongly more often than this tells nothing that could be mended."""


class OlderDevice(Device):
    """A backend of the older generations: a machine or a simulator.

    Args:
        name: As jobs name it.
        directory: Its snapshot, or None when there is none.
    """

    def __init__(self, name: str, directory: Path | None) -> None:
        super().__init__(directory or Path(), name)
        self.has_snapshot = directory is not None
        self.is_simulator = name in SIMULATORS


def misread(device: Device, qubit: int) -> tuple[float, float]:
    """Return how often a qubit of a device is read as 1 when it is 0, and as 0 when it is 1."""
    if device.is_simulator:
        return 0.0, 0.0
    if not device.has_snapshot:
        return ASSUMED_MISREAD, ASSUMED_MISREAD
    up, down = Noise(device).readout(qubit)
    return min(up, MOST_MISREAD), min(down, MOST_MISREAD)


def load_older_devices() -> dict[str, Device]:
    """Return the backends of the older generations, by name. No snapshot is read yet."""
    snapshots = find_snapshots()
    machines = {name: OlderDevice(name, snapshots.get(short_name(name))) for name in QPUS}
    return {**machines, **{name: OlderDevice(name, None) for name in SIMULATORS}}


def accepts(generation: Generation, name: str) -> bool:
    """Say whether jobs of a generation may run on a backend."""
    return name in LISTED.get(generation, (*QPUS, *SIMULATORS))
