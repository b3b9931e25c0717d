"""The operators behind the decorators, whose circuits or program a function returns when the task runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow.sdk.bases.decorator import DecoratedOperator
from airflow.sdk.definitions._internal.types import SET_DURING_EXECUTION

from airflow_provider_qrt.arguments.circuit_files import written_names
from airflow_provider_qrt.compat import determine_kwargs
from airflow_provider_qrt.operators.base import QiskitRuntimeJobOperator
from airflow_provider_qrt.operators.circuits import QiskitRuntimeCircuitsOperator
from airflow_provider_qrt.operators.executor import QiskitRuntimeExecutorOperator
from airflow_provider_qrt.operators.primitives import QiskitRuntimeEstimatorOperator, QiskitRuntimeSamplerOperator
from airflow_provider_qrt.primitives.inputs.plain import plain

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.arguments.keywords import CircuitsArguments, ExecutorArguments
    from airflow_provider_qrt.execution.run import TaskRun
    from airflow_provider_qrt.programs.given import GivenCircuits, ReturnedCircuits


class FunctionOperator(DecoratedOperator, QiskitRuntimeJobOperator):
    """Base of the operators that run what a function returns.

    The function is called after the connection and the backend's name have been read, before anything is sent. A task
    that resumes after its job has ended does not call it again. It is called again by a retry, which resumes the job if
    the function returns the same; by a task that waited in the triggerer before it could submit; and if the job was
    cancelled together with an earlier try.
    """

    template_fields_renderers = DecoratedOperator.template_fields_renderers
    overwrite_rtif_after_execution = True
    custom_operator_name: str
    returned_argument: ClassVar[str] = "circuits"
    """The argument that the function returns."""
    _context: Mapping[str, Any] = MappingProxyType({})

    def call_function(self) -> Any:
        """Return what the function returns, as plain values where there are such."""
        function, arguments = self.python_callable, {**self._context, **self.op_kwargs}
        returned = function(*self.op_args, **determine_kwargs(function, self.op_args, arguments))
        return plain(returned, keep_arrays=True)

    def who(self) -> str:
        """Name the function, for messages."""
        return f"the function {self.python_callable.__name__!r} of task {self.task_id!r}"

    def _begin_run(self, context: Context, *, begins: bool = False) -> TaskRun:
        self._context = context
        return super()._begin_run(context, begins=begins)


class FunctionCircuitsOperator(FunctionOperator, QiskitRuntimeCircuitsOperator):
    """Base of the operators whose circuits a function returns.

    Args:
        python_callable: The function.
        op_args: Its positional arguments, templated.
        op_kwargs: Its keyword arguments, templated.
        kwargs: All arguments of the operator except ``circuits``.
    """

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Unpack[CircuitsArguments],
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            circuits=SET_DURING_EXECUTION,
            **cast("Any", kwargs),
        )
        if not self._is_of_mapped():
            # Constants that are passed to the function count as written in the DAG file.
            self._written_files = frozenset(written_names([op_args, op_kwargs]))
        self._remembered: Mapping[str, Any] | None = None
        self._given: ReturnedCircuits | None = None

    def make_given(self) -> GivenCircuits:
        """Return the function's circuits; the function is called at most once per process."""
        from airflow_provider_qrt.programs.given import ReturnedCircuits

        if self._given is None:
            self._given = ReturnedCircuits(self._call, self.who(), self._remembered)
        return self._given

    def execute_complete(
        self,
        context: Context,
        event: Any = None,
        parts: Mapping[str, Any] | None = None,
        returned_qiskit: bool | None = None,
        asked: Sequence[Mapping[str, Any]] | None = None,
    ) -> Any:
        """Resume after the trigger has fired, without calling the function."""
        from airflow_provider_qrt.execution.run import remembered
        from airflow_provider_qrt.programs.given import ASKED, RETURNED_QISKIT

        ti = context["ti"]
        self._remembered = {
            RETURNED_QISKIT: remembered(ti, RETURNED_QISKIT, returned_qiskit),
            ASKED: remembered(ti, ASKED, asked),
        }
        return super().execute_complete(context, event, parts)

    def _call(self) -> Any:
        from airflow_provider_qrt.decorators.returned import check_returned

        value = self.call_function()
        check_returned(value, self.who())
        # For the task's page and for lineage.
        self.circuits = value
        return self.given_circuits()


class FunctionSamplerOperator(FunctionCircuitsOperator, QiskitRuntimeSamplerOperator):
    """Runs the circuits that a function returns with the sampler primitive; see ``qiskit_sampler_task``."""

    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *QiskitRuntimeSamplerOperator.template_fields)
    custom_operator_name = "@task.qiskit_sampler"


class FunctionEstimatorOperator(FunctionCircuitsOperator, QiskitRuntimeEstimatorOperator):
    """Runs the circuits that a function returns with the estimator primitive; see ``qiskit_estimator_task``."""

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *QiskitRuntimeEstimatorOperator.template_fields,
    )
    custom_operator_name = "@task.qiskit_estimator"


class FunctionExecutorOperator(FunctionOperator, QiskitRuntimeExecutorOperator):
    """Runs the quantum program that a function returns; see ``qiskit_executor_task``.

    Args:
        python_callable: The function.
        op_args: Its positional arguments, templated.
        op_kwargs: Its keyword arguments, templated.
        kwargs: All arguments of the operator except ``program``.
    """

    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *QiskitRuntimeExecutorOperator.template_fields,
    )
    custom_operator_name = "@task.qiskit_executor"
    returned_argument: ClassVar[str] = "program"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Unpack[ExecutorArguments],
    ) -> None:
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            program=SET_DURING_EXECUTION,
            **cast("Any", kwargs),
        )
        self._returned: list[Any] = []
        self._remembered_qiskit = False

    def give_program(self) -> Callable[[], Any]:
        """Return what calls the function the first time."""
        from airflow_provider_qrt.decorators.returned import check_returned_program

        def give() -> Any:
            if not self._returned:
                value = self.call_function()
                check_returned_program(value, self.who())
                # For the task's page and for lineage.
                self.program = value
                self._returned.append(value)
            return self._returned[0]

        return give

    def was_qiskits(self) -> bool | None:
        """Return what was remembered before the wait; the function is not called to find out."""
        return self._remembered_qiskit

    def execute_complete(
        self,
        context: Context,
        event: Any = None,
        parts: Mapping[str, Any] | None = None,
        returned_qiskit: bool | None = None,
    ) -> Any:
        """Resume after the trigger has fired, without calling the function."""
        from airflow_provider_qrt.execution.run import remembered
        from airflow_provider_qrt.programs.given import RETURNED_QISKIT

        self._remembered_qiskit = bool(remembered(context["ti"], RETURNED_QISKIT, returned_qiskit))
        return super().execute_complete(context, event, parts)
