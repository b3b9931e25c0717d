"""Best effort: errors in monitoring must never fail the task."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")

_said: set[str] = set()
"""Functions whose errors this process has logged."""


def best_effort(function: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """Make a function log its errors, once per process, instead of raising them."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:
            complain(function.__qualname__, error)

    return call


def complain(what: str, error: Exception) -> None:
    """Log an error in monitoring, once per process."""
    if what not in _said:
        _said.add(what)
        log.warning(
            "Metrics, traces or lineage of jobs are not complete: %s: %s: %s", what, type(error).__name__, error
        )
