"""The thread in a triggerer that looks for jobs and sessions to cancel, every minute or two."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from airflow.sdk import conf

from airflow_provider_qrt.hooks.deployment import SECTION

log = logging.getLogger(__name__)

DEFAULT_INTERVAL = 90.0
"""Seconds between two looks: what must be cancelled is seen twice, and cancelled within five minutes."""
TRIGGERER = "TriggererJob"
KNOWN_AFTER = 60.0
"""Seconds within which a component knows what it is."""


def interval() -> float:
    """Seconds between two looks; 0: none."""
    return max(0.0, conf.getfloat(SECTION, "cleanup_interval", fallback=DEFAULT_INTERVAL))


def start(job: Any) -> None:
    """Begin, if this process is a triggerer and the deployment wants it.

    Args:
        job: Airflow's record of the component that starts. At this moment it does not say of which kind it is.
    """
    if interval() > 0:
        threading.Thread(target=_run, args=(job,), name="qiskit-runtime-cleanup", daemon=True).start()


def _run(job: Any) -> None:
    end = time.monotonic() + KNOWN_AFTER
    # Not the attribute: reading it could have the database asked, in a session of another thread.
    while (kind := vars(job).get("job_type")) is None and time.monotonic() < end:
        time.sleep(0.5)
    if kind != TRIGGERER:
        return
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
