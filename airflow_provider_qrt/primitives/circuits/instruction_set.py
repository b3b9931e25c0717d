"""The instruction set of a backend: its gates, and the qubits on which each gate is available.

Source: ``GET /backends/{id}/configuration`` of IBM's REST API: ``n_qubits``, ``basis_gates``, ``coupling_map``,
``supported_instructions``, ``supported_features``, and ``gates``, each with its ``coupling_map``. Anything that a
configuration does not mention is assumed to be possible; for example, simulators have no coupling map. In ``GET
/backends/{id}/properties``, qubits and gates that are out of service have a parameter named ``operational`` with the
value 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt.primitives.circuits.statements import CONTROL_FLOW

SYMMETRIC = frozenset({"cz", "rzz", "rxx", "ryy", "swap", "iswap", "cp", "cu1"})
"""Two-qubit gates that are symmetric in their qubits. A coupling map may list a pair in one direction only."""
FRACTIONAL = frozenset({"rx", "rzz"})
"""Gates whose pulse depends on the angle (``is_fractional_gate`` of the official client)."""
_EVERYWHERE = frozenset({"measure", "barrier", "delay"})
DYNAMIC_CIRCUITS = "dynamic_circuits"
"""The name of control flow in ``supported_features``. It counts where no instructions are listed: some machines list
``if_else`` without this feature."""
_CONTROL_FLOW = {name: keyword for keyword, name in CONTROL_FLOW.items()}


@dataclass(frozen=True)
class InstructionSet:
    """The instruction set (ISA) of one backend.

    Attributes:
        backend: Its name.
        num_qubits: The number of qubits; None when the configuration does not state it.
        basis: Its gates, in the order of the configuration; empty when the configuration does not list them.
        instructions: All supported instructions, including control flow; empty when none are listed.
        dynamic: Whether it says to support control flow; None when it lists no features.
        places: For each gate, the ordered qubits on which it is available; gates without such a list are missing.
        pairs: The coupled pairs, ``(control, target)``; None when all pairs are coupled.
        faulty_qubits: Qubits that are out of service.
        faulty_gates: Gates that are out of service on some qubits: ``(name, qubits)``.
    """

    backend: str
    num_qubits: int | None
    basis: tuple[str, ...]
    instructions: frozenset[str]
    places: Mapping[str, frozenset[tuple[int, ...]]]
    pairs: frozenset[tuple[int, ...]] | None
    dynamic: bool | None = None
    faulty_qubits: frozenset[int] = frozenset()
    faulty_gates: frozenset[tuple[str, tuple[int, ...]]] = frozenset()

    @classmethod
    def from_configuration(
        cls, configuration: Mapping[str, Any], properties: Mapping[str, Any] | None = None
    ) -> InstructionSet:
        """Read a backend's description.

        Args:
            configuration: The answer of ``GET /backends/{id}/configuration``.
            properties: The answer of ``GET /backends/{id}/properties``; None means that everything is in service.
        """
        places = {
            str(gate["name"]): _places(gate["coupling_map"])
            for gate in configuration.get("gates") or ()
            if gate.get("coupling_map")
        }
        coupling = configuration.get("coupling_map")
        features = configuration.get("supported_features")
        return cls(
            backend=str(configuration.get("backend_name") or "the backend"),
            num_qubits=configuration.get("n_qubits"),
            basis=tuple(configuration.get("basis_gates") or ()),
            instructions=frozenset(configuration.get("supported_instructions") or ()),
            places=places,
            pairs=_places(coupling) if coupling else None,
            dynamic=DYNAMIC_CIRCUITS in features if features else None,
            faulty_qubits=faulty_qubits(properties or {}),
            faulty_gates=faulty_gates(properties or {}),
        )

    def why_not(self, name: str, qubits: Sequence[int | None]) -> str | None:
        """Return the reason why the backend cannot run an instruction; None when it can, or when that is not known.

        Args:
            name: A gate or another instruction, by its name in configurations.
            qubits: The qubits it acts on, in order; None for an unknown qubit.
        """
        return (
            self.beyond(qubits)
            or self._missing(name)
            or self._misplaced(name, qubits)
            or self._out_of_service(name, qubits)
        )

    def beyond(self, qubits: Iterable[int | None]) -> str | None:
        """Return the reason why the backend does not have these qubits; None when it has them."""
        highest = max((qubit for qubit in qubits if qubit is not None), default=-1)
        if self.num_qubits is None or highest < self.num_qubits:
            return None
        return f"{self.backend} has no qubit ${highest}; its {self.num_qubits} are $0 to ${self.num_qubits - 1}"

    def _missing(self, name: str) -> str | None:
        if name in _EVERYWHERE or name in self.instructions or name in self.basis:
            return None
        if name == "reset" or name in _CONTROL_FLOW:
            if not self.instructions and (name == "reset" or self.dynamic is not False):
                return None
            return f"{self.backend} does not support {_CONTROL_FLOW.get(name, name)!r}"
        if not self.basis:
            return None
        return f"{self.backend} has no gate {name!r}; its gates are {', '.join(self.basis)}"

    def _misplaced(self, name: str, qubits: Sequence[int | None]) -> str | None:
        known = tuple(qubit for qubit in qubits if qubit is not None)
        if name in _EVERYWHERE or name == "reset" or not known or len(known) < len(qubits):
            return None
        allowed = self.places.get(name, self.pairs if len(known) == 2 else None)
        if allowed is None or known in allowed:
            return None
        turned = known[::-1]
        if len(known) == 2 and turned in allowed:
            if name in SYMMETRIC:
                return None
            return f"{self.backend} has it in the other direction only: {name} {_dollars(turned)}"
        wanted = {len(place) for place in allowed}
        if len(known) not in wanted:
            return f"{name} acts on {' or '.join(map(str, sorted(wanted)))} qubit(s), not on {len(known)}"
        if len(known) != 2:
            return f"{self.backend} has no {name} there"
        near = sorted({place[1 - place.index(known[0])] for place in allowed if known[0] in place})
        neighbours = f"coupled to ${known[0]}: {_dollars(near)}" if near else f"${known[0]} is coupled to none"
        return f"{self.backend} does not couple them ({neighbours})"

    def _out_of_service(self, name: str, qubits: Sequence[int | None]) -> str | None:
        if name == "barrier":
            return None
        if faulty := [qubit for qubit in qubits if qubit in self.faulty_qubits]:
            return f"{_dollars(faulty[:1])} of {self.backend} is out of service, as its calibration says"
        place = tuple(qubit for qubit in qubits if qubit is not None)
        if len(place) < len(qubits):
            return None
        # For a pair that is listed in one direction only, the reverse direction is the same gate.
        turned = (
            name in SYMMETRIC and place not in self.places.get(name, ()) and (name, place[::-1]) in self.faulty_gates
        )
        if turned or (name, place) in self.faulty_gates:
            return f"this gate of {self.backend} is out of service, as its calibration says"
        return None


def faulty_qubits(properties: Mapping[str, Any]) -> frozenset[int]:
    """Return the qubits that a calibration marks as out of service.

    Args:
        properties: The answer of ``GET /backends/{id}/properties``.
    """
    return frozenset(
        qubit
        for qubit, facts in enumerate(properties.get("qubits") or ())
        if isinstance(facts, list | tuple) and not _is_operational(facts)
    )


def faulty_gates(properties: Mapping[str, Any]) -> frozenset[tuple[str, tuple[int, ...]]]:
    """Return the gates that a calibration marks as out of service: ``(name, qubits)``.

    Args:
        properties: The answer of ``GET /backends/{id}/properties``.
    """
    return frozenset(
        (str(gate["gate"]), tuple(map(int, gate["qubits"])))
        for gate in properties.get("gates") or ()
        if isinstance(gate, Mapping) and not _is_operational(gate.get("parameters") or ())
    )


def _is_operational(facts: Iterable[Any]) -> bool:
    # Services other than IBM's may describe qubits differently.
    said = [fact for fact in facts if isinstance(fact, Mapping) and fact.get("name") == "operational"]
    return all(fact.get("value") for fact in said)


def _places(coupling: Iterable[Iterable[Any]]) -> frozenset[tuple[int, ...]]:
    return frozenset(tuple(map(int, qubits)) for qubits in coupling)


def _dollars(qubits: Iterable[int]) -> str:
    return ", ".join(f"${qubit}" for qubit in qubits)
