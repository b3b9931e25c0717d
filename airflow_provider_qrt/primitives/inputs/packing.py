"""Packs many PUBs into few jobs within IBM's limits, and returns their results in the original order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

MAX_BODY_BYTES = 25_000_000
"""Maximum bytes of JSON in one submission. IBM documents no limit; connections with bodies of 33 MB were reset:
https://github.com/Qiskit/qiskit-ibm-runtime/issues/497"""


@dataclass(frozen=True)
class Load:
    """The size that one PUB adds to a job.

    Attributes:
        executions: Number of executions of its circuit.
        body_bytes: Its bytes of JSON in the submission.
    """

    executions: int
    body_bytes: int


def pack(loads: Sequence[Load], *, max_executions: int | None, max_body_bytes: int = MAX_BODY_BYTES) -> list[list[int]]:
    """Distribute PUBs over jobs.

    The method is first-fit decreasing: it needs at most about a fifth more jobs than the minimum, and exactly the
    minimum when all PUBs have the same size. A PUB that is too large for any job gets its own job, and the service
    decides.

    Args:
        loads: The loads of the PUBs, in order.
        max_executions: Maximum executions of one job; None for no limit.
        max_body_bytes: Maximum bytes of one submission.

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
    """Merge the results of jobs in the original order of their PUBs.

    Args:
        jobs: The return value of :func:`pack`.
        results: For each job, the results of its PUBs.

    Raises:
        ValueError: The number of results of a job differs from its number of PUBs.
    """
    found: dict[int, T] = {}
    for job, ones in zip(jobs, results, strict=True):
        found.update(zip(job, ones, strict=True))
    return [found[index] for index in range(len(found))]
