"""Waiting for jobs in the calling thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.jobs.wait.outcome import WaitOutcome
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.progress import Progress

log = logging.getLogger(__name__)


def wait_for_job(
    read: Callable[[str], Job],
    poller: JobPoller,
    *,
    asked: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
    queue_length: Callable[[str | None], int | None] = lambda _: None,
) -> WaitOutcome:
    """Wait for one job; see :func:`wait_for_jobs`."""
    return wait_for_jobs(read, [poller], asked=asked, sleep=sleep, clock=clock, queue_length=queue_length)


def wait_for_jobs(
    read: Callable[[str], Job],
    pollers: Sequence[JobPoller],
    *,
    asked: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
    queue_length: Callable[[str | None], int | None] = lambda _: None,
) -> WaitOutcome:
    """Look at jobs again and again until all have completed, or one has not.

    Each is looked at when its poller says so: the failure of the last is seen while the first still waits.

    Args:
        read: Reads a job; its errors are the poller's to judge.
        pollers: One for each job, at least one.
        asked: Instance, region and host that are asked.
        sleep: Called with seconds.
        clock: Epoch seconds.
        queue_length: Says how many jobs wait for a backend, for the lines that are written while nothing changes.

    Returns:
        The end of the wait for the first job that was seen not to complete, or for the one that completed last; it
        names the jobs that have completed.
    """
    completed: list[str] = []
    due = {poller.job_id: clock() + poller.first(clock()).seconds for poller in pollers}
    by_id = {poller.job_id: poller for poller in pollers}
    progress = Progress(min(poller.submitted_at for poller in pollers))
    progress.skip_to(clock())
    while True:
        job_id = min(due, key=lambda one: due[one])
        poller = by_id[job_id]
        sleep(max(0.0, due[job_id] - clock()))
        job: Job | None = None
        try:
            job = read(job_id)
        except errors.QiskitRuntimeError as error:
            step = poller.on_error(error, clock(), asked=asked)
        else:
            step = poller.on_job(job, clock())
        if isinstance(step, WaitOutcome):
            if step.is_completion:
                completed.append(job_id)
                del due[job_id]
            if not due or not step.is_completion:
                return replace(step, completed=tuple(completed))
            continue
        if step.note:
            log.info(step.note)
        elif job is not None and clock() >= progress.next_at:
            log.info(progress.line(job, clock(), queue_length(job.backend)))
        due[job_id] = clock() + step.seconds
