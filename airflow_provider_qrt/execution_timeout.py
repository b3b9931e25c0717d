"""The task's ``execution_timeout``, which providers must enforce while a task is deferred. Internal.

On a worker, Airflow stops the task itself, but it restarts the time whenever the task resumes after a deferral.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from airflow.sdk import Context


class HasTimeout(Protocol):
    """An operator with an ``execution_timeout``."""

    execution_timeout: timedelta | None


def execution_deadline(operator: HasTimeout, context: Context, since: float | None = None) -> float | None:
    """Return when the try's ``execution_timeout`` ends, epoch seconds; None if it has none.

    Args:
        operator: The task.
        context: Its context; Airflow keeps the start of a try across deferrals.
        since: When the try began to wait, if that was recorded before a deferral.
    """
    if operator.execution_timeout is None:
        return None
    begun = began_at(context)
    return (begun if since is None else min(begun, since)) + operator.execution_timeout.total_seconds()


def began_at(context: Context) -> float:
    """Return when the try began, epoch seconds; now, if that is unknown."""
    started: Any = getattr(context["ti"], "start_date", None)
    return started.timestamp() if isinstance(started, datetime) else time.time()


def earlier(deadline: float, other: float | None) -> float:
    """Return the earlier of two times, the second of which may be None."""
    return deadline if other is None else min(deadline, other)


def is_over_note(operator: HasTimeout, context: Context) -> str:
    """Return a note that the ``execution_timeout`` is over, for a timeout message; empty if it is not."""
    limit = execution_deadline(operator, context)
    if limit is None or time.time() < limit:
        return ""
    assert operator.execution_timeout is not None
    return f" The task's execution_timeout of {operator.execution_timeout} is over."
