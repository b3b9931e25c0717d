"""The errors of this package: wrong input, unreadable results, and results of another kind."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST_MESSAGE = 8000
"""Maximum number of characters of a message that quotes a result."""


class InvalidInputError(ValueError):
    """A circuit, parameter value, number of shots or option is wrong; nothing was sent.

    The message starts with the place (``circuits[2]: ...``, ``options.twirling.strategy: ...``), says what is wrong,
    and then what to write instead. A retry without changes gives the same error.
    """


class ProgramUnfitError(InvalidInputError):
    """The program that was named cannot run this input, though another program of the service may."""


class InvalidResultError(ValueError):
    """The service returned something that cannot be read as a result here.

    The job may have succeeded and been charged. Its result stays available at IBM unless the job was private, so
    callers should show the job id with this message.
    """

    def __init__(self, message: str = "") -> None:
        from airflow_provider_qrt.untrusted.blotter import readable

        # The message may quote the service's answer.
        super().__init__(readable(message, LONGEST_MESSAGE))


class NoCountsError(ValueError):
    """The result contains quasi-probabilities and no counts or bits. The message says what to use instead."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the most similar known name, or an empty string."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


# Former names, which still work for one release.
InvalidInput = InvalidInputError
InvalidResult = InvalidResultError
NoCounts = NoCountsError
