"""The decisions of the retry policy."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.client.errors import ErrorBody
from airflow_provider_qrt.jobs.errors import (
    INPUT,
    PERMANENT,
    JobGoneError,
    LookUpFailedError,
    NoBackendAvailableError,
    SubmissionRateLimitedError,
)

pytest.importorskip("airflow.sdk.definitions.retry_policy")

from airflow.sdk import RetryAction, RetryRule

from airflow_provider_qrt.retry_policies.qiskit_runtime import QiskitRuntimeRetryPolicy

ANSWER = {"status": 500, "body": ErrorBody(message="no"), "request": "GET /jobs"}
RATE_LIMITED = errors.RateLimitedError(**ANSWER, retry_after=None)


def made(kind: type[Exception]) -> Exception:
    return kind(**ANSWER) if issubclass(kind, errors.ApiError) else kind("no")


def decide(error: BaseException, policy: QiskitRuntimeRetryPolicy | None = None):
    return (policy or QiskitRuntimeRetryPolicy()).evaluate(error, 1, 3)


@pytest.mark.parametrize(
    "kind", [*INPUT, *PERMANENT, errors.InvalidApiKeyError, errors.UsageLimitReachedError, JobGoneError]
)
def test_what_no_retry_mends_fails_at_once(kind):
    assert decide(made(kind)).action is RetryAction.FAIL


@pytest.mark.parametrize(
    "error",
    [
        *(made(kind) for kind in errors.TRANSIENT),
        made(errors.ResultsNotReadyError),
        errors.SubmissionUnknownError("?"),
        LookUpFailedError("?"),
        SubmissionRateLimitedError(RATE_LIMITED),
        NoBackendAvailableError("none"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_is_tried_again_after_a_while(error):
    decision = decide(error)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay >= timedelta(seconds=30)


@pytest.mark.parametrize("kind", [errors.RateLimitedError, errors.ServerError])
def test_a_time_that_the_service_named_is_waited_for(kind):
    assert decide(kind(**ANSWER, retry_after=300)).retry_delay == timedelta(seconds=300)
    assert decide(kind(**ANSWER, retry_after=1)).retry_delay == timedelta(minutes=1)


def test_what_it_knows_nothing_about_is_left_to_airflow():
    assert decide(RuntimeError("?")).action is RetryAction.DEFAULT


def test_rules_of_the_user_come_first():
    policy = QiskitRuntimeRetryPolicy([RetryRule(errors.ForbiddenError, RetryAction.RETRY, timedelta(seconds=1))])
    assert decide(made(errors.ForbiddenError), policy).retry_delay == timedelta(seconds=1)
    assert decide(made(errors.NotFoundError), policy).action is RetryAction.FAIL


def test_it_survives_being_written_down():
    policy = QiskitRuntimeRetryPolicy([RetryRule(KeyError, RetryAction.FAIL)])
    again = QiskitRuntimeRetryPolicy.deserialize(json.loads(json.dumps(policy.serialize())))
    assert again.serialize() == policy.serialize()
    assert decide(KeyError("k"), again).action is RetryAction.FAIL
