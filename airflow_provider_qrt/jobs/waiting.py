"""Waiting for a job in the calling thread."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.outcome import WaitOutcome
from airflow_provider_qrt.jobs.polling import JobPoller


def wait_for_job(
    read: Callable[[str], Job],
    poller: JobPoller,
    *,
    log: Callable[[str], object],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> WaitOutcome:
    """Look at a job again and again until its poller says that there is nothing more to wait for.

    Args:
        read: Reads the job; its errors are the poller's to judge.
        poller: Decides.
        log: Takes a line worth logging.
        sleep: Called with seconds.
        clock: Epoch seconds.
    """
    decision = poller.first(clock())
    while True:
        sleep(decision.seconds)
        try:
            job = read(poller.job_id)
        except errors.QiskitRuntimeError as error:
            step = poller.on_error(error, clock())
        else:
            step = poller.on_job(job, clock())
        if isinstance(step, WaitOutcome):
            return step
        if step.note:
            log(step.note)
        decision = step
