"""Which DAG, run and task a job belongs to, as far as its tags tell without asking Airflow for every run."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airflow_provider_qrt.client.limits import MAX_TAG_LENGTH
from airflow_provider_qrt.jobs.identity import JobIdentity, airflow_prefix

_MAPPED = re.compile(r"(?P<task_id>.+)\[(?P<map_index>\d+)\]")
_DAG, _RUN, _TASK = "dag:", "run:", "task:"


@dataclass(frozen=True)
class Claim:
    """What a job of this Airflow says it belongs to.

    Attributes:
        dag_ids: The DAGs it may belong to; one if ``certain``, else every one that its tags name.
        run_id: The DAG run; None if that cannot be told.
        task_id: The task; None if that cannot be told.
        map_index: Index of a mapped task, -1 otherwise.
        certain: Whether the digest in the job's identity tag proves all of it.
        cut: Whether the name of a DAG was too long for its tag.
    """

    dag_ids: tuple[str, ...]
    run_id: str | None = None
    task_id: str | None = None
    map_index: int = -1
    certain: bool = False
    cut: bool = False

    @property
    def dag_id(self) -> str | None:
        """The DAG for people; None if several are named."""
        return self.dag_ids[0] if len(self.dag_ids) == 1 else None

    @property
    def task(self) -> str | None:
        """The task for people."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


def read_claim(tags: Sequence[str], airflow: str) -> Claim | None:
    """Read a job's tags; None for a job that this Airflow did not submit.

    Args:
        tags: The job's.
        airflow: Name of this Airflow in the identity of its jobs.
    """
    prefix = airflow_prefix(airflow)
    identities = [tag for tag in tags if tag.startswith(prefix)]
    if not identities:
        return None
    dags, runs, tasks = (_values(tags, name) for name in (_DAG, _RUN, _TASK))
    # A user's own tag may begin with "dag:" as well: the digest tells which one is meant.
    for dag_id in dags:
        for run_id in runs:
            for task in tasks:
                for task_id, map_index in _readings(task):
                    stem = JobIdentity(dag_id, run_id, task_id, map_index, airflow).stem()
                    if len(identities) == 1 and identities[0].startswith(stem):
                        return Claim((dag_id,), run_id, task_id, map_index, certain=True)
    run_known = len(runs) == 1 and not _is_cut(_RUN, runs[0])
    task_known = len(tasks) == 1 and not _is_cut(_TASK, tasks[0]) and not _MAPPED.fullmatch(tasks[0])
    return Claim(
        tuple(dict.fromkeys(dags)),
        runs[0] if run_known else None,
        tasks[0] if task_known else None,
        cut=any(_is_cut(_DAG, dag) for dag in dags),
    )


def may_see(claim: Claim, readable: Collection[str], existing: Collection[str]) -> bool:
    """Whether somebody may see a job: every DAG it can belong to is one they may read.

    Args:
        claim: The job's.
        readable: Ids of the DAGs they may read.
        existing: Ids of all DAGs, to tell which ones a cut name may stand for.
    """
    if not claim.dag_ids:
        return False
    for name in claim.dag_ids:
        if not claim.cut or not _is_cut(_DAG, name):
            if name not in readable:
                return False
            continue
        meant = [dag_id for dag_id in existing if dag_id.startswith(name)]
        if not meant or not all(dag_id in readable for dag_id in meant):
            return False
    return True


def _values(tags: Sequence[str], name: str) -> list[str]:
    return [tag.removeprefix(name) for tag in tags if tag.startswith(name)]


def _is_cut(name: str, value: str) -> bool:
    return len(name) + len(value) >= MAX_TAG_LENGTH


def _readings(task: str) -> list[tuple[str, int]]:
    """What a task's tag may mean: a task that is called so, or an instance of a mapped task."""
    mapped = _MAPPED.fullmatch(task)
    return [(task, -1), *([(mapped["task_id"], int(mapped["map_index"]))] if mapped else [])]
