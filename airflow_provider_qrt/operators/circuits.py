"""What the operators of both primitives share: circuits in files, fitting the backend, and the result's way to XCom."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_qrt import primitives
from airflow_provider_qrt.arguments.constants import Check, boolean
from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.jobs.identity import JobRequest, ProgramInput
from airflow_provider_qrt.operators import arguments, results
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.operators.circuit_files import names_in_dag, with_files, written_names
from airflow_provider_qrt.operators.delivery import deliver
from airflow_provider_qrt.operators.packed import QiskitRuntimePackedOperator, max_body_bytes
from airflow_provider_qrt.operators.packed_facts import PackedFacts
from airflow_provider_qrt.operators.template_files import missing_file, no_such_file
from airflow_provider_qrt.operators.transpilation import circuit_cache
from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.primitives.inputs.packing import Load, pack, unpack
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.templating import HANDED_ON

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context, XComArg

    from airflow_provider_qrt.arguments.keywords import JobArguments
    from airflow_provider_qrt.client.models import Backend, Job
    from airflow_provider_qrt.jobs.parts import Partition
    from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot

CIRCUIT_FILES = (".qasm", ".qasm3")
EXECUTOR = "executor"
"""The program that takes the place of the primitives on the present platform."""
ENVELOPE_BYTES = 3_000
"""Bytes of a submission around the program's input: backend, session and tags, with room to spare."""


