"""Waiting for the turn to submit, after the service has answered 429."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_qrt.hybrid.errors import CallFailedError
from airflow_provider_qrt.jobs.submit.rate import pause_before_submission

if TYPE_CHECKING:
    from airflow_provider_qrt.jobs.errors import SubmissionRateLimitedError

log = logging.getLogger(__name__)


@dataclass
class Turn:
    """The wait of a loop for its next submission.

    Attributes:
        timeout_seconds: Seconds for which the service may refuse submissions.
        sleep: Called with seconds.
        leave: Leaves the worker until a submission is due, or returns if that is better waited for here; takes the
            refusal, the seconds until then, and the epoch seconds of the first refusal. None: all is waited for here.
        since: Epoch seconds of the first refusal, maybe before the task was deferred; None if there was none.
    """

    timeout_seconds: float
    sleep: Callable[[float], None] = time.sleep
    leave: Callable[[SubmissionRateLimitedError, float, float], None] | None = None
    since: float | None = None
    _refusals: int = field(default=0, init=False)

    def wait(self, full: SubmissionRateLimitedError) -> None:
        """Wait until a submission may be tried again.

        Raises:
            CallFailedError: The service has refused submissions for too long.
        """
        now = time.time()
        since = self.since = now if self.since is None else self.since
        self._refusals += 1
        pause = pause_before_submission(full.retry_after, self._refusals, random.Random())  # noqa: S311
        if since + self.timeout_seconds < now + pause:
            raise CallFailedError(
                f"IBM accepted no further submission within the timeout of {self.timeout_seconds:.0f} s. {full} "
                "A retry tries again."
            )
        log.info("%s", full)
        if self.leave is not None:
            self.leave(full, pause, since)
        log.info("The submission is tried again in %.0f s.", pause)
        self.sleep(pause)

    def over(self) -> None:
        """Note that a submission was accepted."""
        self.since, self._refusals = None, 0
