"""What can go wrong when speaking to the service: a small tree with a meaning each.

Code that decides about retrying reads the class, never the text. The text is for people: the HTTP status, IBM's own
code, message, solution and trace id, and what to do. It never contains a credential.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_qrt.untrusted.blotter import without_secrets


@dataclass(frozen=True)
class ErrorBody:
    """What the service says of a failed request.

    Attributes:
        code: IBM's error code as text (``"1291"``, ``"not_found"``, ``"BXNIM0415E"``), or None.
        message: What happened.
        solution: What IBM proposes, or None.
        trace: The id to give to IBM support, or None.
    """

    code: str | None = None
    message: str = ""
    solution: str | None = None
    trace: str | None = None


class QiskitRuntimeError(Exception):
    """Base of everything the client raises on its own account."""


class InternalError(QiskitRuntimeError):
    """A mistake in this package, or a version of Airflow that it does not fit: waiting and repeating mend nothing."""

    @classmethod
    def of(cls, error: BaseException, doing: str) -> InternalError:
        """Describe an error of :data:`MISTAKES`.

        Args:
            error: What was raised.
            doing: What was being done, such as "reading the connection".
        """
        return cls(
            f"{type(error).__name__} while {doing}: {error}. This is a mistake in airflow-provider-qrt, or it does not "
            "fit the installed version of Airflow; the log has the traceback. Please report it."
        )


class InvalidSettings(QiskitRuntimeError, ValueError):
    """The connection lacks something or holds something malformed; nothing was sent."""


class NotOffered(InvalidSettings):
    """The connection's channel does not have what was asked for; nothing was sent. Says what to do instead."""


class ConnectionFailed(QiskitRuntimeError):
    """Nothing can have reached the service: no name, no route, refused, or no connection in time."""


class TokenUnavailable(ConnectionFailed):
    """The login server (IBM Cloud IAM) gave no token, for a reason that may pass; nothing reached the service."""


class NoAnswer(QiskitRuntimeError):
    """The request went out and no (whole) answer came back; the service may have acted on it."""


class UnexpectedAnswer(QiskitRuntimeError):
    """An answer that is not what the API describes, such as a proxy's HTML page with status 200."""


class InvalidAnswer(UnexpectedAnswer):
    """An answer that holds what cannot be meant: not finite, too deep, too long, of the wrong kind, or without end.

    It says nothing of what was asked about. A submission that is answered so is a :class:`SubmissionUnknown`.
    """


class ApiVersionNotHonoured(UnexpectedAnswer):
    """The service answered in its oldest shape, as it does for an API version it does not know."""


class SubmissionUnknown(QiskitRuntimeError):
    """A submission whose fate is not known: the job may exist or not. Look for it before sending it again.

    The cause (``__cause__``) is the :class:`NoAnswer`, :class:`ServerError` or :class:`UnexpectedAnswer` that was met.
    """


class ApiError(QiskitRuntimeError):
    """The service refused a request.

    Attributes:
        status: HTTP status code.
        body: IBM's :class:`ErrorBody`.
    """

    what_to_do = ""

    def __init__(self, status: int, body: ErrorBody, *, request: str, what_to_do: str | None = None) -> None:
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


class BadRequest(ApiError):
    """400 and other 4xx: the input is wrong; sending it again changes nothing."""


class ResultsNotReady(BadRequest):
    """Results were asked for before the job ended (400 with code 1234, or 204)."""


class Unauthorized(ApiError):
    """401: the service does not accept the credentials, even with fresh tokens."""

    what_to_do = (
        "Check that the API key in the connection's password is valid and that the instance CRN belongs to its account"
    )


class InvalidApiKey(Unauthorized):
    """The login server does not know or accept the API key or token (400, 401 or 403 from IBM Cloud IAM)."""

    what_to_do = "Create an API key at https://cloud.ibm.com/iam/apikeys and put it in the connection's password"

    def _text(self) -> str:
        # The remedy comes first: how the login server words its refusal helps nobody.
        return f"The key in the connection's password is not accepted: put a valid one there. {super()._text()}"


class Forbidden(ApiError):
    """403: the credentials are good, but lack the right for this."""

    what_to_do = "Ask for an access policy on the instance that includes this action"


class NotFound(ApiError):
    """404: it does not exist, or it belongs to another instance or region than the connection names."""


class NoSuchProgram(QiskitRuntimeError):
    """The service has no program of this name."""


class Conflict(ApiError):
    """409: the state of things does not allow it, such as cancelling a job that has ended."""


class UsageLimitReached(Conflict):
    """409 on a submission: the instance's QPU time is used up. Nothing was submitted."""

    what_to_do = (
        "Raise the instance's limit, wait for its usage period to turn, or use a connection with another instance"
    )


class RateLimited(ApiError):
    """429: too many requests in the window; nothing was done.

    Attributes:
        retry_after: Seconds the service asked to wait, or None if it did not say.
    """

    def __init__(self, status: int, body: ErrorBody, *, request: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(status, body, request=request)


class ServerError(ApiError):
    """5xx, 520 to 524 included: the service or something before it failed; trying again later may help.

    Attributes:
        retry_after: Seconds the service asked to wait, or None if it did not say.
    """

    def __init__(self, status: int, body: ErrorBody, *, request: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(status, body, request=request)


MISTAKES = (AttributeError, TypeError, NameError, ImportError)
"""What a mistake in code raises. Whoever catches broadly lets these through, or makes an :class:`InternalError` of
them: they are no trouble that may pass."""

TRANSIENT = (ConnectionFailed, NoAnswer, RateLimited, ServerError, UnexpectedAnswer)
"""What may be gone at the next try, for a request that may be sent twice."""
