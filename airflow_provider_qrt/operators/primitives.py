"""The operators of the primitives: the sampler, which counts outcomes, and the estimator of expectation values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, cast

from airflow_provider_qrt import durations, templated
from airflow_provider_qrt.arguments.constants import Check, one_of
from airflow_provider_qrt.arguments.options import estimator_options, sampler_options
from airflow_provider_qrt.operators.circuits import QiskitRuntimeCircuitsOperator
from airflow_provider_qrt.primitives.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from airflow_provider_qrt.arguments.keywords import CircuitsArguments, Duration
    from airflow_provider_qrt.programs.base import TaskProgram

__all__ = ["QiskitRuntimeEstimatorOperator", "QiskitRuntimeSamplerOperator"]

SAMPLER_PROGRAMS = ("auto", "executor", "sampler")
ESTIMATOR_PROGRAMS = ("auto", "executor", "estimator")


class QiskitRuntimeSamplerOperator(QiskitRuntimeCircuitsOperator):
    """Runs circuits with the sampler primitive and returns their counts.

    The return value is plain JSON: ``job_id``, ``backend``, ``status``, ``usage_seconds`` and so on, and ``results``,
    one entry per circuit with ``shots``, ``counts`` and ``registers``. Element 0 of a register is the rightmost
    character, as in Qiskit. ``SamplerResult.from_xcom(value)`` makes an object of it. The keys ``job_id`` and
    ``session_id`` are pushed on their own before the wait.

    On the channels ``ibm_cloud`` and ``ibm_quantum`` it is version 1 of the sampler, which gives no counts: ``results``
    then has ``quasi_dists``, the quasi-probability of each outcome.

    Args:
        circuits: OpenQASM 3 text, the name of a ``.qasm`` or ``.qasm3`` file beside the DAG, a ``QuantumCircuit``, or a
            list of these or of tuples ``(circuit, parameter_values, shots)``. A list becomes one job, or the fewest
            that IBM takes. Text and files are Jinja templates.
        shots: Shots for circuits that do not name their own. None: IBM's default, 4096.
        options: Sampler options, such as ``{"dynamical_decoupling": {"enable": True}}``.
        program_id: ``auto``: the program ``executor`` where it can run the input, else ``sampler``, which runs on IBM's
            servers and which IBM deprecated in September 2026. If the service refuses one of them, the task goes on
            with the other. ``executor`` or ``sampler``: always that one. Twirling and dynamical decoupling over the
            executor need the extra ``qiskit``.
        kwargs: ``optimization_level``, ``use_fractional_gates`` and ``check_isa``, see
            :class:`~airflow_provider_qrt.operators.circuits.QiskitRuntimeCircuitsOperator`; all others, see
            :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = ("shots", "program_id", *QiskitRuntimeCircuitsOperator.template_fields)
    program_id: str = SAMPLER_PROGRAMS[0]
    arguments_elsewhere: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("observables", "precision", "resilience_level"), "it belongs to QiskitRuntimeEstimatorOperator"
    )
    checks: ClassVar[Mapping[str, Check]] = {
        "shots": templated.whole_number,
        "program_id": one_of(SAMPLER_PROGRAMS),
        "options": sampler_options,
    }

    def __init__(
        self,
        *,
        circuits: Any,
        shots: int | str | XComArg | None = None,
        options: Mapping[str, Any] | XComArg | None = None,
        program_id: str | XComArg = SAMPLER_PROGRAMS[0],
        **kwargs: Unpack[CircuitsArguments],
    ) -> None:
        super().__init__(circuits=circuits, options=options, **kwargs)
        self.shots = shots
        self.program_id = cast("str", program_id)
        self.check_constants(*QiskitRuntimeSamplerOperator.checks)

    def make_program(self) -> TaskProgram:
        """Return the sampler that the connection's channel offers."""
        from airflow_provider_qrt.programs import sampler
        from airflow_provider_qrt.programs.auto import choose_program

        arguments = sampler.SamplerArguments(**self.circuit_arguments(), shots=self.shots)
        if not self.takes_pubs():
            from airflow_provider_qrt.programs import v1

            return v1.SamplerV1Program(self.hook.client, arguments, self.program_id)
        return choose_program(
            self.program_id,
            lambda: sampler.ExecutorSamplerProgram(self.hook.client, arguments),
            lambda: sampler.SamplerProgram(self.hook.client, arguments),
            sampler.SamplerProgram.program_id,
        )


def precision(name: str, value: Any) -> None:
    """Take a standard error, or None.

    Raises:
        InvalidInputError: It is something else.
    """
    from airflow_provider_qrt.primitives.inputs.estimator_options import precision_problem

    number = templated.standard_error(name, value)
    if number is not None and (problem := precision_problem(number)):
        raise InvalidInputError(f"{name}: {problem}, not {value!r}.")


