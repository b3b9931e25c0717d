"""Waiting for the jobs of a call: on the worker while that is short, in the triggerer when it is not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_qrt.client.states import JobStatus
from airflow_provider_qrt.config import refusal_patience
from airflow_provider_qrt.jobs.place import place_of
from airflow_provider_qrt.jobs.wait.blocking import wait_for_jobs
from airflow_provider_qrt.jobs.wait.last_look import known_end
from airflow_provider_qrt.jobs.wait.outcome import Ending, WaitOutcome
from airflow_provider_qrt.jobs.wait.poller import JobPoller
from airflow_provider_qrt.jobs.wait.progress import queue_length

if TYPE_CHECKING:
    from airflow_provider_qrt.client.client import QiskitRuntimeClient
    from airflow_provider_qrt.client.models import Job
    from airflow_provider_qrt.hybrid.service import Service
    from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob

log = logging.getLogger(__name__)

SHORTEST_DELAY = 0.2
"""Seconds between two looks at a job of a loop, which may take less than a second."""
SHARE_OF_LAST = 0.9
"""The first look comes after this share of the time that the job before took."""
LONGEST_FIRST_DELAY = 10.0
"""Seconds."""

Defer = Callable[["Sequence[ObtainedJob]", float, float], NoReturn]


@dataclass
class Waiting:
    """The waits of a loop.

    Attributes:
        service: Of the connection.
        poll_seconds: Longest time between two looks at a job.
        timeout_seconds: Wall-clock seconds from the submission to the end of a job.
        defer_after: Seconds that a wait may take on the worker, if there is anything else.
        defer: Leaves the worker until jobs have ended; takes them, the epoch seconds of their submission, and those
            of their deadline. None: every wait is on the worker.
        sleep: Called with seconds.
        event: How the wait in the triggerer has ended from which the loop returns; None if it begins.
    """

    service: Service
    poll_seconds: float
    timeout_seconds: float
    defer_after: float
    defer: Defer | None
    sleep: Callable[[float], None] = time.sleep
    event: WaitOutcome | None = None
    _last_took: float = field(default=0.0, init=False)
    _client: QiskitRuntimeClient | None = field(default=None, init=False)

    def wait(self, obtained: Sequence[ObtainedJob]) -> WaitOutcome:
        """Wait until all jobs of a call have completed, or one has not.

        Raises:
            BaseException: What ``defer`` raises, when the rest of the wait belongs into the triggerer.
        """
        event, self.event = self.event, None
        if event is not None and event.job_id in {job.job_id for job in obtained}:
            return event
        ended = known_end(obtained)
        if ended is not None:
            return ended
        submitted_at = max(job.submitted_at for job in obtained)
        deadline = submitted_at + self.timeout_seconds
        may_stay = True
        while True:
            window = time.time() + self.defer_after
            outcome = self._wait_here(obtained, submitted_at, deadline if self.defer is None else min(window, deadline))
            over = outcome.ending is Ending.TIMED_OUT
            if not over:
                self._last_took = time.time() - submitted_at
                return outcome
            if self.defer is None or time.time() >= deadline:
                return outcome
            if not may_stay or not self._ends_soon(outcome.job):
                self._defer(obtained, submitted_at, deadline, outcome.job)
            may_stay = False

    def _ends_soon(self, job: Job | None) -> bool:
        """Whether a job that has not ended is worth another while on the worker: it runs, and not for long."""
        if job is None or job.status is not JobStatus.RUNNING or job.estimated_running_seconds is None:
            return False
        return job.estimated_running_seconds <= self.defer_after

    def _defer(
        self, obtained: Sequence[ObtainedJob], submitted_at: float, deadline: float, job: Job | None
    ) -> NoReturn:
        state = job.state.word.lower() if job is not None else "in no known state"
        log.info(
            "Job %s is %s after %.0f s; the task leaves its worker until the job has ended.",
            obtained[0].job_id,
            state,
            time.time() - submitted_at,
        )
        assert self.defer is not None
        self.defer(obtained, submitted_at, deadline)

    def _wait_here(self, obtained: Sequence[ObtainedJob], submitted_at: float, until: float) -> WaitOutcome:
        client = self._poll_client()
        pollers = [
            JobPoller(
                job.job_id,
                submitted_at,
                until,
                self.poll_seconds,
                self.service.describe(),
                first_delay=self._first_delay(submitted_at),
                submitted_to=job.record.place if job.record is not None else None,
                patience=refusal_patience(),
                shortest=SHORTEST_DELAY,
            )
            for job in obtained
        ]
        return wait_for_jobs(
            client.job,
            pollers,
            asked=place_of(client.settings),
            sleep=self.sleep,
            queue_length=partial(queue_length, client),
        )

    def _first_delay(self, submitted_at: float) -> float:
        """Seconds until a job should have ended, if it takes as long as the one before."""
        left = submitted_at + SHARE_OF_LAST * self._last_took - time.time()
        return max(0.0, min(left, LONGEST_FIRST_DELAY))

    def _poll_client(self) -> Any:
        if self._client is None:
            self._client = self.service.create_poll_client()
        return self._client
