"""Telling a task that is stopped from a try that another one has replaced.

A worker that was cut off, or stood still, is taken for dead: Airflow starts another try, which goes on with the job.
When the first one comes back it is told to stop, as if somebody had marked it. It must not take the job with it.
"""

from __future__ import annotations

import threading
from typing import Any

from airflow_provider_qrt.jobs.record import StateStore, SubmissionRecord

ANSWER_SECONDS = 1.5
"""How long to wait for Airflow's answer: it sends SIGKILL five seconds after SIGTERM, and there is a job to cancel."""
AT_WORK = (None, "scheduled", "queued", "running", "deferred", "up_for_retry", "up_for_reschedule")
"""States in which a try has the job in hand, or will have; None: it is about to be scheduled."""


def another_try_took_over(ti: Any, store: StateStore | None) -> bool:
    """Whether this try is none of the task's any more, and another one is at work.

    Airflow forgets a task instance's id when the next try begins, so what was stored under it cannot be read; and it
    knows the task by its names. A marked or cleared task can still read its record; the task of a deleted run has no
    state. What cannot be found out in a moment counts as no: whoever stops a task wants its job cancelled.

    Args:
        ti: The task instance.
        store: Its state store, in which it has written.
    """
    if store is None:
        return False
    found: list[bool] = []

    def ask() -> None:
        found.append(SubmissionRecord.read(store) is None and _is_at_work(ti))

    # In a thread: a signal may come while this one speaks to the supervisor, and would wait for itself.
    asking = threading.Thread(target=_quietly(ask), daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    return bool(found and found[0])


def _is_at_work(ti: Any) -> bool:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    map_index = -1 if ti.map_index is None else ti.map_index
    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=map_index
    )
    key = ti.task_id if map_index < 0 else f"{ti.task_id}_{map_index}"
    of_run = states.get(ti.run_id, {})
    return key in of_run and of_run[key] in AT_WORK


def _quietly(ask: Any) -> Any:
    def run() -> None:
        try:
            ask()
        except Exception:
            return

    return run
