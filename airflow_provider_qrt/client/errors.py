"""Errors of the client, one class for each kind of failure.

Code that decides about retrying checks the class, never the text. The text is for people: the HTTP status, IBM's own
code, message, solution and trace id, and what to do. It never contains a credential.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "MISTAKES",
    "TRANSIENT",
    "ApiError",
    "ApiVersionNotHonouredError",
    "BadRequestError",
    "ConflictError",
    "ConnectionFailedError",
    "ErrorBody",
    "ForbiddenError",
    "InternalError",
    "InvalidAnswerError",
    "InvalidApiKeyError",
    "InvalidSettingsError",
    "NoAnswerError",
    "NoSuchProgramError",
    "NotFoundError",
    "NotOfferedError",
    "ProgramUnavailableError",
    "QiskitRuntimeError",
    "RateLimitedError",
    "ResultsNotReadyError",
    "ServerError",
    "SubmissionUnknownError",
    "TokenUnavailableError",
    "UnauthorizedError",
    "UnexpectedAnswerError",
    "UsageLimitReachedError",
]


class ErrorBody(NamedTuple):
    """The service's description of a failed request.

    Attributes:
        code: IBM's error code as text (``"1291"``, ``"not_found"``, ``"BXNIM0415E"``), or None.
        message: What happened.
        solution: The solution that IBM suggests, or None.
        trace: The id for IBM support, or None.
    """

    code: str | None = None
    message: str = ""
    solution: str | None = None
    trace: str | None = None


class QiskitRuntimeError(Exception):
    """Base class of the client's errors."""


class InternalError(QiskitRuntimeError):
    """A bug in this package, or an incompatible version of Airflow: waiting or retrying cannot help."""

    @classmethod
    def of(cls, error: BaseException, doing: str) -> InternalError:
        """Describe an error of :data:`MISTAKES`.

        Args:
            error: The error.
            doing: The action that failed, such as "reading the connection".
        """
        return cls(
            f"{type(error).__name__} while {doing}: {error}. This is a mistake in airflow-provider-qrt, or it does not "
            "fit the installed version of Airflow; the log has the traceback. Please report it."
        )


class InvalidSettingsError(QiskitRuntimeError, ValueError):
    """A value in the connection is missing or malformed; nothing was sent."""


class NotOfferedError(InvalidSettingsError):
    """The connection's channel lacks a feature; nothing was sent. The message says what to do instead."""


class ConnectionFailedError(QiskitRuntimeError):
    """The request cannot have reached the service: unknown host, no route, connection refused or timed out."""


class TokenUnavailableError(ConnectionFailedError):
    """The login server (IBM Cloud IAM) returned no token, for a temporary reason; nothing reached the service."""


class NoAnswerError(QiskitRuntimeError):
    """The request was sent, but no complete answer came back; the service may have acted on it."""


class UnexpectedAnswerError(QiskitRuntimeError):
    """An answer that is not what the API describes, such as a proxy's HTML page with status 200."""


class InvalidAnswerError(UnexpectedAnswerError):
    """An answer with implausible content: not finite, too deeply nested, too long, of the wrong type, or endless.

    It is no evidence about the job. For a submission it leads to a :class:`SubmissionUnknownError`.
    """


class ApiVersionNotHonouredError(UnexpectedAnswerError):
    """The service answered in its oldest format, as it does for an unknown API version."""


class SubmissionUnknownError(QiskitRuntimeError):
    """A submission with an unknown outcome: the job may or may not exist. Look for it before submitting again.

    The cause (``__cause__``) is a :class:`NoAnswerError`, :class:`ServerError` or :class:`UnexpectedAnswerError`.
    """


class ApiError(QiskitRuntimeError):
    """The service rejected a request.

    Attributes:
        status: HTTP status code.
        body: IBM's :class:`ErrorBody`.
    """

    what_to_do = ""

    def __init__(self, status: int, body: ErrorBody, *, request: str, what_to_do: str | None = None) -> None:
        from airflow_provider_qrt.untrusted.blotter import without_secrets

        self.status = status
        self.body = body
        self.request = request
        if what_to_do is not None:
            self.what_to_do = what_to_do
        super().__init__(without_secrets(self._text()))

    @property
    def code(self) -> str | None:
        """IBM's error code as text, or None."""
        return self.body.code

    def _text(self) -> str:
        code = f", code {self.body.code}" if self.body.code else ""
        parts = [f"{self.request}: HTTP {self.status}{code}: {self.body.message or 'no reason given'}"]
        if self.body.solution:
            parts.append(f"IBM's solution: {self.body.solution}")
        if self.what_to_do:
            parts.append(self.what_to_do)
        if self.body.trace:
            parts.append(f"Trace for IBM support: {self.body.trace}")
        return " ".join(part.rstrip(".") + "." for part in parts)


