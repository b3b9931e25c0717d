"""What is left to do for a task that has failed for good without having seen to its job.

Its process may have been killed, or a retry policy have ended its retries. Airflow then calls ``on_failure_callback``,
in the task's process or in the dag-processor.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.hooks.deployment import airflow_name
from airflow_provider_qrt.jobs.identity import JobIdentity

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

Callback = Callable[[Any], Any]


def identity_of(ti: Any) -> JobIdentity:
    """The identity that the jobs of a task instance carry."""
    map_index = -1 if ti.map_index is None else ti.map_index
    return JobIdentity(ti.dag_id, ti.run_id, ti.task_id, map_index, airflow_name())


def with_last_resort(callbacks: Sequence[Callback]) -> list[Callback]:
    """The user's callbacks, and ours after them."""
    return [*(one for one in callbacks if one is not cancel_jobs_of_failed_task), cancel_jobs_of_failed_task]


def cancel_jobs_of_failed_task(context: Context) -> None:
    """Cancel what the failed task has left running on the service; its jobs are found by their tags.

    A task that only submits is left alone: one of its jobs may be awaited elsewhere. A result that was returned and did
    not arrive is taken back.
    """
    from airflow_provider_qrt.hooks.qiskit_runtime import QiskitRuntimeHook

    task: Any = context["task"]
    # Of a mapped task the dag-processor knows what all its instances have in common.
    arguments = task.partial_kwargs if hasattr(task, "partial_kwargs") else vars(task)
    try:
        getattr(task, "take_back_result", lambda: None)()
    except Exception as error:
        log.warning("That the task's result did not arrive could not be noted; a clear buys it again: %s", error)
    if getattr(task, "job_is_settled", False):
        return
    if not arguments.get("cancel_on_kill", True) or not arguments.get("wait_for_completion", True):
        return
    with QiskitRuntimeHook(arguments.get("qiskit_runtime_conn_id", QiskitRuntimeHook.default_conn_name)) as hook:
        log.info(hook.cancel_tagged_jobs_quickly(identity_of(context["ti"])))
