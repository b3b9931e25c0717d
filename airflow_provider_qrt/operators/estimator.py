"""The operator of the estimator primitive: circuits and observables in, expectation values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow_provider_qrt import primitives
from airflow_provider_qrt.arguments.constants import Check, one_of
from airflow_provider_qrt.arguments.options import estimator_options
from airflow_provider_qrt.hooks.deployment import max_decoded_bytes
from airflow_provider_qrt.jobs.identity import ProgramInput
from airflow_provider_qrt.operators import arguments
from airflow_provider_qrt.operators.circuits import EXECUTOR, QiskitRuntimeCircuitsOperator
from airflow_provider_qrt.primitives.results.asked import Asked

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_qrt.arguments.keywords import CircuitsArguments
    from airflow_provider_qrt.client.models import Backend

PROGRAMS = ("estimator", EXECUTOR)


def precision(name: str, value: Any) -> None:
    """Take a standard error, or None.

    Raises:
        InvalidInput: It is something else.
    """
    from airflow_provider_qrt.primitives.inputs.estimator_options import precision_problem

    number = arguments.standard_error(name, value)
    if number is not None and (problem := precision_problem(number)):
        raise primitives.InvalidInput(f"{name}: {problem}, not {value!r}.")


def observables(name: str, value: Any) -> None:
    """Take observables, or None.

    Raises:
        InvalidInput: It is something else.
    """
    from airflow_provider_qrt.primitives.inputs.observables import check_observables

    if value is not None:
        check_observables(value, name)


class QiskitRuntimeEstimatorOperator(QiskitRuntimeCircuitsOperator):
    """Runs circuits with the estimator primitive and returns the expectation values of observables.

    The return value is plain JSON: ``job_id``, ``backend``, ``status``, ``usage_seconds`` and so on, and ``results``,
    one entry per circuit with ``evs``, their standard errors ``stds``, and ``metadata``. A value that the service could
    not give is null. ``EstimatorResult.from_xcom(value)`` makes an object of it. The keys ``job_id`` and
    ``session_id`` are pushed on their own before the wait.

    On the channels ``ibm_cloud`` and ``ibm_quantum`` it is version 1 of the estimator: one Pauli string for each
    circuit, no parameter values, and shots (``options={"run_options": {"shots": 4000}}``) in place of a precision.

    Args:
        circuits: OpenQASM 3 text, the name of a ``.qasm`` or ``.qasm3`` file beside the DAG, a ``QuantumCircuit``, or a
            list of these or of tuples ``(circuit, observables, parameter_values, precision)``. None measures anything
            itself. A list becomes one job, or the fewest that IBM takes. Text and files are Jinja templates.
        observables: For circuits that do not bring their own, the same for each: a Pauli string (``"ZZ"``, qubit 0
            rightmost, or ``"Z0 Z5"``), a map of them to real weights (``{"ZZ": 0.5, "XI": -1.2}``), a
            ``SparsePauliOp``, or an array of these as nested lists, which is broadcast against a sweep of parameter
            values.
        precision: The standard error to aim at, for circuits that do not name their own. None: the options', or
            IBM's default, 0.015625.
        resilience_level: How much is done against errors: 0 nothing, 1 readout errors, 2 zero-noise extrapolation
            besides. None: IBM's default, 1.
        options: Estimator options, such as ``{"resilience": {"zne_mitigation": True}}``.
        program_id: ``estimator``, or ``executor`` for the same over the program that takes its place: IBM deprecated
            the estimator that runs on its servers in September 2026. The official client's functions prepare the
            program and put the result together, so it needs the extra ``qiskit``. All circuits have one precision.
        kwargs: ``optimization_level`` and ``check_isa``, see
            :class:`~airflow_provider_qrt.operators.circuits.QiskitRuntimeCircuitsOperator`; all others, see
            :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = (
        "observables",
        "precision",
        "resilience_level",
        "program_id",
        *QiskitRuntimeCircuitsOperator.template_fields,
    )
    program_id: str = PROGRAMS[0]
    arguments_elsewhere: ClassVar[Mapping[str, str]] = {
        "shots": "write precision, the standard error to aim at, or options={'default_shots': ...}",
    }
    checks: ClassVar[Mapping[str, Check]] = {
        "observables": observables,
        "precision": precision,
        "resilience_level": partial(arguments.whole_number, at_least=0, at_most=2),
        "program_id": one_of(PROGRAMS),
        "options": estimator_options,
    }

    def __init__(
        self,
        *,
        circuits: Any,
        observables: Any = None,
        precision: float | str | XComArg | None = None,
        resilience_level: int | str | XComArg | None = None,
        options: Mapping[str, Any] | XComArg | None = None,
        program_id: str | XComArg = PROGRAMS[0],
        **kwargs: Unpack[CircuitsArguments],
    ) -> None:
        super().__init__(circuits=circuits, options=options, **kwargs)
        self.observables = observables
        self.precision = precision
        self.resilience_level = resilience_level
        self.program_id = cast("str", program_id)
        self.check_constants(*QiskitRuntimeEstimatorOperator.checks)

    def read_pubs(self) -> Sequence[primitives.EstimatorPub]:
        """Check program, circuits, observables, precision, level and options."""
        if self.program_id not in PROGRAMS:
            raise primitives.InvalidInput(f"program_id: {self.program_id!r} is not one of {', '.join(PROGRAMS)}.")
        if self.is_v1:
            from airflow_provider_qrt.primitives.inputs.v1 import check_no_precision

            check_no_precision(arguments.standard_error("precision", self.precision))
            return primitives.coerce_v1_estimates(self.given_circuits(), observables=self.observables)
        pubs = primitives.coerce_estimator_pubs(
            self.given_circuits(),
            observables=self.observables,
            precision=arguments.standard_error("precision", self.precision),
        )
        self.check_result_fits(
            sum(Asked.of(pub).json_bytes() for pub in pubs)
            + primitives.largest_estimates_bytes(pubs, options=self._options(), resilience_level=self._resilience()),
            "when every number has all its digits",
            "split the sweep over several tasks",
        )
        return pubs

    def write_params(self, pubs: Sequence[primitives.EstimatorPub]) -> dict[str, Any]:
        """Return the ``params`` of the program; of an executor, by which they are known until it is prepared."""
        if self.is_v1:
            return primitives.estimator_v1_params(pubs, resilience_level=self._resilience(), options=self.options)
        write = primitives.executor_estimator_identity if self._is_executor() else primitives.estimator_params
        return write(pubs, resilience_level=self._resilience(), options=self._options())

    def fit_input(self, asked: ProgramInput, pubs: Sequence[primitives.EstimatorPub], backend: Backend) -> ProgramInput:
        """Prepare an executor's program, which takes time and is of use only when there will be a submission."""
        if not self._is_executor():
            return super().fit_input(asked, pubs, backend)
        from airflow_provider_qrt.primitives.inputs.executor_estimator import needs_backend

        options = self._options()
        program = primitives.prepare_executor_estimator(
            pubs,
            resilience_level=self._resilience(),
            options=options,
            backend=self.snapshot(backend) if needs_backend(options) else None,
        )
        return replace(asked, params=program.params, executions=program.executions)

    def split(self) -> Sequence[Sequence[int]]:
        """Distribute the circuits over jobs; an executor's program is one, whose size is known when it is prepared."""
        return [range(len(self._pubs))] if self._is_executor() else super().split()

    def count_executions(self, pubs: Sequence[primitives.EstimatorPub]) -> int | None:
        """About as many as the precision takes."""
        from airflow_provider_qrt.primitives.inputs.executions import estimator_executions

        return estimator_executions(pubs, options=self._options(), resilience_level=self._resilience())

    def gates_randomized_by(self) -> str | None:
        """Return the option that makes the service randomize gates; over an executor the official client decides."""
        if self._is_executor():
            return None
        return primitives.gate_randomizer(self._options(), resilience_level=self._resilience())

    def decode(self, text: str) -> primitives.EstimatorResult:
        """Read the text of the program's result."""
        read = primitives.decode_executor_estimates if self._is_executor() else primitives.decode_estimator_result
        return read(text, max_bytes=max_decoded_bytes())

    def uses_qiskit(self) -> bool:
        """An executor's program is prepared by the official client."""
        return self._is_executor() or super().uses_qiskit()

    def _is_executor(self) -> bool:
        return self.program_id == EXECUTOR

    def _options(self) -> dict[str, Any]:
        check = (
            primitives.check_executor_estimator_options if self._is_executor() else primitives.check_estimator_options
        )
        return check(self.options) if self.options else {}

    def _resilience(self) -> int | None:
        return arguments.whole_number("resilience_level", self.resilience_level, at_least=0, at_most=2)
