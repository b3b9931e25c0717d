"""The sampler: circuits in, counts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import primitives, templated
from airflow_provider_qrt.config import max_decoded_bytes
from airflow_provider_qrt.jobs.submit.identity import ProgramInput
from airflow_provider_qrt.primitives.inputs.options import DEFAULT_SHOTS, MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.programs.base import EXECUTOR
from airflow_provider_qrt.programs.circuits import CircuitArguments, CircuitsProgram
from airflow_provider_qrt.programs.given import are_bare

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult

MANY_OUTCOMES = "when every shot gives another outcome"
FEWER_SHOTS = "ask for fewer shots"


@dataclass(frozen=True)
class SamplerArguments(CircuitArguments):
    """The rendered arguments of a sampler.

    Attributes:
        shots: For circuits that do not name their own.
    """

    shots: Any = None

    def read_shots(self) -> int | None:
        """Return the shots.

        Raises:
            InvalidInputError: They are no whole number above 0.
        """
        return templated.whole_number("shots", self.shots)


@dataclass
class SamplerProgram(CircuitsProgram):
    """The program ``sampler``."""

    arguments: SamplerArguments
    program_id = "sampler"
    max_executions = MAX_EXECUTIONS_PER_JOB
    decodes_arriving = True

    def read_pubs(self) -> Sequence[primitives.SamplerPub]:
        """Check circuits, shots and options."""
        shots = self.arguments.read_shots()
        pubs = primitives.coerce_pubs(self.arguments.circuits.read(), shots=shots)
        self.arguments.check_result_fits(
            sum(Asked.of(pub).json_bytes() for pub in pubs)
            + primitives.largest_xcom_bytes(pubs, options=self.options()),
            MANY_OUTCOMES,
            FEWER_SHOTS,
        )
        return pubs

    def pubs_again(self) -> Sequence[primitives.SamplerPub]:
        """Return the PUBs; none when the task has waited and has circuits alone, which need not be parsed for that."""
        if not self._pubs and are_bare(self.arguments.circuits.read()):
            return ()
        return super().pubs_again()

    def options(self) -> dict[str, Any]:
        """Return the options, checked."""
        return primitives.check_sampler_options(self.arguments.options) if self.arguments.options else {}

    def write_params(self, pubs: Sequence[primitives.SamplerPub]) -> dict[str, Any]:
        """Return the ``params`` of the program."""
        return primitives.sampler_params(pubs, options=self.options())

    def count_executions(self, pubs: Sequence[primitives.SamplerPub]) -> int:
        """Multiply shots and parameter sets."""
        from airflow_provider_qrt.primitives.inputs.executions import sampler_executions

        return sampler_executions(pubs, options=self.options())

    def gates_randomized_by(self) -> str | None:
        """Return the option that makes the service randomize gates, if one does."""
        return primitives.gate_randomizer(self.options())

    def decode(self, text: str | ArrivingResult) -> primitives.SamplerResult:
        """Read the program's result."""
        return primitives.decode_sampler_result(text, max_bytes=max_decoded_bytes())


@dataclass
class ExecutorSamplerProgram(SamplerProgram):
    """The same over the program ``executor``, which runs circuits as they are.

    The official client prepares circuits that are to be twirled or decoupled. A job runs all its circuits with the same
    number of shots, so circuits with other numbers go into jobs of their own.
    """

    program_id = EXECUTOR

    def options(self) -> dict[str, Any]:
        """Return the options, checked."""
        given = self.arguments.options
        return primitives.check_executor_sampler_options(given) if given else {}

    def write_params(self, pubs: Sequence[primitives.SamplerPub]) -> dict[str, Any]:
        """Return the ``params`` of the program, or by what the input is known until it is prepared."""
        options = self.options()
        if self._is_prepared(options) or len(self._by_shots(pubs)) > 1:
            primitives.check_executor_pubs(pubs, options)
            return primitives.executor_identity(pubs, options)
        return primitives.executor_params(pubs, options=options)

    def identify(self, pubs: Sequence[primitives.SamplerPub], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is the same whenever the same is asked for."""
        return primitives.executor_identity(pubs, self.options())

    def fit_input(self, asked: ProgramInput, pubs: Sequence[primitives.SamplerPub], backend: Backend) -> ProgramInput:
        """Prepare the input where the official client has to, which is of use only when there will be a submission."""
        from airflow_provider_qrt.primitives.inputs.official_program import needs_backend

        options = self.options()
        if not self._is_prepared(options):
            return super().fit_input(asked, pubs, backend)
        if len(self._by_shots(pubs)) > 1:
            # The whole of several jobs, each of which is prepared by itself.
            return asked
        program = primitives.prepare_executor_sampler(
            pubs, options=options, backend=self.snapshot(backend) if needs_backend(options) else None
        )
        return self.prepared(asked, program, backend)

    def split(self) -> Sequence[Sequence[int]]:
        """Distribute the circuits over the fewest jobs, with one number of shots in each."""
        pubs = self._pubs if self._fitted is None else self._fitted[0]
        jobs: list[list[int]] = []
        for indices in self._by_shots(pubs):
            jobs += [[indices[place] for place in job] for job in self.pack([pubs[index] for index in indices])]
        return sorted(jobs)

    def drawback(self) -> str | None:
        """Return that several numbers of shots take several jobs, each of which costs some seconds."""
        numbers = len(self._by_shots(self._pubs))
        return None if numbers == 1 else f"the {numbers} numbers of shots would take {numbers} jobs"

    def uses_qiskit(self) -> bool:
        """Tell whether Qiskit has a part in what was submitted."""
        return super().uses_qiskit() or self._is_prepared(self.options())

    def decode(self, text: str | ArrivingResult) -> primitives.SamplerResult:
        """Read the program's result."""
        return primitives.decode_executor_result(text, max_bytes=max_decoded_bytes())

    def _is_prepared(self, options: Mapping[str, Any]) -> bool:
        return primitives.changes_circuits(options)

    def _by_shots(self, pubs: Sequence[primitives.SamplerPub]) -> Sequence[Sequence[int]]:
        """Return the indices of the circuits with each number of shots."""
        groups: dict[int | None, list[int]] = {}
        default = self.options().get("default_shots", DEFAULT_SHOTS)
        for index, pub in enumerate(pubs):
            groups.setdefault(pub.shots or default, []).append(index)
        return list(groups.values())
