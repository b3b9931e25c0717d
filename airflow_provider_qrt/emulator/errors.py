"""Error answers, in the two shapes that IBM uses: one for the API and one for IAM.

IBM's REST API reference: an API error is ``{"errors": [{code, message, solution, more_info}], "trace"}``;
an IAM error is ``{"errorCode", "errorMessage", "context": {"requestId", "url"}}``.
"""

from __future__ import annotations

import uuid
from typing import Any

MORE_INFO = "https://quantum.cloud.ibm.com/docs/errors"

# Codes named in IBM's REST API reference.
NOT_AUTHORISED = 1200
INVALID_CREDENTIALS = 1201
TOO_MANY_REQUESTS = 1202
TOO_MANY_TAGS = 1204
TAG_TOO_LONG = 1205
AUTHENTICATION_FAILED = 1219
PROGRAM_NOT_FOUND = 1222
NOT_READY = 1234
JOB_NOT_FOUND = 1291
RAN_TOO_LONG = 1305
INVALID_INPUT = 1002
SESSION_CLOSED = 4001
SIMULATOR_FAILURE = 5204
RESULT_TOO_LARGE = 5302
TOO_MANY_SHOTS = 6000
TOO_MANY_INSTRUCTIONS = 6003
NOT_IN_BASIS = 7000
NOT_ON_THESE_QUBITS = 7001
INTERNAL_ERROR = 9999
NOT_FOUND = "not_found"


class ApiError(Exception):
    """An error answer of the quantum API.

    Attributes:
        status: HTTP status.
        code: IBM's error code; mostly a number, sometimes a word.
        headers: Extra response headers.
    """

    def __init__(
        self,
        status: int,
        code: int | str,
        message: str,
        solution: str = "Check the request against the API reference.",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.solution = solution
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the response body, with a fresh trace id."""
        return error_body(self.code, self.message, self.solution)


class IamError(Exception):
    """An error answer of the identity service, always HTTP 400 here.

    Attributes:
        code: IAM's error code, ``BXNIM...``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def body(self, url: str) -> dict[str, Any]:
        """Return the response body for a request to ``url``."""
        return {
            "errorCode": self.code,
            "errorMessage": self.message,
            "context": {"requestId": uuid.uuid4().hex, "url": url},
        }


def error_body(code: int | str, message: str, solution: str) -> dict[str, Any]:
    """Build the API's error body."""
    return {
        "errors": [{"code": code, "message": message, "solution": solution, "more_info": f"{MORE_INFO}#{code}"}],
        "trace": uuid.uuid4().hex,
    }


def bad_request(message: str, solution: str = "Correct the request and send it again.") -> ApiError:
    """Return the error for malformed input: HTTP 400 with a code in the 1000s."""
    return ApiError(400, INVALID_INPUT, message, solution)
