"""Any program as a task: its parameters are passed on as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow_provider_qrt.arguments.constants import Check, boolean
from airflow_provider_qrt.jobs.identity import ProgramInput
from airflow_provider_qrt.operators import arguments
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.operators.delivery import deliver
from airflow_provider_qrt.primitives.errors import InvalidInput

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_qrt.arguments.keywords import JobArguments
    from airflow_provider_qrt.client.models import Job


def mapping(name: str, value: Any) -> None:
    """Take a mapping.

    Raises:
        InvalidInput: It is something else.
    """
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{name}: expected a mapping, not {type(value).__name__}.")


class QiskitRuntimeSubmitJobOperator(QiskitRuntimeJobOperator):
    """Runs any program of the service: submitted once, waited for, cancelled and charged as any other job.

    The return value is that of the sampler's operator. ``results`` is the decoded result for ``sampler``, ``estimator``
    and ``executor``, and the program's JSON (or text) for everything else.

    Args:
        program_id: ``sampler``, ``estimator``, ``executor``, ``noise-learner``, ...
        program_params: The program's input, JSON-ready, passed on as it is: nothing of it is checked here. (``params``
            are Airflow's own.)
        decode: False: return the service's JSON as it is, for known programs too.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = ("program_id", "program_params", *QiskitRuntimeJobOperator.template_fields)
    program_id: str = ""
    arguments_elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("circuits", "shots", "options", "pubs", "observables", "precision", "resilience_level"),
        "it belongs into the program's input: program_params={...}",
    )
    checks: ClassVar[Mapping[str, Check]] = {"program_params": mapping, "decode": boolean}

    def __init__(
        self,
        *,
        program_id: str | XComArg,
        program_params: Mapping[str, Any] | XComArg,
        decode: bool = True,
        **kwargs: Unpack[JobArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.program_id = cast("str", program_id)
        self.program_params = program_params
        self.decode = decode
        self.check_constants(*QiskitRuntimeSubmitJobOperator.checks)

    def build_input(self) -> ProgramInput:
        """See that there is a program, and that its input is JSON."""
        from airflow_provider_qrt.primitives.results.any_result import check_format

        if arguments.optional_text(self.program_id) is None:
            raise InvalidInput("program_id: name a program, such as 'sampler' or 'noise-learner'.")
        mapping("program_params", self.program_params)
        if (destination := self.result_destination()) is not None:
            check_format(self.program_id, destination.format, decode=self.decode)
        try:
            json.dumps(self.program_params, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"program_params: cannot be written as JSON: {error}.") from None
        return ProgramInput(cast("Mapping[str, Any]", self.program_params))

    def read_result(self, job: Job) -> dict[str, Any]:
        """Fetch the result, and decode it if its program is known."""
        from airflow_provider_qrt.primitives.results.any_result import read_any_result

        facts = self.read_facts(job)
        return deliver(
            read_any_result(self.program_id, self.fetch_result(job), decode=self.decode),
            facts,
            program_id=self.program_id,
            destination=self.result_destination(),
        )
