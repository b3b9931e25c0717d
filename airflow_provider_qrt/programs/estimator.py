"""The estimator: circuits and observables in, expectation values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import durations, primitives, templated
from airflow_provider_qrt.config import max_decoded_bytes
from airflow_provider_qrt.jobs.submit.identity import ProgramInput
from airflow_provider_qrt.primitives.circuits.transpile import TranspiledCircuit
from airflow_provider_qrt.primitives.errors import InvalidInputError, InvalidResultError, ProgramUnfitError
from airflow_provider_qrt.primitives.inputs.executor_estimator_options import uses_noise_model
from airflow_provider_qrt.primitives.inputs.noise_learning import twirling_of
from airflow_provider_qrt.primitives.noise_model import NoiseModel, digest_of
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.programs.base import AUTO, EXECUTOR, TaskProgram
from airflow_provider_qrt.programs.circuits import (
    WITHOUT_FRACTIONAL_GATES,
    CircuitArguments,
    CircuitsProgram,
    fractional_gates_refused,
)
from airflow_provider_qrt.programs.noise_learner import NoiseLearnerProgram

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Backend, Job
    from airflow_provider_qrt.primitives.results.arriving import ArrivingResult

LEARN = "learn"
"""In place of a noise model: learn one first, in the same session or batch."""


@dataclass(frozen=True)
class EstimatorArguments(CircuitArguments):
    """The rendered arguments of an estimator.

    Attributes:
        observables: For circuits that do not bring their own.
        precision: The standard error to aim at.
        resilience_level: How much is done against errors, 0 to 2.
        noise_model: What a noise learner returned, or ``learn``; None: there is no model.
        noise_model_max_age: How old it may be.
    """

    observables: Any = None
    precision: Any = None
    resilience_level: Any = None
    noise_model: Any = None
    noise_model_max_age: Any = None

    def read_precision(self) -> Any:
        """Return the standard error to aim at; what is wrong with a number is found with the PUBs."""
        return templated.standard_error("precision", self.precision)

    def read_resilience_level(self) -> int | None:
        """Return the level.

        Raises:
            InvalidInputError: It is none.
        """
        return templated.whole_number("resilience_level", self.resilience_level, at_least=0, at_most=2)

    @cached_property
    def max_age(self) -> timedelta | None:
        """How old the noise model may be; None if that does not matter.

        Raises:
            InvalidInputError: It is no duration.
        """
        if self.noise_model_max_age is None:
            return None
        return timedelta(seconds=durations.seconds("noise_model_max_age", self.noise_model_max_age))


@dataclass
class EstimatorProgram(CircuitsProgram):
    """The program ``estimator``."""

    arguments: EstimatorArguments
    program_id = "estimator"
    decodes_arriving = True

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

    def decode(self, text: str | ArrivingResult) -> primitives.EstimatorResult:
        """Read the program's result."""
        return primitives.decode_estimator_result(text, max_bytes=max_decoded_bytes())


