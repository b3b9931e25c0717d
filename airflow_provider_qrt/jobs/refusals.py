"""When the service's refusal to let a job be read ends a wait. Pure; ``now`` is passed in.

A refusal (401 with fresh tokens, 403, 404, a connection that Airflow does not find) may pass: an incident of the login,
a replica that lags behind, a secrets backend that is away. A job may have queued for a day and cost money, so a refusal
must be repeated for minutes before it is believed, and even then the job is not cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_qrt.client import errors
from airflow_provider_qrt.jobs.defaults import DEFAULT_PATIENCE

REFUSALS = (errors.UnauthorizedError, errors.ForbiddenError, errors.NotFoundError, errors.InvalidSettingsError)
LEAST_READS = 3
"""Refused reads in a row that it takes at least, however far apart they are."""
OF_THE_CONNECTION = (errors.UnauthorizedError, errors.InvalidSettingsError)
"""Refusals that concern the credentials, whatever was asked. 403 and 404 concern what was asked for."""


@dataclass
class Refusals:
    """Counts the refusals of one thing: a job, or all that is asked with a connection.

    Attributes:
        kinds: Errors that are refusals.
        patience: Seconds for which they must go on.
    """

    kinds: tuple[type[errors.QiskitRuntimeError], ...] = REFUSALS
    patience: float = DEFAULT_PATIENCE
    _since: float | None = field(default=None, init=False)
    _reads: int = field(default=0, init=False)

    def is_definite(self, error: errors.QiskitRuntimeError, now: float) -> bool:
        """Take note of an error, and say whether it ends the wait.

        Another error in between says nothing about the refusal: only an answer ends it.
        """
        if not isinstance(error, self.kinds):
            return False
        self._since = now if self._since is None else self._since
        self._reads += 1
        return self._reads >= LEAST_READS and now - self._since >= self.patience

    def on_success(self) -> None:
        """Take note that a read was answered."""
        self._since = None
        self._reads = 0

    @property
    def is_first(self) -> bool:
        """Whether one read was refused so far."""
        return self._reads == 1


def describe_patience(seconds: float) -> str:
    """Return what a log says at the first refusal."""
    return (
        f"If that goes on for {seconds / 60:g} minutes, the task fails and a retry looks again; the job is not "
        "cancelled for it."
    )
