"""When a request is tried again, and how long to wait before."""

from __future__ import annotations

import email.utils
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import tenacity

from airflow_provider_qrt.client.errors import (
    TRANSIENT,
    ConnectionFailed,
    RateLimited,
    ServerError,
    TokenUnavailable,
)

LONGEST_WAIT = 86_400.0
"""Seconds; nobody who means it asks for more."""


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Read a ``Retry-After`` header: seconds, or an HTTP date (RFC 9110, 10.2.3).

    Returns:
        Seconds to wait, never negative and a day at most; None when there is none or it cannot be read.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return 0.0 if math.isnan(seconds) else min(max(0.0, seconds), LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()), LONGEST_WAIT)


@dataclass(frozen=True)
class RetryPolicy:
    """How stubborn a client is.

    Attributes:
        attempts: Tries in all; 1 means no retry.
        first_wait: Seconds before the second try; doubles from there.
        max_wait: Longest wait in seconds. A ``Retry-After`` above it is not waited for: the error is raised, with the
            seconds in it, for the caller to decide.
        min_submit_wait: Seconds to wait at least after a 429 on a submission (five submissions a minute are allowed).
            None: a 429 on a submission is raised at once, for a caller that waits in its own way.
    """

    attempts: int = 6
    first_wait: float = 0.5
    max_wait: float = 60.0
    min_submit_wait: float | None = 12.0

    def for_repeatable(self, sleep: Callable[[float], None]) -> tenacity.Retrying:
        """Policy for a request that may safely be sent twice."""
        return self._retrying(TRANSIENT, self.first_wait, sleep)

    def for_repeatable_async(self) -> tenacity.AsyncRetrying:
        """As :meth:`for_repeatable`, for a coroutine: the pauses hold no thread."""
        return tenacity.AsyncRetrying(**self._rules(TRANSIENT, self.first_wait))

    def for_submission(self, sleep: Callable[[float], None]) -> tenacity.Retrying:
        """Policy for a submission: only when nothing can have reached the server, or it said 429."""
        if self.min_submit_wait is None:
            return self._retrying((ConnectionFailed,), 0.0, sleep)
        return self._retrying((ConnectionFailed, RateLimited), self.min_submit_wait, sleep)

    def _retrying(
        self, errors: tuple[type[BaseException], ...], rate_limit_wait: float, sleep: Callable[[float], None]
    ) -> tenacity.Retrying:
        return tenacity.Retrying(**self._rules(errors, rate_limit_wait), sleep=sleep)

    def _rules(self, errors: tuple[type[BaseException], ...], rate_limit_wait: float) -> dict[str, Any]:
        def worth_it(error: BaseException) -> bool:
            # A token is asked for several times already before it counts as unavailable.
            if not isinstance(error, errors) or isinstance(error, TokenUnavailable):
                return False
            asked = getattr(error, "retry_after", None)
            return asked is None or asked <= self.max_wait

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            backoff = float(min(self.max_wait, self.first_wait * 2 ** (state.attempt_number - 1)))
            if isinstance(error, RateLimited):
                backoff = max(backoff, rate_limit_wait)
            if isinstance(error, RateLimited | ServerError) and error.retry_after is not None:
                backoff = error.retry_after
            # Upwards only: never before the moment the service named.
            return backoff * random.uniform(1.0, 1.3)  # noqa: S311

        return {
            "stop": tenacity.stop_after_attempt(self.attempts),
            "wait": wait,
            "retry": tenacity.retry_if_exception(worth_it),
            "reraise": True,
        }
