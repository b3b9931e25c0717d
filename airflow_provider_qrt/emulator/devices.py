"""The backends, read from the device snapshots that ship with qiskit-ibm-runtime.

The package is located but not imported, to keep start-up fast.
"""

from __future__ import annotations

import json
import statistics
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow_provider_qrt.emulator.clock import parse_timestamp, timestamp

SYMMETRIC = frozenset({"cz", "rzz", "swap"})
"""Two-qubit gates that are symmetric in their qubits."""

FRACTIONAL = {
    "rx": ("x", "gate rx(theta) q { U(theta, -pi/2, pi/2) q; }"),
    "rzz": ("cz", "gate rzz(theta) a, b { cx a, b; rz(theta) b; cx a, b; }"),
}
"""Gates that today's Heron machines have and the snapshots lack: the gate whose qubits each one uses, and its
definition."""

STATUSES = ("online", "paused", "offline")

_PREFIXES = ("ibmq_", "ibm_", "fake_", "alt_")


class Device:
    """One backend, with a snapshot of its configuration and calibration and a status that can be changed.

    Args:
        directory: The directory of the snapshot.
        name: The backend's name; by default it is read from the configuration at once.

    Attributes:
        directory: The directory of the snapshot.
        name: The name, such as ``ibm_fez``.
        status: ``online``, ``paused`` or ``offline``.
        reason: The reason for the status; ``available`` when the backend is usable.
        base_queue_length: Number of other people's jobs in its queue.
        queue_seconds: Seconds that a job waits here, or None for the emulator's setting.
        run_seconds: Seconds that a job runs here, or None for the emulator's setting.
        faulty_qubits: Qubits that the calibration marks as out of service.
        faulty_gates: Gates that the calibration marks as out of service: ``(name, qubits)``.
        available_since: Time since which it has taken jobs from its queue, or None while it does not.
        calibrated: The times at which a job has calibrated it, in order.
        has_snapshot: Whether there is a snapshot to read.
        is_simulator: Whether it is a simulator.
    """

    has_snapshot = True
    is_simulator = False

    def __init__(self, directory: Path, name: str | None = None) -> None:
        self.directory = directory
        self.name = str(self.configuration["backend_name"]) if name is None else name
        self.status = "online"
        self.reason = "available"
        self.base_queue_length = 0
        self.queue_seconds: float | None = None
        self.run_seconds: float | None = None
        self.available_since: float | None = 0.0
        self.faulty_qubits: frozenset[int] = frozenset()
        self.faulty_gates: frozenset[tuple[str, tuple[int, ...]]] = frozenset()
        self.calibrated: list[float] = []

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what no simulation needs: times of calibration, and values that can be read or computed again."""
        kept = {
            name: value
            for name, value in vars(self).items()
            if not isinstance(getattr(type(self), name, None), cached_property)
        }
        return {**kept, "calibrated": []}

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """The answer of ``GET /backends/{id}/configuration``."""
        configuration = _read(self.directory, "conf_*.json")
        family = (configuration.get("processor_type") or {}).get("family")
        if family == "Heron":
            _add_fractional_gates(configuration)
        return configuration

    @cached_property
    def calibration(self) -> dict[str, Any]:
        """The calibration of the snapshot."""
        return _read(self.directory, "props_*.json")

    @property
    def properties(self) -> dict[str, Any]:
        """The answer of ``GET /backends/{id}/properties``: the newest calibration with the faulty qubits and gates."""
        calibration = dated(self.calibration, self.calibrated[-1]) if self.calibrated else self.calibration
        if not (self.faulty_qubits or self.faulty_gates):
            return calibration
        fault = {"name": "operational", "value": 0, "unit": "", "date": calibration["last_update_date"]}
        return {
            **calibration,
            "qubits": [
                [*facts, dict(fault)] if qubit in self.faulty_qubits else facts
                for qubit, facts in enumerate(calibration["qubits"])
            ],
            "gates": [
                {**gate, "parameters": [*gate["parameters"], dict(fault)]}
                if (gate["gate"], tuple(gate["qubits"])) in self.faulty_gates
                else gate
                for gate in calibration["gates"]
            ],
        }

    def properties_before(self, moment: float) -> dict[str, Any]:
        """Return the newest calibration that is not newer than a time; an empty one if there was none yet."""
        for calibrated in reversed(self.calibrated):
            if calibrated <= moment:
                return dated(self.calibration, calibrated)
        return self.calibration if parse_timestamp(self.calibration["last_update_date"]) <= moment else {}

    @cached_property
    def configuration_text(self) -> bytes:
        """The configuration as JSON, which is half a megabyte and always the same."""
        return self.text_of(self.configuration)

    @property
    def properties_text(self) -> bytes:
        """The properties as JSON."""
        changed = self.calibrated or self.faulty_qubits or self.faulty_gates
        return self.text_of(self.properties) if changed else self._calibration_text

    @cached_property
    def _calibration_text(self) -> bytes:
        return self.text_of(self.calibration)

    @staticmethod
    def text_of(value: dict[str, Any]) -> bytes:
        """Return an answer as JSON."""
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    @property
    def qubits(self) -> int:
        """Number of qubits."""
        return int(self.configuration["n_qubits"])

    @cached_property
    def basis(self) -> frozenset[str]:
        """Names of the machine's basis gates."""
        return frozenset(self.configuration["basis_gates"])

    @cached_property
    def dynamic(self) -> bool:
        """Whether control flow is supported."""
        return "if_else" in self.instructions

    @cached_property
    def instructions(self) -> frozenset[str]:
        """The supported instructions, including control flow."""
        return frozenset(self.configuration.get("supported_instructions", ()))

    @cached_property
    def _pairs(self) -> dict[str, frozenset[tuple[int, int]]]:
        coupling = {(int(a), int(b)) for a, b in self.configuration["coupling_map"]}
        found: dict[str, frozenset[tuple[int, int]]] = {}
        for gate in self.configuration["gates"]:
            own = {(int(p[0]), int(p[1])) for p in gate.get("coupling_map") or [] if len(p) == 2}
            found[gate["name"]] = frozenset(own or coupling)
        return found

    def couples(self, gate: str, first: int, second: int) -> bool:
        """Return whether a two-qubit gate is available on this ordered pair of qubits."""
        pairs = self._pairs.get(gate, frozenset())
        return (first, second) in pairs or (gate in SYMMETRIC and (second, first) in pairs)

    def set_status(self, status: str, reason: str | None, now: float) -> None:
        """Change the status; queued jobs wait while it is not ``online``."""
        self.status = status
        self.reason = reason or ("available" if status == "online" else status)
        if status != "online":
            self.available_since = None
        elif self.available_since is None:
            self.available_since = now

    def restore(self) -> None:
        """Return to the initial state: online, with all settings at their defaults."""
        self.status, self.reason = "online", "available"
        # Not "since now": it may have come back at a time that the clock, now reset, has not reached yet.
        self.available_since = 0.0
        self.base_queue_length = 0
        self.queue_seconds = self.run_seconds = None
        self.faulty_qubits, self.faulty_gates = frozenset(), frozenset()
        self.calibrated.clear()

    @cached_property
    def listing(self) -> dict[str, Any]:
        """The part of the answer of ``GET /backends`` that does not change."""
        configuration = self.configuration
        clops = configuration.get("clops_h")
        return {
            "name": self.name,
            "is_simulator": False,
            "qubits": self.qubits,
            "clops": {"type": "hardware", "value": int(clops)} if isinstance(clops, int | float) else None,
            "processor_type": configuration.get("processor_type"),
            "performance_metrics": self._performance(),
        }

    def _performance(self) -> dict[str, Any]:
        # The layered error comes from a separate benchmark that no snapshot records.
        errors: list[float] = []
        for gate in self.calibration["gates"]:
            if len(gate["qubits"]) == 2:
                errors += [p["value"] for p in gate["parameters"] if p["name"] == "gate_error"]
        readout = [
            item["value"] for qubit in self.calibration["qubits"] for item in qubit if item["name"] == "readout_error"
        ]
        usable = [error for error in errors if error < 1]
        metrics: dict[str, Any] = {}
        if usable:
            metrics["two_q_error_best"] = {"value": min(usable)}
            metrics["two_q_error_median"] = {"value": statistics.median(usable)}
        if readout:
            metrics["readout_error_median"] = {"value": statistics.median(readout)}
        return metrics


