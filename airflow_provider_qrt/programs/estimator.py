"""The estimator: circuits and observables in, expectation values out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import primitives, templated
from airflow_provider_qrt.config import max_decoded_bytes
from airflow_provider_qrt.jobs.submit.identity import ProgramInput
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.programs.base import EXECUTOR
from airflow_provider_qrt.programs.circuits import CircuitArguments, CircuitsProgram

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend


@dataclass(frozen=True)
class EstimatorArguments(CircuitArguments):
    """The rendered arguments of an estimator.

    Attributes:
        observables: For circuits that do not bring their own.
        precision: The standard error to aim at.
        resilience_level: How much is done against errors, 0 to 2.
    """

    observables: Any = None
    precision: Any = None
    resilience_level: Any = None

    def read_precision(self) -> Any:
        """Return the standard error to aim at; what is wrong with a number is found with the PUBs."""
        return templated.standard_error("precision", self.precision)

    def read_resilience_level(self) -> int | None:
        """Return the level.

        Raises:
            InvalidInputError: It is none.
        """
        return templated.whole_number("resilience_level", self.resilience_level, at_least=0, at_most=2)


@dataclass
class EstimatorProgram(CircuitsProgram):
    """The program ``estimator``."""

    arguments: EstimatorArguments
    program_id = "estimator"

    def read_pubs(self) -> Sequence[primitives.EstimatorPub]:
        """Check circuits, observables, precision, level and options."""
        pubs = primitives.coerce_estimator_pubs(
            self.arguments.circuits.read(),
            observables=self.arguments.observables,
            precision=self.arguments.read_precision(),
        )
        self.arguments.check_result_fits(
            sum(Asked.of(pub).json_bytes() for pub in pubs)
            + primitives.largest_estimates_bytes(pubs, options=self.options(), resilience_level=self.level()),
            "when every number has all its digits",
            "split the sweep over several tasks",
        )
        return pubs

    def options(self) -> dict[str, Any]:
        """Return the options, checked."""
        return primitives.check_estimator_options(self.arguments.options) if self.arguments.options else {}

    def level(self) -> int | None:
        """Return the resilience level."""
        return self.arguments.read_resilience_level()

    def write_params(self, pubs: Sequence[primitives.EstimatorPub]) -> dict[str, Any]:
        """Return the ``params`` of the program."""
        return primitives.estimator_params(pubs, resilience_level=self.level(), options=self.options())

    def count_executions(self, pubs: Sequence[primitives.EstimatorPub]) -> int | None:
        """Count about as many as the precision takes."""
        from airflow_provider_qrt.primitives.inputs.executions import estimator_executions

        return estimator_executions(pubs, options=self.options(), resilience_level=self.level())

    def gates_randomized_by(self) -> str | None:
        """Return the option that makes the service randomize gates, if one does."""
        return primitives.gate_randomizer(self.options(), resilience_level=self.level())

    def decode(self, text: str) -> primitives.EstimatorResult:
        """Read the text of the program's result."""
        return primitives.decode_estimator_result(text, max_bytes=max_decoded_bytes())


@dataclass
class ExecutorEstimatorProgram(EstimatorProgram):
    """The same over the program ``executor``: the official client prepares the input and puts the result together."""

    program_id = EXECUTOR

    def options(self) -> dict[str, Any]:
        """Return the options, checked."""
        given = self.arguments.options
        return primitives.check_executor_estimator_options(given) if given else {}

    def write_params(self, pubs: Sequence[primitives.EstimatorPub]) -> dict[str, Any]:
        """Return by what the input is known until it is prepared."""
        return primitives.executor_estimator_identity(pubs, resilience_level=self.level(), options=self.options())

    def fit_input(self, asked: ProgramInput, pubs: Sequence[primitives.EstimatorPub], backend: Backend) -> ProgramInput:
        """Prepare the input, which takes time and is of use only when there will be a submission."""
        from airflow_provider_qrt.primitives.inputs.official_program import needs_backend

        options = self.options()
        program = primitives.prepare_executor_estimator(
            pubs,
            resilience_level=self.level(),
            options=options,
            backend=self.snapshot(backend) if needs_backend(options) else None,
        )
        return self.prepared(asked, program, backend)

    def split(self) -> Sequence[Sequence[int]]:
        """Put all into one job, whose size is known when it is prepared."""
        return [range(len(self._pubs))]

    def gates_randomized_by(self) -> str | None:
        """Return None: the official client decides."""
        return None

    def decode(self, text: str) -> primitives.EstimatorResult:
        """Put the result together."""
        return primitives.decode_executor_estimates(text, max_bytes=max_decoded_bytes())

    def uses_qiskit(self) -> bool:
        """Tell that it does: the official client prepares the input."""
        return True
