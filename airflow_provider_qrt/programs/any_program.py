"""Any program of the service: its parameters are passed on as they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import templated
from airflow_provider_qrt.arguments.constants import mapping
from airflow_provider_qrt.jobs.submit.identity import ProgramInput
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.programs.base import FinishedJobs, TaskProgram

if TYPE_CHECKING:
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat


@dataclass
class AnyProgram(TaskProgram):
    """A program whose input nobody here knows.

    Attributes:
        program_id: As the service names it.
        params: Its input.
        decode: Decode the result where the program is known.
        file_format: Of the result's file; None if there is none.
    """

    program_id: str
    params: Any
    decode: bool = True
    file_format: ResultFormat | None = None

    def build(self) -> ProgramInput:
        """Check that there is a program, and that its input is JSON."""
        from airflow_provider_qrt.primitives.results.any_result import check_format

        if templated.optional_text(self.program_id) is None:
            raise InvalidInputError("program_id: name a program, such as 'sampler' or 'noise-learner'.")
        mapping("program_params", self.params)
        if self.file_format is not None:
            check_format(self.program_id, self.file_format, decode=self.decode)
        try:
            json.dumps(self.params, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"program_params: cannot be written as JSON: {error}.") from None
        return ProgramInput(self.params)

    def read(self, finished: FinishedJobs) -> Any:
        """Fetch the result, and decode it if its program is known."""
        from airflow_provider_qrt.primitives.results.any_result import read_any_result

        return finished.deliver(read_any_result(self.program_id, finished.fetch(), decode=self.decode))
