"""Find the DAG, run and task that a job belongs to from its tags, without asking Airflow for every run."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airflow_provider_qrt.client.limits import MAX_TAG_LENGTH
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, airflow_prefix

_MAPPED = re.compile(r"(?P<task_id>.+)\[(?P<map_index>\d+)\]")
_DAG, _RUN, _TASK = "dag:", "run:", "task:"


@dataclass(frozen=True)
class Claim:
    """The DAG, run and task that a job's tags name.

    Attributes:
        dag_ids: The DAGs it may belong to; one if ``certain``, otherwise all that its tags name.
        run_id: The DAG run; None if unknown.
        task_id: The task; None if unknown.
        map_index: Index of a mapped task, -1 otherwise.
        certain: Whether the digest in the job's identity tag confirms all fields.
        cut: Whether a DAG's name was too long for its tag.
    """

    dag_ids: tuple[str, ...]
    run_id: str | None = None
    task_id: str | None = None
    map_index: int = -1
    certain: bool = False
    cut: bool = False

    @property
    def dag_id(self) -> str | None:
        """The DAG for display; None if the tags name several."""
        return self.dag_ids[0] if len(self.dag_ids) == 1 else None

    @property
    def task(self) -> str | None:
        """The task for display."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


def read_claim(tags: Sequence[str], airflow: str) -> Claim | None:
    """Read a job's tags; None for a job that this Airflow did not submit.

    Args:
        tags: The job's tags.
        airflow: Name of this Airflow in the identity of its jobs.
    """
    prefix = airflow_prefix(airflow)
    identities = [tag for tag in tags if tag.startswith(prefix)]
    if not identities:
        return None
    dags, runs, tasks = (_values(tags, name) for name in (_DAG, _RUN, _TASK))
    # A user's own tag may begin with "dag:" too; the digest identifies the right one.
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
    """Return whether a user may see a job: they may read every DAG that it can belong to.

    Args:
        claim: The job's claim.
        readable: Ids of the DAGs that the user may read.
        existing: Ids of all DAGs, to find those that a truncated name may stand for.
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
    """Return the meanings of a task's tag: a task of that name, or an instance of a mapped task."""
    mapped = _MAPPED.fullmatch(task)
    return [(task, -1), *([(mapped["task_id"], int(mapped["map_index"]))] if mapped else [])]
