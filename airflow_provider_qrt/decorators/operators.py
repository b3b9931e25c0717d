"""The operators behind the decorators: their circuits are what a function returns when the task runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack, cast

from airflow.sdk.bases.decorator import DecoratedOperator, determine_kwargs
from airflow.sdk.definitions._internal.types import SET_DURING_EXECUTION

from airflow_provider_qrt.decorators.returned import check_returned
from airflow_provider_qrt.operators.circuit_files import written_names
from airflow_provider_qrt.operators.circuits import QiskitRuntimeCircuitsOperator
from airflow_provider_qrt.operators.estimator import QiskitRuntimeEstimatorOperator
from airflow_provider_qrt.operators.last_resort import pull
from airflow_provider_qrt.operators.sampler import QiskitRuntimeSamplerOperator
from airflow_provider_qrt.primitives.errors import InvalidInput
from airflow_provider_qrt.primitives.inputs.plain import plain
from airflow_provider_qrt.primitives.results.asked import Asked

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_qrt.arguments.keywords import CircuitsArguments
    from airflow_provider_qrt.jobs.identity import ProgramInput
    from airflow_provider_qrt.jobs.submission import ObtainedJob


RETURNED_QISKIT = "returned_qiskit"
"""The XCom that says, for the leg after a deferral, that the circuits were Qiskit's."""
ASKED = "asked"
"""The XCom that says, for that leg, what parameter values and observables the function has returned."""
MOST_ASKED_BYTES = 1_000_000
"""Parameter values that a task which waits in the triggerer keeps in Airflow's database; more are left out."""


class FunctionCircuitsOperator(DecoratedOperator, QiskitRuntimeCircuitsOperator):
    """Base of the operators whose circuits a function returns.

    The function is called once the connection and the backend's name have been read, before anything is sent. A task
    that goes on after its job has ended does not call it again. It is called again by a retry, which goes on with the
    job if the function returns the same; by a task that had to wait in the triggerer before it could submit; and when a
    job turns out to have been cancelled with an earlier try.

    Args:
        python_callable: The function.
        op_args: Its positional arguments, templated.
        op_kwargs: Its keyword arguments, templated.
        kwargs: All arguments of the operator but ``circuits``.
    """

    template_fields_renderers = DecoratedOperator.template_fields_renderers
    overwrite_rtif_after_execution = True
    custom_operator_name: str

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
            # What the DAG file hands to the function stands in the DAG file.
            self._written_files = frozenset(written_names([op_args, op_kwargs]))
        self._context: Mapping[str, Any] = {}
        self._was_called = False
        self._returned_qiskit = False
        self._asked: Sequence[Asked] = ()

    def build_input(self) -> ProgramInput:
        """Call the function, check what it returns, and return the program's input."""
        if not self._was_called:
            self.circuits = self._call()
            self._was_called = True
        try:
            return super().build_input()
        except InvalidInput as error:
            if str(error).startswith("circuits"):
                raise InvalidInput(f"{error} The circuits are what {self._who()} returned.") from error
            raise

    def uses_qiskit(self) -> bool:
        """Whether what was submitted is Qiskit's work; after a wait, as it was before."""
        return self._returned_qiskit or super().uses_qiskit()

    def execute_complete(
        self,
        context: Context,
        event: Any = None,
        parts: Mapping[str, Any] | None = None,
        returned_qiskit: bool | None = None,
        asked: Sequence[Mapping[str, Any]] | None = None,
    ) -> Any:
        """Go on after the trigger has fired, without calling the function."""
        if returned_qiskit is None:
            # In a real Airflow the deferral has handed it on if it is so; dag.test() hands on nothing.
            returned_qiskit = bool(pull(context["ti"], RETURNED_QISKIT))
        if asked is None:
            asked = pull(context["ti"], ASKED) or ()
        self._returned_qiskit = returned_qiskit
        self._asked = [Asked.read(one) for one in asked]
        return super().execute_complete(context, event, parts)

    def _to_resume_with(self, jobs: Sequence[ObtainedJob]) -> dict[str, Any] | None:
        kept = dict(super()._to_resume_with(jobs) or {})
        if self.uses_qiskit():
            kept["returned_qiskit"] = True
            self._context["ti"].xcom_push(RETURNED_QISKIT, True)
        asked = self.what_was_asked()
        if any(one.to_json() for one in asked) and sum(one.json_bytes() for one in asked) <= MOST_ASKED_BYTES:
            kept["asked"] = [one.to_json() for one in asked]
            self._context["ti"].xcom_push(ASKED, kept["asked"])
        return kept or None

    def what_was_asked(self) -> Sequence[Asked]:
        """What the function has returned; after a wait, as it was before."""
        return [Asked.of(pub) for pub in self._pubs] if self._was_called else self._asked

    def _run(self, context: Context, *, waiting_since: float | None = None, refusals: int = 0) -> Any:
        self._context = context
        return super()._run(context, waiting_since=waiting_since, refusals=refusals)

    def _call(self) -> Any:
        function, arguments = self.python_callable, {**self._context, **self.op_kwargs}
        returned = function(*self.op_args, **determine_kwargs(function, self.op_args, arguments))
        value = plain(returned, keep_arrays=True)
        check_returned(value, self._who())
        return value

    def _who(self) -> str:
        return f"the function {self.python_callable.__name__!r} of task {self.task_id!r}"


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
