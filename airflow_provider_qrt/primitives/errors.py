"""The ways this room says no: the input is wrong, the result cannot be read, or it holds something else."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from airflow_provider_qrt.untrusted.blotter import readable

LONGEST_MESSAGE = 8000
"""Characters of a message that quotes a result."""


class InvalidInput(ValueError):
    """A circuit, parameter value, shot number or option is wrong; nothing was sent.

    The message starts with the place (``circuits[2]: ...``, ``options.twirling.strategy: ...``), says what is
    wrong, and then what to write instead. Trying again unchanged gives the same error.
    """


class InvalidResult(ValueError):
    """What the service returned is not a sampler result that can be read here.

    The job itself may well have succeeded and been paid for: the text stays available at IBM (unless the job
    was private), so a caller should name the job id next to this message.
    """

    def __init__(self, message: str = "") -> None:
        # It may quote what the service said.
        super().__init__(readable(message, LONGEST_MESSAGE))


class NoCounts(ValueError):
    """Counts or bits were asked of a result that holds quasi-probabilities. Says what to use instead."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest of the known names, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
