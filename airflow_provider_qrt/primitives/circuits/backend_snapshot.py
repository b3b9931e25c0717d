"""The service's description of a backend at one moment, and the target for Qiskit's transpiler."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_qrt.primitives.circuits.instruction_set import FRACTIONAL, faulty_gates, faulty_qubits
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed


@dataclass(frozen=True)
class BackendSnapshot:
    """The answers of ``GET /backends/{id}/configuration`` and ``/properties``.

    Attributes:
        name: Name of the backend.
        configuration: Qubits, basis gates, coupled pairs and so on, as the service returns them.
        properties: The calibration, as the service returns it; None or empty when there is none.
    """

    name: str
    configuration: Mapping[str, Any] = field(repr=False)
    properties: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def calibrated_at(self) -> str | None:
        """The time of the calibration (``last_update_date``), in the service's format."""
        moment = (self.properties or {}).get("last_update_date")
        return None if moment is None else str(moment)

    def digest(self) -> str:
        """Digest of everything that transpilation depends on.

        It covers the whole calibration and not only its time, because a qubit may go out of service between two
        calibrations, and because backends of the same name at two services (a machine and its emulator) differ.
        """
        whole = [self.name, self.configuration, self.properties or None]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def fractional_gates(self) -> frozenset[str]:
        """The backend's gates whose pulse depends on the angle: ``rx``, ``rzz``, both or none."""
        return FRACTIONAL & frozenset(self.configuration.get("basis_gates") or ())

    def target(self, *, fractional: bool = False) -> Any:
        """Return the ``qiskit.transpiler.Target`` that the official client's converter makes.

        It is the target of ``QiskitRuntimeService.backend(name, use_fractional_gates=fractional)``: control flow if the
        backend supports it, and no qubits or gates that are out of service.

        Args:
            fractional: Whether it has the fractional gates of the backend.

        Raises:
            InvalidInputError: Qiskit is missing, or cannot convert the backend's description; or the backend has no
                fractional gates, and they are asked for.
        """
        if fractional and not self.fractional_gates:
            raise InvalidInputError(
                f"use_fractional_gates: backend {self.name} has no fractional gates (rx, rzz). Leave "
                "use_fractional_gates out, or name a backend that has them. Nothing was submitted."
            )
        with qiskit_needed("optimization_level"):
            from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
            from qiskit_ibm_runtime.utils.backend_decoder import (
                configuration_from_server_data,
                properties_from_server_data,
            )
        # The decoders modify their arguments.
        try:
            configuration = configuration_from_server_data(
                copy.deepcopy(dict(self.configuration)), use_fractional_gates=fractional
            )
            properties = (
                properties_from_server_data(self._readable_properties(), use_fractional_gates=fractional)
                if self.properties
                else None
            )
            target = None if configuration is None else convert_to_target(configuration, properties)
        except Exception as error:
            raise self._cannot_read(f": {type(error).__name__}: {error}") from error
        if target is None:
            raise self._cannot_read("")
        return target

    @property
    def has_faults(self) -> bool:
        """Whether the calibration marks qubits or gates as out of service."""
        properties = self.properties or {}
        return bool(faulty_qubits(properties) or faulty_gates(properties))

    def _readable_properties(self) -> dict[str, Any]:
        """Return the calibration without the entries that break the official client's converter.

        For a gate without qubits in the configuration (``reset``), the converter tries to delete the faulty qubits
        before it has added any if a faulty entry comes first. Leaving these entries out has the same effect.
        """
        properties = copy.deepcopy(dict(self.properties or {}))
        if not self.has_faults:
            return properties
        qubits, gates = faulty_qubits(properties), faulty_gates(properties)
        placed = {gate.get("name") for gate in self.configuration.get("gates") or () if gate.get("coupling_map")}
        properties["gates"] = [
            gate
            for gate in properties.get("gates") or ()
            if gate["gate"] in placed
            or not (qubits & set(gate["qubits"]) or (gate["gate"], tuple(gate["qubits"])) in gates)
        ]
        return properties

    def _cannot_read(self, reason: str) -> InvalidInputError:
        return InvalidInputError(
            f"optimization_level: Qiskit cannot read the description of backend {self.name}, so nothing can be "
            f"transpiled for it{reason}. Leave optimization_level out, and give circuits that the backend can run as "
            "they are."
        )