def dated(calibration: dict[str, Any], moment: float) -> dict[str, Any]:
    """Return a calibration with the same numbers that was made at another time."""
    date = timestamp(moment)
    return {
        **calibration,
        "last_update_date": date,
        "qubits": [[{**fact, "date": date} for fact in facts] for facts in calibration["qubits"]],
        "gates": [
            {**gate, "parameters": [{**parameter, "date": date} for parameter in gate["parameters"]]}
            for gate in calibration["gates"]
        ],
        "general": [{**fact, "date": date} for fact in calibration.get("general", [])],
    }


def load_devices(names: tuple[str, ...]) -> dict[str, Device]:
    """Find the snapshots of these backends.

    Args:
        names: ``ibm_fez`` or ``fez``.

    Raises:
        ValueError: There is no snapshot of that name; the message lists those that exist.
        ModuleNotFoundError: qiskit-ibm-runtime is not installed.
    """
    snapshots = find_snapshots()
    devices: dict[str, Device] = {}
    for name in names:
        short = short_name(name)
        if short not in snapshots:
            raise ValueError(f"no snapshot of {name!r}; there are: {', '.join(sorted(snapshots))}")
        device = Device(snapshots[short])
        devices[device.name] = device
    return devices


def find_snapshots() -> dict[str, Path]:
    """Return the directories of all snapshots, by short name.

    Raises:
        ModuleNotFoundError: qiskit-ibm-runtime is not installed.
    """
    spec = find_spec("qiskit_ibm_runtime")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "the emulator reads its devices from qiskit-ibm-runtime: pip install 'airflow-provider-qrt[emulator]'"
        )
    root = Path(spec.origin).parent / "fake_provider" / "backends"
    return {path.parent.name: path.parent for path in root.glob("*/conf_*.json")}


def short_name(name: str) -> str:
    """Return the name that a backend's snapshot has: ``fez`` for ``ibm_fez``."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _read(directory: Path, pattern: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(next(directory.glob(pattern)).read_text())
    return loaded


def _add_fractional_gates(configuration: dict[str, Any]) -> None:
    by_name = {gate["name"]: gate for gate in configuration["gates"]}
    for name, (like, definition) in FRACTIONAL.items():
        if name in configuration["basis_gates"] or like not in by_name:
            continue
        configuration["basis_gates"] = sorted([*configuration["basis_gates"], name])
        supported = configuration.get("supported_instructions")
        if supported is not None and name not in supported:
            supported.append(name)
        configuration["gates"].append(
            {
                "name": name,
                "parameters": ["theta"],
                "qasm_def": definition,
                "coupling_map": by_name[like].get("coupling_map"),
            }
        )