class BadRequestError(ApiError):
    """400 and other 4xx: the input is wrong; a retry cannot help."""


class ResultsNotReadyError(BadRequestError):
    """Results were requested before the job ended (400 with code 1234, or 204)."""


class ProgramUnavailableError(BadRequestError):
    """The service does not know the program of a submission, or has withdrawn it; nothing was created."""

    what_to_do = "Choose another program with program_id; 'auto' does that by itself where another one can do the same"


class UnauthorizedError(ApiError):
    """401: the service does not accept the credentials, even with fresh tokens."""

    what_to_do = (
        "Check that the API key in the connection's password is valid and that the instance CRN belongs to its account"
    )


class InvalidApiKeyError(UnauthorizedError):
    """The login server does not know or accept the API key or token (400, 401 or 403 from IBM Cloud IAM)."""

    what_to_do = "Create an API key at https://cloud.ibm.com/iam/apikeys and put it in the connection's password"

    def _text(self) -> str:
        # The remedy comes first, since the login server's own message is not helpful.
        return f"The key in the connection's password is not accepted: put a valid one there. {super()._text()}"


class ForbiddenError(ApiError):
    """403: the credentials are valid, but lack permission for this request."""

    what_to_do = "Ask for an access policy on the instance that includes this action"


class NotFoundError(ApiError):
    """404: the object does not exist, or belongs to an instance or region other than the connection's."""


class NoSuchProgramError(QiskitRuntimeError):
    """The service has no program of this name."""


class ConflictError(ApiError):
    """409: the current state does not allow the request, such as cancelling a job that has ended."""


class UsageLimitReachedError(ConflictError):
    """409 on a submission: the instance's QPU time is used up. Nothing was submitted."""

    what_to_do = (
        "Raise the instance's limit, wait for its usage period to turn, or use a connection with another instance"
    )


class RateLimitedError(ApiError):
    """429: the rate limit was exceeded; nothing was done.

    Attributes:
        retry_after: Seconds that the service asked to wait, or None.
    """

    def __init__(self, status: int, body: ErrorBody, *, request: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(status, body, request=request)


class ServerError(ApiError):
    """5xx, including 520 to 524: the service or a gateway in front of it failed; a later retry may help.

    Attributes:
        retry_after: Seconds that the service asked to wait, or None.
    """

    def __init__(self, status: int, body: ErrorBody, *, request: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(status, body, request=request)


MISTAKES = (AttributeError, TypeError, NameError, ImportError)
"""Errors that indicate a bug. Code with a broad ``except`` lets them through, or turns them into an
:class:`InternalError`, since a retry cannot fix them."""

TRANSIENT = (ConnectionFailedError, NoAnswerError, RateLimitedError, ServerError, UnexpectedAnswerError)
"""Temporary errors: the next attempt may succeed, for a request that is safe to repeat."""

# Former names, for one release.
InvalidSettings = InvalidSettingsError
NotOffered = NotOfferedError
ConnectionFailed = ConnectionFailedError
TokenUnavailable = TokenUnavailableError
NoAnswer = NoAnswerError
UnexpectedAnswer = UnexpectedAnswerError
InvalidAnswer = InvalidAnswerError
ApiVersionNotHonoured = ApiVersionNotHonouredError
SubmissionUnknown = SubmissionUnknownError
BadRequest = BadRequestError
ResultsNotReady = ResultsNotReadyError
Unauthorized = UnauthorizedError
InvalidApiKey = InvalidApiKeyError
Forbidden = ForbiddenError
NotFound = NotFoundError
NoSuchProgram = NoSuchProgramError
Conflict = ConflictError
UsageLimitReached = UsageLimitReachedError
RateLimited = RateLimitedError
