"""The outcome of a simulation: a result, or the reason of a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.clock import timestamp
from airflow_provider_qrt.emulator.errors import TOO_MANY_SHOTS
from airflow_provider_qrt.emulator.programs import Pub
from airflow_provider_qrt.emulator.settings import MAX_EXECUTIONS_PER_JOB

STARTED = "36d8a1f6-started"
"""Stands in the JSON of a result for the time at which the job started, which is not known when it is simulated."""
ENDED = "36d8a1f6-ended"
"""The same for the time at which it ended."""


class JobFailedError(Exception):
    """The job fails, and the user sees the reason.

    Attributes:
        reason: What went wrong.
        code: IBM's reason code.
        solution: The advice that the user sees.
    """

    def __init__(self, reason: str, code: int, solution: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.solution = solution

    def __reduce__(self) -> tuple[type[JobFailedError], tuple[str, int, str]]:
        return JobFailedError, (self.reason, self.code, self.solution)


@dataclass(frozen=True)
class Prepared:
    """A PUB whose circuit has been read, checked and matched to its parameter values.

    Attributes:
        where: The name of the PUB in messages.
        pub: The PUB as it was sent.
        circuit: The circuit, with parameters.
        shape: Shape of the parameter sweep; empty for one parameter set.
        rows: Its parameter sets in C order, of shape ``(sets, parameters)``.
    """

    where: str
    pub: Pub
    circuit: Any
    shape: tuple[int, ...]
    rows: NDArray[np.float64]


@dataclass(frozen=True)
class Register:
    """The samples of one classical register.

    Attributes:
        packed: Unsigned bytes of shape ``(*pub_shape, shots, ceil(num_bits / 8))``, big-endian, padded on
            the left.
        num_bits: Size of the register.
    """

    packed: NDArray[np.uint8]
    num_bits: int


@dataclass(frozen=True)
class PubSamples:
    """The samples of one PUB.

    Attributes:
        shape: Shape of the parameter sweep; empty for one parameter set.
        shots: Shots for each parameter set.
        registers: The registers by name, in order of declaration; empty if the measurements are kerneled.
        points: Kerneled measurements of the registers, each of shape ``(*shape, shots, bits)``, or without the shots if
            they are averaged.
    """

    shape: tuple[int, ...]
    shots: int
    registers: dict[str, Register]
    points: dict[str, NDArray[np.complex128]] = field(default_factory=dict)


@dataclass(frozen=True)
class Extrapolations:
    """The values at amplified noise, and at the noise factors to which they were extrapolated.

    Attributes:
        measured: The values, whose last axis runs over the noise factors.
        measured_errors: Their standard errors.
        values: The extrapolated values, whose last two axes run over the extrapolators and the noise factors asked for.
        errors: Their standard errors.
        by: The name of the extrapolator of each value, in C order; None if its terms have different ones.
    """

    measured: NDArray[np.float64]
    measured_errors: NDArray[np.float64]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    by: list[str | None]


@dataclass(frozen=True)
class PubEstimates:
    """The expectation values of one PUB.

    Attributes:
        evs: Values, in the broadcast shape of observables and parameter sweep.
        stds: Their standard errors, of the same shape.
        shots: Shots for each Pauli string.
        precision: The requested standard error.
        randomizations: The number of circuits that share the shots.
        extrapolations: Values with zero-noise extrapolation, or None.
        overhead: The executions for one without error cancellation, or None.
    """

    evs: NDArray[np.float64]
    stds: NDArray[np.float64]
    shots: int
    precision: float
    randomizations: int = 1
    extrapolations: Extrapolations | None = None
    overhead: float | None = None


@dataclass(frozen=True)
class Work:
    """The outcome of a job's simulation.

    Attributes:
        finished: Time at which it finished, in seconds since the epoch.
        result: The result as JSON text, or None when the job failed.
        failure: The reason of the failure, or None.
    """

    finished: float
    result: str | None = None
    failure: JobFailedError | None = None


def check_executions(number: int) -> None:
    """Refuse a job with too many shots in total.

    Raises:
        JobFailedError: Code 6000.
    """
    if number > MAX_EXECUTIONS_PER_JOB:
        raise JobFailedError(
            f"The job asks for {number} executions; {MAX_EXECUTIONS_PER_JOB} are allowed.",
            TOO_MANY_SHOTS,
            "Use fewer shots or split the job.",
        )


def seeds_for(seed: int | None, number: int) -> list[int | None]:
    """Return a seed for each part of a job, so that equal parts differ."""
    if seed is None:
        return [None] * number
    return [int(one) for one in np.random.SeedSequence(seed).generate_state(number)]


def with_times(result: str, started: float, ended: float) -> str:
    """Return a result with the times at which its job started and ended, in seconds since the epoch."""
    return result.replace(f'"{STARTED}"', f'"{timestamp(started)}"').replace(f'"{ENDED}"', f'"{timestamp(ended)}"')
