"""The task's ``execution_timeout``, which Airflow leaves to providers once a task is deferred.

On a worker Airflow stops the task itself when it is over, and begins anew with each leg after a deferral.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def execution_deadline(operator: BaseOperator, context: Context, since: float | None = None) -> float | None:
    """Return when the try's ``execution_timeout`` is over, epoch seconds; None if it has none.

    Args:
        operator: The task.
        context: Its context: Airflow keeps the start of a try over its deferrals.
        since: When the try has begun to wait, if an earlier leg has noted that.
    """
    if operator.execution_timeout is None:
        return None
    begun = began_at(context)
    return (begun if since is None else min(begun, since)) + operator.execution_timeout.total_seconds()


def began_at(context: Context) -> float:
    """Return when the try began, epoch seconds; now, if nobody says."""
    started: Any = getattr(context["ti"], "start_date", None)
    return started.timestamp() if isinstance(started, datetime) else time.time()


def earlier(deadline: float, other: float | None) -> float:
    """Return the earlier of two moments, one of which may not be."""
    return deadline if other is None else min(deadline, other)


def is_over_note(operator: BaseOperator, context: Context) -> str:
    """Say that the ``execution_timeout`` is over, for the message of a wait that timed out; empty if it is not."""
    limit = execution_deadline(operator, context)
    if limit is None or time.time() < limit:
        return ""
    assert operator.execution_timeout is not None
    return f" The task's execution_timeout of {operator.execution_timeout} is over."
