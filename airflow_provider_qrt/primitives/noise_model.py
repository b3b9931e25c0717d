"""A learned noise model: the noise of each layer of two-qubit gates, with the transpiled circuits it belongs to.

The noise of a layer is a Pauli-Lindblad map, as in E. van den Berg, Z. Minev, A. Kandala, K. Temme, *Probabilistic
error cancellation with sparse Pauli-Lindblad models on noisy quantum processors* (arXiv:2201.09866), and as the
official client's noise learner returns it (``qiskit_ibm_runtime.results.NoiseLearnerV3Result``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, Self

from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError
from airflow_provider_qrt.primitives.results.decoding import DAMAGED, check_nesting
from airflow_provider_qrt.primitives.results.result_file import ResultFormat, dump_json, load_json, read_bytes

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot

FORMAT = 1
"""Version of the form in which models are written."""


@dataclass(frozen=True)
class LearnedLayer:
    """One layer of two-qubit gates.

    Attributes:
        ref: The name that the official client gave to this layer when it was learned. In another process the same layer
            may have another name, and another layer this one: the client shortens a digest as far as it is unique among
            the layers that the process has seen.
        qubits: Indices of the qubits, in the order to which ``terms`` refer.
        gates: The gates with the indices of their qubits, such as ``("cz", (0, 1))``; in ascending order for a gate
            that does not tell its qubits apart.
        terms: The generators of the noise: Paulis, the places in ``qubits`` that they act on, and their rates; empty as
            long as nothing was learned.
    """

    ref: str
    qubits: tuple[int, ...]
    gates: tuple[tuple[str, tuple[int, ...]], ...]
    terms: tuple[tuple[str, tuple[int, ...], float], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return " ".join(f"{name}{list(qubits)}" for name, qubits in self.gates)

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[tuple[str, tuple[int, ...]], ...]]:
        """The same for the same layer, in every process: its qubits and gates."""
        return self.qubits, self.gates

    def to_json(self, *, with_terms: bool = True) -> dict[str, Any]:
        """Return plain JSON."""
        entry: dict[str, Any] = {
            "ref": self.ref,
            "qubits": list(self.qubits),
            "gates": [[name, list(qubits)] for name, qubits in self.gates],
        }
        terms = [[paulis, list(places), rate] for paulis, places, rate in self.terms]
        return {**entry, "terms": terms if with_terms else None}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` returned."""
        return cls(
            str(entry["ref"]),
            tuple(map(int, entry["qubits"])),
            tuple((str(name), tuple(map(int, qubits))) for name, qubits in entry["gates"]),
            tuple(
                (str(paulis), tuple(map(int, places)), float(rate)) for paulis, places, rate in entry.get("terms") or ()
            ),
        )


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """The learned noise of the layers of some circuits on one backend.

    Attributes:
        backend: Name of the backend.
        calibrated: When the backend had last been calibrated, in the service's format; None if it did not say.
        learned: When the model was learned, ISO 8601.
        twirling: ``strategy`` and ``group`` of the twirling, which decide about the layers.
        layers: The layers.
        circuits: For each circuit the digest of what was given, and the transpiled circuit: QPY in zlib in base64 in a
            tagged mapping.
        job: The other keys of an operator's value, or of a file (``job_id``, ...).
    """

    backend: str
    calibrated: str | None
    learned: str
    twirling: Mapping[str, str]
    layers: tuple[LearnedLayer, ...]
    circuits: tuple[tuple[str, Mapping[str, Any]], ...] = field(default=(), repr=False)
    job: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def transpiled(self, asked: str) -> Mapping[str, Any] | None:
        """Return the transpiled circuit of a digest; None for a circuit that was not among those that were learned.

        Args:
            asked: The digest of the circuit, as in :attr:`circuits`.
        """
        return next((circuit for digest, circuit in self.circuits if digest == asked), None)

    def check_fits(
        self, backend: BackendSnapshot, *, twirling: Mapping[str, str], max_age: timedelta | None, now: datetime
    ) -> None:
        """Refuse a model that does not describe the noise of this backend as it is now.

        Args:
            backend: The backend, as it is configured and calibrated.
            twirling: ``strategy`` and ``group`` of the job.
            max_age: How old the model may be; None if that does not matter.
            now: The present time.

        Raises:
            InvalidInputError: It does not; says what differs.
        """
        if self.backend != backend.name:
            self._differs(f"it was learned on {self.backend}, and the job is for {backend.name}")
        if self.calibrated != backend.calibrated_at:
            self._differs(
                f"it was learned under the calibration of {self.calibrated}, and {backend.name} has been calibrated at "
                f"{backend.calibrated_at}"
            )
        for name, value in twirling.items():
            if self.twirling.get(name) != value:
                self._differs(f"it was learned with twirling.{name}={self.twirling.get(name)!r}, not {value!r}")
        age = now - datetime.fromisoformat(self.learned)
        if max_age is not None and age > max_age:
            self._differs(f"it was learned {_words(age)} ago, and noise_model_max_age is {_words(max_age)}")

    def check_layers(self, needed: Sequence[LearnedLayer]) -> None:
        """Refuse a model that lacks layers of the circuits that are to run.

        Args:
            needed: The layers of the circuits.

        Raises:
            InvalidInputError: Some are missing; says which.
        """
        known = {layer.key for layer in self.layers}
        missing = [layer for layer in needed if layer.key not in known]
        if missing:
            have = "; ".join(map(str, self.layers)) or "none"
            self._differs(
                f"{len(missing)} of the {len(needed)} layers of the circuits are not in it ({missing[0]}); it has "
                f"{have}"
            )

    def _differs(self, what: str) -> None:
        raise InvalidInputError(
            f"noise_model: {what}. Learn the noise again, for the circuits that are to run. Nothing was submitted."
        )

    def digest(self) -> str:
        """Return what identifies the model: another model makes another job."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:32]

    # As the result of a task

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, from which :meth:`from_json` makes the same model."""
        return {
            "format": FORMAT,
            **self._head(),
            "layers": [layer.to_json() for layer in self.layers],
            "circuits": [{"asked": digest, "circuit": dict(circuit)} for digest, circuit in self.circuits],
        }

    def to_xcom_results(self) -> dict[str, Any]:
        """Return the whole model, as :meth:`to_json`."""
        return self.to_json()

    def manifest(self) -> dict[str, Any]:
        """Return the model without rates and circuits, for a model that is in a file."""
        layers = [layer.to_json(with_terms=False) for layer in self.layers]
        return {"format": FORMAT, **self._head(), "layers": layers, "circuits": None}

    def estimated_xcom_bytes(self) -> int:
        """Return the size of :meth:`to_xcom_results` in bytes of JSON."""
        return len(json.dumps(self.to_json()))

    def write(self, file: IO[bytes], result_format: ResultFormat, job: Mapping[str, Any]) -> None:
        """Write the model and the facts about its job to an open file; :meth:`from_file` reads it.

        Raises:
            InvalidInputError: The format is not JSON.
        """
        check_model_format(result_format)
        dump_json(file, {**job, "results": self.to_json()})

    @classmethod
    def from_json(cls, value: Any, job: Mapping[str, Any] | None = None) -> Self:
        """Read what :meth:`to_json` returned.

        Raises:
            InvalidResultError: It is something else, or a manifest.
        """
        check_nesting(value)
        if not isinstance(value, Mapping) or not isinstance(value.get("layers"), list):
            raise InvalidResultError("this is no noise model: it has no list of layers")
        if value.get("format") != FORMAT:
            raise InvalidResultError(f"the noise model has the format {str(value.get('format'))[:20]}, not {FORMAT}")
        if value.get("circuits") is None:
            raise InvalidResultError("this is the manifest of a noise model; the model is in the file result_path")
        try:
            return cls(
                str(value["backend"]),
                None if value["calibrated"] is None else str(value["calibrated"]),
                datetime.fromisoformat(value["learned"]).astimezone(UTC).isoformat(),
                {name: str(value["twirling"][name]) for name in ("strategy", "group")},
                tuple(LearnedLayer.from_json(layer) for layer in value["layers"]),
                tuple((str(entry["asked"]), dict(entry["circuit"])) for entry in value["circuits"]),
                dict(job or {}),
            )
        except DAMAGED as error:
            raise InvalidResultError(f"the noise model is damaged: {error!r}") from None

    @classmethod
    def from_xcom(cls, value: Any) -> Self:
        """Read the return value of ``QiskitRuntimeNoiseLearnerOperator``.

        Raises:
            InvalidResultError: It is no such value, or a manifest: the model is in the file that :meth:`from_file`
                reads.
        """
        if not isinstance(value, Mapping):
            raise InvalidResultError(
                "expected the whole value of a QiskitRuntimeNoiseLearnerOperator, such as learner.output, not a "
                f"{type(value).__name__}"
            )
        job = {key: part for key, part in value.items() if key != "results"}
        return cls.from_json(value.get("results", value), job)

    @classmethod
    def from_file(cls, path: Any) -> Self:
        """Read a model that an operator wrote to its ``result_path``.

        Args:
            path: ``ObjectStoragePath``, ``pathlib.Path``, or the text of a local path or URL.

        Raises:
            InvalidResultError: It is damaged, or no file of a noise model.
            OSError: It cannot be read.
        """
        document = load_json(read_bytes(path))
        if not isinstance(document, Mapping):
            raise InvalidResultError("this is no file of a noise model")
        return cls.from_json(document.get("results"), {key: part for key, part in document.items() if key != "results"})

    def _head(self) -> dict[str, Any]:
        return {
            "backend": self.backend,
            "calibrated": self.calibrated,
            "learned": self.learned,
            "twirling": dict(self.twirling),
        }


def digest_of(circuit: str | Mapping[str, Any], source: str | None) -> str:
    """Return what is the same for the same circuit, however it was encoded.

    Args:
        circuit: As in PUBs.
        source: Its OpenQASM 3 text, if it is QPY and has one.
    """
    text = circuit if isinstance(circuit, str) else source or circuit["__value__"]
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_model_format(result_format: ResultFormat) -> None:
    """Refuse a format that a noise model cannot be written in.

    Raises:
        InvalidInputError: It is not JSON.
    """
    if result_format is not ResultFormat.JSON:
        raise InvalidInputError(
            f"result_format: a noise model is written as json, not as {result_format}. Leave result_format out."
        )


def _words(time: timedelta) -> str:
    return str(timedelta(seconds=round(time.total_seconds())))