def observables(name: str, value: Any) -> None:
    """Take observables, or None.

    Raises:
        InvalidInputError: It is something else.
    """
    from airflow_provider_qrt.primitives.inputs.observables import check_observables

    if value is not None:
        check_observables(value, name)


def max_age(name: str, value: Any) -> None:
    """Take a duration, or None.

    Raises:
        InvalidInputError: It is something else.
    """
    if value is not None:
        durations.seconds(name, value)


def noise_model(name: str, value: Any) -> None:
    """Take a noise model, ``learn``, or None.

    Raises:
        InvalidInputError: It is another word.
    """
    if isinstance(value, str) and value != "learn":
        raise InvalidInputError(
            f"{name}: expected the output of a QiskitRuntimeNoiseLearnerOperator, or 'learn', not {value!r}."
        )


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
        program_id: ``auto``: the program ``executor`` where it can run the input, else ``estimator``, which runs on
            IBM's servers and which IBM deprecated in September 2026. If the service refuses one of them, the task goes
            on with the other. ``executor`` or ``estimator``: always that one. Over the executor the official client's
            functions prepare the program and put the result together, so it needs the extra ``qiskit``, and all
            circuits have one precision.
        noise_model: The noise of the layers of the circuits, for PEC and PEA: the output of a
            :class:`~airflow_provider_qrt.operators.noise_learner.QiskitRuntimeNoiseLearnerOperator` that was given the
            same circuits. The circuits then run on its backend as they were transpiled for it. A model of another
            calibration, or of other layers, is refused. ``learn``: learn one first, in the session or batch of the
            task; without one, in a batch that the task opens.
        noise_model_max_age: How old the model may be: seconds, a ``timedelta``, or text such as ``"6h"``.
        kwargs: ``optimization_level``, ``use_fractional_gates`` and ``check_isa``, see
            :class:`~airflow_provider_qrt.operators.circuits.QiskitRuntimeCircuitsOperator`; all others, see
            :class:`~airflow_provider_qrt.operators.base.QiskitRuntimeJobOperator`.
    """

    template_fields: Sequence[str] = (
        "observables",
        "precision",
        "resilience_level",
        "program_id",
        "noise_model",
        "noise_model_max_age",
        *QiskitRuntimeCircuitsOperator.template_fields,
    )
    program_id: str = ESTIMATOR_PROGRAMS[0]
    arguments_elsewhere: ClassVar[Mapping[str, str]] = {
        "shots": "write precision, the standard error to aim at, or options={'default_shots': ...}",
    }
    checks: ClassVar[Mapping[str, Check]] = {
        "observables": observables,
        "precision": precision,
        "resilience_level": partial(templated.whole_number, at_least=0, at_most=2),
        "program_id": one_of(ESTIMATOR_PROGRAMS),
        "options": estimator_options,
        "noise_model": noise_model,
        "noise_model_max_age": max_age,
    }

    def __init__(
        self,
        *,
        circuits: Any,
        observables: Any = None,
        precision: float | str | XComArg | None = None,
        resilience_level: int | str | XComArg | None = None,
        options: Mapping[str, Any] | XComArg | None = None,
        program_id: str | XComArg = ESTIMATOR_PROGRAMS[0],
        noise_model: Any = None,
        noise_model_max_age: Duration | None = None,
        **kwargs: Unpack[CircuitsArguments],
    ) -> None:
        super().__init__(circuits=circuits, options=options, **kwargs)
        self.observables = observables
        self.precision = precision
        self.resilience_level = resilience_level
        self.program_id = cast("str", program_id)
        self.noise_model = noise_model
        self.noise_model_max_age = noise_model_max_age
        self.check_constants(*QiskitRuntimeEstimatorOperator.checks)

    def make_program(self) -> TaskProgram:
        """Return the estimator that the connection's channel offers."""
        from airflow_provider_qrt.programs import estimator
        from airflow_provider_qrt.programs.auto import choose_program

        arguments = estimator.EstimatorArguments(
            **self.circuit_arguments(),
            observables=self.observables,
            precision=self.precision,
            resilience_level=self.resilience_level,
            noise_model=self.noise_model,
            noise_model_max_age=self.noise_model_max_age,
        )
        if not self.takes_pubs():
            from airflow_provider_qrt.programs import v1

            return v1.EstimatorV1Program(self.hook.client, arguments, self.program_id)
        if self.noise_model is not None:
            return estimator.program_with_model(self.hook.client, arguments, self.program_id)
        return choose_program(
            self.program_id,
            lambda: estimator.ExecutorEstimatorProgram(self.hook.client, arguments),
            lambda: estimator.EstimatorProgram(self.hook.client, arguments),
            estimator.EstimatorProgram.program_id,
        )
