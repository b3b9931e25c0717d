"""The program ``executor`` for a directed execution: a quantum program in, all its arrays out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import templated
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.config import max_decoded_bytes
from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.programs.backend_snapshots import BackendSnapshots
from airflow_provider_qrt.programs.base import EXECUTOR, FinishedJobs, TaskProgram
from airflow_provider_qrt.programs.circuits import check_result_fits, room_for_input
from airflow_provider_qrt.programs.given import RETURNED_QISKIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.primitives.inputs.executor_program import ExecutorProgram
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat

MOST_FACTS_BYTES = 100_000
"""The service's metadata and the passthrough data that go through XCom; more of them stand in the file only."""
NO_TRANSPILATION = "Nothing transpiles a quantum program: build it of circuits for this backend."


@dataclass(frozen=True)
class ExecutorArguments:
    """The rendered arguments of a directed execution.

    Attributes:
        give: Returns the program as it was rendered, or as a function returned it.
        options: Of the executor.
        in_session: Whether the job runs in a session.
        check_isa: Check the circuits against the backend's instruction set.
        max_result_bytes: The most bytes of JSON that the result may take; None: it has somewhere else to go.
        file_format: Of the result's file; None if there is none.
        was_qiskits: Whether the program was Qiskit's work, remembered from before a wait; None if it is not known.
    """

    give: Callable[[], Any]
    options: Any = None
    in_session: bool = False
    check_isa: bool = True
    max_result_bytes: int | None = None
    file_format: ResultFormat | None = None
    was_qiskits: bool | None = None


@dataclass
class ExecutorTaskProgram(TaskProgram):
    """The program ``executor``, whose input a task brings as it is.

    Attributes:
        client: The API.
        arguments: Of the task.
    """

    client: QiskitRuntimeClient
    arguments: ExecutorArguments
    program_id = EXECUTOR
    _program: ExecutorProgram | None = field(default=None, init=False)

    def build(self) -> ProgramInput:
        """Check the program, and that its result fits, and return the input."""
        from airflow_provider_qrt.primitives.inputs import executor_encoding
        from airflow_provider_qrt.primitives.inputs.executor_program import read_program
        from airflow_provider_qrt.primitives.results.executor_arrays_file import check_arrays_format

        self.client.channel.require(Feature.EXECUTOR, "QiskitRuntimeExecutorOperator")
        if self.arguments.file_format is not None:
            check_arrays_format(self.arguments.file_format)
        options = executor_encoding.check_executor_options(self.arguments.options)
        program = self._program = read_program(_with_numbers(self.arguments.give()))
        if program.is_chunked and not self.arguments.in_session:
            raise InvalidInputError(
                "program.items: IBM takes a chunk_size in sessions only. Set session_id, or leave chunk_size out. "
                "Nothing was submitted."
            )
        check_result_fits(
            executor_encoding.largest_arrays_bytes(program),
            self.arguments.max_result_bytes,
            "because all arrays are returned",
            "ask for fewer shots",
        )
        params = executor_encoding.program_params(program, options)
        size, room = len(json.dumps(params)), room_for_input()
        if size > room:
            raise InvalidInputError(
                f"program: it takes {size:,} bytes, more than the {room:,} of a submission. Make several tasks of it, "
                "or raise [qiskit_runtime] max_body_bytes. Nothing was submitted."
            )
        return ProgramInput(params, executor_encoding.program_identity(program, options), program.executions)

    def fit(self, request: JobRequest, backend: Backend) -> JobRequest:
        """Check that the backend can run the circuits.

        Raises:
            NotIsaError: It cannot.
        """
        if self.arguments.check_isa and not backend.is_simulator:
            from airflow_provider_qrt.primitives import check_pubs_isa

            assert self._program is not None
            snapshot = BackendSnapshots(self.client).read(backend)
            check_pubs_isa(
                self._program.items,
                snapshot.configuration,
                properties=snapshot.properties,
                place="program.items[{}].circuit",
                remedy=NO_TRANSPILATION,
            )
        return request

    def read(self, finished: FinishedJobs) -> Any:
        """Decode all arrays; the service's metadata and the passthrough data stand beside them."""
        from airflow_provider_qrt.primitives.results.executor_arrays import decode_executor_arrays

        result = decode_executor_arrays(finished.fetch(), max_bytes=max_decoded_bytes())
        value = finished.deliver(result, used_qiskit=self._uses_qiskit())
        facts = result.job_facts()
        return {**value, **(facts if len(json.dumps(facts)) <= MOST_FACTS_BYTES else dict.fromkeys(facts))}

    def to_remember(self) -> Mapping[str, Any]:
        """Return whether the program was Qiskit's work, which a function is not asked again."""
        return {RETURNED_QISKIT: True} if self._uses_qiskit() else {}

    def _uses_qiskit(self) -> bool:
        if self._program is not None:
            return self._program.uses_qiskit
        if self.arguments.was_qiskits is not None:
            return self.arguments.was_qiskits
        from airflow_provider_qrt.primitives.inputs.executor_program import holds_qiskit

        return holds_qiskit(self.arguments.give())


def _with_numbers(program: Any) -> Any:
    """Return a mapping whose shots, which a template may have made a text, are a number."""
    if isinstance(program, Mapping) and isinstance(program.get("shots"), str):
        return {**program, "shots": templated.whole_number("program.shots", program["shots"])}
    return program
