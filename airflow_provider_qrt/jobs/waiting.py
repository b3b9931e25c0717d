"""Waiting for jobs in the calling thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.outcome import WaitOutcome
from airflow_provider_qrt.jobs.pacing import KeepWaiting
from airflow_provider_qrt.jobs.polling import JobPoller


def wait_for_job(
    read: Callable[[str], Job],
    poller: JobPoller,
    *,
    log: Callable[[str], object],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
    at_once: bool = False,
) -> WaitOutcome:
    """Look at a job again and again until its poller says that there is nothing more to wait for.

    Args:
        read: Reads the job; its errors are the poller's to judge.
        poller: Decides.
        log: Takes a line worth logging.
        sleep: Called with seconds.
        clock: Epoch seconds.
        at_once: Take the first look without delay.
    """
    decision = KeepWaiting(0.0) if at_once else poller.first(clock())
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


def wait_for_jobs(
    read: Callable[[str], Job],
    pollers: Sequence[JobPoller],
    *,
    log: Callable[[str], object],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> WaitOutcome:
    """Wait for jobs one after the other, until all have completed or one has not.

    Args:
        read: See :func:`wait_for_job`.
        pollers: One for each job, at least one.
        log: See there.
        sleep: See there.
        clock: See there.

    Returns:
        The end of the wait for the first that did not complete, or for the last.
    """
    outcome: WaitOutcome | None = None
    for poller in pollers:
        outcome = wait_for_job(read, poller, log=log, sleep=sleep, clock=clock, at_once=outcome is not None)
        if not outcome.is_completion:
            break
    assert outcome is not None
    return outcome
