"""A retry policy for any task that uses IBM Quantum, including your own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.compat import needs
from airflow_provider_qrt.jobs.errors import (
    INPUT,
    PERMANENT,
    LookUpFailedError,
    NoBackendAvailableError,
    SubmissionRateLimitedError,
)

with needs("3.3", "Retry policies"):
    from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryRule

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["QiskitRuntimeRetryPolicy"]


class QiskitRuntimeRetryPolicy(ExceptionRetryPolicy):
    """Fails at once on errors that a retry cannot fix, and waits before a retry for as long as the error requires.

    Pass it to a task as ``retry_policy``. The operators of this provider already fail at once on permanent errors, so
    for them it only adds the delays. Your own tasks that use ``QiskitRuntimeHook`` get both. The number of retries is
    still the task's ``retries``.

    Args:
        rules: Your own rules, which precede the built-in ones.
        default: Action for an error without a rule.
    """

    def __init__(self, rules: list[RetryRule] | None = None, default: RetryAction = RetryAction.DEFAULT) -> None:
        super().__init__([*(rules or []), *_built_in_rules()], default)

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the rules, and wait at least as long as the service asked for."""
        decision = super().evaluate(exception, try_number, max_tries, context)
        asked = getattr(exception, "retry_after", None)
        if decision.action is not RetryAction.RETRY or asked is None:
            return decision
        delay = max(timedelta(seconds=asked), decision.retry_delay or timedelta())
        return RetryDecision.retry(delay, f"{decision.reason}; the service asked for {asked:.0f} s")

    def serialize(self) -> dict[str, Any]:
        """Return the rules as plain JSON."""
        return {**super().serialize(), "__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> QiskitRuntimeRetryPolicy:
        """Restore a policy from the output of :meth:`serialize`."""
        policy = cls(default=RetryAction(data.get("default", "default")))
        policy.rules = [RetryRule.deserialize(rule) for rule in data["rules"]]
        return policy


def _built_in_rules() -> list[RetryRule]:
    def fail(reason: str, *kinds: type[Exception]) -> RetryRule:
        return RetryRule([*kinds], RetryAction.FAIL, reason=reason)

    def retry(delay: timedelta, reason: str, *kinds: type[Exception]) -> RetryRule:
        return RetryRule([*kinds], RetryAction.RETRY, delay, reason)

    return [
        fail("the request or the connection is wrong", *INPUT),
        retry(timedelta(seconds=30), "the result is not ready yet", errors.ResultsNotReadyError),
        fail("the service would reject a retry too", *PERMANENT),
        retry(timedelta(minutes=1), "the rate limit was exceeded", errors.RateLimitedError, SubmissionRateLimitedError),
        retry(timedelta(seconds=30), "the retry looks for the job", errors.SubmissionUnknownError, LookUpFailedError),
        retry(timedelta(minutes=1), "the service or the network has a temporary problem", *errors.TRANSIENT),
        retry(timedelta(minutes=5), "no backend is available now", NoBackendAvailableError),
    ]
