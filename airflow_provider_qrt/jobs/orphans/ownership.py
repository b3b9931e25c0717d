"""Which task a job belongs to, read from its tags with Airflow's help.

A job says in its tags which DAG and run it belongs to, and its identity tag is a digest of exactly one task instance.
So Airflow is asked for the tasks of that run, and the one whose digest is on the job is its owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from airflow_provider_qrt.client.limits import MAX_TAG_LENGTH
from airflow_provider_qrt.jobs.submit.identity import JobIdentity, airflow_prefix

if TYPE_CHECKING:
    from airflow_provider_qrt.client.models import Job

FINAL_TASK_STATES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
IDLE_TASK_STATES = frozenset({None, "scheduled", "up_for_retry", "up_for_reschedule"})
"""States that Airflow only leaves while the DAG run goes on."""

_MAPPED_KEY = re.compile(r"(?P<task_id>.+)_(?P<map_index>\d+)")
_MAPPED_TAG = re.compile(r"(?P<task_id>.+)\[(?P<map_index>\d+)\]")


class RunState(StrEnum):
    """Where a DAG run is in its life."""

    GOES_ON = "goes on"
    ENDED = "ended"
    GONE = "gone"


class Airflow(Protocol):
    """Airflow's knowledge of its runs and tasks. Each method raises when there is no answer."""

    def run_state(self, dag_id: str, run_id: str) -> RunState:
        """Whether the run is queued or running, has ended, or does not exist."""

    def task_states(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1
    ) -> Mapping[str, str | None]:
        """States of the run's tasks by ``task_id``, or ``task_id_<map_index>``; all of them, or one task's."""

    def published_job_id(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
        """Return the job that the task has published as its own, in XCom."""

    def published_job_ids(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Sequence[str]:
        """All jobs that the task has published as its own, where it has several."""


@dataclass(frozen=True)
class Owner:
    """The owner of a job.

    Attributes:
        dag_id: The DAG.
        run_id: The DAG run.
        run: How the run stands.
        task_id: The task, if known.
        map_index: Index of a mapped task, -1 otherwise.
        exists: Whether the run has such a task instance.
        state: The task instance's state.
    """

    dag_id: str
    run_id: str
    run: RunState
    task_id: str | None = None
    map_index: int = -1
    exists: bool = False
    state: str | None = None

    @property
    def task(self) -> str | None:
        """The task for people."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"

    @property
    def is_live(self) -> bool:
        """Whether Airflow has something to do with the task yet. Any state that is not known to be final counts."""
        if not self.exists or self.state in FINAL_TASK_STATES:
            return False
        return self.run is RunState.GOES_ON or self.state not in IDLE_TASK_STATES


class Ownership:
    """Tells the owners of jobs.

    Args:
        airflow: Answers for the runs and tasks.
        airflow_name: Name of this Airflow in the identity of its jobs.
    """

    def __init__(self, airflow: Airflow, airflow_name: str) -> None:
        self._airflow = airflow
        self._name = airflow_name
        self._prefix = airflow_prefix(airflow_name)
        self._tasks: dict[tuple[str, str], dict[str, tuple[str, int]]] = {}

    def is_ours(self, job: Job) -> bool:
        """Whether this Airflow submitted the job."""
        return any(tag.startswith(self._prefix) for tag in job.tags)

    def owner_of(self, job: Job) -> Owner | None:
        """Find what the job belongs to; None if that cannot be told."""
        stems = {_stem(tag) for tag in job.tags if tag.startswith(self._prefix)}
        if len(stems) != 1:
            return None
        [stem] = stems
        # A user's own tag may begin with "dag:" or "run:" as well; the digest tells which ones are meant.
        dags, runs = _values(job.tags, "dag:"), _values(job.tags, "run:")
        claims = [(dag_id, run_id) for dag_id in dags for run_id in runs]
        for dag_id, run_id in claims:
            if found := self._tasks_of(dag_id, run_id).get(stem):
                return self._read_task(dag_id, run_id, *found)
        for dag_id, run_id in claims:
            for task in _values(job.tags, "task:"):
                for task_id, map_index in _readings(task, _MAPPED_TAG):
                    if JobIdentity(dag_id, run_id, task_id, map_index, self._name).stem() == stem:
                        run = self._airflow.run_state(dag_id, run_id)
                        return Owner(dag_id, run_id, run, task_id, map_index)
        if len(claims) != 1 or any(_may_be_cut(tag) for tag in job.tags if tag.startswith(("dag:", "run:"))):
            return None
        [(dag_id, run_id)] = claims
        return Owner(dag_id, run_id, self._airflow.run_state(dag_id, run_id))

    def _tasks_of(self, dag_id: str, run_id: str) -> Mapping[str, tuple[str, int]]:
        """Return the run's tasks and map indexes by the stem of their jobs' identity tags."""
        if (dag_id, run_id) not in self._tasks:
            self._tasks[dag_id, run_id] = {
                JobIdentity(dag_id, run_id, task_id, map_index, self._name).stem(): (task_id, map_index)
                for key in self._airflow.task_states(dag_id, run_id)
                for task_id, map_index in _readings(key, _MAPPED_KEY)
            }
        return self._tasks[dag_id, run_id]

    def _read_task(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Owner:
        # Asked for by itself: task "measure_3" and the fourth instance of task "measure" have the same key.
        states = self._airflow.task_states(dag_id, run_id, task_id, map_index)
        run = self._airflow.run_state(dag_id, run_id)
        key = task_id if map_index < 0 else f"{task_id}_{map_index}"
        return Owner(dag_id, run_id, run, task_id, map_index, key in states, states.get(key))


def _stem(tag: str) -> str:
    """Return the stem that the identity tags of one task have in common."""
    return ":".join(tag.split(":")[:3]) + ":"


def _values(tags: Sequence[str], name: str) -> list[str]:
    return [tag.removeprefix(name) for tag in tags if tag.startswith(name)]


def _may_be_cut(tag: str) -> bool:
    return len(tag) >= MAX_TAG_LENGTH


def _readings(text: str, mapped: re.Pattern[str]) -> Iterator[tuple[str, int]]:
    """Return what a name may mean: a task of that name, or an instance of a mapped task."""
    yield text, -1
    if match := mapped.fullmatch(text):
        yield match["task_id"], int(match["map_index"])