@dataclass
class ExecutorEstimatorProgram(EstimatorProgram):
    """The same over the program ``executor``: the official client prepares the input and puts the result together."""

    program_id = EXECUTOR
    decodes_arriving = False
    _learned: NoiseModel | None = field(default=None, init=False)

    def read_pubs(self) -> Sequence[primitives.EstimatorPub]:
        """Check circuits, observables, precision, level, options, and that a noise model is there for something."""
        if self.arguments.noise_model is not None:
            check_model_is_used(self.options(), self.level())
            _ = self.arguments.max_age, self._model()
        return super().read_pubs()

    def options(self) -> dict[str, Any]:
        """Return the options, checked."""
        given = self.arguments.options
        with_model = self.arguments.noise_model is not None
        return primitives.check_executor_estimator_options(given, with_noise_model=with_model) if given else {}

    def write_params(self, pubs: Sequence[primitives.EstimatorPub]) -> dict[str, Any]:
        """Return by what the input is known until it is prepared."""
        model = self.arguments.noise_model
        return primitives.executor_estimator_identity(
            pubs,
            resilience_level=self.level(),
            options=self.options(),
            noise_model=LEARN if model == LEARN else None if model is None else self._given_model.digest(),
        )

    def wants_backend(self) -> str | None:
        """Return the backend of the noise model, if there is one."""
        model = self._model()
        return None if model is None else model.backend

    def preliminary(self) -> TaskProgram | None:
        """Return what learns the noise of the circuits before they run; None if there is nothing to learn."""
        return None if self.arguments.noise_model != LEARN or self._learned is not None else self._learner

    def take_preliminary(self, job: Job, text: str) -> None:
        """Run the circuits with the model that was just learned."""
        self._learned = self._learner.model_of(job, text)

    @cached_property
    def _learner(self) -> NoiseLearnerProgram:
        circuits = replace(self.arguments, options={"twirling": twirling_of(self.options())}, max_result_bytes=None)
        return NoiseLearnerProgram(self.client, circuits)

    def fit_pubs(self, backend: Backend) -> Sequence[primitives.EstimatorPub]:
        """Take the circuits that the noise model belongs to; without one, transpile them or check them."""
        model = self._model()
        if model is None:
            return super().fit_pubs(backend)
        model.check_fits(
            self.snapshot(backend),
            twirling=twirling_of(self.options()),
            max_age=self.arguments.max_age,
            now=datetime.now(UTC),
        )
        return [self._placed(model, pub, f"circuits[{index}]") for index, pub in enumerate(self._pubs)]

    def fit_input(self, asked: ProgramInput, pubs: Sequence[primitives.EstimatorPub], backend: Backend) -> ProgramInput:
        """Prepare the input, which takes time and is of use only when there will be a submission."""
        from airflow_provider_qrt.primitives.inputs.official_program import needs_backend

        options = self.options()
        program = primitives.prepare_executor_estimator(
            pubs,
            resilience_level=self.level(),
            options=options,
            backend=self.snapshot(backend) if needs_backend(options) else None,
            noise_model=self._model(),
        )
        return self.prepared(asked, program, backend)

    def split(self) -> Sequence[Sequence[int]]:
        """Put all into one job, whose size is known when it is prepared."""
        return [range(len(self._pubs))]

    def gates_randomized_by(self) -> str | None:
        """Return None: the official client decides."""
        return None

    def check_fractional_gates(self) -> None:
        """Refuse ``use_fractional_gates`` with PEC, PEA, ZNE, and twirling of gates except that of ``local_pauli``.

        The official client folds no fractional gates, so ZNE would extrapolate from equal circuits.
        """
        if not self.arguments.fractional:
            return
        from airflow_provider_qrt.primitives.inputs.executor_estimator import folds_gates

        options, level = self.options(), self.level()
        if (option := primitives.gate_randomizer(options, resilience_level=level)) is not None:
            raise fractional_gates_refused(option)
        if folds_gates(options, resilience_level=level):
            raise ProgramUnfitError(
                "use_fractional_gates: over the program executor zero-noise extrapolation (ZNE) does not fold "
                f"fractional gates, and would extrapolate from nothing. {WITHOUT_FRACTIONAL_GATES}"
            )

    def decode(self, text: str | ArrivingResult) -> primitives.EstimatorResult:
        """Put the result together; the official client unpacks the text itself."""
        text = text if isinstance(text, str) else text.text()
        return primitives.decode_executor_estimates(text, max_bytes=max_decoded_bytes())

    def uses_qiskit(self) -> bool:
        """Tell that it does: the official client prepares the input."""
        return True

    @cached_property
    def _given_model(self) -> NoiseModel:
        return read_model(self.arguments.noise_model)

    def _model(self) -> NoiseModel | None:
        given = self.arguments.noise_model
        return None if given is None else self._learned if given == LEARN else self._given_model

    def _placed(self, model: NoiseModel, pub: primitives.EstimatorPub, where: str) -> primitives.EstimatorPub:
        kept = model.transpiled(digest_of(pub.circuit, pub.source))
        if kept is None:
            raise InvalidInputError(
                f"noise_model: {where} is none of the circuits whose noise was learned. Give the noise learner the "
                "same circuits. Nothing was submitted."
            )
        width = None if pub.info is None else pub.info.num_qubits
        return TranspiledCircuit.read(kept, width, where).fit_pub(pub, where)


def program_with_model(client: QiskitRuntimeClient, arguments: EstimatorArguments, program_id: str) -> TaskProgram:
    """Return the program of an estimator with a noise model, which only the executor takes.

    Raises:
        InvalidInputError: Another program is named, or PEC and PEA are off.
    """
    if program_id not in (AUTO, EXECUTOR):
        raise InvalidInputError(
            f"noise_model: the program {program_id} learns noise by itself (options.resilience.layer_noise_learning). "
            "Leave out noise_model, or program_id."
        )
    return ExecutorEstimatorProgram(client, arguments)


def check_model_is_used(options: Mapping[str, Any], resilience_level: int | None) -> None:
    """Refuse a noise model that no method needs.

    Raises:
        InvalidInputError: Neither PEC nor PEA is switched on.
    """
    if not uses_noise_model(options, resilience_level=resilience_level):
        raise InvalidInputError(
            "noise_model: it is for PEC and PEA. Write options={'resilience': {'pec_mitigation': True}}, or "
            "{'resilience': {'zne_mitigation': True, 'zne': {'amplifier': 'pea'}}}, or leave noise_model out."
        )


def read_model(value: Any) -> NoiseModel:
    """Read the noise model that a task was given: a learner's value, or where its file is (``result_path``).

    Raises:
        InvalidInputError: It is none, or its file cannot be read.
    """
    try:
        if isinstance(value, NoiseModel):
            return value
        if isinstance(value, Mapping) and value.get("result_path") and _is_elsewhere(value):
            from airflow.sdk import ObjectStoragePath

            return NoiseModel.from_file(ObjectStoragePath(value["result_path"]))
        return NoiseModel.from_xcom(value)
    except (InvalidResultError, OSError, ValueError) as error:
        raise InvalidInputError(
            f"noise_model: {error}. Pass the output of a QiskitRuntimeNoiseLearnerOperator, or 'learn'."
        ) from error


def _is_elsewhere(value: Mapping[str, Any]) -> bool:
    """Return whether the model is in the file that a value names, and not in the value."""
    results = value.get("results")
    return results is None or (isinstance(results, Mapping) and results.get("circuits") is None)
