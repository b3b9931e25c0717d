"""States of Airflow's task instances, as its API names them."""

from __future__ import annotations

RUNNING = "running"
DEFERRED = "deferred"
AT_WORK = (None, "scheduled", "queued", RUNNING, DEFERRED, "up_for_retry", "up_for_reschedule")
"""States in which a try has the task's jobs in hand, or will have; None: it is about to be scheduled."""
