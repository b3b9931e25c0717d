"""When a trigger may act: a fact about Airflow."""

from __future__ import annotations

FIRST_DELAY = 6.0
"""Seconds before the first look. Airflow may notice only five seconds later (``[workers] min_heartbeat_interval``) that
the worker process which deferred the task has ended; a task that is running again by then is taken for killed."""
