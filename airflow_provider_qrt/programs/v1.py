"""Version 1 of the primitives, of the older generations of the service.

They take circuits for any backend without parameter values, all in one job, and transpile them themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import primitives
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.config import max_decoded_bytes
from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.programs.base import EXECUTOR
from airflow_provider_qrt.programs.circuits import CircuitsProgram, room_for_input
from airflow_provider_qrt.programs.estimator import EstimatorArguments
from airflow_provider_qrt.programs.sampler import FEWER_SHOTS, MANY_OUTCOMES, SamplerArguments

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Backend


@dataclass
class V1Program(CircuitsProgram):
    """The base of both.

    Attributes:
        asked_program_id: The program that the task names.
    """

    asked_program_id: str = ""

    def build(self) -> ProgramInput:
        """Check circuits and options, and that all fits into one job."""
        self._check_arguments()
        built = super().build()
        if self._body_bytes(self._pubs) > room_for_input():
            size = f"{len(self._pubs)} circuits, together larger than a submission may be"
            self.client.channel.require(Feature.BATCHES, size)
        return built

    def _check_arguments(self) -> None:
        """Refuse what only version 2 has."""
        channel = self.client.channel
        if self.arguments.level is not None:
            raise InvalidInputError(
                f"optimization_level: the service of the channel {channel.name!r} transpiles circuits itself. Leave it "
                "out, or write options={'transpilation_settings': {...}}. Nothing was submitted."
            )
        if self.arguments.fractional:
            raise InvalidInputError(
                f"use_fractional_gates: the service of the channel {channel.name!r} has no fractional gates. Leave it "
                "out. Nothing was submitted."
            )
        if self.asked_program_id == EXECUTOR:
            channel.require(Feature.PUBS, f"program_id={EXECUTOR!r}")

    def _input_of(self, pubs: Sequence[Any]) -> ProgramInput:
        return ProgramInput(self.write_params(pubs))

    def split(self) -> Sequence[Sequence[int]]:
        """Put all into one job."""
        return [range(len(self._pubs))]

    def count_executions(self, pubs: Sequence[Any]) -> int | None:
        """Return None: there is no limit."""
        return None

    def fit(self, request: JobRequest, backend: Backend) -> JobRequest:
        """Leave the circuits as they are: the service makes them fit."""
        self._fitted = (self._pubs, backend)
        return request


@dataclass
class SamplerV1Program(V1Program):
    """The sampler of version 1, which gives quasi-probabilities."""

    arguments: SamplerArguments
    program_id = "sampler"

    def read_pubs(self) -> Sequence[primitives.SamplerPub]:
        """Check circuits, shots and options."""
        pubs = primitives.coerce_v1_circuits(self.arguments.circuits.read(), shots=self.arguments.read_shots())
        written = primitives.sampler_v1_params(pubs, options=self.arguments.options)
        self.arguments.check_result_fits(
            primitives.largest_quasi_dists_bytes(pubs, default_shots=written.get("run_options", {}).get("shots")),
            MANY_OUTCOMES,
            FEWER_SHOTS,
        )
        return pubs

    def write_params(self, pubs: Sequence[primitives.SamplerPub]) -> dict[str, Any]:
        """Return the ``params`` of the program."""
        return primitives.sampler_v1_params(pubs, options=self.arguments.options)

    def decode(self, text: str) -> primitives.SamplerResult:
        """Read the text of the program's result."""
        return primitives.decode_sampler_result(text, max_bytes=max_decoded_bytes())


@dataclass
class EstimatorV1Program(V1Program):
    """The estimator of version 1: one Pauli string for each circuit, and shots in place of a precision."""

    arguments: EstimatorArguments
    program_id = "estimator"

    def read_pubs(self) -> Sequence[primitives.EstimatorPub]:
        """Check circuits, observables and options."""
        from airflow_provider_qrt.primitives.inputs.v1 import check_no_precision

        check_no_precision(self.arguments.read_precision())
        return primitives.coerce_v1_estimates(self.arguments.circuits.read(), observables=self.arguments.observables)

    def write_params(self, pubs: Sequence[primitives.EstimatorPub]) -> dict[str, Any]:
        """Return the ``params`` of the program."""
        level = self.arguments.read_resilience_level()
        return primitives.estimator_v1_params(pubs, resilience_level=level, options=self.arguments.options)

    def decode(self, text: str) -> primitives.EstimatorResult:
        """Read the text of the program's result."""
        return primitives.decode_estimator_result(text, max_bytes=max_decoded_bytes())
