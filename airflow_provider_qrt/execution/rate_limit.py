"""Waiting until a job may be submitted: IBM limits submissions a minute (429), and a budget may be used up for now."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import TYPE_CHECKING, NoReturn

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_qrt.jobs.budget.spending import QiskitRuntimeBudget
from airflow_provider_qrt.jobs.errors import OverBudgetError, SubmissionRateLimitedError
from airflow_provider_qrt.jobs.submit.obtained import ObtainedJob
from airflow_provider_qrt.jobs.submit.rate import pause_before_submission

if TYPE_CHECKING:
    from airflow_provider_qrt.execution.task_jobs import TaskJobs

log = logging.getLogger(__name__)

EARLY_BY = 2.0
"""Seconds by which a task may have come early for its turn, where the service does not say."""
NAP_GROWTH = 1.5
SCATTER = 0.5
"""Seconds over which tasks are spread that wait on their workers for the same moment."""


@dataclass
class RateLimitWait:
    """A task's wait for its next submission, in the triggerer if the task may defer, else here.

    Attributes:
        jobs: Those that the task has already.
        budget: What a job may not go over.
        since: Epoch seconds when the wait began, maybe before the task was deferred.
        timeout: Seconds from then on for which no submission may be accepted.
        refusals: How often IBM has said 429.
        deferrable: Whether the task was asked to defer.
        defer_after: Seconds that it may wait on its worker before that.
        defer: Leaves the worker; takes the epoch seconds before which no submission is due, and this wait.
    """

    jobs: TaskJobs
    budget: QiskitRuntimeBudget | None
    since: float
    timeout: float
    refusals: int
    deferrable: bool
    defer_after: float
    defer: Callable[[float, RateLimitWait], NoReturn]
    _napped: float = field(default=0.0, init=False)
    _naps: int = field(default=0, init=False)

    @property
    def left(self) -> float:
        """Seconds until the timeout."""
        return self.since + self.timeout - time.time()

    def wait(self, obtain: Callable[[], Sequence[ObtainedJob]]) -> Sequence[ObtainedJob]:
        """Get the jobs.

        Args:
            obtain: Obtains the task's jobs; called again after each refusal.

        Raises:
            OverBudgetError: There is no room in time, or the budget says to fail.
            AirflowException: The timeout passed.
        """
        while True:
            try:
                return obtain()
            except OverBudgetError as over:
                may_wait = self._may_defer() and self.budget is not None and self.budget.when_exceeded == "defer"
                if not may_wait or over.room_at is None or over.room_at.timestamp() > time.time() + self.left:
                    raise
                log.info("%s", over)
                self.defer(over.room_at.timestamp(), self)
            except SubmissionRateLimitedError as full:
                self._wait_for_window(full)

    def _wait_for_window(self, full: SubmissionRateLimitedError) -> None:
        nap = self._nap(full.retry_after)
        if nap is not None:
            self._napped += nap
            self._naps += 1
            log.info("%s The task tries again in %.1f s, on its worker.", full, nap)
            self.jobs.sleep(nap)
            return
        self.refusals += 1
        pause = pause_before_submission(full.retry_after, self.refusals, random.Random())  # noqa: S311
        if self.left < pause:
            further = "further " if self.jobs.job_ids else ""
            raise AirflowException(
                f"IBM accepted no {further}submission within the task's timeout of {self.timeout:.0f} s. "
                f"{full} A retry tries again."
            ) from full
        log.info("%s", full)
        if self._may_defer():
            # The triggerer spaces the tasks that wait on it; the little chance is for other triggerers' tasks.
            short = pause_before_submission(full.retry_after, 0, random.Random())  # noqa: S311
            self.defer(time.time() + short, self)
        log.info("The submission is tried again in %.0f s.", pause)
        sleep(pause)

    def _nap(self, retry_after: float | None) -> float | None:
        """Return the seconds to wait on the worker although the task may defer; None if it should defer.

        A task that has waited for its turn may come a little early: the time to start its process varies.
        """
        if not self._may_defer():
            return None
        if retry_after is None and not self.refusals:
            # Its turn may be minutes away.
            return None
        # However often the service says "now": each try takes a request, and longer from one to the next.
        least = max(EARLY_BY * NAP_GROWTH**self._naps, retry_after or 0.0)
        nap = least + random.uniform(0.0, SCATTER)  # noqa: S311
        return nap if self._napped + nap <= min(self.defer_after, self.left) else None

    def _may_defer(self) -> bool:
        """Whether the next leg would know of the jobs that this one has submitted."""
        return self.deferrable and (self.jobs.durable or not self.jobs.job_ids)
