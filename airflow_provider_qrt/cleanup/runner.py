"""The triggerer's thread that searches for abandoned jobs and sessions every minute or two."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from airflow_provider_qrt.config import DEFAULT_CLEANUP_INTERVAL, cleanup_interval

log = logging.getLogger(__name__)

TRIGGERER = "TriggererJob"


def start(job: Any) -> None:
    """Start the cleanup if this process is a triggerer and it is enabled, after the triggers' process was forked.

    A thread that runs during the fork may hold a lock, such as that of a module it imports. In the forked process that
    lock would never be released, and the first trigger that needs it would block all others.

    Args:
        job: Airflow's record of the component that starts. Its type is not set yet at this time.
    """
    if cleanup_interval() > 0:
        os.register_at_fork(after_in_parent=_AfterFork(job))


class _AfterFork:
    """Called after each fork of this process and of its children; starts the cleanup once."""

    def __init__(self, job: Any) -> None:
        self._job = job
        self._process = os.getpid()

    def __call__(self) -> None:
        # Not the attribute, since reading it could query the database.
        kind = None if self._job is None else vars(self._job).get("job_type")
        if kind is None:
            return
        self._job = None
        if kind == TRIGGERER and os.getpid() == self._process:
            threading.Thread(target=_run, name="qiskit-runtime-cleanup", daemon=True).start()


def _run() -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_qrt.cleanup.cleaner import Cleaner
    from airflow_provider_qrt.cleanup.records import RecordsUnreadableError

    cleaner = Cleaner()
    try:
        while True:
            time.sleep(cleanup_interval() or DEFAULT_CLEANUP_INTERVAL)
            try:
                cleaner.look()
            except (SQLAlchemyError, RecordsUnreadableError) as error:
                log.warning("Airflow did not say which IBM Quantum jobs to cancel; asked again later: %s", error)
    except Exception:
        # A bug of ours, which would happen again at each search.
        log.exception(
            "Jobs whose task has stopped are not cancelled any more by this triggerer. Please report this; "
            "QiskitRuntimeHook.find_orphans() finds them."
        )
