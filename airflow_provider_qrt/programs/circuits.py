"""Programs that run PUBs: fitting circuits to the backend, splitting them over jobs, reading the results."""

from __future__ import annotations

import json
import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_qrt import config, primitives, templated
from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput
from airflow_provider_qrt.primitives.errors import InvalidInputError, ProgramUnfitError
from airflow_provider_qrt.primitives.inputs.packing import Load, pack, unpack
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.programs.backend_snapshots import BackendSnapshots
from airflow_provider_qrt.programs.base import FinishedJobs, TaskProgram

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot
    from airflow_provider_qrt.primitives.circuits.transpile import Transpiler
    from airflow_provider_qrt.primitives.inputs.official_program import PreparedProgram
    from airflow_provider_qrt.programs.given import GivenCircuits

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 3_000
"""Bytes of a submission around the program's input: backend, session and tags, with room to spare."""
WITHOUT_FRACTIONAL_GATES = "Leave out use_fractional_gates, or switch the option off. Nothing was submitted."
"""The end of a message that refuses fractional gates because of an option."""


@dataclass(frozen=True)
class CircuitArguments:
    """The rendered arguments that all programs with circuits have.

    Attributes:
        circuits: What was given.
        options: The primitive's options.
        optimization_level: 0 to 3, or None: the circuits are sent as they are.
        use_fractional_gates: Transpile for fractional gates too.
        check_isa: Check circuits that are sent as they are against the backend's instruction set.
        max_result_bytes: The most bytes of JSON that the result may take; None: it has somewhere else to go.
    """

    circuits: GivenCircuits
    options: Mapping[str, Any] | None = None
    optimization_level: Any = None
    use_fractional_gates: Any = False
    check_isa: bool = True
    max_result_bytes: int | None = None

    @cached_property
    def level(self) -> int | None:
        """The optimization level.

        Raises:
            InvalidInputError: It is none.
        """
        return templated.whole_number("optimization_level", self.optimization_level, at_least=0, at_most=3)

    @cached_property
    def fractional(self) -> bool:
        """Whether circuits are transpiled for fractional gates too.

        Raises:
            InvalidInputError: It is neither true nor false.
        """
        return templated.flag("use_fractional_gates", self.use_fractional_gates)

    def check_result_fits(self, size: int, when: str, instead: str) -> None:
        """Refuse a job whose result may not fit through XCom; see :func:`check_result_fits`."""
        check_result_fits(size, self.max_result_bytes, when, instead)


