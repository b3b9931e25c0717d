"""The noise of a device, from its calibration snapshot.

After each gate, its qubits are depolarized so much that the average error of the gate is the calibrated one, and each
bit is misread at its calibrated rate. Idle qubits do not decay and there is no crosstalk, so a real machine is worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from airflow_provider_qrt.emulator.devices import Device

LIKE = {"rx": ("rx", "x"), "sxdg": ("sx",), "rzz": ("rzz", "cz"), "cx": ("cx",), "ecr": ("ecr",)}
"""The calibrated gates whose error a gate gets; the first one that exists is used. Other gates have their own error."""

EXACT = frozenset({"rz", "p", "z", "s", "sdg", "t", "tdg", "id"})
"""Gates that are only phase shifts in the control electronics and have no error."""


@dataclass(frozen=True)
class Noise:
    """The noise of one device.

    Attributes:
        device: The device.
        pair_factor: The factor by which the Lindblad rates of two-qubit gates are larger than calibrated.
    """

    device: Device
    pair_factor: float = 1.0

    @cached_property
    def _errors(self) -> dict[tuple[str, tuple[int, ...]], float]:
        found = {}
        for gate in self.device.calibration["gates"]:
            for parameter in gate["parameters"]:
                # A gate that could not be calibrated has an error of 1.
                if parameter["name"] == "gate_error" and parameter["value"] < 1:
                    found[gate["gate"], tuple(gate["qubits"])] = float(parameter["value"])
        return found

    @cached_property
    def _readout(self) -> list[tuple[float, float]]:
        found = []
        for qubit in self.device.calibration["qubits"]:
            known = {item["name"]: float(item["value"]) for item in qubit}
            error = known.get("readout_error", 0.0)
            found.append((known.get("prob_meas1_prep0", error), known.get("prob_meas0_prep1", error)))
        return found

    def readout(self, qubit: int) -> tuple[float, float]:
        """Return the probabilities that a qubit is read as 1 when it is 0, and as 0 when it is 1."""
        return self._readout[qubit]

    def depolarization(self, gate: str, qubits: Sequence[int]) -> float:
        """Return the probability that a gate replaces the state of its qubits by the fully mixed state."""
        if gate in EXACT:
            return 0.0
        first, *rest = qubits
        orders = [tuple(qubits), (*rest, first)]
        for name in LIKE.get(gate, (gate,)):
            for order in orders:
                if (name, order) in self._errors:
                    dimension = 1 << len(qubits)
                    chance = min(1.0, self._errors[name, order] * dimension / (dimension - 1))
                    return chance if len(qubits) == 1 else 1 - (1 - chance) ** self.pair_factor
        return 0.0

    def lindblad_rate(self, gate: str, qubits: Sequence[int]) -> float:
        """Return the Lindblad rate of each Pauli string on the qubits of a gate.

        A string's expectation value shrinks by the exponential of twice the rates of the strings that anticommute with
        it, which are half of all strings on these qubits.
        """
        intact = max(1 - self.depolarization(gate, qubits), 1e-9)
        return -math.log(intact) / (1 << 2 * len(qubits))

    def amplified(self, factor: float) -> Noise:
        """Return the noise with its two-qubit gates this many times as noisy."""
        return replace(self, pair_factor=self.pair_factor * factor)

    def model(self, qubits: Sequence[int], with_readout: bool) -> Any:
        """Return Aer's noise model for some of the device's qubits, which Aer numbers from 0.

        Args:
            qubits: The device's indices of these qubits.
            with_readout: Whether to include readout errors.
        """
        from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

        model = NoiseModel()
        for place, qubit in enumerate(qubits):
            for gate in ("x", "sx", "sxdg", "rx"):
                if chance := self.depolarization(gate, (qubit,)):
                    model.add_quantum_error(depolarizing_error(chance, 1), gate, [place])
            if with_readout:
                up, down = self.readout(qubit)
                model.add_readout_error(ReadoutError([[1 - up, up], [down, 1 - down]]), [place])
            for other_place, other in enumerate(qubits):
                for gate in ("cz", "rzz", "ecr", "cx"):
                    if place != other_place and (chance := self.depolarization(gate, (qubit, other))):
                        model.add_quantum_error(depolarizing_error(chance, 2), gate, [place, other_place])
        return model


@dataclass(frozen=True)
class GateNoise(Noise):
    """The noise of a device's gates, without readout errors, which somebody adds later."""

    def readout(self, qubit: int) -> tuple[float, float]:  # noqa: ARG002 - the same for every qubit
        """Return zeros."""
        return 0.0, 0.0


@dataclass(frozen=True)
class Machine:
    """The machine that runs circuits.

    Attributes:
        device: The device that is emulated.
        max_active: Largest group of coupled qubits that is simulated when it is not Clifford.
        noise: Its noise, or None for a perfect machine.
        is_mock: Whether nothing is simulated and results are made up, as on a machine for dry runs.
    """

    device: Device
    max_active: int
    noise: Noise | None = None
    is_mock: bool = False

    def without_misreading(self) -> Machine:
        """Return the machine without readout errors."""
        return self if self.noise is None else replace(self, noise=GateNoise(self.noise.device))
