"""Earliest time at which a trigger may act, due to Airflow's heartbeat."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import conf

MARGIN = 1.0
"""Seconds for the executor to hear of it, and to tell the scheduler."""
FIRST_DELAY = conf.getfloat("workers", "min_heartbeat_interval", fallback=5.0) + MARGIN
"""Seconds before the first poll.

Airflow's supervisor may need ``[workers] min_heartbeat_interval`` (five seconds unless it is set) to notice that the
worker process that deferred the task has ended; Airflow would consider a task that runs again by then as killed. The
triggerer reads the value from its own configuration, which should be that of the workers.
"""