@dataclass
class CircuitsProgram(TaskProgram):
    """A program that takes PUBs: circuits with what belongs to them.

    Attributes:
        client: The API.
        arguments: Of the task.
        snapshots: Reads backends; None: the program reads them itself. A hybrid loop has one for all its programs.
    """

    client: QiskitRuntimeClient
    arguments: Any
    snapshots: BackendSnapshots | None = field(default=None, repr=False, kw_only=True)
    max_executions: ClassVar[int | None] = None
    """How often IBM runs circuits in one job of this program, if that is limited."""
    decodes_arriving: ClassVar[bool] = False
    """Whether :meth:`decode` takes an ``ArrivingResult`` too."""
    _pubs: Sequence[Any] = field(default=(), init=False)
    _fitted: tuple[Sequence[Any], Backend] | None = field(default=None, init=False)

    # What a subclass says

    @abstractmethod
    def read_pubs(self) -> Sequence[Any]:
        """Check what was passed and return it as PUBs, and check that their result fits.

        Raises:
            InvalidInputError: Something is wrong with it; says what to do.
        """

    @abstractmethod
    def write_params(self, pubs: Sequence[Any]) -> dict[str, Any]:
        """Return the program's ``params`` for these PUBs."""

    @abstractmethod
    def count_executions(self, pubs: Sequence[Any]) -> int | None:
        """Count how often circuits are run in all; None if that has no limit."""

    @abstractmethod
    def decode(self, text: Any) -> Any:
        """Read the text of the program's result, or an ``ArrivingResult`` if :attr:`decodes_arriving`.

        Raises:
            InvalidResultError: It cannot be read.
        """

    def identify(self, pubs: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is the same whenever the same is asked for."""
        return {**params, "pubs": [pub.identity() for pub in pubs]}

    def drawback(self) -> str | None:
        """Return what speaks for another program that gets the same, to follow "with the executor"; None if nothing."""
        return None

    def gates_randomized_by(self) -> str | None:
        """Return the option that makes the service randomize gates, if one does."""
        return None

    def check_fractional_gates(self) -> None:
        """Refuse ``use_fractional_gates`` together with an option that does not suit fractional gates.

        Raises:
            InvalidInputError: Such an option is set.
            ProgramUnfitError: Only this program cannot do both.
        """
        if self.arguments.fractional and (option := self.gates_randomized_by()) is not None:
            raise fractional_gates_refused(option)

    # What execution calls

    def build(self) -> ProgramInput:
        """Check circuits and options, and return the program's input."""
        try:
            self._pubs = self.read_pubs()
            self.check_fractional_gates()
            return self._input_of(self._pubs)
        except InvalidInputError as error:
            explained = self.arguments.circuits.explain(error)
            if explained is error:
                raise
            raise explained from error

    def build_part(self, pubs: Sequence[int]) -> ProgramInput:
        """Return the program's input for some of the circuits."""
        return self._input_of([self._pubs[index] for index in pubs])

    def split(self) -> Sequence[Sequence[int]]:
        """Distribute the circuits over the fewest jobs that IBM takes."""
        return self.pack(self._pubs if self._fitted is None else self._fitted[0])

    def pack(self, pubs: Sequence[Any]) -> Sequence[Sequence[int]]:
        """Return the indices of PUBs in each of the fewest jobs that IBM takes."""
        most, room = self.max_executions, room_for_input()
        if self._body_bytes(pubs) <= room and (most is None or (self.count_executions(pubs) or 0) <= most):
            return [range(len(pubs))]
        # What stands in a submission once, however many circuits there are.
        common = 2 * self._body_bytes(pubs[:1]) - self._body_bytes([pubs[0], pubs[0]])
        loads = [Load(self.count_executions([pub]) or 0, self._body_bytes([pub]) - common) for pub in pubs]
        return pack(loads, max_executions=most, max_body_bytes=room - common)

    @property
    def grows_to_fit(self) -> bool:
        """Transpiled circuits are larger than those that were asked for."""
        return self.arguments.level is not None

    def fit(self, request: JobRequest, backend: Backend) -> JobRequest:
        """Transpile the circuits for the backend, or check that it can run them as they are."""
        pubs = self.fit_pubs(backend)
        self._fitted = (pubs, backend)
        return replace(request, input=self.fit_input(request.input, pubs, backend))

    def fit_pubs(self, backend: Backend) -> Sequence[Any]:
        """Return the PUBs as the backend can run them.

        Raises:
            InvalidInputError: It cannot; says what to do.
        """
        if self.arguments.level is not None:
            transpiler = self.transpiler(backend, self.arguments.level)
            return [transpiler.transpile_pub(pub, f"circuits[{index}]") for index, pub in enumerate(self._pubs)]
        if self.arguments.check_isa and not backend.is_simulator:
            self._check_isa(backend)
        return self._pubs

    def transpiler(self, backend: Backend, level: int) -> Transpiler:
        """Return what transpiles circuits for the backend as it is now."""
        from airflow_provider_qrt.primitives.circuits.transpile import Transpiler

        return Transpiler(
            self.snapshot(backend), level, fractional=self.arguments.fractional, cache=config.circuit_cache()
        )

    def fit_part(self, asked: ProgramInput, pubs: Sequence[int]) -> ProgramInput:
        """Return the input of a part as it is submitted to the backend that was chosen."""
        assert self._fitted is not None
        fitted, backend = self._fitted
        return self.fit_input(asked, [fitted[index] for index in pubs], backend)

    def fit_input(self, asked: ProgramInput, pubs: Sequence[Any], backend: Backend) -> ProgramInput:
        """Return the input as it is submitted to this backend.

        Args:
            asked: What :meth:`build` returned.
            pubs: The PUBs, transpiled for the backend if that was asked for.
            backend: The one that was chosen.
        """
        return asked if pubs is self._pubs else replace(asked, params=self.write_params(pubs))

    def read(self, finished: FinishedJobs) -> Any:
        """Decode the results of all jobs, and put them together in the order that was asked for."""
        fetch = finished.receive if self.decodes_arriving else finished.fetch
        decoded: list[Any] = [self.decode(fetch(place)) for place in range(len(finished.jobs))]
        whole = decoded[0]
        if finished.split is not None:
            whole = whole.with_pubs(unpack(finished.split, [one.pubs for one in decoded]))
        return finished.deliver(self._with_what_was_asked(whole), used_qiskit=self.uses_qiskit())

    def to_remember(self) -> Mapping[str, Any]:
        """Return what circuits that a function returned would not tell again."""
        return self.arguments.circuits.to_remember(self._asked(), used_qiskit=self.uses_qiskit())  # type: ignore[no-any-return]

    def pubs_again(self) -> Sequence[Any]:
        """Return the PUBs; when the task has waited, read them again, for what was asked for beside the circuits.

        This leaves out the slow parser: a circuit whose job has run is right.
        """
        from airflow_provider_qrt.primitives.circuits.syntax import right_already

        if self._pubs:
            return self._pubs
        with right_already():
            return self.read_pubs()

    def uses_qiskit(self) -> bool:
        """Tell whether what was submitted is Qiskit's work, so that its version belongs to the result."""
        return self.arguments.level is not None or self.arguments.circuits.were_qiskits()

    # What subclasses share

    def snapshot(self, backend: Backend) -> BackendSnapshot:
        """Return how the backend is configured and calibrated now, read once."""
        if self.snapshots is None:
            self.snapshots = BackendSnapshots(self.client)
        return self.snapshots.read(backend)

    def prepared(self, asked: ProgramInput, program: PreparedProgram, backend: Backend) -> ProgramInput:
        """Return the input that the official client has prepared.

        Raises:
            ProgramUnfitError: It is larger than a submission may be, or uses qubits that are out of service.
        """
        size, room = len(json.dumps(program.params)), room_for_input()
        if size > room:
            raise ProgramUnfitError(
                f"circuits: prepared by the official client for the program executor, they take {size:,} bytes, more "
                f"than the {room:,} of a submission. Make several tasks of them."
            )
        if self.arguments.check_isa and not backend.is_simulator:
            self._check_in_service(program.qubits, backend)
        return replace(asked, params=program.params, executions=program.executions)

    def _check_in_service(self, qubits: frozenset[int], backend: Backend) -> None:
        from airflow_provider_qrt.primitives.circuits.instruction_set import faulty_qubits

        faulty = sorted(qubits & faulty_qubits(self.snapshot(backend).properties or {}))
        if faulty:
            raise ProgramUnfitError(
                f"circuits: prepared by the official client for the program executor, they use qubit {faulty[0]} of "
                f"{backend.name}, which is out of service, as its calibration says: the client measures all qubits of "
                "a circuit. Choose another backend, or other qubits."
            )

    def _check_isa(self, backend: Backend) -> None:
        snapshot = self.snapshot(backend)
        primitives.check_pubs_isa(
            self._pubs,
            snapshot.configuration,
            properties=snapshot.properties,
            gates_randomized_by=self.gates_randomized_by(),
        )

    def _input_of(self, pubs: Sequence[Any]) -> ProgramInput:
        level = self.arguments.level
        params = self.write_params(pubs)
        identity = self.identify(pubs, params)
        if level is not None:
            identity = {**identity, "optimization_level": level}
            if self.arguments.fractional:
                # Jobs that were submitted before this argument existed keep their identity.
                identity["use_fractional_gates"] = True
        return ProgramInput(
            params,
            # What is asked for; what becomes of it depends on the calibration, which may change between two tries.
            identity=identity,
            executions=self.count_executions(pubs),
        )

    def _body_bytes(self, pubs: Sequence[Any]) -> int:
        return len(json.dumps(self.write_params(pubs)))

    def _asked(self) -> Sequence[Asked]:
        """Return parameter values and observables; of a task that has waited, from its arguments again."""
        asked: Sequence[Asked] = self.arguments.circuits.asked(self.pubs_again)
        return asked

    def _with_what_was_asked(self, result: Any) -> Any:
        """Put parameter values and the names of observables beside what was measured, where they are known."""
        try:
            asked = self._asked()
        except InvalidInputError as error:
            # The DAG file was changed while the job ran.
            log.warning("The result bears no parameter values: %s", error)
            return result
        if len(asked) != len(result.pubs):
            return result
        return result.with_pubs(replace(pub, asked=one) for pub, one in zip(result.pubs, asked, strict=True))


def fractional_gates_refused(by: str) -> InvalidInputError:
    """Return the error for ``use_fractional_gates`` together with something that randomizes gates.

    Args:
        by: What randomizes them.
    """
    return InvalidInputError(
        f"use_fractional_gates: fractional gates do not go together with {by}. {WITHOUT_FRACTIONAL_GATES}"
    )


def room_for_input() -> int:
    """Bytes of JSON that a program's input may take."""
    return config.max_body_bytes() - ENVELOPE_BYTES


def check_result_fits(size: int, limit: int | None, when: str, instead: str) -> None:
    """Refuse a job whose result may not fit through XCom and has nowhere else to go.

    Args:
        size: The most bytes of JSON that it can take.
        limit: The most that go through XCom; None: it has somewhere else to go.
        when: Under which circumstances it takes them.
        instead: What less to ask for.

    Raises:
        InvalidInputError: It may not fit; says what to do.
    """
    if limit is not None and size > limit:
        raise InvalidInputError(
            f"The result may take {size:,} bytes, more than the {limit:,} that go through XCom, {when}. Set "
            "result_path on the task (a folder, local or in an object store), raise [qiskit_runtime] "
            f"max_xcom_bytes, or {instead}. Nothing was submitted."
        )
