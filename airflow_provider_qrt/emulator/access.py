"""Access to the API: the check of the instance's CRN, and the limit on job submissions."""

from __future__ import annotations

import math
from collections import deque

from airflow_provider_qrt.emulator.clock import Clock
from airflow_provider_qrt.emulator.errors import NOT_FOUND, TOO_MANY_REQUESTS, ApiError, bad_request
from airflow_provider_qrt.emulator.settings import SUBMISSIONS_PER_MINUTE, Settings

CRN_FIELDS = 10
WINDOW_SECONDS = 60.0


def check_instance(settings: Settings, header: str | None, several: bool = False) -> None:
    """Accept the value of a ``Service-CRN`` header.

    Args:
        settings: The settings, which name the instance that is served.
        header: The value that was sent.
        several: Whether a comma-separated list is allowed (``GET /workloads``).

    Raises:
        ApiError: 400 for a missing or malformed CRN, 404 for the CRN of another instance or region. IBM's
            reference says that the host of the wrong region answers 404.
    """
    if not header:
        raise bad_request("The Service-CRN header is missing.", "Send the CRN of your instance.")
    crns = [part.strip() for part in header.split(",")] if several else [header.strip()]
    for crn in crns:
        fields = crn.split(":")
        if len(fields) != CRN_FIELDS or fields[0] != "crn" or fields[4] != "quantum-computing":
            raise bad_request(
                "The Service-CRN header does not hold the CRN of a Qiskit Runtime instance.",
                "Copy the whole CRN, its two trailing colons included.",
            )
    if settings.instance not in crns:
        raise ApiError(
            404,
            NOT_FOUND,
            "The instance was not found in this region.",
            "Check the CRN, and that the host is the one of the CRN's region.",
        )


class SubmissionLimit:
    """The limit of five job submissions per minute and user that IBM's reference gives for ``POST /jobs``."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._times: deque[float] = deque()

    def admit(self) -> None:
        """Count a submission, even if it is refused later.

        Raises:
            ApiError: 429. If the settings ask for it, ``Retry-After`` gives the seconds until the next submission is
                allowed.
        """
        if not self._settings.rate_limit:
            return
        now = self._clock.unhurried()
        while self._times and now - self._times[0] >= WINDOW_SECONDS:
            self._times.popleft()
        if len(self._times) >= SUBMISSIONS_PER_MINUTE:
            wait = max(1, math.ceil(self._times[0] + WINDOW_SECONDS - now))
            raise ApiError(
                429,
                TOO_MANY_REQUESTS,
                f"Too many requests: {SUBMISSIONS_PER_MINUTE} jobs a minute may be submitted.",
                f"Wait {wait} seconds, or put more PUBs into one job.",
                {"Retry-After": str(wait)} if self._settings.retry_after else {},
            )
        self._times.append(now)

    def forget(self) -> None:
        """Reset the count."""
        self._times.clear()
