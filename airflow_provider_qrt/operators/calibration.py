"""Calibrating a backend on demand, before the jobs of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_qrt.arguments.constants import Check
from airflow_provider_qrt.arguments.options import calibration_options
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_qrt.arguments.keywords import JobArguments
    from airflow_provider_qrt.programs.base import TaskProgram

__all__ = ["QiskitRuntimeCalibrateOperator"]


def session_needed(_name: str, value: Any) -> None:
    """Take the id of a session.

    Raises:
        InvalidInputError: There is none.
    """
    from airflow_provider_qrt.programs.calibration import check_session_id

    check_session_id(value)


class QiskitRuntimeCalibrateOperator(QiskitRuntimeJobOperator):
    """Calibrates the backend of a dedicated session, with IBM's program ``calibrate``, for the jobs that follow.

    The return value is that of the sampler's operator, and ``results`` is ``{"start", "stop", "seconds"}``: the times
    in ISO 8601, and the duration. The events of the task's ``outlets`` have ``calibration_start`` and
    ``calibration_stop`` besides the facts about the job; an ``AssetAlias`` stands for the backend.

    What a calibration takes cannot be estimated, so a budget needs ``max_execution_time``. Of the channels only
    ``ibm_quantum_platform`` has the program.

    Args:
        session_id: The dedicated session, whose backend is calibrated. Required.
        options: ``{"experimental": {...}}``, passed on as it is.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.

    Raises:
        airflow_provider_qrt.arguments.constants.InvalidConstantError: ``session_id`` is missing, or an option is
            unknown.
    """

    template_fields: Sequence[str] = ("options", *QiskitRuntimeJobOperator.template_fields)
    arguments_elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("circuits", "shots", "program_params"), "the program calibrate has no input but its options"
    )
    checks: ClassVar[Mapping[str, Check]] = {"session_id": session_needed, "options": calibration_options}

    def __init__(self, *, options: Mapping[str, Any] | XComArg | None = None, **kwargs: Unpack[JobArguments]) -> None:
        super().__init__(**kwargs)
        self.options = options
        self.check_constants(*QiskitRuntimeCalibrateOperator.checks)

    def make_program(self) -> TaskProgram:
        """Return the program."""
        from airflow_provider_qrt.execution.result import Destination
        from airflow_provider_qrt.programs.calibration import CalibrationProgram

        destination = Destination.read(self.result_path, self.result_format)
        return CalibrationProgram(
            self.hook.client, self.session_id, self.options, None if destination is None else destination.format
        )
