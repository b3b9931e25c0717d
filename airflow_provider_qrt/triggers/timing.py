"""Earliest time at which a trigger may act, due to Airflow's heartbeat."""

from __future__ import annotations

FIRST_DELAY = 6.0
"""Seconds before the first poll. Airflow may need five seconds (``[workers] min_heartbeat_interval``) to notice that
the worker process that deferred the task has ended; it would consider a task that runs again by then as killed."""
