"""A retry policy for any task that speaks to IBM Quantum, your own included."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryRule

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.backends import NoBackendAvailable
from airflow_provider_qrt.jobs.permanent import INPUT, REFUSALS
from airflow_provider_qrt.jobs.submission import LookUpFailed, WindowFull

if TYPE_CHECKING:
    from airflow.sdk import Context


class QiskitRuntimeRetryPolicy(ExceptionRetryPolicy):
    """Fails at once on what no retry mends, and waits as long as the trouble asks for before it retries.

    Give it to a task as ``retry_policy``. The operators of this provider fail at once on permanent errors without it;
    to them it adds the delays. A task of your own that uses ``QiskitRuntimeHook`` gains both. The number of retries
    remains the task's ``retries``.

    Args:
        rules: Rules of your own; they come before the built-in ones.
        default: For an error that no rule is about.
    """

    def __init__(self, rules: list[RetryRule] | None = None, default: RetryAction = RetryAction.DEFAULT) -> None:
        super().__init__([*(rules or []), *_built_in_rules()], default)

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide as the rules say; a time that the service named is waited for."""
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
        """Read what :meth:`serialize` wrote."""
        policy = cls(default=RetryAction(data.get("default", "default")))
        policy.rules = [RetryRule.deserialize(rule) for rule in data["rules"]]
        return policy


def _built_in_rules() -> list[RetryRule]:
    def fail(reason: str, *kinds: type[Exception]) -> RetryRule:
        return RetryRule([*kinds], RetryAction.FAIL, reason=reason)

    def retry(delay: timedelta, reason: str, *kinds: type[Exception]) -> RetryRule:
        return RetryRule([*kinds], RetryAction.RETRY, delay, reason)

    return [
        fail("what is asked for, or the connection, is wrong", *INPUT),
        retry(timedelta(seconds=30), "the result is on its way", errors.ResultsNotReady),
        fail("the service refuses, and will again", *REFUSALS),
        retry(timedelta(minutes=1), "the service accepts no more now", errors.RateLimited, WindowFull),
        retry(timedelta(seconds=30), "the retry looks for the job", errors.SubmissionUnknown, LookUpFailed),
        retry(timedelta(minutes=1), "the service or the way to it is troubled", *errors.TRANSIENT),
        retry(timedelta(minutes=5), "no backend is available now", NoBackendAvailable),
    ]
