"""Transpiles circuits for a backend with Qiskit's transpiler, and caches the results on disk.

This module imports Qiskit only inside functions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Protocol, TypeVar

from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.circuits.cache import CircuitCache
from airflow_provider_qrt.primitives.circuits.importing import (
    load_qpy,
    one_line,
    read_qpy,
    read_text,
    with_native_gates,
)
from airflow_provider_qrt.primitives.circuits.layout import place_observables
from airflow_provider_qrt.primitives.circuits.parameters import check_values
from airflow_provider_qrt.primitives.circuits.qpy import circuit_info, dump_circuit, tag_qpy
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed, quiet_passes

log = logging.getLogger(__name__)

LEVELS = (0, 1, 2, 3)
"""Optimization levels of Qiskit's preset pass managers."""
SEED = 0
"""Seed of the transpiler, so that every try and process gets the same circuit for the same calibration."""
TRANSLATION_STAGE = "ibm_dynamic_circuits"
"""The translation stage of the official client's backends (``IBMBackend.get_translation_stage_plugin``). It replaces an
``id`` by a delay if the backend has no ``id``. For that it needs gate durations from a backend, because
``generate_preset_pass_manager`` does not pass on the durations of the target."""

_ENTRY_FORMAT = 1
"""Version of the entries; increased when circuits that earlier versions stored must not be used any more."""
_PACKAGES = ("qiskit", "qiskit-ibm-runtime", "qiskit-qasm3-import")


