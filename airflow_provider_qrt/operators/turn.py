"""Waiting for one's turn to submit: IBM takes only so many jobs a minute, and a budget may be used up for now."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowException

from airflow_provider_qrt.jobs.budget import OverBudget, QiskitRuntimeBudget
from airflow_provider_qrt.jobs.submission import ObtainedJob, WindowFull
from airflow_provider_qrt.jobs.window import pause_before_submission

if TYPE_CHECKING:
    from airflow_provider_qrt.operators.in_hand import JobInHand


@dataclass
class Turn:
    """A task's wait for its turn, in the triggerer if the task may defer, else here.

    Attributes:
        in_hand: The jobs the task has already.
        budget: What a job may not go over.
        since: Epoch seconds when the wait began, maybe in an earlier leg.
        timeout: Seconds from then on for which no submission may be accepted.
        refusals: How often IBM has said 429.
        deferrable: Whether the task was asked to defer.
        defer: Ends this leg; takes the epoch seconds before which no submission is due, and the turn.
        log: Takes a line for the task log.
    """

    in_hand: JobInHand
    budget: QiskitRuntimeBudget | None
    since: float
    timeout: float
    refusals: int
    deferrable: bool
    defer: Callable[[float, Turn], NoReturn]
    log: Callable[..., Any]

    @property
    def left(self) -> float:
        """Seconds until the timeout."""
        return self.since + self.timeout - time.time()

    def wait(self, obtain: Callable[[], Sequence[ObtainedJob]]) -> Sequence[ObtainedJob]:
        """Get the jobs.

        Args:
            obtain: Obtains the task's jobs; called again after each refusal.

        Raises:
            OverBudget: There is no room in time, or the budget says to fail.
            AirflowException: The timeout passed.
        """
        while True:
            try:
                return obtain()
            except OverBudget as over:
                may_wait = self._may_defer() and self.budget is not None and self.budget.when_exceeded == "defer"
                if not may_wait or over.room_at is None or over.room_at.timestamp() > time.time() + self.left:
                    raise
                self.log("%s", over)
                self.defer(over.room_at.timestamp(), self)
            except WindowFull as full:
                self._wait_for_window(full)

    def _wait_for_window(self, full: WindowFull) -> None:
        self.refusals += 1
        pause = pause_before_submission(full.retry_after, self.refusals, random.Random())  # noqa: S311
        if self.left < pause:
            further = "further " if self.in_hand.job_ids else ""
            raise AirflowException(
                f"IBM accepted no {further}submission within the task's timeout of {self.timeout:.0f} s. "
                f"{full} A retry tries again."
            ) from full
        self.log("%s", full)
        if self._may_defer():
            # The triggerer spaces the tasks that wait on it; the little chance is for other triggerers' tasks.
            short = pause_before_submission(full.retry_after, 0, random.Random())  # noqa: S311
            self.defer(time.time() + short, self)
        self.log("The submission is tried again in %.0f s.", pause)
        time.sleep(pause)

    def _may_defer(self) -> bool:
        """Whether the next leg would know of the jobs that this one has submitted."""
        return self.deferrable and (self.in_hand.durable or not self.in_hand.job_ids)
