"""Which errors of a read end a wait: what the service refuses now it refuses again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_qrt.client import errors

REFUSALS = (errors.Unauthorized, errors.Forbidden, errors.NotFound, errors.InvalidSettings)
UNAUTHORIZED_READS = 2
"""Reads in a row that end with 401, each with fresh tokens, before that is believed: a job that may queue for a day is
not given up for one bad moment of the service."""


@dataclass
class Refusals:
    """Judges the errors of one who waits.

    Attributes:
        kinds: Errors that the same request meets again.
    """

    kinds: tuple[type[errors.QiskitRuntimeError], ...] = REFUSALS
    _unauthorized: int = field(default=0, init=False)

    def is_definite(self, error: errors.QiskitRuntimeError) -> bool:
        """Say whether an error ends the wait."""
        if isinstance(error, errors.Unauthorized) and not isinstance(error, errors.InvalidApiKey):
            self._unauthorized += 1
            return self._unauthorized >= UNAUTHORIZED_READS
        return isinstance(error, self.kinds)

    def on_success(self) -> None:
        """Take note that a read was answered."""
        self._unauthorized = 0
