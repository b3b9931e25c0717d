"""Rules for retrying requests: which errors, how often, and how long to wait."""

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
    ConnectionFailedError,
    RateLimitedError,
    ServerError,
    TokenUnavailableError,
)

LONGEST_WAIT = 86_400.0
"""Seconds; longer waits are not plausible."""


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Parse a ``Retry-After`` header: seconds, or an HTTP date (RFC 9110, 10.2.3).

    Returns:
        Seconds to wait, from 0 to one day; None if the header is missing or malformed.
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
    """How often and how long a client retries.

    Attributes:
        attempts: Total number of attempts; 1 means no retry.
        first_wait: Seconds before the second attempt; doubles with each further one.
        max_wait: Longest wait in seconds. If ``Retry-After`` is longer, the error is raised at once, with the seconds
            in it, so that the caller can decide.
        min_submit_wait: Minimum wait in seconds after a 429 on a submission (five submissions a minute are allowed).
            None: a 429 on a submission is raised at once, for a caller that does its own waiting.
    """

    attempts: int = 6
    first_wait: float = 0.5
    max_wait: float = 60.0
    min_submit_wait: float | None = 12.0

    def for_repeatable(self, sleep: Callable[[float], None]) -> tenacity.Retrying:
        """Return the policy for a request that is safe to repeat."""
        return self._retrying(TRANSIENT, self.first_wait, sleep)

    def for_repeatable_async(self) -> tenacity.AsyncRetrying:
        """Return the policy of :meth:`for_repeatable` for a coroutine, whose waits block no thread."""
        return tenacity.AsyncRetrying(**self._rules(TRANSIENT, self.first_wait))

    def for_submission(self, sleep: Callable[[float], None]) -> tenacity.Retrying:
        """Return the policy for a submission: retry only if nothing can have reached the server, or after a 429."""
        if self.min_submit_wait is None:
            return self._retrying((ConnectionFailedError,), 0.0, sleep)
        return self._retrying((ConnectionFailedError, RateLimitedError), self.min_submit_wait, sleep)

    def _retrying(
        self, errors: tuple[type[BaseException], ...], rate_limit_wait: float, sleep: Callable[[float], None]
    ) -> tenacity.Retrying:
        return tenacity.Retrying(**self._rules(errors, rate_limit_wait), sleep=sleep)

    def _rules(self, errors: tuple[type[BaseException], ...], rate_limit_wait: float) -> dict[str, Any]:
        def worth_it(error: BaseException) -> bool:
            # The token request has already been retried before this error is raised.
            if not isinstance(error, errors) or isinstance(error, TokenUnavailableError):
                return False
            asked = getattr(error, "retry_after", None)
            return asked is None or asked <= self.max_wait

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            backoff = float(min(self.max_wait, self.first_wait * 2 ** (state.attempt_number - 1)))
            if isinstance(error, RateLimitedError):
                backoff = max(backoff, rate_limit_wait)
            if isinstance(error, RateLimitedError | ServerError) and error.retry_after is not None:
                backoff = error.retry_after
            # Jitter only lengthens the wait: never retry before the time that the service asked for.
            return backoff * random.uniform(1.0, 1.3)  # noqa: S311

        return {
            "stop": tenacity.stop_after_attempt(self.attempts),
            "wait": wait,
            "retry": tenacity.retry_if_exception(worth_it),
            "reraise": True,
        }
