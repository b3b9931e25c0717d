"""Circuits made to run on a backend by Qiskit's own transpiler, with the outcome kept on disk.

Only this room and its neighbours ``backend_snapshot`` and ``qpy`` use Qiskit, and only inside functions.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Protocol, TypeVar

from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
from airflow_provider_qrt.primitives.circuits.cache import CircuitCache
from airflow_provider_qrt.primitives.circuits.layout import place_observables
from airflow_provider_qrt.primitives.circuits.parameters import check_values
from airflow_provider_qrt.primitives.circuits.qpy import circuit_info, dump_circuit, tag_qpy
from airflow_provider_qrt.primitives.circuits.qpy_forms import MAX_QPY_BYTES
from airflow_provider_qrt.primitives.circuits.text import CircuitInfo
from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.primitives.qiskit_needed import qiskit_needed, quiet_passes
from airflow_provider_qrt.untrusted.inflate import inflate

log = logging.getLogger(__name__)

LEVELS = (0, 1, 2, 3)
"""Optimization levels of Qiskit's preset pass managers."""
SEED = 0
"""Seed of the transpiler's random choices: the same circuit for the same calibration, in every try and process."""
TRANSLATION_STAGE = "ibm_dynamic_circuits"
"""The translation stage that the official client's backends ask for (``IBMBackend.get_translation_stage_plugin``). It
makes a delay of an ``id`` where the backend has none, and for that has to know how long gates take: from a backend, for
``generate_preset_pass_manager`` does not hand on what the target knows of it."""

_ENTRY_FORMAT = 1
"""Counted up when a circuit that was kept by an earlier version must not be used any more."""
_PACKAGES = ("qiskit", "qiskit-ibm-runtime", "qiskit-qasm3-import")


