"""Waiting on the worker while that promises to be short, before a task defers.

To defer costs seconds too: Airflow ends the process, starts another one, and allows no event for some seconds
(``[workers] min_heartbeat_interval``). A job that ends sooner than that is better waited for on the worker.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_provider_qrt.client.models import Job
from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.jobs.submit.obtained import JobOrigin, ObtainedJob
from airflow_provider_qrt.jobs.wait.blocking import wait_for_jobs
from airflow_provider_qrt.jobs.wait.clock import SteadyClock
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.wait.outlook import Outlook
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.quick_pace import QuickPace

log = logging.getLogger(__name__)


@dataclass
class ShortWait:
    """A wait of a few seconds for a task's jobs.

    Attributes:
        defer_after: Seconds to wait at most; twice as long for a job that runs and should end by then. 0: not at all.
        outlook: How long the jobs should queue.
    """

    defer_after: float
    outlook: Outlook

    def why_not(self, jobs: Sequence[ObtainedJob]) -> str | None:
        """Say why the task should leave its worker at once; None if it should wait here.

        Args:
            jobs: The task's, as they were obtained.
        """
        if self.defer_after <= 0:
            return "defer_after is 0"
        for obtained in jobs:
            job = obtained.job
            if job is None and obtained.how is JobOrigin.REATTACHED:
                return "it was submitted before and could not be read"
            if job is None or job.status.is_final:
                continue
            if job.status is not JobStatus.RUNNING:
                return f"it was submitted before and is {job.state.word.lower() or 'in no known state'}"
            if job.estimated_running_seconds is None:
                return "it runs, and the service does not say for how long"
            if job.estimated_running_seconds > self.defer_after:
                return f"the service expects {job.estimated_running_seconds:.0f} s of QPU time"
        if all(obtained.job is not None for obtained in jobs):
            return None
        queue_seconds = self.outlook.expected_queue_seconds(self.defer_after)
        return self.outlook.reason if queue_seconds is not None and queue_seconds > self.defer_after else None

    def wait(
        self,
        read: Callable[[str], Job],
        jobs: Sequence[ObtainedJob],
        make_poller: Callable[[ObtainedJob, QuickPace], JobPoller],
        *,
        deadline: float,
        asked: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] | None = None,
    ) -> WaitOutcome | None:
        """Wait; return None if the task should defer.

        Args:
            read: Reads a job.
            jobs: Those to wait for.
            make_poller: Makes what judges the reads of a job, with the pace of its looks.
            deadline: When the jobs are too late, epoch seconds.
            asked: Instance, region and host that are asked.
            sleep: Called with seconds.
            clock: Epoch seconds; None: a clock that is not put back.

        Returns:
            How the wait has ended, as :func:`~airflow_provider_qrt.jobs.wait.blocking.wait_for_jobs` says it.
        """
        clock = clock or SteadyClock()
        name = f"Job {jobs[0].job_id}" if len(jobs) == 1 else f"Job {jobs[0].job_id} and {len(jobs) - 1} more"
        why_not = self.why_not(jobs)
        if why_not is not None:
            log.info("%s: the task leaves its worker at once, because %s.", name, why_not)
            return None
        began = clock()
        known = all(obtained.job is not None for obtained in jobs)
        log.info(
            "%s: the task waits on its worker before it defers (defer_after is %g s): %s.",
            name,
            self.defer_after,
            "the job runs already" if known else self.outlook.reason,
        )
        queue_seconds = 0.0 if known else self.outlook.expected_queue_seconds(self.defer_after) or 0.0
        pollers = [
            make_poller(
                job,
                QuickPace(
                    # The service counts from about the time at which it answered; an upload may take a while.
                    began if job.how is JobOrigin.SUBMITTED else job.submitted_at,
                    began,
                    queue_seconds,
                    self.outlook.is_predictable,
                    leave_at=began + self.defer_after,
                    latest=began + 2 * self.defer_after,
                ),
            )
            for job in jobs
        ]
        outcome = wait_for_jobs(read, pollers, asked=asked, sleep=sleep, clock=clock)
        # An unknown state may be a slip, which the triggerer has the time to find out.
        if outcome.ending not in (Ending.TIMED_OUT, Ending.UNKNOWN_STATE) or clock() >= deadline:
            return outcome
        log.info("%s: the task leaves its worker after %.0f s, because %s.", name, clock() - began, _why(outcome.job))
        return None


def _why(job: Job | None) -> str:
    """Say why a job is not waited for any longer on the worker."""
    if job is None:
        return "the job could not be read"
    expected = job.estimated_running_seconds
    told = "" if expected is None else f", and the service expects {expected:.1f} s of QPU time"
    return f"job {job.id} is {job.state.word.lower() or 'in no known state'}{told}"
