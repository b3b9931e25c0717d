"""Callbacks that Airflow calls when a task has ended, in the task's process or in the dag-processor.

When a task has failed for good and did not cancel its jobs, because its process was killed or a retry policy ended
its retries, they are cancelled. Everything that this needs stands in the task's XCom, rendered: in the dag-processor
the operator is as the DAG file has it, with templates, and of a mapped task only what its instances have in common.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

Callback = Callable[[Any], Any]


def with_callback(callbacks: Sequence[Callback], ours: Callback) -> list[Callback]:
    """Return the user's callbacks, and ours after them."""
    return [*(one for one in callbacks if one is not ours), ours]


def note_delivery(context: Context) -> None:
    """Note that Airflow has what the task handed on, so that a clear from now on means a new job."""
    getattr(context["task"], "note_delivery", lambda: None)()


def cancel_jobs_of_failed_task(context: Context) -> None:
    """Cancel what the failed task has left running on the service.

    A task that only submits is left alone: one of its jobs may be awaited elsewhere.
    """
    from airflow_provider_qrt.execution.cancel_note import CancelNote, pull
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    task, ti = context["task"], context["ti"]
    if getattr(task, "job_is_settled", False) or getattr(task, "has_submitted_nothing", False):
        return
    if not getattr(task, "runs_here", False) and _is_retried(task, ti):
        # Airflow 3.1 calls this in the dag-processor for each task whose process was killed, even if it is retried.
        log.info("Airflow tries the task again, and the retry goes on with its job.")
        return
    note = CancelNote.pull(ti)
    if note is None or not note.cancel:
        return
    job_ids = pull(ti, "job_ids") or [one for one in [pull(ti, "job_id")] if one]
    with QiskitRuntimeHook(note.qiskit_runtime_conn_id) as hook:
        if note.by_tag:
            for tag in note.tags:
                log.info(hook.cancel_tagged_jobs_quickly(tag))
            if session_id := pull(ti, "session_id"):
                log.info(hook.close_session_quickly(str(session_id)))
            return
        for fate in hook.cancel_jobs_quickly([str(job_id) for job_id in job_ids]):
            log.info(fate)
        if len(job_ids) < len(note.tags):
            # Killed between a submission and the moment its job's id was known.
            for tag in note.tags:
                log.info(hook.cancel_tagged_jobs_quickly(tag))


def _is_retried(task: Any, ti: Any) -> bool:
    """Return whether Airflow will retry a task whose process has died, by its own rule."""
    return bool(task.retries) and ti.try_number <= ti.max_tries


CALLBACKS: dict[str, Callback] = {
    "on_failure_callback": cancel_jobs_of_failed_task,
    "on_success_callback": note_delivery,
}
"""The callbacks of every task that runs jobs, beside the user's."""