class Pub(Protocol):
    """The common attributes of the PUBs of all primitives; estimator PUBs also have ``observables``."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def circuit(self) -> str | Mapping[str, Any]:
        """OpenQASM 3 text, or QPY in zlib in base64 in a tagged mapping."""

    @property
    def parameter_values(self) -> Mapping[str, Any] | list[Any] | None:
        """Values of the parameters, checked."""

    @property
    def info(self) -> CircuitInfo | None:
        """The declarations of the circuit, if known."""

    @property
    def source(self) -> str | None:
        """OpenQASM 3 text of a QPY circuit, if it has one."""


P = TypeVar("P", bound=Pub)


@dataclass(frozen=True)
class TranspiledCircuit:
    """A circuit that a backend can run.

    Attributes:
        circuit: The circuit in the form that is sent: QPY in zlib in base64 in a tagged mapping.
        info: Its declarations. The width is that of the backend; registers and parameters are those of the original
            circuit, the parameters in the order of ``circuit.parameters``.
        layout: For each qubit of the original circuit, the physical qubit that holds it at the end.
        from_cache: Whether it was found on disk.
    """

    circuit: Mapping[str, Any] = field(repr=False)
    info: CircuitInfo
    layout: tuple[int, ...]
    from_cache: bool

    def parameter_values(self, values: Any, where: str) -> list[Any] | None:
        """Return the values of a PUB in the order of this circuit's parameters, in the shape of the sweep.

        Args:
            values: Checked values of a PUB with the original circuit: None, a mapping of names to numbers or nested
                lists in the shape of the sweep, or a nested list of shape ``(*sweep, number of parameters)`` in the
                order of its parameters.
            where: The place named at the start of an error message.

        Raises:
            InvalidInputError: They do not fit the circuit, which for a QPY circuit is known only now.
        """
        checked, _ = check_values(values, self.info, where, by_name=False)
        assert not isinstance(checked, dict)
        return checked

    def observables(self, observables: Any, where: str) -> Any:
        """Rewrite observables of the original circuit for this circuit; see :func:`place_observables`."""
        return place_observables(observables, self.layout, self.info.num_qubits, where)

    def fit_pub(self, pub: P, where: str) -> P:
        """Return a PUB of the original circuit with this circuit, and with values and observables that fit it.

        Raises:
            InvalidInputError: Parameter values or observables do not fit the circuit.
        """
        changes: dict[str, Any] = {
            "circuit": self.circuit,
            "parameter_values": self.parameter_values(pub.parameter_values, where),
            "info": self.info,
            "source": pub.circuit if isinstance(pub.circuit, str) else pub.source,
        }
        observables = getattr(pub, "observables", None)
        if observables is not None:
            changes["observables"] = self.observables(observables, where)
        return dataclasses.replace(pub, **changes)

    @classmethod
    def read(cls, circuit: Mapping[str, Any], width: int | None, where: str) -> TranspiledCircuit:
        """Read a transpiled circuit that was kept.

        Args:
            circuit: QPY in zlib in base64 in a tagged mapping.
            width: Number of qubits of the original circuit, if the kept one has no layout.
            where: The place named at the start of an error message.

        Raises:
            InvalidInputError: Qiskit cannot read it.
        """
        with qiskit_needed("noise_model"):
            kept = read_qpy(circuit, where)
        layout = kept.layout
        places = range(width or kept.num_qubits) if layout is None else layout.final_index_layout()
        return cls(circuit, circuit_info(kept), tuple(places), from_cache=True)


class Transpiler:
    """Transpiles circuits for the current state of one backend.

    The result is that of ``generate_preset_pass_manager(level, backend=..., seed_transpiler=seed)`` with the official
    client's ``service.backend(name, use_fractional_gates=fractional)``, with two exceptions. A circuit that names
    physical qubits (``$5`` in OpenQASM 3, or a ``QuantumCircuit`` with a layout) keeps them: its qubits start at these
    positions, and are swapped only to bring qubits together that are not coupled. And a parameter without effect, such
    as the angle of an ``rz`` before a measurement, stays in the circuit as a global phase, so that the given values
    still fit.

    The seed is fixed. As long as neither the calibration nor Qiskit changes, a retry gets the same circuit, with or
    without the cache.

    Args:
        backend: The backend that will run the circuits.
        level: Optimization level, 0 to 3.
        fractional: Whether to use the backend's fractional gates (``rx``, ``rzz``).
        seed: Seed of the transpiler.
        cache: The cache of transpiled circuits; None for no cache.

    Raises:
        InvalidInputError: There is no such level.
    """

    def __init__(
        self,
        backend: BackendSnapshot,
        level: int,
        *,
        fractional: bool = False,
        seed: int = SEED,
        cache: CircuitCache | None = None,
    ) -> None:
        if isinstance(level, bool) or level not in LEVELS:
            raise InvalidInputError(
                f"optimization_level: expected 0, 1, 2, 3, or None to send circuits as they are, not {level!r}."
            )
        self.backend = backend
        self.level = level
        self.fractional = fractional
        self.seed = seed
        self._cache = cache

    def transpile_pub(self, pub: P, where: str) -> P:
        """Return a PUB of a sampler or estimator with a transpiled circuit and with values and observables that fit it.

        Its ``source`` is the text of the original circuit. Use the original PUB for the identity of a job.

        Raises:
            InvalidInputError: See :meth:`transpile`; or parameter values or observables do not fit the circuit.
        """
        return self.transpile(pub.circuit, where, info=pub.info, source=pub.source).fit_pub(pub, where)

    def transpile(
        self,
        circuit: str | Mapping[str, Any],
        where: str,
        *,
        info: CircuitInfo | None = None,
        source: str | None = None,
    ) -> TranspiledCircuit:
        """Transpile one circuit, or find it in the cache.

        Args:
            circuit: OpenQASM 3 text, or QPY in zlib in base64 in a tagged mapping, as in PUBs.
            where: The place named at the start of an error message.
            info: The declarations of the circuit, if known.
            source: OpenQASM 3 text of a QPY circuit, if it has one. QPY bytes contain random ids and differ between
                tries; without the text, the cache finds only identical bytes.

        Raises:
            InvalidInputError: Qiskit is missing or cannot read the circuit, or the backend has too few qubits or cannot
                run the circuit.
        """
        with qiskit_needed("optimization_level"):
            asked = None if isinstance(circuit, str) else read_qpy(circuit, where)
        key = self._key(circuit, info, source)
        done = self._kept(key, info if asked is None else circuit_info(asked))
        found = done is not None
        if done is None:
            if asked is None:
                asked = read_text(str(circuit), where, None if info is None else info.registers)
                asked = with_native_gates(asked) if self.fractional else asked
            done = self._run(asked, where)
            if self._cache is not None:
                self._cache.put(key, dump_circuit(done, where))
        if asked is not None:
            # These do not affect the circuit, so they are not part of the key and may come from another task.
            done.name, done.metadata = asked.name, asked.metadata
        layout = done.layout
        places = range(done.num_qubits) if layout is None else layout.final_index_layout()
        return TranspiledCircuit(tag_qpy(dump_circuit(done, where)), circuit_info(done), tuple(places), found)

    @cached_property
    def target(self) -> Any:
        """The ``qiskit.transpiler.Target``."""
        return self.backend.target(fractional=self.fractional)

    @cached_property
    def _backend_digest(self) -> str:
        return self.backend.digest()

    def _key(self, circuit: str | Mapping[str, Any], info: CircuitInfo | None, source: str | None) -> str:
        """Return a digest of everything that the transpiled circuit depends on."""
        if isinstance(circuit, str):
            asked: Any = circuit
        elif source is None or info is None:
            asked = circuit["__value__"]
        else:
            # OpenQASM does not allow every name that Qiskit allows, so the names are added separately.
            asked = [source, info.num_qubits, info.registers, info.parameters]
        versions = {name: _version(name) for name in _PACKAGES}
        whole = [_ENTRY_FORMAT, versions, self._backend_digest, self.level, self.seed, asked]
        if self.fractional:
            whole.append("use_fractional_gates")
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def _kept(self, key: str, asked: CircuitInfo | None) -> Any:
        """Return a transpiled circuit from the cache, or None when there is no usable one."""
        data = None if self._cache is None else self._cache.get(key)
        if data is None:
            return None
        try:
            kept = load_qpy(data)
        except Exception as error:
            log.warning("A cached circuit cannot be read and is transpiled again: %s", error)
            return None
        info = circuit_info(kept)
        if asked is None or (info.registers == asked.registers and set(info.parameters) == set(asked.parameters)):
            return kept
        log.warning("A cached circuit has other registers or parameters than the one asked for; it is not used.")
        return None

    def _run(self, asked: Any, where: str) -> Any:
        """Transpile a ``QuantumCircuit``."""
        from qiskit.exceptions import QiskitError

        target = self.target
        if asked.num_qubits > target.num_qubits:
            raise InvalidInputError(
                f"{where}: the circuit needs {asked.num_qubits} qubits, and backend {self.backend.name} has "
                f"{target.num_qubits}."
            )
        begun = time.monotonic()
        try:
            with quiet_passes():
                done = self._transpiled(asked)
        except QiskitError as error:
            raise InvalidInputError(
                f"{where}: the circuit cannot be transpiled for backend {self.backend.name}: {one_line(error)}"
            ) from error
        for parameter in asked.parameters:
            if parameter not in done.parameters:
                done.global_phase += parameter
        log.info(
            "%s: transpiled for %s (calibrated %s) at level %d in %.1f s: depth %d, %d two-qubit gates.",
            where,
            self.backend.name,
            self.backend.calibrated_at or "at an unknown time",
            self.level,
            time.monotonic() - begun,
            done.depth(),
            done.num_nonlocal_gates(),
        )
        return done

    def _transpiled(self, asked: Any) -> Any:
        """Run Qiskit's passes.

        Levels 0 and 1 place the circuit on qubits 0, 1, 2 and so on, even if some of them are out of service. If that
        fails, a placement that takes the backend into account is used.
        """
        from qiskit.transpiler import generate_preset_pass_manager

        layout = None if asked.layout is None else list(range(asked.num_qubits))
        common = {"backend": backend_with(self.target), "seed_transpiler": self.seed, "initial_layout": layout}
        try:
            return generate_preset_pass_manager(self.level, **common).run(asked)
        except Exception:
            # Catch more than Qiskit's errors, because some passes raise a TypeError when two parts are not coupled.
            if layout is not None or not self.backend.has_faults:
                raise
        return generate_preset_pass_manager(self.level, layout_method="sabre", **common).run(asked)


def backend_with(target: Any) -> Any:
    """Return a ``Backend`` that serves only for transpilation, with the same result as the official client's."""
    from qiskit.providers import BackendV2, Options

    class Transpilable(BackendV2):  # type: ignore[misc]
        max_circuits = None

        @property
        def target(self) -> Any:
            return target

        @classmethod
        def _default_options(cls) -> Any:
            return Options()

        def run(self, run_input: Any, **options: Any) -> Any:
            raise NotImplementedError("This backend is there to transpile for; it runs nothing.")

        def get_translation_stage_plugin(self) -> str:
            return TRANSLATION_STAGE

    return Transpilable()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
