"""The program ``calibrate``: the backend of a dedicated session is calibrated, for the jobs that follow in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt import templated
from airflow_provider_qrt.client.channels.base import Feature
from airflow_provider_qrt.jobs.submit.identity import JobRequest, ProgramInput
from airflow_provider_qrt.primitives.errors import InvalidInputError
from airflow_provider_qrt.primitives.inputs.calibration import PROGRAM, calibration_params
from airflow_provider_qrt.programs.base import FinishedJobs, TaskProgram

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Backend
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat

HOW_TO_OPEN = (
    "Open one with qiskit_runtime_session(mode='dedicated') and pass its id as session_id. Nothing was submitted."
)


def check_session_id(session_id: Any) -> str:
    """Return the id of the session that is to be calibrated.

    Raises:
        InvalidInputError: There is none; says how to open a session.
    """
    given = templated.optional_text(session_id)
    if given is None:
        raise InvalidInputError(f"session_id: a backend is calibrated inside a session only. {HOW_TO_OPEN}")
    return given


@dataclass
class CalibrationProgram(TaskProgram):
    """The program ``calibrate``.

    Attributes:
        client: The API.
        session_id: The session, as rendered.
        options: ``experimental`` only.
        file_format: Of the result's file; None if there is none.
    """

    client: QiskitRuntimeClient
    session_id: Any
    options: Any = None
    file_format: ResultFormat | None = None
    program_id = PROGRAM

    def build(self) -> ProgramInput:
        """Check that there is a session and that the channel calibrates, and return the input."""
        from airflow_provider_qrt.primitives.results.calibration import check_calibration_format

        self.client.channel.require(Feature.CALIBRATION, "QiskitRuntimeCalibrateOperator")
        check_session_id(self.session_id)
        if self.file_format is not None:
            check_calibration_format(self.file_format)
        return ProgramInput(calibration_params(self.options))

    def fit(self, request: JobRequest, backend: Backend) -> JobRequest:
        """See that the session is a dedicated one.

        Raises:
            InvalidInputError: It is a batch.
        """
        session = self.client.session(check_session_id(self.session_id))
        if session.mode == "batch":
            raise InvalidInputError(
                f"session_id: {session.id} is a batch, and a backend is calibrated inside a dedicated session only. "
                f"{HOW_TO_OPEN}"
            )
        return request

    def read(self, finished: FinishedJobs) -> Any:
        """Read when the calibration began and ended, for XCom and for the events of the task's assets."""
        from airflow_provider_qrt.primitives.results.calibration import decode_calibration_result

        result = decode_calibration_result(finished.fetch())
        finished.add_to_events(result.to_event())
        return finished.deliver(result)
