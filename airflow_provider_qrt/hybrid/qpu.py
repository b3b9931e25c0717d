"""The object that a hybrid function gets: the QPU, and what else it may need that must be the same in a retry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_qrt.hybrid.inputs import CircuitOptions
from airflow_provider_qrt.hybrid.values import comparable

if TYPE_CHECKING:
    import numpy as np

    from airflow_provider_qrt.hybrid.calls import JobCall
    from airflow_provider_qrt.hybrid.inputs import Inputs
    from airflow_provider_qrt.hybrid.loop import Loop

__all__ = ["PendingResult", "Qpu"]

Value = TypeVar("Value")


class PendingResult:
    """The result of a job that is under way.

    Args:
        loop: Of the function.
        made: The call.
    """

    def __init__(self, loop: Loop, made: JobCall) -> None:
        self._loop = loop
        self._made = made

    @property
    def job_ids(self) -> list[str]:
        """The ids of the jobs, mostly one."""
        return self._made.job_ids

    def result(self) -> Any:
        """Wait for the result and return it.

        Raises:
            CallFailedError: The job failed, was cancelled, or took longer than ``timeout``.
            CallUnreadError: The job could not be read for minutes.
        """
        return self._loop.result_of(self._made)


class Qpu:
    """Runs circuits for a hybrid function.

    Every call has a number, from 1, and its answer is kept under it. When the function runs again after a crash, calls
    whose answers are kept return them at once; so the function must make the same calls in the same order. Whatever
    may differ between two runs belongs into :meth:`step`; random numbers come from :attr:`rng`, the time from
    :meth:`now`.

    Args:
        loop: Makes the calls.
        inputs: Makes their inputs.
        make_rng: Makes the generator of random numbers.
    """

    def __init__(self, loop: Loop, inputs: Inputs, make_rng: Callable[[], np.random.Generator]) -> None:
        self._loop = loop
        self._inputs = inputs
        self._make_rng = make_rng
        self._rng: np.random.Generator | None = None

    # Circuits

    def sample(
        self, circuits: Any, parameter_values: Mapping[str, Any] | Sequence[Any] | None = None, **arguments: Any
    ) -> Any:
        """Sample circuits and return their counts; see :meth:`submit_sample` for the arguments.

        Returns:
            For one circuit a :class:`~airflow_provider_qrt.primitives.SamplerPubResult`, for a list a
            :class:`~airflow_provider_qrt.primitives.SamplerResult`.

        Raises:
            InvalidInputError: An argument is wrong; nothing was submitted.
            DivergenceError: The function made another call here before.
            LoopLimitError: The loop may submit nothing more.
            CallFailedError: The job failed, was cancelled, or took longer than ``timeout``.
        """
        return self.submit_sample(circuits, parameter_values, **arguments).result()

    def submit_sample(
        self,
        circuits: Any,
        parameter_values: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        shots: int | None = None,
        options: Mapping[str, Any] | None = None,
        optimization_level: int | None = None,
        use_fractional_gates: bool = False,
        check_isa: bool = True,
        program_id: str = "auto",
        name: str | None = None,
    ) -> PendingResult:
        """Submit circuits to the sampler and do not wait, so that several jobs run side by side.

        Args:
            circuits: OpenQASM 3 text, a ``QuantumCircuit``, or a list of these or of tuples
                ``(circuit, parameter_values, shots)``. A list becomes one job, or the fewest that IBM takes.
            parameter_values: Of one circuit: a number or an array for each parameter, by name.
            shots: See :class:`~airflow_provider_qrt.operators.primitives.QiskitRuntimeSamplerOperator`.
            options: See there.
            optimization_level: See there.
            use_fractional_gates: See there.
            check_isa: See there.
            program_id: See there.
            name: For the log, the page and error messages; calls may share a name.

        Raises:
            InvalidInputError: An argument is wrong; nothing was submitted.
            DivergenceError: The function made another call here before.
            LoopLimitError: The loop may submit nothing more.
        """
        given = CircuitOptions(options, optimization_level, use_fractional_gates, check_isa, program_id)
        make = partial(self._inputs.sample, circuits, parameter_values, shots, given)
        return PendingResult(self._loop, self._loop.job(name, make))

    def estimate(
        self,
        circuits: Any,
        observables: Any = None,
        parameter_values: Mapping[str, Any] | Sequence[Any] | None = None,
        **arguments: Any,
    ) -> Any:
        """Estimate expectation values and return them; see :meth:`submit_estimate` for the arguments.

        Returns:
            For one circuit an :class:`~airflow_provider_qrt.primitives.EstimatorPubResult` with ``evs`` and ``stds``,
            for a list an :class:`~airflow_provider_qrt.primitives.EstimatorResult`.

        Raises:
            InvalidInputError: An argument is wrong; nothing was submitted.
            DivergenceError: The function made another call here before.
            LoopLimitError: The loop may submit nothing more.
            CallFailedError: The job failed, was cancelled, or took longer than ``timeout``.
        """
        return self.submit_estimate(circuits, observables, parameter_values, **arguments).result()

    def submit_estimate(
        self,
        circuits: Any,
        observables: Any = None,
        parameter_values: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        precision: float | None = None,
        resilience_level: int | None = None,
        options: Mapping[str, Any] | None = None,
        optimization_level: int | None = None,
        use_fractional_gates: bool = False,
        check_isa: bool = True,
        program_id: str = "auto",
        noise_model: Any = None,
        name: str | None = None,
    ) -> PendingResult:
        """Submit circuits to the estimator and do not wait, so that several jobs run side by side.

        Args:
            circuits: OpenQASM 3 text, a ``QuantumCircuit``, or a list of these or of tuples
                ``(circuit, observables, parameter_values, precision)``. A list becomes one job, or the fewest that IBM
                takes.
            observables: For circuits that do not bring their own.
            parameter_values: Of one circuit: a number or an array for each parameter, by name.
            precision: See :class:`~airflow_provider_qrt.operators.primitives.QiskitRuntimeEstimatorOperator`.
            resilience_level: See there.
            options: See there.
            optimization_level: See there.
            use_fractional_gates: See there.
            check_isa: See there.
            program_id: See there.
            noise_model: The output of a noise learner, for PEC and PEA.
            name: For the log, the page and error messages; calls may share a name.

        Raises:
            InvalidInputError: An argument is wrong; nothing was submitted.
            DivergenceError: The function made another call here before.
            LoopLimitError: The loop may submit nothing more.
        """
        given = CircuitOptions(options, optimization_level, use_fractional_gates, check_isa, program_id)
        make = partial(
            self._inputs.estimate,
            circuits,
            observables,
            parameter_values,
            precision,
            resilience_level,
            noise_model,
            given,
        )
        return PendingResult(self._loop, self._loop.job(name, make))

    def run(self, program_id: str, params: Mapping[str, Any], *, name: str | None = None) -> Any:
        """Run any program of the service and return its result.

        Args:
            program_id: As the service names it.
            params: Its input, as JSON.
            name: For the log, the page and error messages.

        Returns:
            The decoded result of ``sampler``, ``estimator`` and ``executor``; of other programs an object whose
            ``value`` is the service's JSON or text.

        Raises:
            InvalidInputError: An argument is wrong; nothing was submitted.
            DivergenceError: The function made another call here before.
            LoopLimitError: The loop may submit nothing more.
            CallFailedError: The job failed, was cancelled, or took longer than ``timeout``.
        """
        return PendingResult(self._loop, self._loop.job(name, partial(self._inputs.run, program_id, params))).result()

    # What must be the same in a retry

    def step(self, name: str, function: Callable[..., Value], *args: Any, **kwargs: Any) -> Value:
        """Run a slow or random part once, and return what it returned then.

        Args:
            name: Of the step, for the log and error messages.
            function: What to run.
            args: Its positional arguments.
            kwargs: Its keyword arguments.

        Returns:
            Numbers, texts, lists, tuples, dictionaries with texts as keys, and numpy arrays, or combinations of them:
            a copy of what the function returned, as a retry gets it.

        Raises:
            NotKeepableError: The function returned something else.
            DivergenceError: The function that makes the loop made another call here before.
        """
        named = {**{str(index): one for index, one in enumerate(args)}, **kwargs}
        given = {key: comparable(argument) for key, argument in named.items()}
        value: Value = self._loop.step("step", name, given, lambda: function(*args, **kwargs))
        return value

    def now(self) -> datetime:
        """Return the time in UTC; a retry gets the time of the first run."""
        return datetime.fromisoformat(self._loop.step("now", None, {}, lambda: datetime.now(UTC).isoformat()))

    @property
    def rng(self) -> np.random.Generator:
        """A generator of random numbers, with the same numbers in each try."""
        self._loop.check_not_in_step("qpu.rng")
        if self._rng is None:
            self._rng = self._make_rng()
        return self._rng

    # What is known of the loop

    @property
    def session_id(self) -> str | None:
        """The session or batch at present; None before the first job, and without one. It may differ in a retry."""
        return self._loop.parts.machine.session_id

    @property
    def backend(self) -> str | None:
        """The backend; None before the first job of the first try."""
        return self._loop.parts.machine.backend_name

    @property
    def seconds_used(self) -> float:
        """QPU seconds of the calls whose results the function has; the same at the same place in each try."""
        return self._loop.seconds_used
