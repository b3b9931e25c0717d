"""Why a task is told to stop, and whether a retry follows: both are Airflow's to say."""

from __future__ import annotations

import logging
import sys
import threading
from enum import Enum, auto
from typing import Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.execution.context import map_index_of
from airflow_provider_qrt.jobs.submit.record import STORE_KEY, StateStore
from airflow_provider_qrt.task_states import AT_WORK, DEFERRED, RUNNING

log = logging.getLogger(__name__)

ANSWER_SECONDS = 1.5
"""How long to wait for Airflow's answer: it sends SIGKILL five seconds after SIGTERM, and there is a job to cancel."""
WAITING = (DEFERRED, "scheduled", "queued")
"""States of a task instance that has left its worker to wait in the triggerer, or is about to return from there."""


class Standing(Enum):
    """How a task that was sent SIGTERM stands."""

    STOPPED = auto()
    """Somebody has marked or cleared it or deleted its run, or its ``execution_timeout`` has passed."""
    REPLACED = auto()
    """Airflow took it for dead and has started another try, which goes on with its job."""
    RUNNING = auto()
    """Airflow takes it to be running: its worker is shut down, or the supervisor cannot reach the API server."""
    DEFERRED = auto()
    """It waits in the triggerer, and only the process that deferred it is told to stop."""
    UNKNOWN = auto()
    """Airflow gave no answer in time."""


def will_retry(ti: Any) -> bool:
    """Whether Airflow makes a retry if this try fails.

    The server decides, by the ``max_tries`` of the task instance, and tells the task when it starts. The operator's own
    ``retries`` may have been changed in the DAG file since.
    """
    told = getattr(getattr(ti, "_ti_context_from_server", None), "should_retry", None)
    if isinstance(told, bool):
        return told
    return bool(ti.max_tries and ti.try_number <= ti.max_tries)


def standing_of(ti: Any, store: StateStore | None, *, shares_jobs: bool = False, key: str = STORE_KEY) -> Standing:
    """Find out why a task is told to stop, within a moment.

    Airflow forgets a task instance's id when the next try begins, so what was stored under it cannot be read then; and
    it knows the task's state by its names.

    Args:
        ti: The task instance.
        store: Its state store, in which it has written.
        shares_jobs: Whether it has no store, and another try finds its jobs by their tags.
        key: What it has written there for certain.
    """
    if isinstance(sys.exception(), AirflowTaskTimeout):
        return Standing.STOPPED
    found: list[Standing] = []

    def ask() -> None:
        try:
            found.append(_ask(ti, store, key, shares_jobs))
        except (ImportError, NameError):
            # There is no supervisor to ask: somebody else runs this task, and stops it.
            found.append(Standing.STOPPED)
        except errors.MISTAKES:
            # The task is being stopped all the same, so this must not raise; but it must not look like a hiccup.
            log.exception(
                "Airflow could not be asked why the task is stopped. This is a mistake in airflow-provider-qrt"
            )
        except Exception as error:
            log.warning("Airflow did not say why the task is stopped: %s: %s", type(error).__name__, error)

    # In a thread: a signal may come while this one speaks to the supervisor, and would wait for itself.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    return found[0] if found else Standing.UNKNOWN


def _ask(ti: Any, store: StateStore | None, key: str, shares_jobs: bool) -> Standing:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    is_this_try = store is None or store.get(key) is not None
    map_index = map_index_of(ti)
    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=map_index
    )
    name = ti.task_id if map_index < 0 else f"{ti.task_id}_{map_index}"
    of_run = states.get(ti.run_id, {})
    if name not in of_run:
        return Standing.STOPPED
    if not is_this_try:
        return Standing.REPLACED if of_run[name] in AT_WORK else Standing.STOPPED
    if of_run[name] == RUNNING:
        return Standing.RUNNING
    if of_run[name] in WAITING:
        return Standing.DEFERRED
    # Nothing but its state tells a try without a store from the one that has replaced it.
    return Standing.REPLACED if shares_jobs and of_run[name] in AT_WORK else Standing.STOPPED
