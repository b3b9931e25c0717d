"""The errors of jobs, and which of them a retry cannot fix.

::

    QiskitRuntimeError                       client.errors draws what the service and the connection raise
    ├── SubmissionRateLimitedError           429 on a submission: nothing was created, submit again later
    ├── LookUpFailedError                    nobody knows whether the job exists: nothing is submitted
    ├── JobGoneError                         the connection leads to another instance than the job's
    ├── SessionUnusableError                 the session takes no jobs, or not this one
    ├── OverBudgetError                      the job would cost more than is left
    └── NoBackendAvailableError              no backend can be chosen now
        └── NoBackendFitsError               no backend ever fits (an InvalidSettingsError too)
    ValueError
    ├── InvalidTagsError                     tags that the service would refuse
    └── InvalidInputError                    primitives.errors: circuits, options, arguments
"""

from __future__ import annotations

from datetime import datetime

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.primitives.errors import InvalidInputError


class SubmissionRateLimitedError(errors.QiskitRuntimeError):
    """429: too many submissions in a short time. Nothing was created; the same submission may be made later.

    Attributes:
        refusal: What the service said.
        retry_after: Seconds the service asked to wait, or None if it did not say.
    """

    def __init__(self, refusal: errors.RateLimitedError, consequence: str = "Nothing was submitted.") -> None:
        self.refusal = refusal
        self.retry_after = refusal.retry_after
        super().__init__(f"{refusal} {consequence}")


class LookUpFailedError(errors.QiskitRuntimeError):
    """It could not be found out whether the job exists. Nothing was submitted; the next try asks again."""


class JobGoneError(errors.QiskitRuntimeError):
    """The connection leads to another instance than the one that this task's job was submitted to."""


class SessionUnusableError(errors.QiskitRuntimeError):
    """The session takes no jobs, or not this one."""


class OverBudgetError(errors.QiskitRuntimeError):
    """The job would cost more than is left. Nothing was submitted.

    Attributes:
        room_at: When there will be room, as far as can be said.
    """

    def __init__(self, message: str, room_at: datetime | None = None) -> None:
        self.room_at = room_at
        super().__init__(message)


class NoBackendAvailableError(errors.QiskitRuntimeError):
    """No backend can be chosen now; another try later may find one."""


class NoBackendFitsError(NoBackendAvailableError, errors.InvalidSettingsError):
    """No backend of the instance is what the filters ask for, and waiting does not change that."""


class InvalidTagsError(ValueError):
    """Tags that the service would refuse."""


INPUT = (InvalidInputError, InvalidTagsError, errors.InvalidSettingsError)
"""Errors that a retry cannot fix: what is asked for, or the connection, is wrong. Nothing was sent."""
PERMANENT = (
    errors.BadRequestError,
    errors.UnauthorizedError,
    errors.ForbiddenError,
    errors.NotFoundError,
    errors.ConflictError,
    errors.ApiVersionNotHonouredError,
    JobGoneError,
    SessionUnusableError,
    OverBudgetError,
)
"""Errors that a retry cannot fix: the service refuses, and will again."""