class Pub(Protocol):
    """What the PUBs of all primitives have in common; those of the estimator have ``observables`` as well."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def circuit(self) -> str | Mapping[str, Any]:
        """OpenQASM 3 text, or base64 of zlib of QPY in a tagged mapping."""

    @property
    def parameter_values(self) -> Mapping[str, Any] | list[Any] | None:
        """Values of the parameters, checked."""

    @property
    def info(self) -> CircuitInfo | None:
        """What the circuit declares, if that is known."""

    @property
    def source(self) -> str | None:
        """OpenQASM 3 text of a QPY circuit, if it has one."""


P = TypeVar("P", bound=Pub)


@dataclass(frozen=True)
class TranspiledCircuit:
    """A circuit that a backend can run.

    Attributes:
        circuit: The circuit as it is sent: base64 of zlib of QPY in a tagged mapping.
        info: What it declares. The width is the backend's; registers are those of the circuit asked for; so are the
            parameters, in the order of ``circuit.parameters``.
        layout: For each qubit of the circuit asked for, the physical qubit that holds it at the end.
        from_cache: Whether it was found on disk.
    """

    circuit: Mapping[str, Any] = field(repr=False)
    info: CircuitInfo
    layout: tuple[int, ...]
    from_cache: bool

    def parameter_values(self, values: Any, where: str) -> list[Any] | None:
        """Return the values of a PUB in the order of this circuit's parameters, in the sweep's shape.

        Args:
            values: Checked values of a PUB with the circuit asked for: None, a mapping of names to numbers or nested
                lists of the sweep's shape, or a nested list of shape ``(*sweep, number of parameters)`` in the order of
                its parameters.
            where: The place named at the start of an error message.

        Raises:
            InvalidInput: They do not fit the circuit. If it came as QPY, this is known only now.
        """
        checked, _ = check_values(values, self.info, where, by_name=False)
        assert not isinstance(checked, dict)
        return checked

    def observables(self, observables: Any, where: str) -> Any:
        """Write observables of the circuit asked for, for this one; see :func:`place_observables`."""
        return place_observables(observables, self.layout, self.info.num_qubits, where)


class Transpiler:
    """Transpiles circuits for one backend as it is now.

    The outcome is that of ``generate_preset_pass_manager(level, backend=..., seed_transpiler=seed)`` with the official
    client's backend, but for two things. A circuit that names physical qubits keeps them (``$5`` in OpenQASM 3, or a
    ``QuantumCircuit`` with a layout): its qubits start where it puts them, and are moved only to bring together those
    that are not coupled. And a parameter that turns out to have no effect, such as the angle of an ``rz`` before a
    measurement, stays as a global phase, so that the values given for the circuit still fit.

    The seed is fixed. As long as neither the calibration nor Qiskit changes, a retry gets the same circuit, from the
    cache or not.

    Args:
        backend: What the circuits are to run on.
        level: Optimization level, 0 to 3.
        seed: Seed of the transpiler.
        cache: Where outcomes are kept; None: nowhere.

    Raises:
        InvalidInput: The level is none of these.
    """

    def __init__(
        self, backend: BackendSnapshot, level: int, *, seed: int = SEED, cache: CircuitCache | None = None
    ) -> None:
        if isinstance(level, bool) or level not in LEVELS:
            raise InvalidInput(
                f"optimization_level: expected 0, 1, 2, 3, or None to send circuits as they are, not {level!r}."
            )
        self.backend = backend
        self.level = level
        self.seed = seed
        self._cache = cache

    def transpile_pub(self, pub: P, where: str) -> P:
        """Return a PUB of the sampler or estimator with its circuit transpiled, and with it values and observables.

        Its ``source`` is the text of the circuit asked for. For the identity of a job take the PUB as it was before.

        Raises:
            InvalidInput: See :meth:`transpile`; or parameter values or observables do not fit the circuit.
        """
        done = self.transpile(pub.circuit, where, info=pub.info, source=pub.source)
        changes: dict[str, Any] = {
            "circuit": done.circuit,
            "parameter_values": done.parameter_values(pub.parameter_values, where),
            "info": done.info,
            "source": pub.circuit if isinstance(pub.circuit, str) else pub.source,
        }
        observables = getattr(pub, "observables", None)
        if observables is not None:
            changes["observables"] = done.observables(observables, where)
        return dataclasses.replace(pub, **changes)

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
            circuit: OpenQASM 3 text, or base64 of zlib of QPY in a tagged mapping, as PUBs hold it.
            where: The place named at the start of an error message.
            info: What the circuit declares, if that is known.
            source: OpenQASM 3 text of a QPY circuit, if it has one. QPY bytes hold random ids and differ from try to
                try; without the text, only the very same bytes are found again.

        Raises:
            InvalidInput: Qiskit is missing or cannot read the circuit, the backend has too few qubits, or cannot run
                what the circuit asks for.
        """
        with qiskit_needed("optimization_level"):
            asked = None if isinstance(circuit, str) else read_qpy(circuit, where)
        key = self._key(circuit, info, source)
        done = self._kept(key, info if asked is None else circuit_info(asked))
        found = done is not None
        if done is None:
            if asked is None:
                asked = read_text(str(circuit), where, None if info is None else info.registers)
            done = self._run(asked, where)
            if self._cache is not None:
                self._cache.put(key, dump_circuit(done, where))
        if asked is not None:
            # These say nothing about the circuit, so they are no part of the key and may be another task's.
            done.name, done.metadata = asked.name, asked.metadata
        layout = done.layout
        places = range(done.num_qubits) if layout is None else layout.final_index_layout()
        return TranspiledCircuit(tag_qpy(dump_circuit(done, where)), circuit_info(done), tuple(places), found)

    @cached_property
    def target(self) -> Any:
        """The ``qiskit.transpiler.Target``."""
        return self.backend.target()

    @cached_property
    def _backend_digest(self) -> str:
        return self.backend.digest()

    def _key(self, circuit: str | Mapping[str, Any], info: CircuitInfo | None, source: str | None) -> str:
        """Digest of everything the transpiled circuit follows from."""
        if isinstance(circuit, str):
            asked: Any = circuit
        elif source is None or info is None:
            asked = circuit["__value__"]
        else:
            # OpenQASM cannot spell every name that Qiskit allows, so names are taken beside it.
            asked = [source, info.num_qubits, info.registers, info.parameters]
        versions = {name: _version(name) for name in _PACKAGES}
        whole = [_ENTRY_FORMAT, versions, self._backend_digest, self.level, self.seed, asked]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def _kept(self, key: str, asked: CircuitInfo | None) -> Any:
        """Return a transpiled circuit out of the cache, or None when there is none that is any good."""
        data = None if self._cache is None else self._cache.get(key)
        if data is None:
            return None
        try:
            kept = _load(data)
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
            raise InvalidInput(
                f"{where}: the circuit needs {asked.num_qubits} qubits, and backend {self.backend.name} has "
                f"{target.num_qubits}."
            )
        begun = time.monotonic()
        try:
            with quiet_passes():
                done = self._transpiled(asked)
        except QiskitError as error:
            raise InvalidInput(
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

        The placement of levels 0 and 1 begins with qubit 0 and goes on in order, whether those qubits are in service or
        not. Where that leads nowhere, the one that looks at the backend takes its place.
        """
        from qiskit.transpiler import generate_preset_pass_manager

        layout = None if asked.layout is None else list(range(asked.num_qubits))
        common = {"backend": backend_with(self.target), "seed_transpiler": self.seed, "initial_layout": layout}
        try:
            return generate_preset_pass_manager(self.level, **common).run(asked)
        except Exception:
            # Not only Qiskit's own errors: some passes end in a TypeError when two parts are not coupled.
            if layout is not None or not self.backend.has_faults:
                raise
        return generate_preset_pass_manager(self.level, layout_method="sabre", **common).run(asked)


def backend_with(target: Any) -> Any:
    """Return a ``Backend`` that can only be transpiled for, as the official client's would be."""
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


def read_text(
    text: str,
    where: str,
    registers: Sequence[tuple[str, int]] | None = None,
    *,
    needed_for: str = "optimization_level",
    instead: str = "Leave optimization_level out to send it as it is, or give a QuantumCircuit",
) -> Any:
    """Return OpenQASM 3 text as a ``QuantumCircuit``, read with Qiskit's importer.

    Args:
        text: The text.
        where: The place named at the start of an error message.
        registers: Name and number of bits of every classical register in the order of declaration, if that is known.
            The importer makes ``bit c;`` a bit without a register, and the service returns registers only.
        needed_for: The argument that cannot be served without Qiskit, for the message.
        instead: What to do about a text that Qiskit cannot read, for the message.

    Raises:
        InvalidInput: Qiskit or its importer is missing, or does not know what the text uses.
    """
    with qiskit_needed(needed_for):
        from qiskit.exceptions import QiskitError

        try:
            circuit = _import(text)
        except ImportError:
            raise
        except (QiskitError, RecursionError) as error:
            raise InvalidInput(
                f"{where}: Qiskit cannot read this OpenQASM 3 text: {one_line(error)}. {instead}."
            ) from error
    if registers is None or circuit_info(circuit).registers == tuple(registers):
        return circuit
    if sum(size for _, size in registers) != circuit.num_clbits:
        raise InvalidInput(
            f"{where}: Qiskit reads {circuit.num_clbits} classical bits where the text declares "
            f"{', '.join(f'bit[{size}] {name}' for name, size in registers)}. Give a QuantumCircuit."
        )
    return _with_registers(circuit, registers)


def _import(text: str) -> Any:
    """Read a text with Qiskit's importer, without its constants if that does not know them."""
    from qiskit import qasm3
    from qiskit.exceptions import QiskitError

    try:
        return qasm3.loads(text)
    except QiskitError:
        from openqasm3.parser import QASM3ParsingError

        from airflow_provider_qrt.primitives.circuits.folding import fold_constants

        try:
            folded = fold_constants(text)
        except QASM3ParsingError:
            folded = text
        if folded == text:
            raise
    return qasm3.loads(folded)


def _with_registers(circuit: Any, registers: Sequence[tuple[str, int]]) -> Any:
    """Return the circuit with every classical bit in a register; it has them in the order of declaration."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ClassicalRegister

    known = {register.name: register for register in circuit.cregs}
    named = QuantumCircuit(circuit.qubits, *circuit.qregs, name=circuit.name)
    for name, size in registers:
        # A register of new bits: QPY would move one that was put around old bits behind the others.
        named.add_register(known.get(name) or ClassicalRegister(size, name))
    named.compose(circuit, named.qubits, named.clbits, inplace=True)
    named._layout = circuit.layout
    return named


def read_qpy(circuit: Mapping[str, Any], where: str) -> Any:
    """Return the ``QuantumCircuit`` of a tagged mapping.

    Raises:
        InvalidInput: It is not base64 of zlib of QPY with one circuit, of a version that this Qiskit knows.
        ImportError: Qiskit is missing.
    """
    import qiskit.qpy  # noqa: F401

    try:
        return _load(inflate(base64.b64decode(circuit["__value__"], validate=True), MAX_QPY_BYTES))
    except Exception as error:
        raise InvalidInput(
            f"{where}: expected one circuit as base64 of zlib of QPY, and Qiskit cannot read it: {one_line(error)}"
        ) from error


def _load(data: bytes) -> Any:
    from qiskit import qpy

    with warnings.catch_warnings():
        # QPY warns that it was written by a newer or older Qiskit, which does no harm.
        warnings.simplefilter("ignore", UserWarning)
        [circuit] = qpy.load(io.BytesIO(data))
    return circuit


def one_line(error: Exception) -> str:
    """Return what an error of Qiskit's says, in one line."""
    return " ".join(str(getattr(error, "message", None) or error).split()) or type(error).__name__


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
