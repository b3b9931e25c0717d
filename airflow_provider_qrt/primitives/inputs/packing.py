"""Many PUBs in the fewest jobs that IBM takes, and their results in the order they were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

MAX_BODY_BYTES = 25_000_000
"""Bytes of JSON that one submission may take. IBM documents no limit; bodies of 33 MB had their connection reset:
https://github.com/Qiskit/qiskit-ibm-runtime/issues/497"""


@dataclass(frozen=True)
class Load:
    """What one PUB adds to a job.

    Attributes:
        executions: How often its circuit is run.
        body_bytes: Bytes of JSON it takes in the submission.
    """

    executions: int
    body_bytes: int


def pack(loads: Sequence[Load], *, max_executions: int | None, max_body_bytes: int = MAX_BODY_BYTES) -> list[list[int]]:
    """Distribute PUBs over jobs.

    First fit, the largest first: never more than about a fifth more jobs than the fewest possible, and as many as the
    fewest where PUBs are alike. A PUB that is too large for any job stands alone; the service has the last word.

    Args:
        loads: Of the PUBs, in order.
        max_executions: That one job may take; None for any number.
        max_body_bytes: That one submission may take.

    Returns:
        Indices of the PUBs in each job, ascending; jobs in the order of their first PUB.
    """
    jobs: list[list[int]] = []
    room: list[tuple[int, int]] = []
    if max_executions is None:
        max_executions = max(1, sum(load.executions for load in loads))

    def size(index: int) -> float:
        return max(loads[index].executions / max_executions, loads[index].body_bytes / max_body_bytes)

    for index in sorted(range(len(loads)), key=size, reverse=True):
        load = loads[index]
        for place, (executions, body_bytes) in enumerate(room):
            if load.executions <= executions and load.body_bytes <= body_bytes:
                jobs[place].append(index)
                room[place] = (executions - load.executions, body_bytes - load.body_bytes)
                break
        else:
            jobs.append([index])
            room.append((max_executions - load.executions, max_body_bytes - load.body_bytes))
    return sorted(sorted(job) for job in jobs)


def unpack(jobs: Sequence[Sequence[int]], results: Sequence[Sequence[T]]) -> list[T]:
    """Put the results of jobs together in the order in which their PUBs were asked for.

    Args:
        jobs: What :func:`pack` returned.
        results: Of each job, one for each of its PUBs.

    Raises:
        ValueError: A job has not as many results as PUBs.
    """
    found: dict[int, T] = {}
    for job, ones in zip(jobs, results, strict=True):
        found.update(zip(job, ones, strict=True))
    return [found[index] for index in range(len(found))]
