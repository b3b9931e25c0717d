"""The thread in a triggerer that looks for jobs and sessions to cancel, every minute or two."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from airflow.sdk import conf

from airflow_provider_qrt.hooks.deployment import SECTION

log = logging.getLogger(__name__)

DEFAULT_INTERVAL = 90.0
"""Seconds between two looks: what must be cancelled is seen twice, and cancelled within five minutes."""
TRIGGERER = "TriggererJob"


def interval() -> float:
    """Seconds between two looks; 0: none."""
    return max(0.0, conf.getfloat(SECTION, "cleanup_interval", fallback=DEFAULT_INTERVAL))


def start(job: Any) -> None:
    """Begin, if this process is a triggerer and the deployment wants it, as soon as its triggers have their process.

    That one is forked, and a thread that runs at that moment may hold a lock, as of a module that it imports, which
    nobody would ever release in the fork: the first trigger that needs it would stop all others.

    Args:
        job: Airflow's record of the component that starts. At this moment it does not say of which kind it is.
    """
    if interval() > 0:
        os.register_at_fork(after_in_parent=_AfterFork(job))


class _AfterFork:
    """Called after each fork, of this process and of those that are forked from it; begins once."""

    def __init__(self, job: Any) -> None:
        self._job = job
        self._process = os.getpid()

    def __call__(self) -> None:
        # Not the attribute: reading it could have the database asked.
        kind = None if self._job is None else vars(self._job).get("job_type")
        if kind is None:
            return
        self._job = None
        if kind == TRIGGERER and os.getpid() == self._process:
            threading.Thread(target=_run, name="qiskit-runtime-cleanup", daemon=True).start()


def _run() -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_qrt.cleanup.cleaner import Cleaner

    cleaner = Cleaner()
    try:
        while True:
            time.sleep(interval() or DEFAULT_INTERVAL)
            try:
                cleaner.look()
            except SQLAlchemyError as error:
                log.warning(
                    "Airflow's database did not say which IBM Quantum jobs to cancel; asked again later: %s", error
                )
    except Exception:
        # A mistake of ours: it would come again at each look.
        log.exception(
            "Jobs whose task has stopped are not cancelled any more by this triggerer. Please report this; "
            "QiskitRuntimeHook.find_orphans() finds them."
        )
