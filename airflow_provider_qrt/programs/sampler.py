"""The sampler: circuits in, counts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_qrt import primitives, templated
from airflow_provider_qrt.config import max_decoded_bytes
from airflow_provider_qrt.primitives.inputs.pubs import MAX_EXECUTIONS_PER_JOB
from airflow_provider_qrt.primitives.results.asked import Asked
from airflow_provider_qrt.programs.base import EXECUTOR
from airflow_provider_qrt.programs.circuits import CircuitArguments, CircuitsProgram

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

    def decode(self, text: str) -> primitives.SamplerResult:
        """Read the text of the program's result."""
        return primitives.decode_sampler_result(text, max_bytes=max_decoded_bytes())


@dataclass
class ExecutorSamplerProgram(SamplerProgram):
    """The same over the program ``executor``, which runs circuits as they are."""

    program_id = EXECUTOR

    def write_params(self, pubs: Sequence[primitives.SamplerPub]) -> dict[str, Any]:
        """Return the ``params`` of the program."""
        return primitives.executor_params(pubs, options=self.options())

    def identify(self, pubs: Sequence[primitives.SamplerPub], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is the same whenever the same is asked for."""
        return primitives.executor_identity(pubs, params)

    def gates_randomized_by(self) -> str | None:
        """Return None: an executor runs gates as they are."""
        return None

    def decode(self, text: str) -> primitives.SamplerResult:
        """Read the text of the program's result."""
        return primitives.decode_executor_result(text, max_bytes=max_decoded_bytes())
