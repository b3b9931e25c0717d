"""The note in a task's XCom for whoever has to cancel its jobs when the task has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_qrt.execution.context import map_index_of

XCOM_KEY = "qiskit_runtime_cancel"


@dataclass(frozen=True)
class CancelNote:
    """A note in XCom for whoever has to cancel the task's jobs.

    Attributes:
        qiskit_runtime_conn_id: The connection.
        tags: Identity tags of its submissions.
        cancel: Whether its jobs are to be cancelled when it has failed.
        by_tag: Whether the jobs are known by their tags alone, and the task has a session of its own.
    """

    qiskit_runtime_conn_id: str
    tags: Sequence[str]
    cancel: bool
    by_tag: bool = False

    def push(self, ti: Any) -> None:
        """Put it into the task's XCom."""
        written = {**asdict(self), "tags": list(self.tags)}
        if not self.by_tag:
            del written["by_tag"]
        ti.xcom_push(XCOM_KEY, written)

    @classmethod
    def pull(cls, ti: Any) -> CancelNote | None:
        """Read it; None if the task has submitted nothing."""
        value = pull(ti, XCOM_KEY)
        if not isinstance(value, dict):
            return None
        by_tag = bool(value.get("by_tag"))
        return cls(str(value["qiskit_runtime_conn_id"]), list(value["tags"]), bool(value["cancel"]), by_tag)


def pull(ti: Any, key: str) -> Any:
    """Read what a task itself has pushed to XCom."""
    return ti.xcom_pull(task_ids=ti.task_id, map_indexes=map_index_of(ti), key=key)
