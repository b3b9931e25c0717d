"""The operator for directed executions: a quantum program of your own, with all the arrays that it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_qrt import templated
from airflow_provider_qrt.arguments.constants import Check, boolean
from airflow_provider_qrt.arguments.options import executor_options
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_qrt.arguments.keywords import SubmissionArguments
    from airflow_provider_qrt.programs.base import TaskProgram

__all__ = ["QiskitRuntimeExecutorOperator"]


def arrays_format(_name: str, value: Any) -> None:
    """Take the format of a file with arrays, or None.

    Raises:
        InvalidInputError: There is no such format, or it holds tables.
    """
    if value is None:
        return
    from airflow_provider_qrt.primitives.results.executor_arrays_file import check_arrays_format
    from airflow_provider_qrt.primitives.results.result_file import ResultFormat

    check_arrays_format(ResultFormat.read(value))


class QiskitRuntimeExecutorOperator(QiskitRuntimeJobOperator):
    """Runs a quantum program on IBM's program ``executor``, as it is, and returns all its arrays.

    It is for those who direct the execution themselves: circuits with all their arguments, or with a samplex that draws
    them. Nothing is transpiled, twirled, flipped back, merged or mitigated; for counts use the sampler's operator.

    The return value is that of the sampler's operator, except that ``results`` has ``{"arrays": {name: {"dtype",
    "shape", "values"}}, "metadata"}`` for each item, and that ``metadata`` and ``passthrough_data`` of the whole job
    stand beside it. ``ExecutorResult.from_xcom(value)`` makes numpy arrays of it. Of the channels only
    ``ibm_quantum_platform`` has the program.

    Args:
        program: A ``QuantumProgram`` of samplomatic or of qiskit-ibm-runtime, or a mapping: ``shots``; ``items``, each
            with ``circuit`` (OpenQASM 3 text, ``QuantumCircuit`` or encoded QPY) and ``arguments`` (of shape
            ``(*sweep, parameters)`` in Qiskit's order, or a mapping of names), or with ``circuit``, ``samplex`` and
            ``samplex_arguments``; in both cases ``shape``, whose additional axes are repetitions or randomizations, and
            ``chunk_size``, a number in sessions only; ``meas_level`` (``classified``, ``kerneled``, ``avg_kerneled`` or
            ``both``); ``passthrough_data``, any JSON, which comes back with the result. Texts need no Qiskit,
            everything else the extra ``qiskit``.
        options: ``init_qubits``, ``rep_delay`` (seconds), ``scheduler_timing``, ``stretch_values``, ``experimental``.
        check_isa: See, before anything is submitted, that the circuits have only gates and coupled qubits of the
            backend.
        result_format: How the file of ``result_path`` is written: ``npz`` (numpy's) or ``json``. None: as its name
            ends, or ``npz``.
        kwargs: See :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.

    Raises:
        airflow_provider_qrt.arguments.constants.InvalidConstantError: An option is unknown or wrong.
    """

    template_fields: Sequence[str] = ("program", "options", *QiskitRuntimeJobOperator.template_fields)
    array_fields = ("program",)
    arguments_elsewhere: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("circuits", "shots", "items", "meas_level"), "it belongs to the program: program={...}"),
        "optimization_level": "nothing transpiles a quantum program: build it of circuits for the backend",
        **dict.fromkeys(("observables", "precision"), "it belongs to QiskitRuntimeEstimatorOperator"),
    }
    checks: ClassVar[Mapping[str, Check]] = {
        "options": executor_options,
        "check_isa": boolean,
        "result_format": arrays_format,
    }

    def __init__(
        self,
        *,
        program: Any,
        options: Mapping[str, Any] | XComArg | None = None,
        check_isa: bool = True,
        result_format: str | XComArg | None = None,
        **kwargs: Unpack[SubmissionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.program = program
        self.options = options
        self.check_isa = check_isa
        self.result_format = result_format  # type: ignore[assignment]
        self.check_constants(*QiskitRuntimeExecutorOperator.checks)

    def give_program(self) -> Callable[[], Any]:
        """Return what gives the program when it is needed."""
        return lambda: self.program

    def was_qiskits(self) -> bool | None:
        """Return whether the program was Qiskit's work, if that is remembered; None: the program tells it."""
        return None

    def make_program(self) -> TaskProgram:
        """Return the program, with the quantum program in it."""
        from airflow_provider_qrt import config
        from airflow_provider_qrt.execution.result import Destination
        from airflow_provider_qrt.programs.executor import ExecutorArguments, ExecutorTaskProgram

        destination = Destination.read(self.result_path, self.result_format)
        through_xcom = self.wait_for_completion and destination is None
        arguments = ExecutorArguments(
            self.give_program(),
            self.options,
            in_session=self.start_session or templated.optional_text(self.session_id) is not None,
            check_isa=self.check_isa,
            max_result_bytes=config.max_xcom_bytes() if through_xcom else None,
            file_format=None if destination is None else destination.format,
            was_qiskits=self.was_qiskits(),
        )
        return ExecutorTaskProgram(self.hook.client, arguments)
