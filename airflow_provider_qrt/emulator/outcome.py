"""How the work of a job ended: a result to hand out, or a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_provider_qrt.emulator.errors import TOO_MANY_SHOTS
from airflow_provider_qrt.emulator.programs import Pub
from airflow_provider_qrt.emulator.settings import MAX_EXECUTIONS_PER_JOB


class JobFailure(Exception):
    """The job fails, for a reason that the user is told.

    Attributes:
        reason: What went wrong.
        code: IBM's reason code.
        solution: What to do about it.
    """

    def __init__(self, reason: str, code: int, solution: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.solution = solution

    def __reduce__(self) -> tuple[type[JobFailure], tuple[str, int, str]]:
        return JobFailure, (self.reason, self.code, self.solution)


@dataclass(frozen=True)
class Prepared:
    """A PUB whose circuit was read, checked and given its parameter values.

    Attributes:
        where: Which PUB, for messages.
        pub: What was sent.
        circuit: The circuit as it was read.
        shape: Shape of the parameter sweep; empty for one set of values.
        rows: Its sets of values in C order, of shape ``(sets, parameters)``.
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
        shape: Shape of the parameter sweep; empty for one set of values.
        shots: Shots for each set of values.
        registers: By name, in order of declaration.
    """

    shape: tuple[int, ...]
    shots: int
    registers: dict[str, Register]


@dataclass(frozen=True)
class PubEstimates:
    """The expectation values of one PUB.

    Attributes:
        evs: Values, of the shape that observables and parameter sweep broadcast to.
        stds: Their standard errors, of the same shape.
        shots: Shots for each Pauli string.
        precision: The standard error that was aimed at.
    """

    evs: NDArray[np.float64]
    stds: NDArray[np.float64]
    shots: int
    precision: float


@dataclass(frozen=True)
class Work:
    """What the simulation of a job came to.

    Attributes:
        finished: Moment at which it was done, in seconds since the epoch.
        result: The result as JSON text, or None when the job failed.
        failure: Why it failed, or None.
    """

    finished: float
    result: str | None = None
    failure: JobFailure | None = None


def check_executions(number: int) -> None:
    """Refuse a job of too many shots in all.

    Raises:
        JobFailure: Code 6000.
    """
    if number > MAX_EXECUTIONS_PER_JOB:
        raise JobFailure(
            f"The job asks for {number} executions; {MAX_EXECUTIONS_PER_JOB} are allowed.",
            TOO_MANY_SHOTS,
            "Use fewer shots or split the job.",
        )


def seeds_for(seed: int | None, number: int) -> list[int | None]:
    """Return a seed for each part of a job, so that equal parts differ."""
    if seed is None:
        return [None] * number
    return [int(one) for one in np.random.SeedSequence(seed).generate_state(number)]
