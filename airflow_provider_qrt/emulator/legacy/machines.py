"""The backends of the older generations, in the order in which the service listed them.

A machine's calibration comes from the snapshot that ships with qiskit-ibm-runtime and is read when a job needs it.
Simulators have no noise; a machine without a snapshot has the same readout error on every qubit.
"""

from __future__ import annotations

from pathlib import Path

from airflow_provider_qrt.emulator.devices import Device, find_snapshots, short_name
from airflow_provider_qrt.emulator.legacy import Generation
from airflow_provider_qrt.emulator.simulation.noise import Noise

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
    # One simulator was listed twice, once for each provider that offered it.
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
"""The answer of ``GET /backends``. ``api_token`` has no such route; jobs there may name any of these backends."""

ASSUMED_MISREAD = 0.00244
"""Readout error of a machine without a snapshot; it gives a readout overhead of 1.0098."""

MOST_MISREAD = 0.4
"""Largest readout error that can be mitigated; with a larger one a bit carries too little information."""


class OlderDevice(Device):
    """A backend of the older generations: a machine or a simulator.

    Args:
        name: The name that jobs use.
        directory: The directory of its snapshot, or None when there is none.
    """

    def __init__(self, name: str, directory: Path | None) -> None:
        super().__init__(directory or Path(), name)
        self.has_snapshot = directory is not None
        self.is_simulator = name in SIMULATORS


def misread(device: Device, qubit: int) -> tuple[float, float]:
    """Return the probabilities that a qubit of a device is read as 1 when it is 0, and as 0 when it is 1."""
    if device.is_simulator:
        return 0.0, 0.0
    if not device.has_snapshot:
        return ASSUMED_MISREAD, ASSUMED_MISREAD
    up, down = Noise(device).readout(qubit)
    return min(up, MOST_MISREAD), min(down, MOST_MISREAD)


def load_older_devices() -> dict[str, Device]:
    """Return the backends of the older generations by name, without reading any snapshot."""
    snapshots = find_snapshots()
    machines = {name: OlderDevice(name, snapshots.get(short_name(name))) for name in QPUS}
    return {**machines, **{name: OlderDevice(name, None) for name in SIMULATORS}}


def accepts(generation: Generation, name: str) -> bool:
    """Return whether jobs of a generation may run on a backend."""
    return name in LISTED.get(generation, (*QPUS, *SIMULATORS))