class QiskitRuntimeCircuitsOperator(QiskitRuntimePackedOperator):
    """Base of the operators that run circuits with a primitive.

    The connection's channel says in which version. Version 1, of the older generations of the service, takes circuits
    for any backend without parameter values, all in one job, and transpiles them itself.

    Args:
        circuits: What the primitive is to run.
        options: The primitive's options.
        optimization_level: 0 to 3: transpile the circuits for the backend that was chosen, with Qiskit (extra
            ``qiskit``); the outcome is kept in a cache on disk. None: they are sent as they are.
        check_isa: See, before anything is submitted, that circuits which are sent as they are have only gates and
            coupled qubits of the backend. What cannot be decided without Qiskit passes.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = (
        "circuits",
        "options",
        "optimization_level",
        *QiskitRuntimeJobOperator.template_fields,
    )
    template_ext: Sequence[str] = CIRCUIT_FILES
    file_fields = ("circuits", *HANDED_ON)
    array_fields = ("circuits",)
    max_executions: int | None = None
    """How often IBM runs circuits in one job of this program, if that is limited."""
    checks: ClassVar[Mapping[str, Check]] = {
        "optimization_level": partial(arguments.whole_number, at_least=0, at_most=3),
        "check_isa": boolean,
    }

    def __init__(
        self,
        *,
        circuits: Any,
        options: Mapping[str, Any] | XComArg | None = None,
        optimization_level: int | str | XComArg | None = None,
        check_isa: bool = True,
        **kwargs: Unpack[JobArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.circuits = circuits
        self.options = cast("Mapping[str, Any] | None", options)
        self.optimization_level = optimization_level
        self.check_isa = check_isa
        self.check_constants(*QiskitRuntimeCircuitsOperator.checks)
        # Before anything is rendered. A mapped task is made of data.
        self._written_files = frozenset() if self._is_of_mapped() else frozenset(written_names(self.circuits))
        self._pubs: Sequence[Any] = ()
        self._fitted: tuple[Sequence[Any], Backend] | None = None

    def _is_of_mapped(self) -> bool:
        return bool(getattr(self, "_BaseOperator__from_mapped", False))

    def given_circuits(self) -> Any:
        """Return the circuits as they were rendered, with names of QPY files that may be read as paths.

        Raises:
            InvalidInput: A name comes from data, and lies in no folder that the deployment allows.
        """
        written = self._written_files | (names_in_dag(self) if self._is_of_mapped() else frozenset())
        return with_files(self.circuits, written)

    @abstractmethod
    def read_pubs(self) -> Sequence[Any]:
        """Check what was passed and return it as PUBs, and see that their result fits.

        Raises:
            InvalidInput: Something is wrong with it; says what to do.
        """

    @abstractmethod
    def write_params(self, pubs: Sequence[Any]) -> dict[str, Any]:
        """Return the program's ``params`` for these PUBs."""

    @abstractmethod
    def count_executions(self, pubs: Sequence[Any]) -> int | None:
        """How often circuits are run in all, None if that has no limit; asked of version 2 only."""

    @cached_property
    def is_v1(self) -> bool:
        """Whether the connection's channel takes circuits, as version 1 of the primitives does, instead of PUBs.

        Raises:
            NotOffered: It has neither; says how to run its programs.
        """
        channel = self.hook.channel
        if channel.offers(Feature.PUBS):
            return False
        channel.require(Feature.CIRCUITS, type(self).__name__)
        return True

    def identify(self, pubs: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is the same whenever the same is asked for."""
        return {**params, "pubs": [pub.identity() for pub in pubs]}

    def build_input(self) -> ProgramInput:
        """Check circuits and options, and return the program's input."""
        if self.is_v1:
            self._check_v1_arguments()
        self._pubs = self.read_pubs()
        if self.is_v1 and self._body_bytes(self._pubs) > _room():
            size = f"{len(self._pubs)} circuits, together larger than a submission may be"
            self.hook.channel.require(Feature.BATCHES, size)
        return self._input_of(self._pubs)

    def _check_v1_arguments(self) -> None:
        """Refuse what only version 2 has."""
        if self._level() is not None:
            raise InvalidInput(
                f"optimization_level: the service of the channel {self.hook.channel.name!r} transpiles circuits "
                "itself. Leave it out, or write options={'transpilation_settings': {...}}. Nothing was submitted."
            )
        if self.program_id == EXECUTOR:
            self.hook.channel.require(Feature.PUBS, f"program_id={EXECUTOR!r}")

    def build_part(self, pubs: Sequence[int]) -> ProgramInput:
        """Return the program's input for some of the circuits."""
        return self._input_of([self._pubs[index] for index in pubs])

    def _input_of(self, pubs: Sequence[Any]) -> ProgramInput:
        level = self._level()
        params = self.write_params(pubs)
        if self.is_v1:
            return ProgramInput(params)
        identity = self.identify(pubs, params)
        return ProgramInput(
            params,
            # What is asked for; what becomes of it depends on the calibration, which may change between two tries.
            identity=identity if level is None else {**identity, "optimization_level": level},
            executions=self.count_executions(pubs),
        )

    def split(self) -> Sequence[Sequence[int]]:
        """Distribute the circuits over the fewest jobs that IBM takes."""
        pubs = self._pubs if self._fitted is None else self._fitted[0]
        if self.is_v1:
            return [range(len(pubs))]
        most, room = self.max_executions, _room()
        if self._body_bytes(pubs) <= room and (most is None or (self.count_executions(pubs) or 0) <= most):
            return [range(len(pubs))]
        # What stands in a submission once, however many circuits there are.
        common = 2 * self._body_bytes(pubs[:1]) - self._body_bytes([pubs[0], pubs[0]])
        loads = [Load(self.count_executions([pub]) or 0, self._body_bytes([pub]) - common) for pub in pubs]
        return pack(loads, max_executions=most, max_body_bytes=room - common)

    def _body_bytes(self, pubs: Sequence[Any]) -> int:
        return len(json.dumps(self.write_params(pubs)))

    @property
    def changes_to_fit(self) -> bool:
        """Transpiled circuits are larger than those that were asked for."""
        return self._level() is not None

    def fit_part(self, asked: ProgramInput, pubs: Sequence[int]) -> ProgramInput:
        """Return the input of a part as it is submitted to the backend that was chosen."""
        assert self._fitted is not None
        fitted, backend = self._fitted
        return self.fit_input(asked, [fitted[index] for index in pubs], backend)

    def adapt(self, request: JobRequest, backend: Backend) -> JobRequest:
        """Transpile the circuits for the backend, or see that it can run them as they are."""
        level, pubs = self._level(), self._pubs
        if level is not None:
            from airflow_provider_qrt.primitives.circuits.transpile import Transpiler

            transpiler = Transpiler(self.snapshot(backend), level, cache=circuit_cache())
            pubs = [transpiler.transpile_pub(pub, f"circuits[{index}]") for index, pub in enumerate(pubs)]
        elif self.check_isa and not self.is_v1 and not backend.is_simulator:
            primitives.check_pubs_isa(
                pubs,
                self.hook.client.backend_configuration(backend.name),
                properties=self._properties(backend.name),
                gates_randomized_by=self.gates_randomized_by(),
            )
        self._fitted = (pubs, backend)
        return replace(request, input=self.fit_input(request.input, pubs, backend))

    def gates_randomized_by(self) -> str | None:
        """Return the option that makes the service randomize gates, if one does."""
        return None

    def fit_input(self, asked: ProgramInput, pubs: Sequence[Any], backend: Backend) -> ProgramInput:
        """Return the input as it is submitted to this backend.

        Args:
            asked: What :meth:`build_input` returned.
            pubs: The PUBs, transpiled for the backend if that was asked for.
            backend: The one that was chosen.
        """
        return asked if pubs is self._pubs else replace(asked, params=self.write_params(pubs))

    def snapshot(self, backend: Backend) -> BackendSnapshot:
        """Read how the backend is configured and calibrated now."""
        from airflow_provider_qrt.primitives.circuits.backend_snapshot import BackendSnapshot

        client = self.hook.client
        return BackendSnapshot(backend.name, client.backend_configuration(backend.name), self._properties(backend.name))

    def _level(self) -> int | None:
        return arguments.whole_number("optimization_level", self.optimization_level, at_least=0, at_most=3)

    def _properties(self, name: str) -> Mapping[str, Any] | None:
        try:
            return self.hook.client.backend_properties(name)
        except errors.NotFound:
            # It was never calibrated.
            return None
        except errors.Forbidden:
            # The key may run circuits and not read calibrations, which are no more than a help.
            return None

    @abstractmethod
    def decode(self, text: str) -> primitives.SamplerResult | primitives.EstimatorResult:
        """Read the text of the program's result.

        Raises:
            InvalidResult: It cannot be read.
        """

    def resolve_template_files(self) -> None:
        """Read circuit files; one that is missing fails this task when it runs, and leaves the log of others alone.

        Airflow reads the files of all tasks of a DAG wherever one of its tasks runs, and logs a traceback for each
        that is not there.
        """
        if missing_file(self.circuits, self.template_ext, self.get_template_env()) is None:
            super().resolve_template_files()

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render templates; a circuit file that is missing or trips Jinja gets a message that says so."""
        import jinja2

        # Before Airflow looks, which logs a traceback of its own for a file that is not there.
        missing = missing_file(self.circuits, self.template_ext, jinja_env) if parent is self else None
        if missing is not None:
            raise AirflowFailException(no_such_file(missing, jinja_env))
        try:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        except jinja2.TemplateNotFound as error:
            raise AirflowFailException(no_such_file(str(error.name), jinja_env)) from None
        except jinja2.TemplateSyntaxError as error:
            raise AirflowFailException(
                f"A template of this task cannot be read: {error}. In OpenQASM, two braces in a row and '{{%' or '{{#' "
                "belong to Jinja: put a space between the braces, or wrap text in airflow.sdk.literal()."
            ) from None

    def check_result_fits(self, size: int, when: str, instead: str) -> None:
        """Refuse a job whose result may not fit through XCom and has nowhere else to go.

        Args:
            size: The most bytes it can take.
            when: Under which circumstances it takes them.
            instead: What less to ask for.

        Raises:
            InvalidInput: It may not fit; says what to do.
        """
        if not self.wait_for_completion or arguments.optional_text(self.result_path) is not None:
            return
        limit = results.max_xcom_bytes()
        if size > limit:
            raise InvalidInput(
                f"The result may take {size:,} bytes, more than the {limit:,} that go through XCom, {when}. Set "
                "result_path on the task (a folder, local or in an object store), raise [qiskit_runtime] "
                f"max_xcom_bytes, or {instead}. Nothing was submitted."
            )

    def uses_qiskit(self) -> bool:
        """Whether what was submitted is Qiskit's work, so that its version belongs to the result."""
        return self._level() is not None or _hold_qiskit(self.circuits)

    def read_result(self, job: Job) -> dict[str, Any]:
        """Fetch and decode the result; what needs the network comes before a private job's one read."""
        facts = self.read_facts(job)
        return deliver(
            self._with_what_was_asked(self.decode(self.fetch_result(job))),
            facts,
            program_id=self.program_id,
            destination=self.result_destination(),
            used_qiskit=self.uses_qiskit(),
        )

    def read_results(self, jobs: Sequence[Job], partition: Partition, fetch: Callable[[int], str]) -> dict[str, Any]:
        """Fetch and decode the results of all jobs, and put them together in the order that was asked for."""
        facts = PackedFacts.read_all(
            self.hook.client, jobs, partition.fingerprint, with_calibration=self.wants_calibration()
        )
        self.report.read(facts)
        decoded: list[Any] = [self.decode(fetch(place)) for place in range(len(jobs))]
        whole = decoded[0].with_pubs(unpack(partition.jobs, [one.pubs for one in decoded]))
        return deliver(
            self._with_what_was_asked(whole),
            facts,
            program_id=self.program_id,
            destination=self.result_destination(),
            used_qiskit=self.uses_qiskit(),
        )

    def what_was_asked(self) -> Sequence[Asked]:
        """The parameter values and observables of each PUB; of a task that has waited, from its arguments again.

        Raises:
            InvalidInput: The arguments are other ones by now, and wrong.
        """
        return [Asked.of(pub) for pub in self._pubs or self.read_pubs()]

    def _with_what_was_asked(self, result: Any) -> Any:
        """Put parameter values and the names of observables beside what was measured, where they are known."""
        try:
            asked = self.what_was_asked()
        except InvalidInput as error:
            # The DAG file was changed while the job ran.
            self.log.warning("The result bears no parameter values: %s", error)
            return result
        if len(asked) != len(result.pubs):
            return result
        return result.with_pubs(replace(pub, asked=one) for pub, one in zip(result.pubs, asked, strict=True))


def _room() -> int:
    """Bytes of JSON that a program's input may take."""
    return max_body_bytes() - ENVELOPE_BYTES


def _hold_qiskit(circuits: Any) -> bool:
    """Whether there is an object of Qiskit's among what was passed, at any depth."""
    if isinstance(circuits, list | tuple):
        return any(map(_hold_qiskit, circuits))
    return type(circuits).__module__.partition(".")[0] == "qiskit"
