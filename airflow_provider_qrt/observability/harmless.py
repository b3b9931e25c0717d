"""Nothing that only tells of a job may harm it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")

_said: set[str] = set()
"""What this process has complained of."""


def harmless(function: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """Let a function's errors be a line in the log, once in a process, and nothing else."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:
            complain(function.__qualname__, error)

    return call


def complain(what: str, error: Exception) -> None:
    """Log an error that is nobody's business but that of those who watch."""
    if what not in _said:
        _said.add(what)
        log.warning(
            "Metrics, traces or lineage of jobs are not complete: %s: %s: %s", what, type(error).__name__, error
        )
